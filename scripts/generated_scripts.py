"""The steps as shell scripts, for platforms that run a line of shell; and manifests that hold such a script.

A manifest alone reaches the job on GitLab and Azure, no file beside it, hence the whole script in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.join import join

_MARK = "@SCRIPT@"


@dataclass(frozen=True)
class Script:
    """A room's script: how it begins, how its log marks what went wrong, and the manifest that holds it."""

    about: str
    file: str = "report_deploy.sh"
    warning: str = "GitDailies: WARNING: "
    error: str = "GitDailies: ERROR: "
    strict: str = "${GITDAILIES_FAIL_ON_ERROR:-}"
    warned: str = "0"
    manifest: tuple[str, str] | None = None


SCRIPTS = {
    "gitlab-component": Script(
        about="Report a deploy to GitDailies from GitLab CI.",
        strict="${INPUT_FAIL_ON_ERROR:-${GITDAILIES_FAIL_ON_ERROR:-}}",
        warned='"${GITDAILIES_WARNING_EXIT:-0}"',
        manifest=("component.in.yml", "templates/report-deploy.yml"),
    ),
    "buildkite-plugin": Script(about="Report a deploy to GitDailies from Buildkite."),
    "azure-pipelines": Script(
        about="Report a deploy to GitDailies from Azure Pipelines.",
        file="",
        warning="##vso[task.logissue type=warning]GitDailies: WARNING: ",
        error="##vso[task.logissue type=error]GitDailies: ERROR: ",
        manifest=("template.in.yml", "report-deploy.yml"),
    ),
    "bitbucket-pipelines": Script(about="Report a deploy to GitDailies from Bitbucket Pipelines."),
    "jenkins": Script(about="Report a deploy to GitDailies from Jenkins."),
    "travis-ci": Script(about="Report a deploy to GitDailies from Travis CI."),
}


def texts(root: Path) -> Mapping[str, str]:
    """Return every script, and every manifest with its script in it."""
    found = {}
    for room, script in SCRIPTS.items():
        text = script_of(root, room)
        if script.file:
            found[f"{room}/{script.file}"] = text
        if script.manifest:
            source, target = script.manifest
            manifest = (root / room / source).read_text("utf-8")
            found[f"{room}/{target}"] = f"# Generated from {source}; change that.\n{_within(manifest, text)}"
    return found


def script_of(root: Path, room: str) -> str:
    """Return the launcher with the room's joined step in it."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    script = SCRIPTS[room]
    text = (root / "scripts" / "launcher.sh").read_text("utf-8")
    for mark, value in {
        "@ABOUT@": script.about,
        "@STRICT@": script.strict,
        "@ERROR@": script.error,
        "@WARNING@": script.warning,
        "@WARNED@": script.warned,
        "@STEP@": join(root / room, head=script.about, version=version).rstrip("\n"),
    }.items():
        text = text.replace(mark, value)
    return text


def _within(manifest: str, script: str) -> str:
    """Put *script* where the mark stands, as deep as the mark."""
    before, mark, after = manifest.partition(_MARK)
    if not mark or _MARK in after:
        raise ValueError(f"manifest: expected {_MARK} once")
    indent = " " * (len(before) - before.rindex("\n") - 1)
    lines = script.removeprefix("#!/bin/sh\n").rstrip("\n").splitlines()
    return before.rstrip(" ") + "\n".join(indent + line if line else "" for line in lines) + after
