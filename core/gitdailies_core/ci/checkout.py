"""Read facts about the deploy from the checkout's git: the last source, used only if needed.

This module is exempt from core's rule against I/O. It runs git, which changes nothing and uses no network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.deploy import MOST_COMMITS, resolve
from gitdailies_core.ci.facts import Deploys, GitFacts, Inputs, Skipped, commit, readable_time
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError

# Twice as many as are sent, because merges are left out.
_READ = 2 * MOST_COMMITS
_LONGEST_SECONDS = 10


def deploys_in(
    directory: str,
    platform: Platform | None,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    call: str = "",
) -> Deploys | Skipped:
    """Resolve the job's deploys. If the platform's facts are not enough, read git in *directory*.

    Git takes a third of a step's time, so it runs only if needed. Raises what `resolve` raises.
    """
    try:
        found = resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
        if isinstance(found, Skipped) or not found.lacking:
            return found
    except UsageError:
        # The second call raises it again, unless git has what is missing.
        found = None
    git = read(directory)
    if found is not None and git is None:
        return found
    return resolve(platform, environ=environ, event=event, inputs=inputs, git=git, call=call)


def read(directory: str) -> GitFacts | None:
    """Read HEAD, its branch, its remote and earlier commits. Returns None if there is no checkout.

    In a shallow clone earlier commits are unknown, because they were not fetched.
    """
    if not os.path.exists(os.path.join(directory, ".git")):  # noqa: PTH110, PTH118  pathlib is slow to import
        return None
    log = _git(directory, "log", f"--max-count={_READ}", "--format=%H %cI %P")
    if not log:
        return None
    lines = [line.split() for line in log.splitlines()]
    sha, commit_time = lines[0][:2]
    entries = [commit(name, time) for name, time, *parents in lines if len(parents) < 2]
    commits = [entry for entry in entries if entry]
    shallow, _, ref = (
        _git(directory, "rev-parse", "--is-shallow-repository", "--symbolic-full-name", "HEAD") or ""
    ).partition("\n")
    heads = "refs/heads/"
    return GitFacts(
        sha=sha,
        branch=ref[len(heads) :] if ref.startswith(heads) else None,
        remote=_git(directory, "config", "--get", "remote.origin.url"),
        commit_time=readable_time(commit_time),
        commits=() if shallow == "true" else tuple(commits[:MOST_COMMITS]),
        cut=len(commits) > MOST_COMMITS or len(lines) == _READ,
    )


def _git(directory: str, *arguments: str) -> str | None:
    import subprocess

    # In a container the checkout often belongs to another user. This changes no configuration file.
    command = ["git", "-c", "safe.directory=*", "-c", "log.showSignature=false", "--no-pager", *arguments]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None
