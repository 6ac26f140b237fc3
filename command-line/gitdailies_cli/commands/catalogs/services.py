"""From what catalogs say to lines of `services`: each with its origin, and what cannot be decided. Pure.

Nothing is guessed. A service without a repository, or with several, has no line, and every place is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from gitdailies_connection.config.template import plain_or_quoted
from gitdailies_core.ci.job import git_url
from gitdailies_core.error_text import got
from gitdailies_core.events.field_types import REPO
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut, Unreadable
from gitdailies_core.values import patterns

from gitdailies_cli import output

# The first line of a generated file. Another file is never overwritten.
HEADER = "# Written by `gitdailies services import`"
_LONGEST_NAME = 255
# On these hosts a repository has an owner and a name; what follows is a folder or a file.
_OWNER_AND_NAME = frozenset({"github.com", "bitbucket.org"})
# On others, groups may be nested. There one of these words begins the address of a folder or a file.
_PAGES = frozenset({"-", "tree", "blob", "src"})


class Line(NamedTuple):
    """A line of services: the service, its repository, and where the catalog says so."""

    service: str
    repo: str
    where: str

    @property
    def text(self) -> str:
        return f"{plain_or_quoted(self.service)}: {{repo: {plain_or_quoted(self.repo)}}}"


class Unmapped(NamedTuple):
    """A service that got no line, and why: with every place that names it. Or a file that cannot be read."""

    service: str
    why: str


@dataclass(frozen=True)
class Imported:
    """The lines, sorted by name, the services without one, what is no service, and what a person decided."""

    lines: tuple[Line, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    by_hand: tuple[str, ...] = ()


@dataclass
class _Seen:
    """What catalogs say of one service: places of each repository, and what is wrong."""

    spelled: str
    repos: dict[str, str] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


def decide(entries: Iterable[CatalogEntry], by_hand: Collection[str] = ()) -> Imported:
    """Return the lines that *entries* give. *by_hand* has services of gitdailies.yml, in small letters."""
    left_out: list[LeftOut] = []
    unreadable: list[Unmapped] = []
    seen: dict[str, _Seen] = {}
    for entry in entries:
        if isinstance(entry, LeftOut):
            left_out.append(entry)
            continue
        if isinstance(entry, Unreadable):
            unreadable.append(Unmapped(entry.where, f"it cannot be read: {entry.why}"))
            continue
        for service in entry.services:
            _note(seen.setdefault(service.casefold(), _Seen(service)), entry)
    decided = sorted(seen.items())
    rest = [one for name, one in decided if name not in by_hand]
    return Imported(
        lines=tuple(line for one in rest if isinstance(line := _line(one), Line)),
        unmapped=(*(line for one in rest if isinstance(line := _line(one), Unmapped)), *unreadable),
        left_out=tuple(left_out),
        by_hand=tuple(one.spelled for name, one in decided if name in by_hand),
    )


def _note(one: _Seen, entry: CatalogService) -> None:
    if not entry.repos:
        one.without.append(f"{entry.where}: {entry.without}")
    for given in entry.repos:
        repo = repo_of(given)
        if repo is None:
            one.faults.append(
                f"{entry.where}: expected OWNER/NAME or a repository's address, got {got(given)}"
            )
        else:
            one.repos.setdefault(repo.casefold(), repo)
            places = one.places.setdefault(repo.casefold(), [])
            if entry.where not in places:
                places.append(entry.where)


def _line(one: _Seen) -> Line | Unmapped:
    name = one.spelled
    if not name.isprintable() or len(name) > _LONGEST_NAME or patterns.is_pattern(name):
        return Unmapped(name, f"a name that a line cannot have: {got(name)}")
    if one.faults:
        return Unmapped(name, "; ".join(one.faults))
    if not one.repos:
        return Unmapped(name, "; ".join(one.without))
    if len(one.repos) > 1:
        found = (f"{repo} ({', '.join(one.places[key])})" for key, repo in sorted(one.repos.items()))
        return Unmapped(name, f"several repositories: {'; '.join(found)}")
    ((key, repo),) = one.repos.items()
    return Line(name, repo, "; ".join(one.places[key]))


def repo_of(text: str) -> str | None:
    """Return the repository that a catalog names as `owner/name` or by an address; None if it names none."""
    if "://" not in text and "@" not in text:
        return text if REPO.accepts(text) and "/" in text else None
    found = git_url.slug(text)
    if found is None:
        return None
    parts = found.split("/")
    words = (at for at, part in enumerate(parts[:-1]) if at >= 2 and part in _PAGES)
    end = 2 if urlsplit(text).hostname in _OWNER_AND_NAME else next(words, len(parts))
    repo = "/".join(parts[:end])
    return repo if REPO.accepts(repo) else None


def as_text(imported: Imported, origin: str) -> str:
    """Return the file: sorted, each line with its place, and the same for the same catalog."""
    lines = [
        f"{HEADER} --from {origin}. A line of the same name in gitdailies.yml decides.",
        *(f"{line.text}    # {output.printable(line.where)}" for line in imported.lines),
    ]
    return "\n".join(lines) + "\n"


def without_mirror(imported: Imported, mirrored: Collection[str]) -> Sequence[str]:
    """Return the repositories of lines that have no mirror, [] if no repository has one."""
    repos = {line.repo.casefold(): line.repo for line in imported.lines}
    return [repo for name, repo in sorted(repos.items()) if mirrored and name not in mirrored]
