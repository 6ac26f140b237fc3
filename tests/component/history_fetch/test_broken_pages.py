"""Pages with one thing wrong, for every source: no page of a vendor crashes a fetch."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
from gitdailies_core.contract.mutations import mutations
from gitdailies_core.errors import PayloadError, Refused, UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP, Window
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.sources.request import Request

from tests.component.history_fetch.test_counted_once import SOURCES
from tests.support.forms import short_and_long
from tests.support.history_fetch import datadog, pagerduty, squadcast
from tests.support.history_fetch.deploys import BEGIN, COUNT, END, Past, moment

FEW = 2
SQUADCAST = squadcast.Squadcast(squadcast.year(3)[1:], "")
INCIDENTS: Mapping[str, tuple[str, Any, Mapping[str, str]]] = {
    "pagerduty": ("pagerduty", pagerduty.answers(pagerduty.year(4)), {}),
    "datadog": ("datadog", datadog.searched(datadog.year(7)[5:]), {}),
    "datadog monitors": ("datadog", datadog.listed(datadog.alerts(6)[8:]), {"monitors": "*"}),
    "squadcast": ("squadcast", lambda path, query: SQUADCAST.answer(f"/v3{path}", query), {}),
}


class RecordedPages:
    """Pages of a first reading, each as *cut* leaves it. Any other page is answered as missing."""

    url = "https://api.example.com"

    def __init__(self, answer: Any, cut: Callable[[Any], Any] = lambda page: page) -> None:
        self.answer = answer
        self.cut = cut
        self.pages: dict[str, bytes] = {}
        self.writing = True

    def get(self, path: str, query: Any = ()) -> Any:
        address = f"{path} {sorted(query)}"
        if self.writing and address not in self.pages:
            self.pages[address] = json.dumps(self.cut(self.answer(path, dict(query)))).encode()
        if address not in self.pages:
            raise Refused(f"{address}: expected a page, got answered 404")
        return json.loads(self.pages[address])


def few_rows(page: Any) -> Any:
    if isinstance(page, list):
        return page[:FEW]
    rows = {name: value[:FEW] for name, value in page.items() if isinstance(value, list)}
    last = {"next_page_token": None, "@pagination": {"is_last": True}, "Links": {}}
    return {**page, **rows, **{name: value for name, value in last.items() if name in page}}


def broken(pages: RecordedPages, read: Callable[[], Iterator[Any]], kind: type, part: int) -> tuple[int, int]:
    """Read the pages with each *part*th change of a value; return how many of a *kind* came, and errors."""
    assert any(isinstance(one, kind) for one in read())
    pages.writing = False
    found = errors = 0
    for address, page in list(pages.pages.items()):
        for what, body in islice(mutations(Request.make(headers={}, body=page)), 0, None, part):
            pages.pages[address] = body
            try:
                for one in read():
                    assert isinstance(one, (kind, Ignored)), what
                    if isinstance(one, Event):
                        json.dumps(one.to_wire(), ensure_ascii=False).encode()
                    found += isinstance(one, kind)
            except (PayloadError, Refused, UsageError):
                errors += 1
            except Exception as error:
                raise AssertionError(f"{address}: {what}") from error
        pages.pages[address] = page
    return found, errors


# The short form makes every fifth change.
each_part = short_and_long("part", short=5, long=1)


@each_part
@pytest.mark.parametrize("past", SOURCES.values(), ids=SOURCES)
def test_one_wrong_value_gives_an_event_reason_or_error(past: Past, part: int) -> None:
    """Whatever one value of one page becomes, the reader of deploys gives events, reasons or an error."""
    pages = RecordedPages(past.answer, few_rows)
    # The window includes the newest rows of a listing, which come first in most.
    window = Window(BEGIN, moment(COUNT + 9))
    reader = registry.load(past.source, GROUP)
    events, errors = broken(pages, lambda: reader.read(pages, window, past.given), Event, part)

    assert events > 100 // part
    assert errors > 10 // part


@each_part
@pytest.mark.parametrize("source", INCIDENTS)
def test_one_wrong_value_gives_a_change_reason_or_error(source: str, part: int) -> None:
    """Whatever one value of one page becomes, the reader of incidents gives changes, reasons or an error."""
    name, answer, parameters = INCIDENTS[source]
    pages, reader = RecordedPages(answer), registry.load(name, GROUP)
    changes, errors = broken(pages, lambda: reader.read(pages, Window(BEGIN, END), parameters), Change, part)

    assert changes > errors > 0
