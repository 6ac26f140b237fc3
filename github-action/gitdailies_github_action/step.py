"""How the action reads its inputs and writes its report, in the runner's own forms.

Source: GitHub's "Workflow commands for GitHub Actions" and "Metadata syntax" references.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitdailies_core.ci import console
from gitdailies_core.ci.report import DRY_RUN, FAILED, REPORTED, SKIPPED, Report

AGENT = "gitdailies-github-action"
NO_KEY = (
    "; pass it as webhook-key: ${{ secrets.GITDAILIES_WEBHOOK_KEY }} "
    "(runs of forks and of Dependabot get no secrets, a reusable workflow only those passed to it)"
)

# The action passes each input as INPUT_NAME; address and key may also come from the job's own env.
_FALLBACKS = {"webhook-url": "GITDAILIES_WEBHOOK_URL", "webhook-key": "GITDAILIES_WEBHOOK_KEY"}
_TITLE = "GitDailies"
_MARKS = {REPORTED: "✅", SKIPPED: "⏭️", DRY_RUN: "📝", FAILED: "⚠️"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs as they came, by name."""
    read = console.texts(environ, "INPUT_")
    for name, variable in _FALLBACKS.items():
        if not read[name].strip():
            read[name] = environ.get(variable, "")
    return read


def masks(key: str) -> list[str]:
    """Return the commands that keep the key out of the log, line by line as the runner masks."""
    lines = [line.strip() for line in key.splitlines()]
    return [f"::add-mask::{_data(line)}" for line in lines if line]


def commands(report: Report, *, fails: bool) -> list[str]:
    """Return what goes to the log: an annotation for every line, as plain as the outcome is good.

    Texts of others, such as a receiver's answer, go into the data of commands alone, where the
    runner looks for no further command.
    """
    told = [f"::notice title={_TITLE}::{_data(note)}" for note in report.notes]
    if report.ok and report.outcome != SKIPPED:
        return told + [f"{_TITLE}: {_harmless(line)}" for line in report.lines]
    level = "notice" if report.ok else "error" if fails else "warning"
    return told + [f"::{level} title={_TITLE}::{_data(line)}" for line in report.lines]


def outputs(report: Report) -> str:
    """Return the lines for GITHUB_OUTPUT; every value is on one line."""
    values = {
        "ok": "true" if report.ok else "false",
        "outcome": report.outcome,
        "reason": report.reason,
        "http-status": "" if report.http_status is None else str(report.http_status),
        "payload": report.payload,
    }
    return "".join(f"{name}={_one_line(value)}\n" for name, value in values.items())


def summary(report: Report) -> str:
    """Return the Markdown for GITHUB_STEP_SUMMARY."""
    lines = [f"{_MARKS[report.outcome]} **{_TITLE}**: {_markdown(line)}" for line in report.lines]
    return "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in report.notes)]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(text: str) -> str:
    # The runner still reads its first form of commands, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _one_line(text))
