"""Read facts about the deploy from a checkout's git: which commits it brought, and what nothing else tells.

This module is exempt from core's rule against I/O. It runs git, which changes nothing and uses no network.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from gitdailies_core.ci.deploys.deploy import USUAL_COMMITS
from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import commit, full_sha, undone_by
from gitdailies_core.events.field_types import MOST_COMMITS

# All calls of git together. The deploy job waits for them.
LONGEST_GIT_SECONDS = 15.0
_BRANCHES = "refs/heads/"
_OWNED_BY_ANOTHER = ("unsafe repository", "dubious ownership")
# In a shallow clone, git hides the parents of these commits, and each takes a call.
_MOST_ENDS = 50


class Found(NamedTuple):
    """What is known about a checkout, or the reason in words for the log."""

    facts: GitFacts | None = None
    problem: str = ""


class Git:
    """Git, with one deadline for all its calls together."""

    def __init__(self, seconds: float = LONGEST_GIT_SECONDS) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, directory: str, *arguments: str) -> tuple[str, str]:
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
                timeout=max(0.01, self._until - time.monotonic()),
                check=False,
                env={**os.environ, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1"},
            )
        except subprocess.TimeoutExpired:
            return "", f"no commits: git took longer than {LONGEST_GIT_SECONDS:g} s"
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


def read_head(git: Git, directory: str) -> Found:
    """Read HEAD, its branch, its remote, and whether the clone is shallow."""
    # An older git does not know the first question, and prints it.
    asked = ("--is-shallow-repository", "HEAD", "--symbolic-full-name", "HEAD")
    said, problem = git(directory, "rev-parse", *asked)
    if problem:
        return Found(problem=problem)
    shallow, sha, ref = said.split("\n")[:3]
    return Found(
        GitFacts(
            sha=sha,
            branch=ref[len(_BRANCHES) :] if ref.startswith(_BRANCHES) else None,
            remote=git(directory, "config", "--get", "remote.origin.url")[0] or None,
            whole=shallow == "false",
        )
    )


def read_log(git: Git, directory: str, head: GitFacts, sha: str, paths: Sequence[str] = ()) -> Found:
    """Add the log from *sha* on to what is known about a checkout, which may lack that commit.

    In a shallow clone the log ends early. A commit that touches none of *paths* is `outside`.
    """
    form = (f"--max-count={MOST_COMMITS}", "-z", "--topo-order", _FORMAT)
    since = _since(git, directory, sha)
    text, problem = git(directory, "log", *form, *since)
    rows = [row.split("\n", 3) for row in text.split("\0") if row.count("\n") >= 3]
    if not rows:
        # Without the commit there is nothing to read. With it, something went wrong.
        return Found(head, problem if sha == head.sha else "")
    history = [(name, tuple(above.split()), undone_by(message)) for name, _, above, message in rows]
    parents: dict[str, tuple[str, ...] | None] = {name: above for name, above, _ in history}
    ends = [name for name, above, _ in history if not above and not head.whole]
    for number, name in enumerate(ends):
        parents[name] = _parents(git, directory, name) if number < _MOST_ENDS else None
    inside, problem = _touching(git, directory, since, paths)
    commits = []
    for name, moment, _, _ in rows:
        entry: dict[str, Any] = commit(name, moment) or {"sha": name}
        above = parents[name]
        if above is not None:
            entry["parents"] = list(above)
        # What the first commit of a shallow clone changed is not known.
        if inside is not None and name not in ends:
            entry["outside"] = name not in inside
        commits.append(entry)
    return Found(head._replace(at=sha, commits=tuple(commits), history=tuple(history)), problem)


def revision(git: Git, directory: str, text: str) -> str | None:
    """Return the commit that a tag, a branch or the beginning of a commit's name means."""
    return full_sha(git(directory, "rev-parse", "--verify", "--end-of-options", f"{text}^{{commit}}")[0])


def holds(git: Git, directory: str, sha: str) -> bool:
    """Return whether the checkout has a commit."""
    return not git(directory, "cat-file", "-e", f"{sha}^{{commit}}")[1]


# Name, time and parents, each on a line, and the message. No message holds a zero byte.
_FORMAT = "--format=%H%n%cI%n%P%n%B"


def _since(git: Git, directory: str, sha: str) -> list[str]:
    """Return the range of commits that landed on the branch last, as git's arguments.

    By their times, old commits of a branch that was just merged would come after hundreds of newer ones,
    and be cut off: the slowest ones. So the range goes by what landed.
    """
    skipped = f"--skip={USUAL_COMMITS}"
    first = git(directory, "rev-list", "--first-parent", skipped, "--max-count=1", sha)[0]
    return [sha, f"^{first}"] if first else [sha]


def _parents(git: Git, directory: str, sha: str) -> tuple[str, ...] | None:
    """Return the parents that a commit names, also where the clone ends before them."""
    text, problem = git(directory, "cat-file", "commit", sha)
    if problem:
        return None
    head = text.partition("\n\n")[0].split("\n")
    return tuple(line[len("parent ") :] for line in head if line.startswith("parent "))


def pathspecs(paths: Sequence[str]) -> list[str]:
    """Return globs as git takes them. `!` before one takes files out, as in a workflow's `paths`."""
    return [
        f":(top,exclude,glob){path[1:].lstrip('/')}" if path[0] == "!" else f":(top,glob){path.lstrip('/')}"
        for path in paths
    ]


def _touching(
    git: Git, directory: str, since: Sequence[str], paths: Sequence[str]
) -> tuple[frozenset[str] | None, str]:
    """Return the commits of a range that touch one of *paths*, or why they are not known."""
    if not paths:
        return None, ""
    text, problem = git(directory, "log", "--format=%H", "--full-history", *since, "--", *pathspecs(paths))
    if problem:
        return None, problem.replace("no commits", "paths: which commits touch them is not known", 1)
    return frozenset(text.split()), ""
