"""Reads PagerDuty's past, page by page; found by entry point in the group `gitdailies.history`.

The vendor's own client is not used: it takes no word of a 429 on when to come again, and speaks
to https addresses alone, so that it cannot be tried against a server of a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, Told, Window, readable
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

from gitdailies_pagerduty import past

PAGE = 100
# "Pagination" in PagerDuty's REST API overview: offset and limit may not go beyond 10,000.
MOST_ROWS = 10_000
# "List incidents": a range of at most six months.
WIDEST = timedelta(days=170)
# Times have whole seconds, so that no window is cut into less.
_NARROWEST = timedelta(seconds=2)


class Reader:
    """The reader `pagerduty`."""

    name = "pagerduty"
    url = "https://api.pagerduty.com"
    token_env = "PAGERDUTY_API_TOKEN"  # noqa: S105  a name, not a token
    parameters: Mapping[str, str] = MappingProxyType({})

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {
            "Authorization": f"Token token={token.reveal()}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }

    def read(
        self,
        pages: Pages,
        window: Window,
        parameters: Mapping[str, str],  # noqa: ARG002  there are none
    ) -> Iterator[Told]:
        """Tell the incidents that were created in *window*, each with all that happened to it since."""
        for part in window.parts(WIDEST):
            for incident in _incidents(pages, part):
                entries = list(_entries(pages, incident.text("id")))
                yield from readable(past.translate(incident, entries))


def _incidents(pages: Pages, window: Window) -> Iterator[Fields]:
    """List incidents, in parts of *window* that the listing shows to their ends."""
    query = [
        ("since", text_of(window.since)),
        ("until", text_of(window.until)),
        ("sort_by", "created_at:asc"),
        ("total", "true"),
    ]
    first = Fields(pages.get("/incidents", [*query, ("limit", str(PAGE)), ("offset", "0")]))
    total = first.raw("total")
    if isinstance(total, int) and total > MOST_ROWS and window.until - window.since > _NARROWEST:
        for half in window.halves():
            yield from _incidents(pages, half)
        return
    for incident in _listed(pages, "/incidents", "incidents", query, first):
        # One at the very end of a part may be listed in the next part, too.
        if window.holds(incident.time("created_at")):
            yield incident


def _entries(pages: Pages, incident: str) -> Iterator[Fields]:
    path, query = f"/incidents/{incident}/log_entries", [("is_overview", "true")]
    first = Fields(pages.get(path, [*query, ("limit", str(PAGE)), ("offset", "0")]))
    yield from _listed(pages, path, "log_entries", query, first)


def _listed(
    pages: Pages, path: str, name: str, query: list[tuple[str, str]], page: Fields
) -> Iterator[Fields]:
    offset = 0
    while True:
        rows = page.objects(name)
        yield from rows
        offset += len(rows)
        if page.raw("more") is not True or not rows:
            return
        page = Fields(pages.get(path, [*query, ("limit", str(PAGE)), ("offset", str(offset))]))


reader = Reader()
