"""Read facts about the deploy from the checkout's git: which commits it brought, and what nothing else tells.

This module is exempt from core's rule against I/O. It runs git, which changes nothing and uses no network.
"""

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH208  pathlib is slow to import
from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.ci.deploy import USUAL_COMMITS, resolve
from gitdailies_core.ci.facts import Deploys, GitFacts, Inputs, Skipped, commit, readable_time, undone_by
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import MOST_COMMITS

# Twice as many as are sent, because merges are left out.
_READ = 2 * MOST_COMMITS
_LONGEST_SECONDS = 10
# Where a job has several checkouts, they are side by side in its folder.
_MOST_FOLDERS = 50
_OWNED_BY_ANOTHER = ("unsafe repository", "dubious ownership")
_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Found:
    """What is known of a checkout, or the reason in words for the log."""

    facts: GitFacts | None = None
    problem: str = ""


def deploys_in(
    directory: str,
    platform: Platform | None,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    path: str | None = None,
    call: str = "",
) -> Deploys | Skipped:
    """Resolve the job's deploys, with the facts of the checkout of the deployed commit.

    The checkout is in *directory*, in one above it, or in one right below it. *path* names another one,
    from *directory* on. Raises what `resolve` raises, and UsageError if *path* is no checkout.
    """
    try:
        found = resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
    except UsageError:
        # The second call raises it again, unless git has what is missing.
        found = None
    if isinstance(found, Skipped):
        return found
    shas = {one.get("commitSHA") for one in found.events} if found else set()
    git = _chosen(directory, path, shas, _root(platform, environ))
    if git is None or (found and git.facts is None and not git.problem):
        return found or resolve(platform, environ=environ, event=event, inputs=inputs, call=call)
    try:
        deploys = resolve(platform, environ=environ, event=event, inputs=inputs, git=git.facts, call=call)
    except UsageError as error:
        first, *others = error.complaints
        raise UsageError(f"{first} ({git.problem})" if git.problem else first, *others) from None
    if isinstance(deploys, Deploys) and git.problem:
        return Deploys(deploys.platform, deploys.events, (*deploys.notes, git.problem))
    return deploys


def _root(platform: Platform | None, environ: Mapping[str, str]) -> str:
    """Return the folder of the job, above which no checkout is its own, or ""."""
    return environ.get(platform.step.root or platform.step.folder, "") if platform else ""


def _chosen(directory: str, path: str | None, shas: Collection[str], root: str) -> Found | None:
    """Return the checkout of one of the commits *shas*, or the nearest one if none of them is known."""
    if path:
        folder = os.path.join(directory, path)
        if not any(map(_is_checkout, _above(folder, root))):
            raise UsageError(f"path: expected a folder with a git checkout, got {path!a}")
        return read(folder)
    nearest = next(filter(_is_checkout, _above(directory, root)), None)
    found = read(nearest) if nearest else None
    if found and (not shas or found.problem or (found.facts and found.facts.sha in shas)):
        return found
    # Below the job's folder only the deployed commit shows which checkout is meant.
    below = list(_below(directory)) if shas else []
    for folder in below:
        if _git(folder, "rev-parse", "HEAD")[0] in shas:
            return read(folder)
    # Where none is at the deployed commit, a checkout that git refused may be the one.
    problems = [one for one in map(read, below[:1]) if one.problem]
    return found or (problems[0] if problems else None)


def _above(directory: str, root: str) -> Iterator[str]:
    """Yield a folder and those above it, up to *root* if it is in there."""
    folder, root = os.path.abspath(directory), os.path.abspath(root) if root else ""
    inside = root and (folder + os.sep).startswith(root.rstrip(os.sep) + os.sep)
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder or (inside and folder == root):
            return
        folder = above


def _below(directory: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    yield from filter(_is_checkout, (os.path.join(directory, name) for name in names[:_MOST_FOLDERS]))


def _is_checkout(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, ".git"))


def read(directory: str) -> Found:
    """Read HEAD, its branch, its remote and earlier commits.

    In a shallow clone earlier commits are unknown, because they were not fetched.
    """
    form = (f"--max-count={_READ}", "-z", "--topo-order", _FORMAT)
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
            branch=ref[len(_HEADS) :] if ref.startswith(_HEADS) else None,
            remote=_git(directory, "config", "--get", "remote.origin.url")[0] or None,
            commit_time=readable_time(commit_time),
            # An older git does not know the question, and prints it.
            commits=tuple(entry for entry in entries if entry)[:MOST_COMMITS] if shallow == "false" else (),
            history=tuple(
                (name, tuple(above.split()), undone_by(message)) for name, _, above, message in rows
            ),
        )
    )


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
