"""Pages with one thing wrong, for every source of deploys: no page of a vendor crashes a fetch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from types import ModuleType
from typing import Any

import pytest
from gitdailies_core.contract.mutations import mutations
from gitdailies_core.errors import PayloadError, Refused, UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP, Window
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.sources.request import Request

from tests.component.history_fetch.test_counted_once import SOURCES
from tests.support.forms import short_and_long
from tests.support.history_fetch.deploys import BEGIN, COUNT, moment

FEW = 2


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


def read(name: str, module: ModuleType, pages: RecordedPages) -> Iterator[Any]:
    # The window includes the newest rows of a listing, which come first in most.
    yield from registry.load(name, GROUP).read(pages, Window(BEGIN, moment(COUNT + 9)), module.GIVEN)


@short_and_long("part", short=5, long=1)
@pytest.mark.parametrize(("name", "module"), SOURCES.items(), ids=SOURCES)
def test_one_wrong_value_gives_an_event_reason_or_error(name: str, module: ModuleType, part: int) -> None:
    """Whatever one value of one page becomes, the reader gives events, reasons or an error.

    The short form makes every fifth change.
    """
    pages = RecordedPages(module.answer, few_rows)
    assert any(isinstance(one, Event) for one in read(name, module, pages))
    pages.writing = False
    events = broken = 0
    for address, page in list(pages.pages.items()):
        for what, body in islice(mutations(Request.make(headers={}, body=page)), 0, None, part):
            pages.pages[address] = body
            try:
                for one in read(name, module, pages):
                    assert isinstance(one, (Event, Ignored)), what
                    if isinstance(one, Event):
                        json.dumps(one.to_wire(), ensure_ascii=False).encode()
                        events += 1
            except (PayloadError, Refused, UsageError):
                broken += 1
            except Exception as error:
                raise AssertionError(f"{address}: {what}") from error
        pages.pages[address] = page

    assert events > 100 // part
    assert broken > 10 // part
