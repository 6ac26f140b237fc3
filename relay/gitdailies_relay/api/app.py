"""The API of the status listener: paths, the key, and answers in JSON. What is decided is decided elsewhere.

| request                                              | answer                                    |
| ---------------------------------------------------- | ----------------------------------------- |
| without `relay.status_key` in gitdailies.yml         | 403, and how to switch it on              |
| without the key, or with another one                 | 401                                       |
| wrong parameters or fields                           | 400: where, expected, got                 |
| unknown delivery, unknown path                       | 404                                       |
| wrong method                                         | 405                                       |
| an action on many that were others when counted      | 409, with the number now                  |
| a line of a service, for a file that is not written  | 403, and what to do by hand               |
| the store cannot be read or written                  | 503 with Retry-After                      |
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from gitdailies_connection.config.config_file import ConfigFile
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.services import lines_of
from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import ConfigurationError, GitDailiesError, StoreUnavailable, UsageError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.api import deliveries, service_lines
from gitdailies_relay.api.acting import Actor
from gitdailies_relay.api.outcomes import ACTIONS, CLOSE, REPLAY, UNMAPPED
from gitdailies_relay.api.questions import (
    Choice,
    Order,
    confirmation,
    listing_of,
    mapping_of,
    order_for_many,
    order_of,
    pause_of,
    person_of,
    span_of,
)
from gitdailies_relay.api.sending import send_example
from gitdailies_relay.api.service_writing import with_line
from gitdailies_relay.operations import pausing
from gitdailies_relay.store import refusals
from gitdailies_relay.store.store import RelayStore, transaction

LOG = structlog.get_logger("gitdailies.relay")

LARGEST_BODY = 64 * 1024
RETRY_AFTER_SECONDS = 5
_PREFIXES = ("/deliveries", "/refusals", "/services", "/sources", "/pause", "/resume")
_EXAMPLE = re.compile(r"/sources/([A-Za-z0-9_.-]{1,100})/example")
_ONE = re.compile(r"/deliveries/([A-Za-z0-9_-]{1,100})")
_ACTION = re.compile(rf"/deliveries/([A-Za-z0-9_-]{{1,100}})/({'|'.join(ACTIONS)})")
_FOREVER_US = 2**62


class ApiAnswer(NamedTuple):
    """A status, what is written as JSON, and headers."""

    status: int
    content: Mapping[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Current(NamedTuple):
    """The configuration that is active now, as far as deliveries are concerned."""

    sources: Mapping[str, Source]
    routes: Routes
    secrets: Mapping[str, Sequence[Secret]]


class Examples(NamedTuple):
    """Where the relay takes deliveries, and the token by which it knows its own examples."""

    address: str
    token: Secret


class DeliveryApi:
    """Answers requests of programs that have the key.

    *current* returns the active configuration, and *file* is its gitdailies.yml. *on_acted* is called when
    events may wait that did not wait before. With *reload*, which takes over a changed file, lines of
    services are written into it; without it the file is left to people.
    """

    def __init__(
        self,
        store: RelayStore,
        *,
        key: SecretSource | None,
        environ: Mapping[str, str],
        current: Callable[[], Current],
        file: Path,
        on_acted: Callable[[], None],
        examples: Examples,
        reload: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._environ = environ
        self._current = current
        self._file = file
        self._on_acted = on_acted
        self._examples = examples
        self._reload = reload
        self._writing = asyncio.Lock()

    @staticmethod
    def has(path: str) -> bool:
        """Whether a path is one of this API."""
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in _PREFIXES)

    async def __call__(self, scope: Any, receive: Any) -> ApiAnswer:
        try:
            refused = await asyncio.to_thread(self._refusal, scope)
            return refused or await self._answer(scope, receive)
        except StoreUnavailable as error:
            retry = (b"retry-after", b"%d" % RETRY_AFTER_SECONDS)
            return ApiAnswer(503, {"status": "unavailable", "reason": str(error)}, (retry,))
        except GitDailiesError as error:
            return ApiAnswer(400, {"status": "bad request", "reason": str(error)})

    def _refusal(self, scope: Any) -> ApiAnswer | None:
        """Refuse a request without the key. The key is read each time, so that it may be replaced."""
        if self._key is None:
            reason = (
                "this API is off; name a key for it in gitdailies.yml, relay: {status_key: {file: PATH}},"
                " and start the relay again"
            )
            return ApiAnswer(403, {"status": "forbidden", "reason": reason})
        try:
            key = self._key.read(self._environ)
        except ConfigurationError as error:
            LOG.error("relay.status_key not read", reason=str(error))
            return ApiAnswer(503, {"status": "unavailable", "reason": "relay.status_key cannot be read"})
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if scheme.lower() == b"bearer" and key.matches(token.strip()):
            return None
        reason = "Authorization: expected Bearer and the key of relay.status_key, got something else"
        challenge = (b"www-authenticate", b"Bearer")
        return ApiAnswer(401, {"status": "unauthorized", "reason": reason}, (challenge,))

    async def _answer(self, scope: Any, receive: Any) -> ApiAnswer:
        path, method = scope["path"], scope["method"]
        query = scope.get("query_string", b"").decode("latin-1")
        one, action = _ONE.fullmatch(path), _ACTION.fullmatch(path)
        routes: Mapping[str, Callable[[], Awaitable[ApiAnswer]]] = {}
        if path == "/deliveries":
            routes = {"GET": partial(self._list, query)}
        elif path == "/deliveries/actions":
            routes = {"POST": partial(self._act_on_many, receive)}
        elif path == "/refusals":
            routes = {"GET": partial(self._refusals, query)}
        elif path in ("/pause", "/resume"):
            routes = {"POST": partial(self._pause, receive, ends=path == "/resume")}
        elif path == "/services":
            routes = {"GET": self._services, "POST": partial(self._map, receive)}
        elif example := _EXAMPLE.fullmatch(path):
            routes = {"POST": partial(self._send_example, example[1], receive)}
        elif action is not None:
            routes = {"POST": partial(self._act, action[1], action[2], receive)}
        elif one is not None:
            routes = {"GET": partial(self._show, one[1], query)}
        if not routes:
            return ApiAnswer(404, {"status": "not found"})
        if method not in routes:
            allow = (b"allow", ", ".join(routes).encode())
            return ApiAnswer(405, {"status": "method not allowed"}, (allow,))
        return await routes[method]()

    async def _list(self, query: str) -> ApiAnswer:
        listing = listing_of(query, list(self._current().sources))
        return ApiAnswer(200, await self._read(lambda s: deliveries.page(s, listing)))

    async def _show(self, id_: str, query: str) -> ApiAnswer:
        choice = listing_of(query, list(self._current().sources)).choice
        routes = self._current().routes

        def read(session: Any) -> Any:
            lines = lines_of(self._file)
            return deliveries.one(session, id_, routes, lines, bodies=choice.bodies)

        found = await self._read(read)
        if found is None:
            return ApiAnswer(404, {"status": "not found", "reason": "the store has no such delivery"})
        return ApiAnswer(200, {**found, "file": self._file.name})

    async def _refusals(self, query: str) -> ApiAnswer:
        limit, source, after = span_of(query)
        before = _place(after)
        rows = await self._read(
            lambda s: refusals.newest(s, limit=limit + 1, before=before, since=0, source=source)
        )
        shown = rows[:limit]
        more = len(rows) > limit
        return ApiAnswer(
            200,
            {
                "refusals": [_refusal_line(group) for group in shown],
                "next": f"{shown[-1].last_at}-{shown[-1].seq}" if more else None,
            },
        )

    async def _services(self) -> ApiAnswer:
        current = self._current()
        read = partial(
            service_lines.report,
            sources=current.sources,
            routes=current.routes,
            file=self._file,
            writable=self._reload is not None,
        )
        return ApiAnswer(200, await self._read(read))

    async def _map(self, receive: Any) -> ApiAnswer:
        """Write the line of a service, take it over, and replay the deliveries that waited for it."""
        if self._reload is None:
            reason = f"{self._file.name}: this relay does not write it; write the line by hand, send SIGHUP"
            return ApiAnswer(403, {"status": "forbidden", "reason": reason})
        mapping = mapping_of(await _json_of(receive))
        file, line = ConfigFile(self._file), mapping.line
        async with self._writing:
            change = await asyncio.to_thread(file.change, partial(with_line, line=line))
            try:
                await self._reload()
            except GitDailiesError as error:
                await asyncio.to_thread(file.take_back, change)
                raise UsageError(f"{file.name}: the line was not written, since {error}") from None
        LOG.info("service mapped", service=line.service, person=mapping.person)
        choice = Choice(outcome=UNMAPPED, service=line.service)
        ids, more = await self._read(lambda s: deliveries.chosen_ids(s, choice))
        result = await asyncio.to_thread(self._actor().act, Order(REPLAY, mapping.person), ids)
        self._on_acted()
        return ApiAnswer(200, {**result, "more": more})

    async def _send_example(self, name: str, receive: Any) -> ApiAnswer:
        """Send an example of a source. An incident that it starts is ended at once."""
        current, person = self._current(), person_of(await _json_of(receive))
        source = current.sources.get(name)
        if source is None:
            return ApiAnswer(404, {"status": "not found", "reason": "gitdailies.yml has no such source"})
        secrets, now = current.secrets.get(name, ()), from_us(now_us())
        sent = await asyncio.to_thread(
            send_example, self._examples.address, source, secrets, self._examples.token, now
        )
        if sent.starts_incident:
            order = Order(CLOSE, person, "it is an example")
            with contextlib.suppress(UsageError):  # what repeats an example starts nothing
                await asyncio.to_thread(self._actor().act, order, [sent.delivery])
            self._on_acted()
        return ApiAnswer(200, {"delivery": sent.delivery})

    async def _pause(self, receive: Any, *, ends: bool) -> ApiAnswer:
        """Pause or resume a source or everything, as the commands do; return what is paused now."""
        order = pause_of(await _json_of(receive), list(self._current().sources), needs_reason=not ends)

        def change() -> pausing.Paused:
            with transaction(self._store.database) as session:
                if ends:
                    return pausing.resume(session, order.source, person=order.person)
                return pausing.pause(session, order.source, person=order.person, reason=order.reason)

        changed = await asyncio.to_thread(change)
        self._on_acted()
        return ApiAnswer(200, {"changed": changed.before != changed.now, "paused": changed.now})

    async def _act(self, id_: str, action: str, receive: Any) -> ApiAnswer:
        order = order_of(action, await _json_of(receive))
        result = await asyncio.to_thread(self._actor().act, order, [id_])
        self._on_acted()
        return ApiAnswer(200, result)

    async def _act_on_many(self, receive: Any) -> ApiAnswer:
        current = self._current()
        wanted = order_for_many(await _json_of(receive), list(current.sources), from_us(now_us()))
        ids, more = await self._read(lambda s: deliveries.chosen_ids(s, wanted.choice))
        token = confirmation(wanted.order.action, ids)
        counted = {
            "count": len(ids),
            "more": more,
            "confirm": token,
            "filter": wanted.choice.to_json(),
        }
        if wanted.dry_run:
            return ApiAnswer(200, counted)
        if wanted.confirm != token:
            reason = f"confirm: other deliveries match now than when they were counted: {len(ids)}"
            return ApiAnswer(409, {"status": "conflict", "reason": reason, **counted})
        result = await asyncio.to_thread(self._actor().act, wanted.order, ids)
        self._on_acted()
        return ApiAnswer(200, {**result, "more": more})

    def _actor(self) -> Actor:
        current = self._current()
        return Actor(self._store.database, current.sources, current.routes)

    async def _read(self, read: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(self._store.report, read)


def _refusal_line(group: refusals.Group) -> dict[str, Any]:
    refused = group.refused
    return {
        "status": refused.status,
        "source": refused.source or None,
        "client": refused.client or None,
        "reason": refused.reason,
        "requests": group.requests,
        "firstAt": text_of(from_us(group.first_at)),
        "lastAt": text_of(from_us(group.last_at)),
    }


def _place(after: str | None) -> tuple[int, int]:
    if after is None:
        return _FOREVER_US, 0
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", after)
    if found is None:
        raise UsageError("after: expected the `next` of the page before, got something else")
    return int(found[1]), int(found[2])


async def _json_of(receive: Any) -> Mapping[str, Any]:
    """Read a body as a JSON object; raises UsageError."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise UsageError("body: expected a JSON object, got the end of the connection")
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise UsageError(f"body: expected at most {LARGEST_BODY} bytes, got more")
        if not message.get("more_body"):
            break
    value = strict_json.loads(bytes(body))
    if not isinstance(value, dict):
        raise UsageError("body: expected a JSON object, got something else")
    return value
