"""Reading pages: rate limits, retries, and addresses that get no token."""

import re
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP
from gitdailies_core.values.secret import Secret
from gitdailies_history.fetch.http_api import HttpApi, StoredPages
from gitdailies_history.fetch.state import State
from gitdailies_pagerduty.reader import reader

from tests.support.history_fetch.api import LIMITED, Api, listening
from tests.support.servers import answer, serving

NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path) as opened:
        yield opened


@contextmanager
def pages(
    url: str, state: State, waited: list[float], retries: int = 2, seconds: float = 60.0
) -> Iterator[StoredPages]:
    http = HttpApi(
        reader,
        url,
        [Secret("token", "env TOKEN")],
        retries=retries,
        sleep=waited.append,
        now=lambda: NOW,
        jitter=lambda: 0.0,
        seconds=seconds,
    )
    with closing(http):
        yield StoredPages(http, state, lambda _pages: None)


IN_41_SECONDS = {"X-RateLimit-Reset": str(int(NOW.timestamp()) + 41)}


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (429, {"Retry-After": "17"}, [17]),
        (429, {"ratelimit-reset": "23"}, [23]),
        (429, IN_41_SECONDS, [41]),
        # Words that are no number of seconds ask for nothing.
        (429, {"ratelimit-reset": "soon"}, [0]),
        (429, {}, [0]),
        (403, {"Retry-After": "17"}, [17]),
        (403, {"X-RateLimit-Remaining": "0", **IN_41_SECONDS}, [41]),
        # A token without the right to read ends the fetch at once: the limit that is shown is not used up.
        (403, {"X-RateLimit-Remaining": "4711", **IN_41_SECONDS}, []),
    ],
)
def test_a_limit_is_waited_for_as_long_as_it_says(
    state: State, status: int, headers: dict[str, str], waits: list[float]
) -> None:
    """After a 429, or a 403 that is a limit, the next attempt comes when the vendor's header says."""
    waited: list[float] = []
    api = Api(lambda path, query: {}, "token", {1: LIMITED}, limit_status=status, limit_headers=headers)
    refused = nullcontext() if waits else pytest.raises(Refused, match="expected a token")
    with listening(api), pages(api.url, state, waited) as read, refused:
        assert read.get("/here") == {}

    assert waited == waits


def test_a_page_that_never_ends_is_given_up(state: State) -> None:
    """An attempt ends after its total time limit, even if single bytes arrive now and then."""

    def drip(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.1)

    with (
        serving(drip) as server,
        pages(f"http://127.0.0.1:{server.port}", state, [], retries=0, seconds=0.6) as read,
        pytest.raises(DeliveryError, match=r"took more than 0\.6 s"),
    ):
        read.get("/here")


def test_a_missing_page_is_requested_once(state: State) -> None:
    """After a 404 there is no second attempt."""
    api = Api(lambda path, query: None, "token")
    with listening(api), pages(api.url, state, []) as read, pytest.raises(Refused, match="answered 404"):
        read.get("/gone")

    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer("202 Accepted", b"{}"), "/here: expected a page, got answered 202"),
        (
            answer("200 OK", b"<html>"),
            "/here: expected a page in 1 attempts, the last got: an answer that is",
        ),
    ],
)
def test_an_answer_that_is_no_page_is_named_with_its_address(
    state: State, reply: bytes, message: str
) -> None:
    """The answer of another server than the vendor's is an error and is not saved as a page."""
    with (
        serving(reply) as server,
        pages(server.url, state, [], retries=0) as read,
        pytest.raises(DeliveryError) as caught,
    ):
        read.get("/here")

    assert str(caught.value).startswith(f"{server.url}{message}")
    assert state.count() == 0


def test_a_dead_address_gets_all_attempts(state: State) -> None:
    """A dead address is tried retries + 1 times, and the error names it."""
    with listening(Api(lambda path, query: {}, "token")) as api:
        url = api.url
    waited: list[float] = []
    with pages(url, state, waited) as read, pytest.raises(DeliveryError, match="in 3 attempts"):
        read.get("/here")

    assert len(waited) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "ftp://127.0.0.1",
        "https://name:pass@api.example.com",
        "https://name:pass@a\u2100b",
        "https://",
        "https://[x",
        "https://x:port",
        "here",
    ],
)
def test_a_token_goes_to_no_such_address(state: State, url: str) -> None:
    """An address without TLS beyond this machine, or with a password in it, is refused and not repeated."""
    with pytest.raises(UsageError, match="--api-url: expected") as caught:
        pages(url, state, []).__enter__()

    assert "pass" not in str(caught.value)


def test_half_a_character_holds_up_nothing(state: State) -> None:
    """A title that was cut in the middle of a character is read, with a mark in its place."""
    api = Api(lambda path, query: {"title": "fire \ud83d"}, "token")
    with listening(api), pages(api.url, state, []) as read:
        assert read.get("/here") == {"title": "fire �"}


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("azure", "planted000042"),
        ("bitbucket", "mira@larkspur.example:planted000042"),
        ("buildkite", "planted000042"),
        ("jenkins", "mira:planted000042"),
    ],
)
def test_no_form_of_a_token_is_in_an_error(name: str, token: str) -> None:
    """A server that repeats headers and password shows neither, also in the Base64 of a header."""
    api = Api(lambda path, query: {}, token, admits=lambda path, headers: False)
    sent = [token, f":{token}"]
    with (
        listening(api),
        closing(
            HttpApi(registry.load(name, GROUP), api.url, [Secret(token, "env TOKEN")], retries=0)
        ) as http,
        pytest.raises(Refused, match="expected a token") as caught,
    ):
        http.get(f"/here/{'planted000042'}")

    assert "Authorization" in str(caught.value)
    assert not [form for form in sent if b64encode(form.encode()).decode() in str(caught.value)]
    assert "planted000042" not in str(caught.value)


def test_every_source_is_documented() -> None:
    """The page about history has a row for each reader that is installed, with its variable."""
    page = (Path(__file__).resolve().parents[3] / "docs/history.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| `([A-Z_]+)`", page, re.MULTILINE))

    installed = [registry.history_reader(name) for name in registry.history_names()]

    assert rows == {one.name: one.token_env for one in installed if one is not None}
    assert len(rows) == len(installed)
