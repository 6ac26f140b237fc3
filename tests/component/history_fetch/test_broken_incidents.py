"""Pages with one thing wrong, for every source of incidents: no page of a vendor crashes a fetch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
from gitdailies_core.contract.mutations import mutations
from gitdailies_core.errors import PayloadError, Refused
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP, Window
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.sources.request import Request

from tests.component.history_fetch.test_broken_pages import RecordedPages
from tests.support.forms import short_and_long
from tests.support.history_fetch import datadog, pagerduty, squadcast
from tests.support.history_fetch.pagerduty import BEGIN, END

SQUADCAST = squadcast.Squadcast(squadcast.year(3)[1:], "")
SOURCES: Mapping[str, tuple[str, Any, Mapping[str, str]]] = {
    "pagerduty": ("pagerduty", pagerduty.answers(pagerduty.year(4)), {}),
    "datadog": ("datadog", datadog.searched(datadog.year(7)[5:]), {}),
    "datadog monitors": ("datadog", datadog.listed(datadog.alerts(6)[8:]), {"monitors": "*"}),
    "squadcast": ("squadcast", lambda path, query: SQUADCAST.answer(f"/v3{path}", query), {}),
}


def read(source: str, pages: RecordedPages) -> Iterator[Any]:
    name, _, parameters = SOURCES[source]
    yield from registry.load(name, GROUP).read(pages, Window(BEGIN, END), parameters)


@short_and_long("part", short=5, long=1)
@pytest.mark.parametrize("source", SOURCES)
def test_one_wrong_value_gives_a_change_reason_or_error(source: str, part: int) -> None:
    """Whatever one value of one page becomes, the reader gives changes, reasons or an error.

    The short form makes every fifth change.
    """
    pages = RecordedPages(SOURCES[source][1])
    assert any(isinstance(one, Change) for one in read(source, pages))
    pages.writing = False
    changes = broken = 0
    for address, page in list(pages.pages.items()):
        for what, body in islice(mutations(Request.make(headers={}, body=page)), 0, None, part):
            pages.pages[address] = body
            try:
                for one in read(source, pages):
                    assert isinstance(one, (Change, Ignored)), what
                    changes += isinstance(one, Change)
            except (PayloadError, Refused):
                broken += 1
        pages.pages[address] = page
    assert changes > broken > 0
