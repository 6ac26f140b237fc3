"""How a report is written in the forms that GitHub's runner reads: commands in the log, outputs, a summary.

Source: GitHub's "Workflow commands for GitHub Actions" and "Metadata syntax" references.
"""

from __future__ import annotations

import re

from gitdailies_core.ci.report import DRY_RUN, FAILED, REPORTED, SKIPPED, Report

_HEADING = "GitDailies"
_MARKS = {REPORTED: "✅", SKIPPED: "⏭️", DRY_RUN: "📝", FAILED: "⚠️"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def masks(key: str) -> list[str]:
    """Return the commands that keep the key out of the log, line by line as the runner masks."""
    lines = [line.strip() for line in key.splitlines()]
    return [f"::add-mask::{_data(line)}" for line in lines if line]


def commands(report: Report, fails: bool) -> list[str]:
    """Return what goes to the log: an annotation for every line, as plain as the outcome is good.

    Texts of others, such as a receiver's answer, go into the data of commands alone, where the
    runner looks for no further command.
    """
    notices = [f"::notice title={_HEADING}::{_data(note)}" for note in report.notes]
    if report.ok and report.outcome != SKIPPED:
        return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
    level = "notice" if report.ok else "error" if fails else "warning"
    return notices + [f"::{level} title={_HEADING}::{_data(line)}" for line in report.lines]


def files(report: Report) -> dict[str, str]:
    """Return what is appended to the runner's files, by the variable that names the file."""
    return {"GITHUB_OUTPUT": outputs(report), "GITHUB_STEP_SUMMARY": summary(report)}


def not_written(name: str) -> str:
    return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"


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
    lines = [f"{_MARKS[report.outcome]} **{_HEADING}**: {_markdown(line)}" for line in report.lines]
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
