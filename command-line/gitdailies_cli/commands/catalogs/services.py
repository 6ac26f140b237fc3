"""From what catalogs say to lines of `services`: each with its origin, and what cannot be decided. Pure.

Nothing is guessed. A service without a repository, or with several, has no line, and every place is named.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
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


def decide(entries: Iterable[CatalogEntry], by_hand: Collection[str] = ()) -> Imported:
    """Return the lines that *entries* give. *by_hand* has services of gitdailies.yml, in small letters."""
    left_out: list[LeftOut] = []
    unreadable: list[Unmapped] = []
    # Each service as the first entry spells it, and all entries that name it.
    seen: dict[str, tuple[str, list[CatalogService]]] = {}
    for entry in entries:
        if isinstance(entry, LeftOut):
            left_out.append(entry)
        elif isinstance(entry, Unreadable):
            unreadable.append(Unmapped(entry.where, f"it cannot be read: {entry.why}"))
        else:
            for service in entry.services:
                seen.setdefault(service.casefold(), (service, []))[1].append(entry)
    decided = [_line(*found) for name, found in sorted(seen.items()) if name not in by_hand]
    return Imported(
        lines=tuple(one for one in decided if isinstance(one, Line)),
        unmapped=(*(one for one in decided if isinstance(one, Unmapped)), *unreadable),
        left_out=tuple(left_out),
        by_hand=tuple(spelled for name, (spelled, _) in sorted(seen.items()) if name in by_hand),
    )


def _line(name: str, entries: Sequence[CatalogService]) -> Line | Unmapped:
    if not name.isprintable() or len(name) > _LONGEST_NAME or patterns.is_pattern(name):
        return Unmapped(name, f"a name that a line cannot have: {got(name)}")
    spelled: dict[str, str] = {}
    # The places that name each repository, once each.
    places: dict[str, dict[str, None]] = {}
    faults = []
    for entry in entries:
        for given in entry.repos:
            if (repo := repo_of(given)) is None:
                expected = "expected OWNER/NAME or a repository's address"
                faults.append(f"{entry.where}: {expected}, got {got(given)}")
            else:
                spelled.setdefault(repo.casefold(), repo)
                places.setdefault(repo.casefold(), {})[entry.where] = None
    if faults:
        return Unmapped(name, "; ".join(faults))
    if not spelled:
        return Unmapped(name, "; ".join(f"{entry.where}: {entry.without}" for entry in entries))
    if len(spelled) > 1:
        found = (f"{repo} ({', '.join(places[key])})" for key, repo in sorted(spelled.items()))
        return Unmapped(name, f"several repositories: {'; '.join(found)}")
    ((key, repo),) = spelled.items()
    return Line(name, repo, "; ".join(places[key]))


def repo_of(text: str) -> str | None:
    """Return the repository that a catalog names as `owner/name` or by an address; None if it names none."""
    if "://" not in text and "@" not in text:
        return text if REPO.accepts(text) and "/" in text else None
    try:
        host, found = urlsplit(text).hostname, git_url.slug(text)
    except ValueError:
        return None
    if found is None:
        return None
    parts = found.split("/")
    words = (at for at, part in enumerate(parts[:-1]) if at >= 2 and part in _PAGES)
    end = 2 if host in _OWNER_AND_NAME else next(words, len(parts))
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
