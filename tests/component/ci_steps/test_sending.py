"""The steps' sender against real servers, whole and broken: bytes, attempts and times."""

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.reporting.report import DONE, NOT_DELIVERED, REFUSED, Attempted
from gitdailies_core.ci.sending.receiver import LONGEST_SECONDS, Receiver, warning_about
from gitdailies_core.ci.sending.sender import send, send_all
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.receivers import DOCUMENTED, OURS
from gitdailies_core.values.secret import Secret

from tests.support.servers import ACCEPTED, Received, answer, certificate, free_port, serving
from tests.support.servers import Answer as Reply

PLANTED = "planted-5e1f0a"
EVENT = {
    "repo": "larkspur/checkout-api",
    "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
    "id": "deploy-1",
    "service": "zuständig",
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def receiver(
    url: str, *, ours: bool = True, seconds: float = 5.0, retries: int | None = 0, key: str = PLANTED
) -> Receiver:
    return Receiver(
        url=url,
        key=Secret(key),
        takes=OURS if ours else DOCUMENTED,
        agent="test-step",
        timeout_seconds=seconds,
        retries=retries,
    ).checked()


class Clock:
    """A clock that waiting sets forward."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)


def fields(result: Attempted) -> tuple[int, int | None, int]:
    return result.code, result.status, result.attempts


def sent(reply: bytes | Reply, *, retries: int | None = 0, **more: Any) -> tuple[Attempted, list[Received]]:
    """Send EVENT, with other fields in *more*, to a server that answers so; return what it received, too."""
    with serving(reply) as server:
        return send({**EVENT, **more}, receiver(server.url, retries=retries)), server.requests


def test_what_goes_out() -> None:
    """One POST carries the event in UTF-8, the key, the id and the step's name."""
    result, [request] = sent(ACCEPTED)

    assert fields(result) == (DONE, 202, 1)
    body = Dialect.make().dump(Event.make(DEPLOYED, **EVENT))
    assert (request.line, request.body) == ("POST /webhooks HTTP/1.1", body)
    assert {name: text for name, text in request.headers.items() if name != "host"} == {
        "accept-encoding": "identity",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "user-agent": "test-step",
        "webhook-key": PLANTED,
        "idempotency-key": "deploy-1",
    }


def test_documented() -> None:
    """A documented receiver gets the documented fields alone, and the id in its header."""
    with serving() as server:
        send(EVENT, receiver(server.url, ours=False))

    documented = {"repo": EVENT["repo"], "commitSHA": EVENT["commitSHA"]}
    assert json.loads(server.requests[0].body) == {"kind": "deployed", **documented}
    assert server.requests[0].headers["idempotency-key"] == "deploy-1"


@pytest.mark.parametrize("body", [b"", b"GitDailies", b'{"status": "created"}', b'{"status": "unchanged"}'])
def test_an_answer_that_is_no_page(body: bytes) -> None:
    """Whatever a receiver answers with a 2xx, it has taken the event; one that it had is known as such."""
    result, _ = sent(answer("200 OK", body))

    assert (fields(result), result.unchanged) == ((DONE, 200, 1), b"unchanged" in body)


ENDS = "; that of a DORA server ends with /webhooks"
SIGN_IN = b"Please sign in"
PAGE = b"\xef\xbb\xbf\n<!-- portal --><!DOCTYPE html><html>"


@pytest.mark.parametrize(
    ("status", "body", "code", "text", "check"),
    [
        (401, b"", REFUSED, "the key is refused (answered 401: no such key)", "webhook-key"),
        (403, b"", REFUSED, "the key is refused (answered 403: no such key)", "webhook-key"),
        (404, b"", NOT_DELIVERED, "the address is wrong (answered 404: no such key)", "webhook-url"),
        (405, b"", NOT_DELIVERED, "the address is wrong (answered 405: no such key)" + ENDS, "webhook-url"),
        (400, b"", REFUSED, "answered 400: no such key", ""),
        (409, b"", REFUSED, "answered 409: no such key", ""),
        (402, b"", NOT_DELIVERED, "the receiver takes no events (answered 402: no such key)", ""),
        (423, b"", NOT_DELIVERED, "the receiver takes no events (answered 423: no such key)", ""),
        (451, b"", NOT_DELIVERED, "the receiver takes no events (answered 451: no such key)", ""),
        # A page to sign in, or of a captive portal, takes no event.
        (200, PAGE, NOT_DELIVERED, "the address is wrong (answered 200 with a web page)", "webhook-url"),
        (202, SIGN_IN, NOT_DELIVERED, "the address is wrong (answered 202 with a web page)", "webhook-url"),
    ],
)
def test_refused(status: int, body: bytes, code: int, text: str, check: str) -> None:
    """An answer that repeating will not change ends it at once, in the receiver's words."""
    kind = "text/html; charset=utf-8" if body == SIGN_IN else "application/json"
    said = body or b'{"title": "no", "detail": "no such key"}'
    result, requests = sent(answer(f"{status} X", said, Content_Type=kind), retries=3)

    assert (result.code, result.message, result.check) == (code, text, check)
    assert len(requests) == 1


CONFLICT = answer("409 Conflict", b'{"detail": "id: expected the content first sent, got other"}')
SELF_MADE = "deploy-61467b57d9e5eeba6d5e27677c905ca6"


def test_a_conflict_about_an_id_that_the_step_made() -> None:
    """Such an id names one deploy, so the receiver has it; a note says that the first content stays."""
    result, requests = sent(CONFLICT, retries=3, id=SELF_MADE)

    assert (result.code, result.unchanged, len(requests)) == (DONE, True, 1)
    assert result.note == (f"the receiver has {SELF_MADE} already, with other content, and keeps the first")


@pytest.mark.parametrize("id_", ["deploy-1", "release-7", f"{SELF_MADE}x"])
def test_a_conflict_about_an_id_of_a_user(id_: str) -> None:
    """An id that a user gave twice for two deploys is refused."""
    result, _ = sent(CONFLICT, id=id_)

    assert (result.code, result.note) == (REFUSED, "")


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://hooks.example.com/webhooks", True),
        ("http://8.8.8.8/webhooks", True),
        ("https://hooks.example.com/webhooks", False),
        ("http://127.0.0.1:8700/webhooks", False),
        ("http://[::1]:8700/webhooks", False),
        ("http://dora:8700/webhooks", False),
        ("http://192.168.1.7/webhooks", False),
    ],
)
def test_an_address_without_encryption(url: str, warns: bool) -> None:
    """Plain http to a public host gives a warning that names https."""
    warning = warning_about(url)

    assert bool(warning) is warns
    assert not warns or "use https" in warning


