"""Where each value of a deploy comes from: an input, a variable, the event's payload, or a command of git."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import Variables, branch_of, repo_of, value_at
from gitdailies_core.ci.job.inputs import CHECKOUT, Inputs

_GIT = {
    "repo": "git config --get remote.origin.url",
    "commitSHA": "git rev-parse HEAD",
    "branch": "git rev-parse --symbolic-full-name HEAD",
}


def origins(
    event: Mapping[str, Any],
    inputs: Inputs,
    names: Mapping[str, str],
    variables: Variables,
    git: GitFacts | None,
) -> Iterator[str]:
    """Yield a line for each of the values that decide how a deploy counts.

    *names* are the names of inputs on the platform, and *variables* know what was read.
    """
    given = {
        "repo": next((one.path for one in inputs.repos if one.path == event["repo"]), None),
        "commitSHA": inputs.sha if inputs.sha != CHECKOUT else None,
        "branch": inputs.branch,
        "environment": inputs.environment,
        "service": inputs.service,
    }
    from_git = git is not None and event["commitSHA"] == git.sha
    for field, name in (
        *(("repo", "repository"), ("commitSHA", "commit"), ("branch", "branch")),
        *(("environment", "environment"), ("service", "service"), ("run", "run")),
    ):
        value = event.get(field)
        if value is None:
            yield f"debug: {name}: none"
            continue
        input_ = {"commitSHA": "sha"}.get(field, field)
        found = names.get(input_, input_) if given.get(field) == value else None
        found = found or _variable(field, value, variables) or _path(variables.payload, value)
        if field == "commitSHA":
            from_git = from_git and (found is None or inputs.sha == CHECKOUT)
        if field == "branch" and from_git and given["branch"] is None:
            # The branch is that of the checkout, whatever else has its name.
            found = _GIT[field]
        yield f"debug: {name}: {value}, from {found or _GIT.get(field, 'the platform')}"
    commits = event.get("commits")
    logged = git is not None and git.commits and git.logged == event["commitSHA"]
    source = f"git log {event['commitSHA'][:7]}" if logged else "the event's payload"
    yield f"debug: commits: {len(commits)}, from {source}" if commits else "debug: commits: none"


def _variable(field: str, value: str, variables: Variables) -> str | None:
    """Return the variable that a value was read from, or the two that hold its parts."""
    for name, text in variables.used.items():
        known = {text, text.lower(), branch_of(text), repo_of(text) if field == "repo" else None}
        if value in known or (field == "run" and value.partition(":")[2] == text[-200:]):
            return name
    parts = [
        next((name for name, text in variables.used.items() if text == one), None) for one in value.split("/")
    ]
    return " and ".join(str(part) for part in parts) if len(parts) > 1 and all(parts) else None


def _path(payload: Any, value: str, before: str = "") -> str | None:
    """Return the path in the event's payload where a value is, or None."""
    if not isinstance(payload, Mapping):
        return None
    for name in payload:
        text = value_at(payload, name) if isinstance(name, str) else None
        if text is not None and value in (text, text.lower(), branch_of(text)):
            return f"the payload's {before}{name}"
    inner = (_path(one, value, f"{before}{name}.") for name, one in payload.items())
    return next((path for path in inner if path), None)
