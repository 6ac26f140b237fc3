"""Each alert rule, as Prometheus evaluates it: silent one minute before, firing in time, and over again.

`data/alert_rules.yml` has a story or more for each rule: how its series go on.
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
WRITTEN: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "alert_rules.yml").read_text())


class Story(NamedTuple):
    """The series of one rule, the minute of the alert, the minute of its end, and its labels.

    Without labels there is no alert in any minute until the end.
    """

    alert: str
    series: Mapping[str, str]
    fires: int
    over: int
    labels: Mapping[str, str]


STORIES = [Story(**story) for story in WRITTEN["stories"]]


def evaluated(folder: Path, series: Mapping[str, str], **expected: list[Mapping[str, Any]]) -> str:
    """Let promtool evaluate every rule over *series*; return what is otherwise than *expected*."""
    values = [{"series": name, "values": values} for name, values in series.items()]
    story = {
        "rule_files": [str(FILE)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": values, **expected}],
    }
    (folder / "story.json").write_text(json.dumps(story))
    return promtool("test", "rules", folder / "story.json")


def promtool(*arguments: str | Path) -> str:
    """Return what it says about what it does not like, or ""."""
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


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
    assert evaluated(tmp_path, story.series, alert_rule_test=expected) == ""


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    """Over ordinary series no rule fires, after an hour and a half."""
    silent = [alert(name, 90, None) for name in RULES]
    assert evaluated(tmp_path, WRITTEN["healthy"], alert_rule_test=silent) == ""


def test_every_rule_has_a_story() -> None:
    """A new rule needs one."""
    assert {story.alert for story in STORIES} == set(RULES)


def test_prometheus_reads_the_rules() -> None:
    """promtool has nothing to say about the file."""
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", FILE) == ""
