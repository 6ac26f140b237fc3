"""How the Action writes its report: commands that cannot be forged, outputs on one line each."""

import pytest
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.ci.reporting.report import DRY_RUN, FAILED, REPORTED, SKIPPED, Report

STEP = GITHUB_ACTIONS
FORGED = "answered 400: 50% of\r\n::error::forged\n##[error]forged"


def test_masks() -> None:
    """Each line of a key is masked by itself, as the runner reads it; a mask of nothing warns."""
    assert STEP.masks("first%\r\n second \n") == ["::add-mask::first%25", "::add-mask::second"]
    assert STEP.masks(" \r\n") == []


def test_foreign_text_forges_no_command() -> None:
    """A receiver's text is the data of one command, with its line ends escaped."""
    report = Report(FAILED, (FORGED,), FORGED, code=3)

    assert STEP.log(report, False) == [
        "::warning title=GitDailies::answered 400: 50%25 of%0D%0A::error::forged%0A##[error]forged"
    ]
    assert STEP.log(report, True)[0].startswith("::error title=GitDailies::")


def test_plain_lines_hold_no_command_either() -> None:
    """A line of the log is one line, without the form of commands that counts anywhere in it."""
    report = Report(REPORTED, (f"reported: deploy to {FORGED}",))

    assert STEP.log(report, False) == [
        "GitDailies: reported: deploy to answered 400: 50% of ::error::forged ## [error]forged"
    ]


@pytest.mark.parametrize("outcome", [REPORTED, SKIPPED, DRY_RUN, FAILED])
def test_no_end_is_silent(outcome: str) -> None:
    """Every outcome writes a line to the log and one to the summary, and all outputs."""
    report = Report(outcome, ("what happened",), code=1 if outcome == FAILED else 0)

    assert any("what happened" in line for line in STEP.log(report, False))
    assert "what happened" in STEP.files(report)["GITHUB_STEP_SUMMARY"]
    assert [line.partition("=")[0] for line in STEP.files(report)["GITHUB_OUTPUT"].splitlines()] == [
        "ok",
        "outcome",
        "reason",
        "http-status",
        "payload",
    ]


def test_outputs_are_one_line_each() -> None:
    """A line end in a reason makes no further output."""
    text = STEP.files(Report(FAILED, ("x",), "first\nok=true", code=1))["GITHUB_OUTPUT"]

    assert text.splitlines()[0] == "ok=false"
    assert text.splitlines()[2] == "reason=first ok=true"
    assert len(text.splitlines()) == 5


def test_notes_are_notices() -> None:
    """A note about something left out is a notice, and is in the summary."""
    report = Report(REPORTED, ("reported",), notes=("no branch: the run is of tag v1.4.0",))

    assert STEP.log(report, False)[0] == ("::notice title=GitDailies::no branch: the run is of tag v1.4.0")
    assert "- no branch: the run is of tag v1.4.0" in STEP.files(report)["GITHUB_STEP_SUMMARY"]


def test_the_summary_is_text() -> None:
    """Markdown and HTML in a name are shown as they are."""
    line = STEP.files(Report(REPORTED, ("deploy to <img src=x> [a](b) `c`",)))["GITHUB_STEP_SUMMARY"]

    assert r"\<img src=x\> \[a\]\(b\) \`c\`" in line
