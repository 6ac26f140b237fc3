"""What a reader of a vendor's past is: it asks for pages, and tells what they say.

Found by entry point in the group `gitdailies.history`. A reader does no I/O of its own: whoever
runs it hands over `Pages`, which knows of rate limits, broken connections, and of pages that an
interrupted run has read already. What it tells goes the way that a webhook's messages go: the
same routes, filters and periods, and therefore the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple, Protocol, Union, runtime_checkable

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.values.secret import Secret

GROUP = "gitdailies.history"

# A change of an incident, a deploy, or why a record says nothing to count.
Told = Union[Change, Event, Ignored]
# A row of a listing, as the vendor has it.
Row = dict[str, Any]


class Window(NamedTuple):
    """The time to read, half-open, both ends aware UTC."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment < self.until

    def halves(self) -> tuple[Window, Window]:
        """Cut it in two, at a whole second."""
        middle = (self.since + (self.until - self.since) / 2).replace(microsecond=0)
        return Window(self.since, middle), Window(middle, self.until)

    def parts(self, widest: timedelta) -> Iterator[Window]:
        """Cut it until no part is wider than *widest*, oldest first."""
        if self.until - self.since <= widest:
            yield self
            return
        for half in self.halves():
            yield from half.parts(widest)


class Pages(Protocol):
    """The vendor's API, one address of it."""

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Return the JSON that stands at *path*; a second run of the same fetch may get it from disk.

        Raises DeliveryError where the vendor does not answer for good, Refused where it does not
        take the token or knows no such page.
        """


def readable(told: Iterator[Told]) -> Iterator[Told]:
    """Yield what one record tells; of one that cannot be read the reason, so that it stops no other."""
    try:
        yield from list(told)
    except PayloadError as error:
        yield Ignored(f"a record that cannot be read: {error}")


def numbered(
    pages: Pages, path: str, query: Sequence[tuple[str, str]], *, size: int, name: str = ""
) -> Iterator[list[Row]]:
    """Yield pages of rows that are asked for by `page` and `per_page`, as GitHub and GitLab have them.

    The rows stand under *name*, or are the page. Raises PayloadError where they are no list of objects.
    """
    number = 1
    while True:
        page = pages.get(path, [*query, ("per_page", str(size)), ("page", str(number))])
        rows = rows_of(page, name, path)
        if rows:
            yield rows
        if len(rows) < size:
            return
        number += 1


def rows_of(page: Any, name: str, path: str) -> list[Row]:
    """Return the rows of *page*, which stand under *name* or are the page; *path* is what errors name.

    Raises PayloadError where they are no list of objects.
    """
    rows = page.get(name) if name and isinstance(page, dict) else page
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PayloadError(f"{path}: expected a list of objects, got {got(rows)}")
    return rows


def newest_first(
    listed: Iterable[Sequence[Row]], window: Window, at: Callable[[Row], datetime | None]
) -> Iterator[Row]:
    """Yield the rows of *window* from a listing that comes newest first and knows no window.

    *at* tells a row's time, None for one that has none yet. Older pages are not asked for.
    """
    for rows in listed:
        times = [at(row) for row in rows]
        yield from (row for row, moment in zip(rows, times) if moment and window.holds(moment))
        if times and all(moment and moment < window.since for moment in times):
            return


class Reader(Protocol):
    """One vendor's past.

    `name` is that of its adapter, where it has one. `url` is where its API is, `token_env` the
    variable that its token is read from unless told otherwise. `parameters` are what it has to be
    told besides, by name, with a line about each; a name that ends in `?` may be left out.
    """

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def token_env(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, str]: ...

    def headers(self, token: Secret) -> Mapping[str, str]:
        """Return the headers that a request carries."""

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[Told]:
        """Tell all that began in *window*, in any order.

        Raises PayloadError where a page is not what the vendor's documentation says.
        """


# What only some readers need, each found by its names. A reader has those that fit.


@runtime_checkable
class TwoKeys(Protocol):
    """A reader that proves itself with a second secret: the variable it is read from, its header."""

    @property
    def second_env(self) -> str: ...

    @property
    def second_header(self) -> str: ...


@runtime_checkable
class SignsIn(Protocol):
    """A reader whose token is not sent with requests: it is exchanged for one that is, for a while."""

    def sign_in(self, url: str, token: Secret) -> tuple[str, Mapping[str, str]]:
        """Return the address that gives that one, for an API at *url*, and the headers to ask with."""

    def access(self, answer: Any) -> str:
        """Read it from the answer; raises PayloadError."""


@runtime_checkable
class Placed(Protocol):
    """A reader that tells other things by where it reads, or by the options of its source."""

    def placed(self, url: str, options: Mapping[str, Any]) -> Reader:
        """Return the reader of the API at *url* for a source with *options*."""


@runtime_checkable
class Apart(Protocol):
    """A reader of what may get other ids than it got live, so that both count."""

    def apart(self, parameters: Mapping[str, str]) -> str:
        """Say what may count twice, and why, or "" where nothing can."""
