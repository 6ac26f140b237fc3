"""Find the checkout of the deployed commit, and the job's deploys with its facts.

This module is exempt from core's rule against I/O. It looks for folders.
"""

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH208  pathlib is slow to import
from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Deploys, Skipped
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError

if TYPE_CHECKING:
    from gitdailies_core.ci.git_log import Found

# Where a job has several checkouts, they are side by side in its folder.
_MOST_FOLDERS = 50


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
    nearest = next(filter(_is_checkout, _above(directory, root)), None)
    if path:
        nearest = os.path.join(directory, path)
        if not any(map(_is_checkout, _above(nearest, root))):
            raise UsageError(f"path: expected a folder with a git checkout, got {path!a}")
    if nearest is None and not (shas and any(_below(directory))):
        return None
    # Some jobs have no checkout.
    from gitdailies_core.ci.git_log import head, read

    found = read(nearest) if nearest else None
    if found and (path or not shas or found.problem or (found.facts and found.facts.sha in shas)):
        return found
    # Below the job's folder only the deployed commit shows which checkout is meant.
    below = list(_below(directory)) if shas else []
    for folder in below:
        if head(folder) in shas:
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
