"""Write a report as GitHub's runner reads it: commands in the log, outputs, and a summary.

Source: GitHub's "Workflow commands for GitHub Actions" and "Metadata syntax" references.
"""

from __future__ import annotations

from gitdailies_core.ci.report import DRY_RUN, FAILED, REPORTED, SKIPPED, Report

_HEADING = "GitDailies"
_MARKS = {REPORTED: "✅", SKIPPED: "⏭️", DRY_RUN: "📝", FAILED: "⚠️"}
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>()#+!|~"})


def masks(key: str) -> list[str]:
    """Return the commands that keep the key out of the log. The runner masks each line by itself."""
    lines = [line.strip() for line in key.splitlines()]
    return [f"::add-mask::{_data(line)}" for line in lines if line]


def commands(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Notes, problems and a skip become annotations.

    A foreign text, such as a receiver's answer, is only written into the data of a command. The runner
    does not look for a command there.
    """
    notices = [f"::notice title={_HEADING}::{_data(note)}" for note in report.notes]
    notices += [f"::warning title={_HEADING}::{_data(warning)}" for warning in report.warnings]
    if report.ok and report.outcome != SKIPPED:
        return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
    level = "notice" if report.ok else "error" if fails else "warning"
    return notices + [f"::{level} title={_HEADING}::{_data(line)}" for line in report.lines]


def files(report: Report) -> dict[str, str]:
    """Return the texts to append to the runner's files, by the variable that names the file."""
    return {"GITHUB_OUTPUT": outputs(report), "GITHUB_STEP_SUMMARY": summary(report)}


def not_written(name: str) -> str:
    return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"


def outputs(report: Report) -> str:
    """Return the lines for GITHUB_OUTPUT, one for each value."""
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
    return (
        "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in (*report.warnings, *report.notes))]) + "\n"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(text: str) -> str:
    # The runner still reads commands in their old form, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _markdown(text: str) -> str:
    return _one_line(text).translate(_MARKDOWN)
