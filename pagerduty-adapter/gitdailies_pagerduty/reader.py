"""Fetch PagerDuty's past incidents page by page. The entry point is in the group `gitdailies.history`.

PagerDuty's own client is not used. It ignores the Retry-After header of a 429, and it accepts only
https addresses, so tests could not run it against a local server.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from gitdailies_core import Fields, text_of
from gitdailies_core.sources.history import Pages, PastMessage, Window, ignore_unreadable

from gitdailies_pagerduty import past
from gitdailies_pagerduty.api import rest

# "Pagination" in PagerDuty's REST API overview: offset plus limit is at most 10,000.
MOST_ROWS = 10_000
# "List incidents": a range of at most six months.
WIDEST = timedelta(days=170)
# The API has times in whole seconds, so no window is split further.
_NARROWEST = timedelta(seconds=2)


class Reader(rest.Api):
    """The reader `pagerduty`."""

    parameters: Mapping[str, str] = MappingProxyType({})

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:  # noqa: ARG002  there are none
        """Yield the incidents that were created in *window*, each with all its later changes."""
        for part in window.parts(WIDEST):
            for incident in _incidents(pages, part):
                entries = list(_entries(pages, incident.text("id")))
                yield from ignore_unreadable(past.translate(incident, entries))


def _incidents(pages: Pages, window: Window) -> Iterator[Fields]:
    """List incidents. A window with more rows than the API lists is split in two."""
    query = [
        ("since", text_of(window.since)),
        ("until", text_of(window.until)),
        ("sort_by", "created_at:asc"),
        ("total", "true"),
    ]
    first = rest.page_at(pages, "/incidents", query, 0)
    total = first.raw("total")
    if isinstance(total, int) and total > MOST_ROWS and window.until - window.since > _NARROWEST:
        for half in window.halves():
            yield from _incidents(pages, half)
        return
    for incident in rest.listed(pages, "/incidents", "incidents", query, first):
        # An incident at the very end of a part may also be listed in the next part.
        if window.contains(incident.time("created_at")):
            yield incident


def _entries(pages: Pages, incident: str) -> Iterator[Fields]:
    path = f"/incidents/{incident}/log_entries"
    return rest.listed(pages, path, "log_entries", [("is_overview", "true")])


reader = Reader()
