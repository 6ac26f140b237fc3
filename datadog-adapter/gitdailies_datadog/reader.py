"""Fetch Datadog's past page by page. The entry point is in the group `gitdailies.history`.

Datadog's own client is not used. It ignores `Retry-After`. Before a retry it prints the status to
standard output, where our command prints JSON.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from gitdailies_core import RESOLVED, STARTED, Change, Fields
from gitdailies_core.sources import history

from gitdailies_datadog import past
from gitdailies_datadog.api.rest import Api

# "Search for incidents" and "Get a list of events": the largest page sizes.
INCIDENTS, EVENTS = 100, 1_000
_SEARCH = "/api/v2/incidents/search"
_ANY_STATE = "state:(active OR stable OR resolved OR completed)"


@dataclass(frozen=True)
class Reader(Api):
    """The reader `datadog`: incidents, or the events of monitors. *site* is the host of their pages."""

    parameters: ClassVar[Mapping[str, str]] = {
        "monitors?": "a search for monitors' events, such as env:prod, or * for all; else incidents",
        "service?": "the service, if the webhook's template names one",
        "env?": "the environment, if the webhook's template names one",
    }
    site: str = "app.datadoghq.com"
    options: Mapping[str, Any] = field(default_factory=dict)

    def for_source(self, url: str, options: Mapping[str, Any]) -> "Reader":
        """Find the site: app.datadoghq.eu for api.datadoghq.eu, us3.… for api.us3.datadoghq.com."""
        host = re.split("[:/]", url.lower().partition("://")[2])[0]
        site = host.removeprefix("api.") if host.startswith("api.") else self.site
        return replace(self, site=f"app.{site}" if site.count(".") == 1 else site, options=options)

    def may_count_twice(self, parameters: Mapping[str, str]) -> str:
        if "monitors" not in parameters:
            return ""
        return (
            "Datadog does not document a cycle key for events; without one, an alert has another id than live"
        )

    def read(
        self, pages: history.Pages, window: history.Window, parameters: Mapping[str, str]
    ) -> Iterator[history.PastMessage]:
        """Yield the incidents that were created in *window*, or the monitor alerts that began in it."""
        given = {name: value for name, value in parameters.items() if name != "monitors"}
        if "monitors" in parameters:
            yield from self._alerts(pages, window, parameters["monitors"], given)
            return
        for row in history.newest_first(
            _incidents(pages), window, lambda row: _data(row).object("attributes").time("created")
        ):
            yield from history.ignore_unreadable(past.of_incident(_data(row), given, self.site, self.options))

    def _alerts(
        self, pages: history.Pages, window: history.Window, search: str, given: Mapping[str, str]
    ) -> Iterator[history.PastMessage]:
        """Yield the alerts in *window*, and the later ends of alerts that began in it."""
        open_alerts: set[str] = set()
        for row in _events(pages, window, search):
            within = window.contains(past.happened_at(row))
            if not within and not open_alerts:
                return
            for message in history.ignore_unreadable(past.of_event(row, given, self.site, self.options)):
                if not isinstance(message, Change):
                    if within:
                        yield message
                elif within or (message.state == RESOLVED and message.incident in open_alerts):
                    yield message
                    if message.state == STARTED:
                        open_alerts.add(message.incident)
                    elif message.state == RESOLVED:
                        open_alerts.discard(message.incident)


def _incidents(pages: history.Pages) -> Iterator[list[history.Row]]:
    """List all incidents, newest first, because the search has no time filter."""
    offset = 0
    while True:
        query = [
            ("query", _ANY_STATE),
            ("sort", "-created"),
            ("page[size]", str(INCIDENTS)),
            ("page[offset]", str(offset)),
        ]
        page = Fields(pages.get(_SEARCH, query), _SEARCH).object("data").object("attributes")
        rows = history.rows_of(page.raw("incidents") or [], "", page.where("incidents"))
        yield rows
        offset += len(rows)
        if len(rows) < INCIDENTS:
            return


def _data(row: history.Row) -> Fields:
    return Fields(row, "incident").object("data")


def _events(pages: history.Pages, window: history.Window, search: str) -> Iterator[Fields]:
    """List monitors' events from the start of *window* until now, oldest first."""
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
        position = meta.optional_object("page") if meta else None
        cursor = (position.optional_text("after") if position else None) or ""
        if not cursor or not rows:
            return


reader = Reader()