def _in_turn(*answers: bytes | None) -> Reply:
    left = list(answers)
    return lambda connection, request: left.pop(0) if len(left) > 1 else left[0]


def waited(reply: bytes | Reply, retries: int) -> tuple[Attempted, list[float], list[Received]]:
    """Send EVENT by a clock that waiting sets forward; return the waits, and what was received."""
    clock = Clock()
    with serving(reply) as server:
        result = send(EVENT, receiver(server.url, retries=retries), now=clock.now, wait=clock.wait)
    return result, clock.waits, server.requests


@pytest.mark.parametrize("first", [answer("429 Too Many Requests"), answer("503 Unavailable"), None])
def test_again(first: bytes | None) -> None:
    """After 429, 5xx and no answer the same bytes are sent again, under the same id."""
    result, _, requests = waited(_in_turn(first, answer("202 Accepted")), 1)

    assert fields(result) == (DONE, 202, 2)
    assert requests[0] == requests[1]


def test_retry_after() -> None:
    """The next attempt waits as Retry-After says; beyond the limit of a job none does, and it says why."""
    busy = answer("429 Slow Down", Retry_After="7")
    assert waited(_in_turn(busy, answer("202 Accepted")), 1)[1] == [7.0]
    result, waits, _ = waited(answer("503 Unavailable", Retry_After="3600"), 3)

    assert fields(result) == (NOT_DELIVERED, 503, 1)
    assert result.message.endswith("it asks to wait longer than the 60 s that a job may take")
    assert waits == []


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_a_whole_minute(drawn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit of retries the last attempt has the last five seconds of the minute, always."""
    monkeypatch.setattr("random.random", lambda: drawn)
    clock = Clock()
    url = f"http://127.0.0.1:{free_port()}/webhooks"
    result = send(EVENT, receiver(url, retries=None), now=clock.now, wait=clock.wait)

    assert sum(clock.waits) == pytest.approx(55, abs=0.5)
    assert result.attempts == len(clock.waits) + 1
    assert all(2**least / 2 <= wait <= 2**least for least, wait in zip(range(4), clock.waits, strict=False))


def test_bounded_retries() -> None:
    """After the last retry it is over."""
    result, waits, _ = waited(answer("500 Oops", b"broken"), 2)

    assert fields(result) == (NOT_DELIVERED, 500, 3)
    assert result.message == "answered 500: broken (3 attempts)"
    assert sum(waits) <= 3.0


def test_several_share_one_bound() -> None:
    """The longest time is that of all events together, not of each."""
    started = time.monotonic()

    def sleepy(_connection: object, _request: object) -> None:
        time.sleep(30)

    with serving(sleepy) as server:
        until = datetime.now(UTC) + timedelta(seconds=0.5)
        results = send_all([EVENT, EVENT, EVENT], receiver(server.url, seconds=5, retries=5), until)

    assert [result.code for result in results] == [NOT_DELIVERED] * 3
    # A bound for each of them would be five seconds.
    assert time.monotonic() - started < 4.0


def test_an_answer_in_drips_is_bounded() -> None:
    """A server that sends its answer byte by byte holds a job no longer than the time-out."""

    def drip(connection: socket.socket, request: Received) -> None:
        for byte in b"HTTP/1.1 202 Accepted\r\nX-Slow: " + b"y" * 400:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    started = time.monotonic()
    with serving(drip) as server:
        result = send(EVENT, receiver(server.url, seconds=0.5))

    assert fields(result) == (NOT_DELIVERED, None, 1)
    assert "no answer within 0.5 s" in result.message
    # The whole answer would take twenty seconds.
    assert time.monotonic() - started < 8.0


def test_a_broken_answer_with_a_status_counts() -> None:
    """Where the connection breaks inside the body, the status that came before it decides."""
    broken = b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n{"
    assert fields(sent(lambda connection, _: connection.sendall(broken))[0]) == (DONE, 202, 1)


def test_no_redirect_is_followed() -> None:
    """A redirect is an answer, and the key goes nowhere else."""
    with serving() as other, serving(answer("307 Elsewhere", Location=other.url)) as server:
        result = send(EVENT, receiver(server.url, retries=2))

    assert fields(result) == (NOT_DELIVERED, 307, 1)
    assert other.requests == []


def test_a_refused_connection() -> None:
    """A refused connection is named with its host and port."""
    port = free_port()
    result = send(EVENT, receiver(f"http://127.0.0.1:{port}/webhooks"))

    assert result.message == f"127.0.0.1:{port}: connection refused (1 attempt)"


def test_not_http() -> None:
    """An answer that is no HTTP counts as no answer and raises no error."""
    assert fields(sent(b"220 mail.example ESMTP\r\n")[0]) == (NOT_DELIVERED, None, 1)


def test_the_key_is_struck_from_what_the_receiver_says() -> None:
    """A receiver that repeats the key does not bring it into the log, across the cut either."""
    body = ("x" * 290 + PLANTED + "\r\n::error::forged" + "y" * 100_000).encode()
    result, _ = sent(answer("400 Bad Request", body))

    assert PLANTED[:8] not in result.message
    assert "\n" not in result.message
    assert len(result.message) < 400


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    """The first attempt fails and nothing is sent. The message names the variable for another authority."""
    _, context = certificate(tmp_path)
    with serving(tls=context) as server:
        result = send(EVENT, receiver(f"https://127.0.0.1:{server.port}/webhooks", retries=3))

    assert fields(result) == (NOT_DELIVERED, None, 1)
    assert "certificate not trusted" in result.message
    assert "SSL_CERT_FILE" in result.message
    assert server.requests == []


def test_an_authority_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE adds it."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(tls=context) as server:
        result = send(EVENT, receiver(f"https://127.0.0.1:{server.port}/webhooks"))

    assert fields(result) == (DONE, 202, 1)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is asked for the whole address, with its own user."""
    with serving() as proxy:
        monkeypatch.setenv(name, f"http://robin:s%20cret@127.0.0.1:{proxy.port}")
        result = send(EVENT, receiver("http://receiver.invalid/webhooks?a=1"))

    assert fields(result) == (DONE, 202, 1)
    [request] = proxy.requests
    assert request.line == "POST http://receiver.invalid/webhooks?a=1 HTTP/1.1"
    assert request.headers["host"] == "receiver.invalid"
    assert request.headers["proxy-authorization"] == "Basic cm9iaW46cyBjcmV0"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be reached is named as the proxy, without its user."""
    port = free_port()
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://robin:s3cr3t@127.0.0.1:{port}")
    result = send(EVENT, receiver(f"{scheme}://receiver.invalid/webhooks"))

    assert result.message == (
        f"the proxy 127.0.0.1:{port}, on the way to receiver.invalid: connection refused (1 attempt)"
    )


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer("407 Proxy Authentication Required"), "the proxy PROXY asks for a user and a password"),
        (
            lambda *_: time.sleep(5),
            "receiver.invalid, through the proxy PROXY: no answer within 0.5 s (1 attempt)",
        ),
    ],
    ids=["asks for a password", "hangs"],
)
def test_a_proxy_that_does_not_let_it_through(
    reply: bytes | Reply, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that wants a user is named as the one that refuses; where no answer comes, both are named."""
    with serving(reply) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        result = send(EVENT, receiver("http://receiver.invalid/webhooks", seconds=0.5))

    assert said.replace("PROXY", f"127.0.0.1:{proxy.port}") in result.message
    assert (result.code, result.check) == (NOT_DELIVERED, "")


def test_proxy_for_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy TLS is tunneled: the proxy sees the host, and never the key."""
    with serving(answer("502 Bad Gateway")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        result = send(EVENT, receiver("https://receiver.invalid/webhooks"))

    assert fields(result) == (NOT_DELIVERED, None, 1)
    assert result.message.startswith(f"the proxy 127.0.0.1:{proxy.port}, on the way to receiver.invalid: ")
    [request] = proxy.requests
    assert request.line.startswith("CONNECT receiver.invalid:443 HTTP/1.")
    assert "webhook-key" not in request.headers


@pytest.mark.parametrize("names", ["127.0.0.1", "*", "example.com, 127.0.0.1"])
def test_no_proxy(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY takes hosts out."""
    with serving() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("NO_PROXY", names)
        assert fields(send(EVENT, receiver(server.url))) == (DONE, 202, 1)


@pytest.mark.parametrize(
    "address", ["socks5://robin:s3cr3t@127.0.0.1:1080", "http://robin:s3cr3t", "http://[s3cr3t"]
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_another_kind(variable: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is named by its variable, once, without its user."""
    monkeypatch.setenv(variable, address)
    result = send(EVENT, receiver("http://receiver.invalid/webhooks", retries=3))

    assert fields(result) == (NOT_DELIVERED, None, 1)
    assert f"{variable.lower()}: expected an http:// address, got another" in result.message
    assert "s3cr3t" not in result.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example/webhooks",
        "ftp://receiver.example/",
        "http://",
        "https://robin:s3cr3t@receiver.example/",
        "robin:s3cr3t@receiver.example/webhooks",
        "https://robin:s3/cr3t@receiver.example/",
    ],
)
def test_wrong_address(url: str) -> None:
    """An invalid address, or one with a user, is refused without showing the user."""
    with pytest.raises(UsageError, match="webhook-url: expected an http or https address") as raised:
        receiver(url)

    assert "cr3t" not in str(raised.value)


@pytest.mark.parametrize("key", ["", " \r\n", "two words", "zwei\nzeilen", "schlüssel"])
def test_wrong_key(key: str) -> None:
    """A key that no header can carry is refused without showing it."""
    with pytest.raises(UsageError, match="webhook-key: expected printable characters") as raised:
        receiver("http://receiver.example/", key=key)

    assert not key.strip() or key.strip() not in str(raised.value)


def test_stray_line_ends() -> None:
    """Spaces and line ends around address and key are taken away."""
    with serving() as server:
        send(EVENT, receiver(f" {server.url}\r\n", key=f"{PLANTED}\r\n"))

    assert server.requests[0].headers["webhook-key"] == PLANTED


def test_a_wait_of_real_time_is_what_was_asked_for() -> None:
    """Without a test's clock the wait is real."""
    with serving(_in_turn(answer("429 Slow Down", Retry_After="1"), answer("202 Accepted"))) as server:
        started = time.monotonic()
        result = send(EVENT, receiver(server.url, retries=1))

    assert fields(result) == (DONE, 202, 2)
    assert 0.9 < time.monotonic() - started < 20.0
    assert LONGEST_SECONDS == 60.0
