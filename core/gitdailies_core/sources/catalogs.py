"""The protocol of a catalog of services: it asks for pages or reads documents, and yields what they say.

The registry finds the catalogs of vendors by entry point in the group `gitdailies.catalogs`. A catalog does
no I/O, as a history reader does none: its caller passes it `Pages` or documents. Its caller also decides
which repository a service has; a catalog only repeats what is written.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gitdailies_core.sources.history import Pages, TokenApi

GROUP = "gitdailies.catalogs"


class CatalogService(NamedTuple):
    """A service as a catalog has it.

    `services` are its ids and names in tools that send incidents. `repos` is what names its repository, as
    the catalog spells it: `owner/name`, or an address. `where` is its place: a file and line, or a name.
    `without` says what it lacks if `repos` is empty.
    """

    services: tuple[str, ...]
    repos: tuple[str, ...]
    where: str
    without: str = "it names no repository"


class LeftOut(NamedTuple):
    """What was left out, and why. No service of an incident is missing because of it."""

    what: str
    why: str


class Unreadable(NamedTuple):
    """A file of a catalog that cannot be read, and why. Services may be missing because of it."""

    where: str
    why: str


CatalogEntry = CatalogService | LeftOut | Unreadable


class Catalog(TokenApi, Protocol):
    """A catalog of services with an API."""

    def read(self, pages: Pages, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield what the API lists. With *names*, an entry's own name is the name of a service, too.

        Raises PayloadError if a page is not as the documentation says.
        """


@runtime_checkable
class ReadsDocuments(Protocol):
    """A catalog that is also kept in files, as YAML or JSON."""

    def of_document(self, value: Any, where: str, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield what one document says. *where* is its file and line."""
