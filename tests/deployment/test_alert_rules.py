"""Each alert rule, as Prometheus evaluates it: silent one minute before, firing in time, and over again.

promtool reads a story for each rule: how its series go on, a value a minute. `AxN` in a series is A, N
times more; `A+BxN` is A, then N values that are each B larger.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.programs import program

FILE = Path(__file__).resolve().parents[2] / "deployment" / "alerts.yml"
RULES: Mapping[str, Any] = {
    rule["alert"]: rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]
}


class Story(NamedTuple):
    """The series of one rule, the minute of the alert, the minute of its end, and its labels.

    Without labels there is no alert in any minute until the end.
    """

    alert: str
    series: Mapping[str, str]
    fires: int
    over: int
    labels: Mapping[str, str]


AT = {"instance": "a:8702", "job": "relay"}
JOB, HERE, SOURCE = {"job": "relay"}, {"instance": "a:8702"}, {"source": "pagerduty"}
BY_KEY, WHY = {"destination": "default", "by": "key"}, {"reason": "unmapped"}
REQUESTS, OF_DORA = "relay_requests_total", "dora_requests_total"
# For two weeks, and longer.
OPEN = "1209600x2 1209601x80 0x5"


def named(name: str, **labels: str) -> str:
    """Return a series of *name* as the relay `a` exposes it."""
    pairs = ",".join(f'{key}="{value}"' for key, value in {**AT, **labels}.items())
    return f"{name}{{{pairs}}}"


def slow(name: str, bounds: tuple[str, str] = ("1", "2.5"), **labels: str) -> Mapping[str, str]:
    """Return buckets of what takes as long as between two *bounds* from the sixth minute on."""
    rising = "0x5 10+10x19 200x40"
    return {
        named(f"{name}_bucket", le=le, **labels): values
        for le, values in ((bounds[0], "0x65"), (bounds[1], rising), ("+Inf", rising))
    }


def one(
    alert: str, name: str, values: str, fires: int, over: int, shown: Mapping[str, str], **labels: str
) -> Story:
    """Return the story of a rule that reads one series."""
    return Story(alert, {named(f"gitdailies_{name}", **labels): values}, fires, over, shown)


def down(server: str) -> list[Story]:
    """Return what is down: a target, one of two, a whole job, one that never was up; and what is not."""
    info, there = f"gitdailies_{server}_build_info", "1x5 stale _x9 1x5"
    alert = "RelayDown" if server == "relay" else "DoraServerDown"
    beside = {f'{info}{{instance="b:8702",job="relay",version="1"}}': "1x20"}
    upgraded = {named(info, version="1"): "1x5", named(info, version="2"): "_x5 1x15"}
    return [
        Story(alert, {named("up"): "1x5 0x9 1x5", named(info, version="1"): there}, 9, 16, AT),
        Story(alert, {named("up"): "1x5 0x9 1x5", named(info, version="1"): there, **beside}, 9, 16, AT),
        Story(alert, {named(info, version="1"): there}, 9, 16, JOB),
        Story(
            alert,
            {named("up", job=f"gitdailies-{server}"): "0x14 1x5"},
            3,
            16,
            {**AT, "job": f"gitdailies-{server}"},
        ),
        Story(alert, {named("up"): "1x20", **upgraded}, 0, 20, {}),
        Story(alert, {named("up", job="other"): "1x5 0x14", **beside, named("up"): "1x20"}, 0, 20, {}),
        # A pod that is gone for good, where another one of its job runs.
        Story(alert, {named(info, version="1"): "1x5 stale", **beside}, 0, 20, {}),
    ]


STORIES = [
    *down("relay"),
    *down("dora"),
    Story(
        "RelaySlow",
        slow("gitdailies_relay_request_seconds", ("2.5", "5")),
        16,
        32,
        HERE,
    ),
    Story(
        "DoraSlow",
        slow("gitdailies_dora_request_seconds", ("2.5", "5"), part="pages"),
        16,
        32,
        {**HERE, "part": "pages"},
    ),
    # The clock of promtool begins at 0.
    one("RelayClockWrong", "relay_time_seconds", "0 121+60x20 1320+60x9", 6, 25, AT),
    one("DoraClockWrong", "dora_time_seconds", "0+60x1 50+60x20 1320+60x9", 7, 25, AT),
    one("RelayStoreFailing", "relay_store_failing", "0 1x2 0x5", 2, 4, AT),
    one("RelayUnavailable", REQUESTS, "0x5 1+1x9 10x20", 11, 22, HERE, source="pagerduty", status="503"),
    one("RelayPaused", "relay_paused", "0x2 1x10 0x5", 8, 14, BY_KEY, **BY_KEY),
    Story(
        "RelayReceiverChanged",
        {
            named("gitdailies_relay_receiver", kind="ours"): "1x2 0x90",
            named("gitdailies_relay_receiver", kind="documented"): "0x2 1x90",
        },
        8,
        70,
        JOB,
    ),
    one("RelayEventsLate", "relay_oldest_undelivered_seconds", "1800x2 1801x10 0x5", 8, 14, JOB),
    one("RelayDeadLetters", "relay_dead_letter_events", "0x2 1x5 0x5", 3, 9, JOB),
    one("RelayQuarantined", "relay_quarantined_bodies", "0x2 2x20 0x5", 18, 24, {**JOB, **WHY}, **WHY),
    one("RelayIncidentOpen", "relay_oldest_open_incident_seconds", OPEN, 63, 84, JOB),
    one("RelaySourceSilent", "relay_source_silent", "0x2 1x20 0x5", 18, 24, SOURCE, **SOURCE),
    one("RelaySourceFieldMissing", "relay_source_missing_fields", "0x2 1x20 0x5", 18, 24, SOURCE, **SOURCE),
    one("RelayProofRefused", REQUESTS, "0x5 1+1x29 30x40", 21, 52, SOURCE, **SOURCE, status="401"),
    Story("RelayCommitsSlow", slow("gitdailies_relay_commit_seconds"), 16, 32, HERE),
    one("RelayConfigurationFaulty", "relay_reload_failed", "0x2 1x5 0x5", 3, 9, AT),
    one("DoraStoreFailing", "dora_store_failing", "0 1x2 0x5", 2, 4, AT),
    one("DoraUnavailable", OF_DORA, "0x5 1+1x9 10x20", 11, 22, HERE, part="api", status="500"),
    one("DoraEventsRefused", "dora_events_total", "0x5 1+1x29 30x40", 21, 52, JOB, result="invalid"),
    one("DoraEventsRefused", OF_DORA, "0x5 1+1x29 30x40", 21, 52, JOB, part="events", status="401"),
    one("DoraFiguresLate", "dora_figures_behind_seconds", "900x2 901x10 0x5", 8, 14, JOB),
    Story("DoraCommitsSlow", slow("gitdailies_dora_commit_seconds"), 16, 32, HERE),
    one("DoraConfigurationFaulty", "dora_reload_failed", "0x2 1x5 0x5", 3, 9, AT),
]
# What a healthy machine exposes all the time.
HEALTHY = {
    named("gitdailies_relay_requests_total", source="pagerduty", status="202"): "0+5x90",
    named("gitdailies_relay_paused", destination="default", by="manual"): "0x90",
    named("gitdailies_relay_receiver", kind="ours"): "1x90",
    named("gitdailies_relay_receiver", kind="documented"): "0x90",
    named("gitdailies_relay_oldest_undelivered_seconds"): "3x90",
    named("gitdailies_dora_requests_total", part="events", status="202"): "0+5x90",
    named("gitdailies_dora_requests_total", part="pages", status="401"): "0+5x90",
    named("gitdailies_dora_events_total", result="created"): "0+5x90",
    named("gitdailies_dora_events_total", result="unchanged"): "0+5x90",
    **{
        named(f"gitdailies_{server}_commit_seconds_bucket", le=le): "0+5x90"
        for server in ("relay", "dora")
        for le in ("0.5", "1", "+Inf")
    },
}


def evaluated(folder: Path, series: Mapping[str, str], expected: list[Mapping[str, Any]]) -> None:
    """Let promtool evaluate every rule over *series*, and compare with the alerts that are *expected*."""
    story = {
        "rule_files": [str(FILE)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": expected,
            }
        ],
    }
    (folder / "story.json").write_text(json.dumps(story))
    done = subprocess.run(
        [program("promtool"), "test", "rules", folder / "story.json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def alert(name: str, minute: int, labels: Mapping[str, str] | None) -> Mapping[str, Any]:
    """Return what promtool expects in a *minute*: the alert with *labels*, or nothing."""
    if labels is None:
        return {"eval_time": f"{minute}m", "alertname": name}
    rule = RULES[name]

    def filled(text: str) -> str:
        return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)

    return {
        "eval_time": f"{minute}m",
        "alertname": name,
        "exp_alerts": [
            {
                "exp_labels": {**labels, **rule["labels"]},
                "exp_annotations": {key: filled(text) for key, text in rule["annotations"].items()},
            }
        ],
    }


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.alert}-{next(iter(story.series))[:45]}")
def test_a_rule_fires_in_time_and_not_before(story: Story, tmp_path: Path) -> None:
    """One minute before it is silent, then it fires with its labels and words, and later it is over."""
    quiet = [story.fires - 1, story.over] if story.labels else range(story.over)
    expected = [alert(story.alert, minute, None) for minute in quiet]
    if story.labels:
        expected.append(alert(story.alert, story.fires, story.labels))
    evaluated(tmp_path, story.series, expected)


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    """Over ordinary series no rule fires, after an hour and a half."""
    evaluated(tmp_path, HEALTHY, [alert(name, 90, None) for name in RULES])


def test_every_rule_has_a_story() -> None:
    """A new rule needs one."""
    assert {story.alert for story in STORIES} == set(RULES)


def test_prometheus_reads_the_rules() -> None:
    """promtool has nothing to say about the file."""
    done = subprocess.run(
        [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", FILE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
