"""The protocol of a vendor whose webhook a program can set up: its requests as values, and no I/O.

The registry finds vendors by entry point in the group `gitdailies.connect`. A vendor says which requests make
the webhook, how to find a webhook that exists, and how to delete it. Its caller sends the requests, keeps the
secret, and takes everything back where one of them fails.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import TokenApi, rows_of
from gitdailies_core.values.secret import Secret

GROUP = "gitdailies.connect"

POST, DELETE = "POST", "DELETE"
# The answers of a vendor that deleted something, or had deleted it before.
_GONE = (200, 202, 204, 404)


class Template(NamedTuple):
    """The text of a file of an adapter's package, in a body."""

    package: str
    path: str


class Call(NamedTuple):
    """A request to a vendor's API: what it does, for people, and itself.

    The body may hold values of Secret and Template, which only a sender replaces by their text. `accepted`
    are the statuses of success.
    """

    does: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    accepted: tuple[int, ...] = (200, 201)


class Made(NamedTuple):
    """Something that exists at the vendor: what it is, its id there, and the request that deletes it."""

    what: str
    id: str
    delete: Call

    @classmethod
    def at(cls, path: str, what: str, id_: str) -> "Made":
        """Return what is deleted by a request to *path*, also where somebody deleted it before."""
        return cls(what, id_, Call(f"delete the {what}", DELETE, path, None, _GONE))

    @classmethod
    def of(cls, row: Fields, path: str, what: str = "webhook") -> "Made":
        """Return what a *row* of the listing at *path* describes."""
        id_ = row.text("id")
        return cls.at(f"{path}/{quote(id_, safe='')}", what, id_)


class Step(NamedTuple):
    """A request that makes something. `made` and `secret` read its answer."""

    call: Call
    made: Callable[[Fields], Made]
    secret: Callable[[Fields], Secret] | None = None


class Target(NamedTuple):
    """What to connect: the address of the hook at the relay, the name of the source, and parameters."""

    url: str
    source: str
    parameters: Mapping[str, str]


class Lookup(Protocol):
    """The vendor's API, to look something up."""

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Return the decoded JSON at *path*, None where there is nothing.

        Raises DeliveryError if the vendor does not answer, and Refused if it refuses the token.
        """


class Vendor(TokenApi, Protocol):
    """A vendor whose webhooks have an API.

    `parameters` are as those of a history reader. `settings` are those of the source, besides adapter and
    secrets. `test_by_hand` says how a person sends a test, where the API cannot.
    """

    parameters: Mapping[str, str]
    settings: Mapping[str, str] = MappingProxyType({})
    # Whether the vendor makes the secret, and says it in an answer. Else it takes one.
    gives_secret: bool = False
    test_by_hand: str = ""

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        """Yield what exists for this target, in the order of `steps`.

        Raises UsageError if something else has its place, and PayloadError for an answer of another form.
        """

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:
        """Return what makes the webhook, in order. *secret* is None if the vendor gives it.

        Raises UsageError for parameters that do not go together.
        """

    def test(self, made: Sequence[Made], target: Target) -> Call | None:  # noqa: ARG002  the default
        """Return the request that has the vendor send a test, None where its API has none."""
        return None

    def webhooks(self, lookup: Lookup, path: str, per_page: int) -> Iterator[Fields]:
        """Yield the webhooks that an API lists at *path* in numbered pages of *per_page*.

        Raises UsageError if there is no such place, or no right to it.
        """
        for number in count(1):
            page = lookup.get(path, [("per_page", str(per_page)), ("page", str(number))])
            if page is None:
                raise UsageError(
                    f"{self.name}: expected webhooks at {path}, got none: no such place, or no right to it"
                )
            rows = rows_of(page, "", path)
            yield from map(Fields, rows)
            if len(rows) < per_page:
                return
