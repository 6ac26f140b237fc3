"""The protocol of a history reader: it asks a vendor's API for pages and yields messages.

The registry finds readers by entry point in the group `gitdailies.history`. A reader does no
I/O. Its caller passes it `Pages`, which handles rate limits, broken connections, and pages that
an interrupted run has already fetched. The messages go through the same routes, filters and
decisions as those of a webhook, so they get the same ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError, Refused
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.values.secret import Secret

GROUP = "gitdailies.history"

# What a reader yields: a change of an incident, a deploy, or an ignored record with its reason.
PastMessage = Change | Event | Ignored
PastMessages = Iterator[PastMessage]
# A row of a vendor's listing, unchanged.
Row = dict[str, Any]
Query = Sequence[tuple[str, str]]


class Window(NamedTuple):
    """The range of time to read: from `since`, up to but without `until`, both aware UTC."""

    since: datetime
    until: datetime

    def contains(self, moment: datetime) -> bool:
        return self.since <= moment < self.until

    def halves(self) -> "tuple[Window, Window]":
        """Split the window in two at a whole second."""
        middle = (self.since + (self.until - self.since) / 2).replace(microsecond=0)
        return Window(self.since, middle), Window(middle, self.until)

    def parts(self, widest: timedelta) -> "Iterator[Window]":
        """Split the window into parts of at most *widest*, oldest first."""
        if self.until - self.since <= widest:
            yield self
            return
        for half in self.halves():
            yield from half.parts(widest)


class NotThere(Refused):
    """The vendor has nothing at this address: 404."""


class Pages(Protocol):
    """The vendor's API at one base URL."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""

    def get(self, path: str, query: Query = ()) -> Any:
        """Return the decoded JSON at *path*. A second run of the same fetch may read it from disk.

        Raises DeliveryError if the vendor still does not answer after retries, and Refused if it
        rejects the token or has no such page.
        """


def ignore_unreadable(messages: PastMessages) -> PastMessages:
    """Yield the *messages* of one record. If it cannot be read, yield an Ignored with the reason.

    So one bad record does not stop the others.
    """
    try:
        yield from list(messages)
    except PayloadError as error:
        yield Ignored(f"a record that cannot be read: {error}")


def numbered_pages(
    pages: Pages, path: str, query: Query, *, size: int, name: str = "", by: str = "per_page"
) -> Iterator[list[Row]]:
    """Yield pages of rows by the parameters `page` and *by*, as GitHub and GitLab number them.

    The rows are under *name*, or the page itself is the list. Raises PayloadError if they are not
    a list of objects.
    """
    for number in count(1):
        page = pages.get(path, [*query, (by, str(size)), ("page", str(number))])
        rows = rows_of(page, name, path)
        if rows:
            yield rows
        if len(rows) < size:
            return


def rows_of(page: Any, name: str, path: str) -> list[Row]:
    """Return the rows of *page*: those under *name*, or the page itself if *name* is empty.

    Raises PayloadError that names *path* if they are not a list of objects.
    """
    rows = page.get(name) if name and isinstance(page, dict) else page
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PayloadError(f"{path}: expected a list of objects, got {got(rows)}")
    return rows


def time_of(what: str, name: str) -> Callable[[Row], datetime]:
    """Return a function that reads the time under *name* of a row, which is named *what* in an error."""
    return lambda row: Fields(row, what).time(name)


def newest_first(
    listed: Iterable[Sequence[Row]], window: Window, at: Callable[[Row], datetime | None]
) -> Iterator[Row]:
    """Yield the rows in *window* from a listing that is sorted newest first and has no time filter.

    *at* returns the time of a row, or None if it has none yet. The listing stops at the first page
    on which every row is older than the window.
    """
    for rows in listed:
        times = [at(row) for row in rows]
        yield from (row for row, when in zip(rows, times, strict=True) if when and window.contains(when))
        if times and all(moment and moment < window.since for moment in times):
            return


class TokenApi(Protocol):
    """A vendor's API that takes a token. It may have the parts of `SecondKey` and `TokenExchange`, too.

    `name` is the name of its adapter or source pack, if it has one. `url` is the default address, "" for an
    API that each company runs itself. `token_env` is the default variable with the token.
    """

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def token_env(self) -> str: ...

    def headers(self, token: Secret) -> Mapping[str, str]:
        """Return the headers of every request."""


class Reader(TokenApi, Protocol):
    """The history of one vendor.

    `parameters` maps the name of each further parameter to a description. A parameter whose name ends in `?`
    is optional.
    """

    @property
    def parameters(self) -> Mapping[str, str]: ...

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> PastMessages:
        """Yield the messages about everything that began in *window*, in any order.

        Raises PayloadError if a page is not as the vendor's documentation says.
        """


# Optional parts of a reader. The caller detects each one by its attributes.


@runtime_checkable
class SecondKey(Protocol):
    """A reader whose API needs a second secret: the variable that holds it, and the header for it."""

    @property
    def second_env(self) -> str: ...

    @property
    def second_header(self) -> str: ...


@runtime_checkable
class TokenExchange(Protocol):
    """A reader that exchanges its token for a temporary access token."""

    def sign_in(self, url: str, token: Secret) -> tuple[str, Mapping[str, str]]:
        """Return the address that issues access tokens for the API at *url*, and the request's headers."""

    def access_token(self, answer: Any) -> str:
        """Return the access token in the decoded answer. Raises PayloadError."""


@runtime_checkable
class PerSource(Protocol):
    """A reader that depends on the address of the API or on the options of its source."""

    def for_source(self, url: str, options: Mapping[str, Any]) -> Reader:
        """Return the reader of the API at *url* for a source with *options*."""


@runtime_checkable
class MayCountTwice(Protocol):
    """A reader whose events may get other ids than the live ones, so that both count."""

    def may_count_twice(self, parameters: Mapping[str, str]) -> str:
        """Return why something may count twice, or "" if nothing can."""


class FailedDelivery(NamedTuple):
    """A webhook delivery that the vendor could not deliver: when, of what, and what it noted.

    `id` is the same at each attempt. A POST to the path `again` asks the vendor to send it again.
    """

    at: datetime
    id: str
    event: str
    status: str
    again: str


class Listing(Protocol):
    """The vendor's API. Each call sends a request."""

    def get(self, path: str, query: Query = ()) -> tuple[Any, Query]:
        """Return the decoded JSON at *path*, and the query of the next page, empty on the last one.

        Raises as `Pages.get`.
        """


@runtime_checkable
class CatchesUp(Protocol):
    """A reader whose vendor lists the webhook deliveries that failed, and sends them again when asked."""

    def failed_deliveries(
        self, listing: Listing, owner: str, hook: str, source: str, since: datetime
    ) -> Iterator[FailedDelivery]:
        """Yield what failed since a time and did not arrive later, oldest first.

        *owner* is owner/name of a repository, or an organization. *hook* is the id of its webhook; "" for
        those whose address ends in `/hooks/SOURCE`. Raises UsageError if there is none.
        """
