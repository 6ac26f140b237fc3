"""Past incidents by a pack's `fetch`: a vendor's list, and the deliveries that each of its items once sent.

The messages of the pack read these deliveries, so an incident has the id that its webhooks give it. Paths
start at one object:

    with, since_ms, until_ms, day_before, day_after    the options and the window
    item                                               an element of the list
    NAME                                               what the request NAME of `once` or `ask` returned
    one, before, later                                 an element of `each`, the one before it, those after it
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from gitdailies_core import Ignored, Message, Request, Secret, text_of
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.history import (
    NotThere,
    Pages,
    PastMessage,
    Query,
    Window,
    ignore_unreadable,
    rows_of,
)
from gitdailies_core.sources.protocol import Change

from gitdailies_sources.language import paths, times, values
from gitdailies_sources.language.faults import Faults, Mistake, Place
from gitdailies_sources.language.scope import Scope

Given = Mapping[str, Any]
Read = Callable[[Scope], Any]

_NO_REQUEST = Request.make(headers={}, body=b"")
_NAME = re.compile(r'"([^"]+)"|([^."]+)')
_SPLIT_TO = timedelta(seconds=2)
_WIDEST, _DAY = timedelta(days=31), timedelta(days=1)


@dataclass(frozen=True, eq=False)
class PackReader:
    """The history of a pack's tool, a `Reader` of core. *translate* is that of the pack."""

    name: str
    url: str
    token_env: str
    parameters: Mapping[str, str]
    scheme: str
    fetch: "Fetch"
    translate: Callable[[Request, Mapping[str, Any]], Sequence[Message]]

    def headers(self, token: Secret) -> Mapping[str, str]:
        text = token.reveal()
        text = b64encode(text.encode()).decode() if self.scheme == "Basic" else text
        return {"Authorization": f"{self.scheme} {text}", "Accept": "application/json"}

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the messages of each item that began in *window*, in the order of its deliveries."""
        for body in self.fetch.bodies(pages, window, parameters):
            if isinstance(body, Ignored):
                yield body
            else:
                yield from ignore_unreadable(self._messages(body))

    def _messages(self, body: Mapping[str, Any]) -> Iterator[PastMessage]:
        request = Request.make(headers={}, body=json.dumps(body).encode())
        for message in self.translate(request, {}):
            if isinstance(message, (Change, Ignored)):
                yield message
            else:
                yield Ignored("a message about no incident, which this fetch does not read")


class Fetch:
    """A compiled `fetch`. Faults are added to *faults*."""

    def __init__(self, given: Given, place: Place, faults: Faults) -> None:
        self.reader = partial(
            PackReader,
            url=str(given.get("url", "")),
            token_env=str(given["token_env"]),
            parameters=given.get("with", {}),
            scheme=str(given["authorization"]),
            fetch=self,
        )
        self._list = _Asked(given["list"], (*place, "list"), faults)
        self._once, self._ask = (
            {name: _Asked(one, (*place, part, name), faults) for name, one in given.get(part, {}).items()}
            for part in ("once", "ask")
        )
        self._began = times.compiled(given["began"], (*place, "began"), faults)
        self._deliveries = [
            _Delivery(one, (*place, "deliveries", index), faults)
            for index, one in enumerate(given["deliveries"])
        ]

    def bodies(
        self, pages: Pages, window: Window, parameters: Mapping[str, str]
    ) -> Iterator[dict[str, Any] | Ignored]:
        """Yield the deliveries of each item that began in *window*, in order, or why an item has none."""
        known: dict[str, Any] = {"with": dict(parameters)}
        for name, asked in self._once.items():
            known[name] = asked.answer(pages, _scope(known))
        # A part at a time, so that no year of items is in memory.
        for part in window.parts(_WIDEST):
            for within, item in self._items(pages, part, known):
                try:
                    yield from list(self._of_item(pages, within, {**known, "item": item}))
                except PayloadError as error:
                    yield Ignored(f"a record that cannot be read: {error}")

    def _items(self, pages: Pages, window: Window, known: Given) -> Iterator[tuple[Window, Any]]:
        """List what began in *window*. One with more items than the vendor lists is split in two."""
        rows = rows_of(self._list.answer(pages, _scope({**known, **_limits(window)})), "", "list")
        if 0 < self._list.most <= len(rows) and window.until - window.since > _SPLIT_TO:
            for half in window.halves():
                yield from self._items(pages, half, known)
        else:
            yield from ((window, row) for row in rows)

    def _of_item(self, pages: Pages, window: Window, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        # What began at the edge may be listed in two parts.
        if window.contains(_moment(self._began, _scope(found))):
            for name, asked in self._ask.items():
                try:
                    found[name] = asked.answer(pages, _scope(found))
                except NotThere:
                    raise PayloadError(f"{name}: expected it, got 404: it was deleted meanwhile") from None
            for delivery in self._deliveries:
                yield from delivery.bodies(found)


def _limits(window: Window) -> dict[str, Any]:
    """Return the window as vendors write it. The days hold it in every time zone."""
    since, until = window.since.astimezone(UTC), window.until.astimezone(UTC)
    return {
        "since_ms": int(since.timestamp() * 1000),
        "until_ms": int(until.timestamp() * 1000),
        "day_before": (since - _DAY).date().isoformat(),
        "day_after": (until + 2 * _DAY).date().isoformat(),
    }


class _Asked:
    """A request, and how its further pages are asked for."""

    def __init__(self, given: Given, place: Place, faults: Faults) -> None:
        self._path = [_template(part, (*place, "path"), faults) for part in given["path"].split("/")[1:]]
        self._query = {
            name: _template(text, (*place, "query", name), faults)
            for name, text in given.get("query", {}).items()
        }
        self._rows = _raw(given.get("rows", "body"), (*place, "rows"), faults)
        pages = given.get("pages", {})
        self._is_listed = bool(pages)
        self._cursor = str(pages.get("cursor", ""))
        self._next = _raw(pages.get("from", pages.get("link")), (*place, "pages"), faults)
        self._by = str(given.get("by", ""))
        self.most = int(given.get("most", 0))

    def answer(self, pages: Pages, scope: Scope) -> Any:
        """Return the rows of all pages together; with `by`, an object of the rows by that field.

        Raises PayloadError if the vendor answers otherwise.
        """
        path = "".join("/" + quote(_needed(part, scope), safe="") for part in self._path)
        query = [(name, text) for name, value in self._query.items() if (text := value.text(scope))]
        if not self._is_listed:
            found = self._rows(_scope(pages.get(path, query)))
            return {str(row.get(self._by)): row for row in rows_of(found, "", path)} if self._by else found
        listed: list[Any] = []
        asked: list[Query] = []
        further: Query = query
        while further and further not in asked and not 0 < self.most <= len(listed):
            asked.append(further)
            answer = _scope(pages.get(path, further))
            rows = rows_of(self._rows(answer), "", path)
            listed += rows
            further = self._further(query, answer) if rows else []
        return listed

    def _further(self, query: Query, answer: Scope) -> Query:
        """Return the query of the page after *answer*, empty if that is the last one."""
        following = self._next(answer)
        if not isinstance(following, str) or not following:
            return []
        # Only the query of a link: an answer cannot lead the token to another address.
        return [*query, (self._cursor, following)] if self._cursor else parse_qsl(urlsplit(following).query)


class _Delivery:
    """A delivery of an item, or one for each element of a list."""

    def __init__(self, given: Given, place: Place, faults: Faults) -> None:
        self._each = _raw(given["each"], (*place, "each"), faults) if "each" in given else None
        self._order = times.compiled(given["order"], (*place, "order"), faults) if "order" in given else None
        self._only, self._when = (
            values.any_of(given[name], (*place, name), faults) if name in given else None
            for name in ("only", "when")
        )
        self._body = [
            (name, _raw(value, (*place, "body", name), faults)) for name, value in given["body"].items()
        ]

    def bodies(self, found: Given) -> Iterator[dict[str, Any]]:
        for scope in self._scopes(found):
            if self._when is None or self._when(scope):
                body: dict[str, Any] = {}
                for path, read in self._body:
                    _put(body, path, read(scope))
                yield body

    def _scopes(self, found: Given) -> list[Scope]:
        if self._each is None:
            return [_scope(found)]
        each = [_scope({**found, "one": one}) for one in self._each(_scope(found)) or ()]
        each = [one for one in each if self._only is None or self._only(one)]
        if self._order is not None:
            each.sort(key=partial(_moment, self._order))
        ones = [scope.element["one"] for scope in each]
        return [
            _scope({**found, "one": one, "before": ones[at - 1] if at else None, "later": ones[at + 1 :]})
            for at, one in enumerate(ones)
        ]


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    """Put *value* at *path*. None removes the value at it. The answers that were read stay unchanged."""
    *outer, last = (quoted or plain for quoted, plain in _NAME.findall(path))
    for name in outer:
        inner = body.get(name)
        if value is None and not isinstance(inner, dict):
            return
        body[name] = dict(inner) if isinstance(inner, dict) else {}
        body = body[name]
    if value is None:
        body.pop(last, None)
    else:
        body[last] = value


def _raw(given: Any, place: Place, faults: Faults) -> Read:
    """Compile a value that is read unchanged: also an object, or a whole list."""
    if given is None:
        return lambda _scope: None
    if isinstance(given, str) and "${" not in given:
        try:
            return paths.compiled(given).read
        except Mistake as mistake:
            faults.setdefault(place, str(mistake))
    if isinstance(given, Mapping) and "first_of" in given:
        parts = [_raw(one, (*place, "first_of", at), faults) for at, one in enumerate(given["first_of"])]
        return lambda scope: next((found for read in parts if (found := read(scope)) is not None), None)
    if isinstance(given, Mapping) and "when" in given:
        holds = values.any_of(given["when"], (*place, "when"), faults)
        then = _raw(given["then"], (*place, "then"), faults)
        return lambda scope: then(scope) if holds(scope) else None
    if isinstance(given, Mapping) and "time" in given:
        return _later(given, place, faults)
    return values.compiled(given, place, faults).raw


def _later(given: Given, place: Place, faults: Faults) -> Read:
    """Compile a time some milliseconds after another one; absent if the vendor does not tell both."""
    time = times.compiled(given["time"], (*place, "time"), faults)
    more = values.compiled(given["plus_milliseconds"], (*place, "plus_milliseconds"), faults)

    def read(scope: Scope) -> str | None:
        moment, count = time.read(scope), more.raw(scope)
        if moment is None or type(count) is not int or count < 0:
            return None
        try:
            return text_of(moment.at + timedelta(milliseconds=count))
        except OverflowError:
            return None

    return read


def _template(text: str, place: Place, faults: Faults) -> values.Value:
    return values.compiled(text if "${" in text else {"text": text}, place, faults)


def _scope(known: Any) -> Scope:
    return Scope(_NO_REQUEST, known, {}, known)


def _needed(value: values.Value, scope: Scope) -> str:
    text = value.text(scope)
    if text is None:
        raise PayloadError(f"{value.where}: expected a text, got nothing")
    return text


def _moment(time: times.Time, scope: Scope) -> datetime:
    moment = time.read(scope)
    if moment is None:
        raise PayloadError(f"{time.where}: expected a time, got none")
    return moment.at
