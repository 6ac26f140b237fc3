"""Find the checkout of the deployed commit, and the job's deploys with its facts.

This module is exempt from core's rule against I/O. It looks for folders.
"""

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH208  a step needs no more than os.path
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitdailies_core.ci.deploys.deploy import resolve, unwanted
from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.deploys.git_log import Found, Git, holds, read_head, read_log, revision
from gitdailies_core.ci.job.facts import Deploys, Facts, Skipped, Variables, full_sha, repo_of
from gitdailies_core.ci.job.inputs import CHECKOUT, Inputs
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.errors import UsageError

# Where a job has several checkouts, they are side by side in its folder.
_MOST_FOLDERS = 50

_SHALLOW = "the checkout is shallow; lead times of several pushes need fetch-depth: 0 (GitLab: GIT_DEPTH: 0)"


class _Wanted(NamedTuple):
    """The commits and repositories of a job, and whether these commits are the deployed ones for certain."""

    shas: frozenset[str]
    repos: frozenset[str]
    certain: bool


class _Chosen(NamedTuple):
    """A checkout, what is known about it, and a warning about others."""

    folder: str = ""
    found: Found = Found()
    warning: str = ""


def deploys_in(
    directory: str,
    platform: Platform,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    path: str | None = None,
    call: str = "",
    debug: Mapping[str, str] | None = None,
) -> Deploys | Skipped:
    """Resolve the job's deploys, with the facts of the checkout of the deployed commit.

    The checkout is in *directory*, in one above it, or in one right below it. *path* names another one,
    from *directory* on. Raises what `resolve` raises, and UsageError if *path* is no checkout.
    """

    def resolved(known: GitFacts | None) -> Deploys | Skipped:
        return resolve(
            platform, environ=environ, event=event, inputs=inputs, git=known, call=call, debug=debug
        )

    facts, git = platform.read(Variables(environ, event)), Git()
    why_not = unwanted(facts, inputs.status)
    if why_not:
        return Skipped(why_not)
    # Above the folder of the job, no checkout is its own.
    root = environ.get(platform.root or platform.folder, "")
    chosen = _chosen(git, directory, path, _wanted(facts, inputs), root)
    problem, head = chosen.found.problem, chosen.found.facts
    if head and inputs.revision:
        named = revision(git, chosen.folder, inputs.revision)
        inputs = inputs._replace(sha=named, revision=None) if named else inputs
    if head and facts.resource and holds(git, chosen.folder, facts.resource.sha):
        head = head._replace(has=frozenset({facts.resource.sha}))
    try:
        deploys = resolved(head)
    except UsageError as error:
        first, *others = error.complaints
        why = problem or chosen.warning
        raise UsageError(f"{first} ({why})" if why else first, *others) from None
    assert isinstance(deploys, Deploys)
    sha = _deployed(deploys, head)
    if head and sha:
        head, problem = read_log(git, chosen.folder, head, sha, inputs.paths)
        deploys = resolved(head)
        assert isinstance(deploys, Deploys)
    notes = tuple(filter(None, (*deploys.notes, problem, "" if head is None or head.whole else _SHALLOW)))
    return deploys._replace(notes=notes, warnings=tuple(filter(None, (*deploys.warnings, chosen.warning))))


def _wanted(facts: Facts, inputs: Inputs) -> _Wanted:
    set_by_hand = {full_sha(sha) for sha in (inputs.sha, *(repo.sha for repo in inputs.repos))} - {None}
    shas = set_by_hand or {target.sha for target in facts.targets if inputs.sha != CHECKOUT}
    repos = [repo.path for repo in inputs.repos] or [target.repo or "" for target in facts.targets]
    certain = bool(set_by_hand or (facts.start.names_commit and inputs.sha != CHECKOUT))
    return _Wanted(
        frozenset(sha for sha in shas if sha), frozenset(repo.lower() for repo in repos if repo), certain
    )


def _deployed(deploys: Deploys, head: GitFacts | None) -> str:
    """Return the deployed commit of the checkout's repository, or of the only one."""
    here = (repo_of(head.remote) if head else None) or ""
    found = [event for event in deploys.events if event["repo"].lower() == here.lower()]
    events = found or (deploys.events if len(deploys.events) == 1 else ())
    return events[0]["commitSHA"] if events else ""


def _chosen(git: Git, directory: str, path: str | None, wanted: _Wanted, root: str) -> _Chosen:
    """Return the checkout of the job's repository, or the nearest one if none is known to be of it."""
    nearest = next(filter(_is_checkout, _above(directory, root)), None)
    if path:
        nearest = os.path.join(directory, path)
        if not any(map(_is_checkout, _above(nearest, root))):
            raise UsageError(f"path: expected a folder with a git checkout, got {path!a}")
    heads = {nearest: read_head(git, nearest)} if nearest else {}
    first = _Chosen(*next(iter(heads.items()), ("", Found())))
    at_it = first.found.facts and first.found.facts.sha in wanted.shas
    # Below the job's folder only the commit or the repository shows which checkout is meant.
    if path or (wanted.certain and at_it) or not (wanted.shas or wanted.repos):
        return first
    heads |= {folder: read_head(git, folder) for folder in _below(directory) if folder not in heads}
    known = {folder: found.facts for folder, found in heads.items() if found.facts}
    own = {folder: head for folder, head in known.items() if _slug(head) in wanted.repos}
    at = [folder for folder, head in known.items() if head.sha in wanted.shas]
    warning = ""
    if not wanted.certain and len({head.sha for head in own.values()}) > 1:
        places = ", ".join(
            f"{head.sha[:7]} in {os.path.relpath(each, directory)}" for each, head in own.items()
        )
        warning = (
            f"several checkouts of {_slug(next(iter(own.values())))} are at different commits ({places})"
        )
        warning += f"; if another commit was deployed, set sha to {CHECKOUT} and path to its folder"
        # None of them is taken for the deployed one. The run's tells its log.
        at, own = [folder for folder in at if folder in own], {}
        if not at:
            return _Chosen(warning=warning)
    folder = next(iter([*at, *own]) if wanted.certain or not own else iter(own), None)
    if folder is not None:
        return _Chosen(folder, heads[folder], warning)
    # Where none is, a checkout that git refused may be the one.
    problem = next((found.problem for found in heads.values() if found.problem), "")
    return first if first.folder else _Chosen(found=Found(problem=problem))


def _slug(head: GitFacts) -> str:
    return (repo_of(head.remote) or "").lower()


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
