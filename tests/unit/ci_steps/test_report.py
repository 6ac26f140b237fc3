"""What a step says about its deploys: what was sent, what was not, and how each platform shows a warning."""

from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci import step
from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.ci.report import REPORTED, Report

from tests.support.steps import case

WARNED = Report(REPORTED, ("reported: deploy",), notes=("a note",), warnings=("webhook-url: use https",))


def dry_run(folder: Path, environ: dict[str, str], **inputs: str) -> Report:
    texts = {"dry-run": "true", **inputs}
    report = step.run(BY_MODULE["gitlab"], texts, environ=environ, directory=str(folder), agent="test")
    assert report.ok, report.lines
    return report


def environ_of(**more: str) -> dict[str, str]:
    environ: dict[str, str] = {**case("gitlab", "branch")["environ"], **more}
    return environ


def test_the_log_says_what_a_documented_receiver_gets(tmp_path: Path) -> None:
    """The log describes what is sent, and names the inputs that a documented receiver does not get."""
    given: dict[str, Any] = {
        "service": "api",
        "type": "rollback",
        "fixes": "INC-1",
        "url": "https://ci.example/7",
    }
    report = dry_run(tmp_path, environ_of(), receiver="documented", **given)

    assert report.lines == (
        "dry run, not sent: deploy of larkspur/shop/checkout-api at 4f0c2d6 to production/eu",
    )
    assert report.notes[-1] == (
        "not sent: service, type, fixes, url, because the receiver takes the documented fields alone"
    )


def test_the_log_says_what_ours_gets(tmp_path: Path) -> None:
    """A receiver of ours gets everything, and nothing is said to be left out."""
    report = dry_run(tmp_path, environ_of(), receiver="ours", service="api", type="rollback")

    assert report.lines[0].startswith("dry run, not sent: rollback of larkspur/shop/checkout-api (api) at ")
    assert report.notes == ()


@pytest.mark.parametrize("type_", ["", "deploy"])
def test_nothing_is_lost_of_the_usual_deploy(tmp_path: Path, type_: str) -> None:
    """A deploy of the usual type, with what the platform knows, loses nothing worth a line."""
    assert dry_run(tmp_path, environ_of(), receiver="documented", type=type_).notes == ()


@pytest.mark.parametrize("module", BY_MODULE)
def test_a_warning_is_seen(module: str) -> None:
    """On each platform a warning beside a good end is marked as one, and the report stays good."""
    lines = BY_MODULE[module].step.log(WARNED, False)
    [at] = [number for number, line in enumerate(lines) if "webhook-url: use https" in line]
    marks = " ".join(lines[max(0, at - 2) : at + 1]).lower()

    assert "warning" in marks
    assert "warning" not in lines[-1].lower() or module == "octopus"
    assert WARNED.ok
