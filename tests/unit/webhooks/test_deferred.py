"""A value that is made when it is first needed."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_webhooks.api.deferred import Deferred
from gitdailies_webhooks.api.error_responses import ErrorResponses
from gitdailies_webhooks.events.problem import Problem
from starlette.requests import Request


def test_it_is_made_once_by_whichever_thread_comes_first() -> None:
    """Nothing is made before the first use, and threads that come at once get the same value."""
    made: list[int] = []

    def make() -> object:
        made.append(threading.get_ident())
        time.sleep(0.01)
        return object()

    value = Deferred(make)
    assert (value.made, made) == (None, [])
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: value.get(), range(8)))
    assert (len(found), len(made)) == (1, 1)
    assert found == {value.made, asyncio.run(value.arrive())}


def test_what_could_not_be_made_is_tried_again() -> None:
    """An error reaches the caller, and the next one gets the value."""
    tries = iter((OSError("too many open files"), None))

    def make() -> str:
        if error := next(tries):
            raise error
        return "made"

    value = Deferred(make)
    with pytest.raises(OSError, match="too many open files"):
        asyncio.run(value.arrive())
    assert asyncio.run(value.arrive()) == "made"


def test_the_event_loop_does_not_wait_for_it() -> None:
    """Other work goes on in the loop while the value is made."""
    waited = threading.Event()
    value = Deferred(lambda: waited.wait(30))

    async def both() -> bool:
        found = asyncio.create_task(value.arrive())
        await asyncio.sleep(0)
        waited.set()
        return await found

    assert asyncio.run(both())


def test_an_error_page_is_not_made_in_the_thread_of_the_event_loop() -> None:
    """Other requests are answered while the first problem of a browser loads the pages."""
    made: list[int] = []

    def make() -> Any:
        made.append(threading.get_ident())
        return SimpleNamespace(site=SimpleNamespace(problem=lambda _, problem: problem.word))

    request = Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"accept", b"text/html")]})
    errors = ErrorResponses(Deferred(make), log=None)
    assert asyncio.run(errors.respond(request, Problem("fault", "internal error"))) == "fault"
    assert made != [threading.get_ident()]
