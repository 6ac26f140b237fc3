"""Reads Datadog's past, page by page; found by entry point in the group `gitdailies.history`.

The vendor's own client is not used: it overlooks `Retry-After`, and where it tries again it prints the
status on standard output, which is where the command prints its JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, Row, Told, Window, newest_first, readable, rows_of
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.secret import Secret

from gitdailies_datadog import past

# "Search for incidents" and "Get a list of events": the largest pages there are.
INCIDENTS, EVENTS = 100, 1_000
_SEARCH = "/api/v2/incidents/search"
_ANY_STATE = "state:(active OR stable OR resolved OR completed)"


@dataclass(frozen=True)
class Reader:
    """The reader `datadog`: incidents, or the events of monitors; *site* is where people look at them."""

    name: ClassVar[str] = "datadog"
    url: ClassVar[str] = "https://api.datadoghq.com"
    token_env: ClassVar[str] = "DD_API_KEY"  # noqa: S105  a name, not a token
    second_env: ClassVar[str] = "DD_APP_KEY"
    second_header: ClassVar[str] = "DD-APPLICATION-KEY"
    parameters: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "monitors?": "a search for monitors' events, as env:prod, or * for all; else incidents are read",
            "service?": "the service, where the template of the webhook names one",
            "env?": "the environment, likewise",
        }
    )
    site: str = "app.datadoghq.com"
    options: Mapping[str, Any] = field(default_factory=dict)

    def placed(self, url: str, options: Mapping[str, Any]) -> Reader:
        """Read a site: api.datadoghq.eu is looked at on app.datadoghq.eu, api.us3.… on us3.datadoghq.com."""
        host = urlsplit(url).hostname or ""
        site = host.removeprefix("api.") if host.startswith("api.") else self.site
        return replace(self, site=f"app.{site}" if site.count(".") == 1 else site, options=options)

    def apart(self, parameters: Mapping[str, str]) -> str:
        if "monitors" not in parameters:
            return ""
        return "Datadog documents no cycle key of its events, without which an alert has another id than live"

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {"DD-API-KEY": token.reveal(), "Accept": "application/json"}

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[Told]:
        """Tell the incidents that were created in *window*, or the alerts of monitors that began in it."""
        given = {name: value for name, value in parameters.items() if name != "monitors"}
        if "monitors" in parameters:
            yield from self._alerts(pages, window, parameters["monitors"], given)
            return
        for row in newest_first(_incidents(pages), window, _created_at):
            yield from readable(past.of_incident(_data(row), given, self.site, self.options))

    def _alerts(self, pages: Pages, window: Window, search: str, given: Mapping[str, str]) -> Iterator[Told]:
        """Tell what happened in *window*, and after it the ends of what began in it."""
        begun: set[str] = set()
        for row in _events(pages, window, search):
            within = window.holds(past.happened_at(row))
            if not within and not begun:
                return
            for told in readable(past.of_event(row, given, self.site, self.options)):
                if not isinstance(told, Change):
                    if within:
                        yield told
                elif within or (told.state == RESOLVED and told.incident in begun):
                    yield told
                    if told.state == STARTED:
                        begun.add(told.incident)
                    elif told.state == RESOLVED:
                        begun.discard(told.incident)


def _incidents(pages: Pages) -> Iterator[list[Row]]:
    """List incidents, newest first: the search knows no time."""
    offset = 0
    while True:
        query = [
            ("query", _ANY_STATE),
            ("sort", "-created"),
            ("page[size]", str(INCIDENTS)),
            ("page[offset]", str(offset)),
        ]
        page = Fields(pages.get(_SEARCH, query), _SEARCH).object("data").object("attributes")
        rows = rows_of(page.raw("incidents") or [], "", page.where("incidents"))
        yield rows
        offset += len(rows)
        if len(rows) < INCIDENTS:
            return


def _data(row: Row) -> Fields:
    return Fields(row, "incident").object("data")


def _created_at(row: Row) -> datetime:
    return _data(row).object("attributes").time("created")


def _events(pages: Pages, window: Window, search: str) -> Iterator[Fields]:
    """List monitors' events from the beginning of *window* on, oldest first, up to now."""
    query = [
        ("filter[query]", "source:alert" if search == "*" else f"source:alert ({search})"),
        ("filter[from]", str(round(window.since.timestamp() * 1000))),
        ("sort", "timestamp"),
        ("page[limit]", str(EVENTS)),
    ]
    cursor = ""
    while True:
        more = [("page[cursor]", cursor)] if cursor else []
        page = Fields(pages.get("/api/v2/events", [*query, *more]), "/api/v2/events")
        rows = page.objects("data")
        yield from rows
        meta = page.optional_object("meta")
        onward = meta.optional_object("page") if meta else None
        cursor = (onward.optional_text("after") if onward else None) or ""
        if not cursor or not rows:
            return


reader = Reader()
