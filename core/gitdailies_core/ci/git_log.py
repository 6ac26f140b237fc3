"""Read facts about the deploy from a checkout's git: which commits it brought, and what nothing else tells.

This module is exempt from core's rule against I/O. It runs git, which changes nothing and uses no network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gitdailies_core.ci.deploy import USUAL_COMMITS
from gitdailies_core.ci.facts import commit, readable_time, undone_by
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.events.field_types import MOST_COMMITS

# Twice as many as are sent, because merges are left out.
_MOST_READ = 2 * MOST_COMMITS
_LONGEST_SECONDS = 10
_BRANCHES = "refs/heads/"
_OWNED_BY_ANOTHER = ("unsafe repository", "dubious ownership")


@dataclass(frozen=True)
class Found:
    """What is known of a checkout, or the reason in words for the log."""

    facts: GitFacts | None = None
    problem: str = ""


def read(directory: str) -> Found:
    """Read HEAD, its branch, its remote and earlier commits.

    In a shallow clone earlier commits are unknown, because they were not fetched.
    """
    form = (f"--max-count={_MOST_READ}", "-z", "--topo-order", _FORMAT)
    text, problem = _git(directory, "log", *form, *_since(directory))
    rows = [row.split("\n", 3) for row in text.split("\0") if row.count("\n") >= 3]
    if not rows:
        return Found(problem=problem)
    sha, commit_time = rows[0][0], rows[0][1]
    entries = [commit(name, time) for name, time, parents, _ in rows if " " not in parents]
    said, _ = _git(directory, "rev-parse", "--is-shallow-repository", "--symbolic-full-name", "HEAD")
    shallow, _, ref = said.partition("\n")
    return Found(
        GitFacts(
            sha=sha,
            branch=ref[len(_BRANCHES) :] if ref.startswith(_BRANCHES) else None,
            remote=_git(directory, "config", "--get", "remote.origin.url")[0] or None,
            commit_time=readable_time(commit_time),
            # An older git does not know the question, and prints it.
            commits=tuple(entry for entry in entries if entry)[:MOST_COMMITS] if shallow == "false" else (),
            history=tuple(
                (name, tuple(above.split()), undone_by(message)) for name, _, above, message in rows
            ),
        )
    )


def head(directory: str) -> str:
    """Return the commit that is checked out, or ""."""
    return _git(directory, "rev-parse", "HEAD")[0]


# Name, time and parents, each on a line, and the message. No message holds a zero byte.
_FORMAT = "--format=%H%n%cI%n%P%n%B"


def _since(directory: str) -> list[str]:
    """Return the range of commits that landed on the branch last, as git's arguments.

    By their times, old commits of a branch that was just merged would come after hundreds of newer ones,
    and be cut off: the slowest ones. So the range goes by what landed.
    """
    skipped = f"--skip={USUAL_COMMITS}"
    first = _git(directory, "rev-list", "--first-parent", skipped, "--max-count=1", "HEAD")[0]
    return ["HEAD", f"^{first}"] if first else ["HEAD"]


def _git(directory: str, *arguments: str) -> tuple[str, str]:
    """Return what git prints and, if it fails, why, in words for the log. One of them is empty."""
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
            env={**os.environ, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1"},
        )
    except subprocess.TimeoutExpired:
        return "", f"no commits: git took longer than {_LONGEST_SECONDS} s"
    except (OSError, subprocess.SubprocessError):
        return "", "no commits: git is not installed, or cannot be run"
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace").strip(), ""
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    if any(words in said for words in _OWNED_BY_ANOTHER):
        return "", (
            "no commits: git refused the checkout, because it belongs to another user; "
            "git config --global --add safe.directory '*' allows it"
        )
    return "", f"no commits: git could not read the checkout ({said[:200]})"
