"""What the figures of a scan rest on, and what they cannot know: a sentence each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import commonprefix
from typing import NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.events.field_types import MOST_COMMITS

from gitdailies_cli.commands.scan.versions import Chosen
from gitdailies_cli.output import counted

# A sentence names so many.
_NAMED = 5


class Facts(NamedTuple):
    """What a scan found: where its deploys are from, and what it had to leave out.

    `branch` and `tags` are the source, if they are one. `guessed` is set where nobody chose the branch.
    `outside` are events of other repositories, and `missing` deploys of commits that are not here.
    """

    tags: Chosen | None = None
    branch: str = ""
    guessed: bool = False
    incidents: bool = False
    shallow: bool = False
    ahead: int = 0
    outside: int = 0
    missing: int = 0
    long: int = 0
    in_period: int = 0
    last: str = ""


def notes(found: Facts) -> Iterator[str]:
    """Yield the sentences in the order in which a reader needs them."""
    if found.tags:
        yield from _of_tags(found.tags)
    if found.branch:
        if found.guessed:
            yield "no tag looks like a version, so the branch is taken; name the deploys with --deploys"
        yield (
            f"each push to {got(found.branch)} counts as a deploy at the time of its commit or merge, because"
            " git keeps no deploys; a commit made right on the branch has no lead time"
        )
    if not found.in_period:
        last = f"; the last one was at {found.last}: choose an earlier --since" if found.last else ""
        yield f"no deploys in the period{last}"
    if not found.incidents:
        yield (
            "incidents: none given, so recovery time is unknown, and only reverts, hotfixes and rollbacks"
            " count as failures and rework: both rates are at least what is shown; add --incidents FILE"
        )
    if found.shallow:
        yield "the clone is shallow, so lead times and reverts are unknown; run git fetch --unshallow"
    if found.ahead:
        yield f"{counted(found.ahead, 'deploy')} left out, with a time in the future or none: look at the tag"
    if found.outside:
        yield f"{counted(found.outside, 'event')} of other repositories left out"
    if found.missing:
        yield f"{counted(found.missing, 'deploy')} without a lead time, because their commit is not here"
    if found.long:
        yield (
            f"{counted(found.long, 'deploy')} brought more than {MOST_COMMITS:,} commits, more than an event"
            " holds; a server needs this repository under dora.mirrors to count them, too"
        )


def _of_tags(chosen: Chosen) -> Iterator[str]:
    tags = [tag for of_name in chosen.tags.values() for tag in of_name]
    light = sum(not tag.made for tag in tags)
    yield f"deploys: {counted(len(tags), 'tag')} of releases; git knows a release, not when it reached users"
    if light:
        yield (
            f"lightweight tags among them: {light:,}; such a tag has no time, so the time of its commit counts:"
            " lead times are at least what is shown, and the tagged commit has none"
        )
    for why, count in chosen.left_out.items():
        yield f"left out: {counted(count, 'tag')} ({why})"
    if len(chosen.tags) > 1:
        largest = max(chosen.tags.values(), key=len)
        glob = commonprefix([tag.name for tag in largest]).rstrip("0123456789._-") or "[0-9]"
        names = [name or "no name" for name in sorted(chosen.tags)]
        shown = ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
        yield (
            f"tags are of {len(names)} services ({shown}), and git does not know whose a commit is, so lead"
            f" times are unknown; choose one: --deploys 'tags:{glob}*' --paths 'FOLDER/**'"
        )
