"""Each alert rule, as Prometheus evaluates it: silent one minute before, firing in time, and over again.

promtool reads a story for each rule: how its series go on, a value a minute. `AxN` in a series is A, N
times more; `A+BxN` is A, then N values that are each B larger.
"""

from __future__ import annotations

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
    """The series of one rule, the minute of the alert, the minute of its end, and its labels."""

    alert: str
    series: Mapping[str, str]
    fires: int
    over: int
    labels: Mapping[str, str]


AT = {"instance": "a:8702", "job": "relay"}
JOB = {"job": "relay"}


def named(name: str, **labels: str) -> str:
    """Return a series of *name* as the relay `a` exposes it."""
    pairs = ",".join(f'{key}="{value}"' for key, value in {**AT, **labels}.items())
    return f"{name}{{{pairs}}}"


def slow(name: str) -> Mapping[str, str]:
    """Return buckets of a store whose commits take 1 to 2.5 seconds from the sixth minute on."""
    rising = "0x5 10+10x19 200x40"
    return {
        named(f"{name}_bucket", le=le): values
        for le, values in (("1", "0x65"), ("2.5", rising), ("+Inf", rising))
    }


STORIES = [
    Story("RelayStoreFailing", {named("gitdailies_relay_store_failing"): "0 1x2 0x5"}, 2, 4, AT),
    Story(
        "RelayUnavailable",
        {named("gitdailies_relay_requests_total", source="pagerduty", status="503"): "0x5 1+1x9 10x20"},
        11,
        22,
        {"instance": "a:8702"},
    ),
    Story(
        "RelayPaused",
        {named("gitdailies_relay_paused", destination="default", by="key"): "0x2 1x10 0x5"},
        8,
        14,
        {"destination": "default", "by": "key"},
    ),
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
    Story(
        "RelayEventsLate",
        {named("gitdailies_relay_oldest_undelivered_seconds"): "1800x2 1801x10 0x5"},
        8,
        14,
        JOB,
    ),
    Story("RelayDeadLetters", {named("gitdailies_relay_dead_letter_events"): "0x2 1x5 0x5"}, 3, 9, JOB),
    Story(
        "RelayQuarantined",
        {named("gitdailies_relay_quarantined_bodies", reason="unmapped"): "0x2 2x20 0x5"},
        18,
        24,
        {**JOB, "reason": "unmapped"},
    ),
    Story(
        "RelayIncidentOpen",
        {named("gitdailies_relay_oldest_open_incident_seconds"): "1209600x2 1209601x80 0x5"},
        63,
        84,
        JOB,
    ),
    Story(
        "RelaySourceSilent",
        {named("gitdailies_relay_source_silent", source="pagerduty"): "0x2 1x20 0x5"},
        18,
        24,
        {"source": "pagerduty"},
    ),
    Story(
        "RelayProofRefused",
        {named("gitdailies_relay_requests_total", source="pagerduty", status="401"): "0x5 1+1x29 30x40"},
        21,
        52,
        {"source": "pagerduty"},
    ),
    Story("RelayCommitsSlow", slow("gitdailies_relay_commit_seconds"), 16, 32, {"instance": "a:8702"}),
    Story("RelayConfigurationFaulty", {named("gitdailies_relay_reload_failed"): "0x2 1x5 0x5"}, 3, 9, AT),
    Story("DoraStoreFailing", {named("gitdailies_dora_store_failing"): "0 1x2 0x5"}, 2, 4, AT),
    Story(
        "DoraUnavailable",
        {named("gitdailies_dora_requests_total", part="api", status="500"): "0x5 1+1x9 10x20"},
        11,
        22,
        {"instance": "a:8702"},
    ),
    Story(
        "DoraEventsRefused",
        {named("gitdailies_dora_events_total", result="invalid"): "0x5 1+1x29 30x40"},
        21,
        52,
        JOB,
    ),
    Story(
        "DoraEventsRefused",
        {named("gitdailies_dora_requests_total", part="events", status="401"): "0x5 1+1x29 30x40"},
        21,
        52,
        JOB,
    ),
    Story(
        "DoraFiguresLate",
        {named("gitdailies_dora_figures_behind_seconds"): "900x2 901x10 0x5"},
        8,
        14,
        JOB,
    ),
    Story("DoraCommitsSlow", slow("gitdailies_dora_commit_seconds"), 16, 32, {"instance": "a:8702"}),
    Story("DoraConfigurationFaulty", {named("gitdailies_dora_reload_failed"): "0x2 1x5 0x5"}, 3, 9, AT),
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
    evaluated(
        tmp_path,
        story.series,
        [
            alert(story.alert, story.fires - 1, None),
            alert(story.alert, story.fires, story.labels),
            alert(story.alert, story.over, None),
        ],
    )


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
