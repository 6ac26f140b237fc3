"""The sender against real servers, whole and broken: requests, outcomes and times."""

import contextlib
import gc
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.http import connection_pool
from gitdailies_connection.http.bounded_client import user_agent
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import ConfigurationError, DeliveryError
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret

from tests.support.processes import eventually
from tests.support.servers import ACCEPTED, Received, answer, certificate, free_port, serving

PLANTED = "planted-4f2c9d"
KEY = Secret(PLANTED, "env GITDAILIES_WEBHOOK_KEY")
BODY = b'{"kind":"deployed"}'


def _send(url: str, *, event_id: str | None = "event-1", seconds: float = 5.0, **settings: Any) -> Outcome:
    with Sender(url, timeout_seconds=seconds, **settings) as sender:
        return sender.send(BODY, key=KEY, event_id=event_id)


def test_what_goes_out() -> None:
    """A request carries the exact body, the key, the id and our name, and asks for no encoding."""
    with serving() as server:
        outcome = _send(server.url)

    assert outcome == Outcome(202)
    assert server.requests == [
        Received(
            "POST /webhooks HTTP/1.1",
            {
                "host": f"127.0.0.1:{server.port}",
                "webhook-key": PLANTED,
                "idempotency-key": "event-1",
                "content-type": "application/json",
                "content-length": str(len(BODY)),
                "user-agent": user_agent(),
                "accept": "*/*",
                "accept-encoding": "identity",
            },
            BODY,
        )
    ]
    assert user_agent().startswith("gitdailies-integrations/")


def test_without_id() -> None:
    """An event without id is sent without Idempotency-Key."""
    with serving() as server:
        _send(server.url, event_id=None)

    assert "idempotency-key" not in server.requests[0].headers


def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the host in .netrc is not sent."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login larkspur password {PLANTED}\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    with serving() as server:
        _send(server.url)

    assert "authorization" not in server.requests[0].headers


def test_connections_are_reused() -> None:
    """A hundred events one after the other go over one connection, whatever their answers."""
    answers = [ACCEPTED, answer("204 No Content"), answer("400 Bad Request", b"x" * 60_000)]
    with serving(lambda _, request: answers[int(request.body) % 3]) as server, Sender(server.url) as sender:
        for number in range(100):
            sender.send(str(number).encode(), key=KEY, event_id=None)

    assert (len(server.requests), server.connections) == (100, 1)


def test_threads() -> None:
    """Sixteen threads share a sender: each event arrives once, with its own id, over sixteen connections."""
    with serving() as server, Sender(server.url, in_flight=16) as sender, ThreadPoolExecutor(16) as pool:
        outcomes = list(
            pool.map(lambda n: sender.send(b"%d" % n, key=KEY, event_id=f"event-{n}"), range(400))
        )

    assert outcomes == [Outcome(202)] * 400
    arrived = {(request.body, request.headers["idempotency-key"]) for request in server.requests}
    assert arrived == {(b"%d" % n, f"event-{n}") for n in range(400)}
    assert len(server.requests) == 400
    assert server.connections <= 16


def test_a_closed_idle_connection_is_replaced() -> None:
    """A connection that the receiver closed while it was idle costs no event."""
    closing = ACCEPTED.replace(b"202 Accepted\r\n", b"202 Accepted\r\nX-Note: closes\r\n")

    def once(connection: socket.socket, _: Received) -> None:
        connection.sendall(closing)

    with serving(once) as server, Sender(server.url) as sender:
        outcomes = []
        for _ in range(3):
            outcomes.append(sender.send(BODY, key=KEY, event_id=None))
            time.sleep(0.05)

    assert outcomes == [Outcome(202)] * 3
    assert server.connections == 3


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (
            answer(
                "400 Bad Request",
                b'{"title":"no","detail":"repo: expected text"}',
                Content_Type="application/problem+json",
            ),
            Outcome(400, "repo: expected text"),
        ),
        (answer("422 No", b'{"title":"only a title"}'), Outcome(422, "only a title")),
        (answer("422 No", b'{"message":"a message"}'), Outcome(422, "a message")),
        (answer("422 No", b'{"detail": 5}', Content_Type="application/json"), Outcome(422, '{"detail": 5}')),
        (
            answer("403 No", b"<html><title>Denied\nhere</title>", Content_Type="text/html"),
            Outcome(403, "Denied here"),
        ),
        (answer("404 No", b"<html>", Content_Type="text/html; charset=x"), Outcome(404, "an HTML page")),
        (
            answer("200 OK", b"<!doctype html><title>Sign in</title>"),
            Outcome(200, "Sign in", is_html=True),
        ),
        (
            answer("202 Accepted", b"Welcome", Content_Type="text/html"),
            Outcome(202, "an HTML page", is_html=True),
        ),
        (answer("202 Accepted", Content_Type="text/html; charset=utf-8"), Outcome(202)),
        (answer("500 No", b"a\x1b[2Jb\r\nc\xff"), Outcome(500, "a\\x1b[2Jb c\ufffd")),
        (answer("500 No", f"key {PLANTED} is wrong".encode()), Outcome(500, "key *** is wrong")),
        (answer("500 No", b"x" * 290 + PLANTED.encode()), Outcome(500, "x" * 290 + "***")),
        (answer("500 No", b"x" * 500), Outcome(500, "x" * 300 + "…")),
        (answer("503 No", Retry_After="120"), Outcome(503, "", "120")),
        (answer("200 OK", b"\x1f\x8b\x08\x00junk", Content_Encoding="gzip"), Outcome(200)),
        (
            answer("500 No", b"\x1f\x8b\x08\x00junk", Content_Encoding="gzip"),
            Outcome(500, "an answer in an unexpected encoding"),
        ),
        (
            answer("302 Found", Location="https://user:secret@other.example/login?key=1"),
            Outcome(302, "a redirect to https://other.example/login, which is not followed"),
        ),
        (answer("307 No", Location="/other"), Outcome(307, "a redirect, which is not followed")),
        (answer("307 No", Location="http://[bad/"), Outcome(307, "a redirect, which is not followed")),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Outcome) else "",
)
def test_answers(reply: bytes, outcome: Outcome) -> None:
    """An answer becomes its status and a short, harmless line; nothing is sent twice or elsewhere."""
    with serving(reply) as server:
        assert _send(server.url) == outcome

    assert len(server.requests) == 1


def test_huge_answer() -> None:
    """Only the first part of an endless answer is read, and the connection is closed."""
    written = 0

    def flood(connection: socket.socket, _: Received) -> None:
        nonlocal written
        connection.sendall(b"HTTP/1.1 500 No\r\n\r\n")
        while True:
            written += connection.send(b"x" * 65536)

    with serving(flood) as server:
        started = time.monotonic()
        outcome = _send(server.url, seconds=30)

    assert outcome == Outcome(500, "x" * 300 + "…")
    assert time.monotonic() - started < 15
    assert written < 64 * 1024 * 1024


def test_answer_that_breaks_off() -> None:
    """Once the status has come it decides: an accepted event is accepted, though the rest is cut."""
    cut = answer("202 Accepted", b"x" * 100)[:-50]
    with serving(lambda connection, _: connection.sendall(cut)) as server:
        assert _send(server.url) == Outcome(202)


def _close(connection: socket.socket, _: Received) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def test_nobody_listens() -> None:
    """A refused connection is reported with host and port."""
    port = free_port()

    assert _send(f"http://127.0.0.1:{port}/") == Outcome(None, f"127.0.0.1:{port}: connection refused")


def test_unknown_name() -> None:
    """A name that no resolver knows is reported as unknown."""
    outcome = _send("http://receiver.invalid:8700/")

    assert outcome == Outcome(None, "receiver.invalid:8700: name not resolved")


@pytest.mark.parametrize(
    "reply",
    [
        _close,
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
    ids=["closed", "ssh", "status", "headers"],
)
def test_no_http(reply: object) -> None:
    """What is no HTTP answer is an outcome without status, never an exception of a library."""
    error = "connection closed before the complete answer arrived"
    with serving(reply) as server:  # type: ignore[arg-type]
        assert _send(server.url) == Outcome(None, f"127.0.0.1:{server.port}: {error}")


def _silent(connection: socket.socket, _: Received) -> None:
    connection.recv(1)


def _dripping(connection: socket.socket, _: Received) -> None:
    connection.sendall(b"HTTP/1.1 ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


@pytest.mark.parametrize("reply", [_silent, _dripping], ids=["silent", "dripping"])
def test_slow(reply: object) -> None:
    """An attempt ends after its total time limit, even if single bytes arrive now and then."""
    with serving(reply) as server:  # type: ignore[arg-type]
        started = time.monotonic()
        outcome = _send(server.url, seconds=0.6)
        took = time.monotonic() - started

    assert outcome == Outcome(None, f"127.0.0.1:{server.port}: timed out after 0.6 s")
    # Without the limit on the total time the attempt would never end.
    assert 0.5 < took < 10


def test_slow_body() -> None:
    """Once the status has come it decides, though the body never ends; the attempt does."""

    def drip(connection: socket.socket, _: Received) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)

    with serving(drip) as server:
        started = time.monotonic()
        assert _send(server.url, seconds=0.6) == Outcome(202)
        assert time.monotonic() - started < 10


def test_slow_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound in all holds while a proxy is asked for a tunnel too."""
    with serving(_dripping) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        started = time.monotonic()
        outcome = _send("https://receiver.invalid/", seconds=0.6)
        took = time.monotonic() - started

    assert outcome == Outcome(
        None, f"receiver.invalid:443 through the proxy 127.0.0.1:{proxy.port}: timed out after 0.6 s"
    )
    assert 0.5 < took < 10


@pytest.mark.parametrize("odd", ["", "#", "/", "?"])
@pytest.mark.parametrize("host", ["[x", "a\u2100b"])
def test_a_proxy_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, host: str, odd: str) -> None:
    """It is named without its password, as one that does not answer is."""
    monkeypatch.setenv("https_proxy", f"http://larkspur:{PLANTED[:3]}{odd}{PLANTED}@{host}/")
    outcome = str(_send("https://receiver.invalid/"))
    assert f"through the proxy {host}: " in outcome
    assert PLANTED[:3] not in outcome


def test_slow_over_tls_behind_a_proxy_that_speaks_tls(tmp_path: Path) -> None:
    """The bound in all holds for TLS inside of TLS, where there is no socket to read from but a transport."""
    file, context = certificate(tmp_path)

    def tunnel(proxied: socket.socket, request: Received) -> None:
        host, _, port = request.line.split()[1].partition(":")
        with socket.create_connection((host, int(port))) as onward:
            proxied.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def back() -> None:
                with contextlib.suppress(OSError):
                    while part := onward.recv(65536):
                        proxied.sendall(part)

            threading.Thread(target=back, daemon=True).start()
            while part := proxied.recv(65536):
                onward.sendall(part)

    with (
        serving(_dripping, tls=context) as server,
        serving(tunnel, tls=context) as proxy,
    ):
        by = f"https://127.0.0.1:{proxy.port}"
        outcome = _send(f"https://127.0.0.1:{server.port}/", seconds=0.6, proxy=by, ca_file=file)

    assert len(server.requests) == 1
    where = f"127.0.0.1:{server.port} through the proxy 127.0.0.1:{proxy.port}"
    assert outcome == Outcome(None, f"{where}: timed out after 0.6 s")


def test_a_connection_is_cut_by_its_last_exchange_alone() -> None:
    """urllib3 gives a connection back before the exchange that it carried has ended."""
    connection = connection_pool.GuardedConnection("127.0.0.1")
    deadlines = connection_pool.Deadlines(5.0)

    with deadlines.exchange() as first, deadlines.exchange() as second:
        first.use(connection)
        second.use(connection)

        assert (first.connection, second.connection) == (None, connection)


def test_the_watch_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that watches deadlines ends when nothing is sent, and starts again when something is."""
    monkeypatch.setattr(connection_pool, "_IDLE_TICKS", 1)
    with serving() as server, Sender(server.url, timeout_seconds=0.5) as sender:
        for _ in range(2):
            assert sender.send(BODY, key=KEY, event_id=None) == Outcome(202)
            assert _watching()
            eventually(lambda: not _watching())


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> str:
    """Take every address for one of a metadata service; return the end of the message."""
    monkeypatch.setattr(
        connection_pool, "forbidden_reason", lambda host: "a metadata service" if host else ""
    )
    return "expected the address of a receiver, got a metadata service"


def test_metadata_by_name(forbidden: str) -> None:
    """A name that leads to a link-local address gets no byte of ours, whatever its letters are."""
    with serving() as server:
        outcome = _send(server.url)

    assert outcome == Outcome(None, f"127.0.0.1:{server.port}: {forbidden}")
    assert server.requests == []


def test_metadata_behind_tls_or_a_proxy(tmp_path: Path, forbidden: str) -> None:
    """Such an address gets no greeting of TLS, and as a proxy no request either.

    The check is in a private method of urllib3. This test fails if urllib3 no longer calls it
    between connecting and the first byte.
    """
    file, _ = certificate(tmp_path)
    with serving() as server:
        own = f"127.0.0.1:{server.port}"
        tls = _send(f"https://{own}/", ca_file=file)
        urls = ("http://receiver.invalid/", "https://receiver.invalid/")
        proxied = [_send(url, proxy=f"http://{own}", ca_file=file) for url in urls]
        eventually(lambda: server.connections == 3)
        time.sleep(0.1)  # so that everything sent has arrived

    assert tls == Outcome(None, f"{own}: {forbidden}")
    assert [one.error.endswith(forbidden) for one in proxied] == [True, True]
    assert server.requests == []


def test_proxy_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is used, with its user and password, and NO_PROXY goes around it."""
    with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://larkspur:secret@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://larkspur:secret@127.0.0.1:{proxy.port}")
        assert _send("http://receiver.invalid/webhooks") == Outcome(202)
        monkeypatch.setenv("NO_PROXY", "receiver.invalid")
        assert _send("http://receiver.invalid/webhooks").status is None

    (request,) = proxy.requests
    assert request.line == "POST http://receiver.invalid/webhooks HTTP/1.1"
    assert request.headers["proxy-authorization"] == "Basic bGFya3NwdXI6c2VjcmV0"


def test_no_proxy_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver on this machine is reached directly, although the environment sets a proxy for all hosts."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    with serving() as server:
        assert _send(server.url) == Outcome(202)


def test_proxy_from_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the settings is used, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as proxy:
        by = f"http://127.0.0.1:{proxy.port}"
        assert _send("http://receiver.invalid/", proxy=by) == Outcome(202)

    assert proxy.requests[0].line == "POST http://receiver.invalid/ HTTP/1.1"


def test_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses and a missing proxy have different messages, without its password."""
    port = free_port()
    monkeypatch.setenv("https_proxy", f"http://larkspur:{PLANTED}@127.0.0.1:{port}")
    outcome = _send("https://receiver.invalid/")
    assert outcome == Outcome(
        None, f"the proxy 127.0.0.1:{port} for receiver.invalid:443: connection refused"
    )

    with serving(answer("407 No")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://larkspur:{PLANTED}@127.0.0.1:{proxy.port}")
        outcome = _send("https://receiver.invalid/")
    assert outcome == Outcome(
        None, f"the proxy 127.0.0.1:{proxy.port} for receiver.invalid:443: refused by the proxy with 407"
    )
    assert proxy.requests[0].line.startswith("CONNECT receiver.invalid:443 ")
    assert "webhook-key" not in proxy.requests[0].headers


def test_proxy_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy in the environment is an outcome that says so."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1080")

    outcome = _send("http://receiver.invalid/")

    assert outcome.status is None
    assert outcome.error.endswith("the kind of proxy named in the environment is not supported")


@pytest.mark.parametrize("how", ["setting", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_own_certificate_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A certificate is trusted by the settings' ca_file or by the usual variables."""
    file, context = certificate(tmp_path)
    if how != "setting":
        monkeypatch.setenv(how, str(file))
    with serving(tls=context) as server:
        url = f"https://127.0.0.1:{server.port}/webhooks"
        assert _send(url, ca_file=file if how == "setting" else None) == Outcome(202)


def test_certificates_are_checked(tmp_path: Path) -> None:
    """A receiver with an untrusted certificate, or one for another name, gets no event."""
    file, context = certificate(tmp_path, "DNS:other.example")
    with serving(tls=context) as server:
        url = f"https://127.0.0.1:{server.port}/webhooks"
        unknown, other = _send(url), _send(url, ca_file=file)

    where = f"127.0.0.1:{server.port}: TLS: certificate not trusted: "
    assert unknown == Outcome(None, where + "self-signed certificate")
    assert other.error.startswith(where)
    assert "127.0.0.1" in other.error.removeprefix(where)
    assert server.requests == []


def test_a_receiver_without_tls() -> None:
    """A receiver without TLS and one with a wrong certificate have different messages."""
    with serving() as server:
        outcome = _send(f"https://127.0.0.1:{server.port}/")

    assert outcome.status is None
    assert outcome.error.startswith(f"127.0.0.1:{server.port}: TLS: ")
    assert "certificate" not in outcome.error


def test_slow_over_tls(tmp_path: Path) -> None:
    """The bound in all holds over TLS too."""
    file, context = certificate(tmp_path)
    with serving(_dripping, tls=context) as server:
        outcome = _send(f"https://127.0.0.1:{server.port}/", seconds=0.6, ca_file=file)

    assert outcome == Outcome(None, f"127.0.0.1:{server.port}: timed out after 0.6 s")


def test_missing_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file of certificates is an error that names the setting."""
    with pytest.raises(ConfigurationError, match=r"gitdailies.ca_file: no certificate file at /none"):
        Sender("https://receiver.invalid/", ca_file=Path("/none"))
    monkeypatch.setenv("SSL_CERT_FILE", "/none")
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE: no certificate file at /none"):
        Sender("https://receiver.invalid/")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer("200 OK", b'{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"ours"}}'), "ours"),
        (answer("200 OK", b'{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"theirs"}}'), "documented"),
        (answer("200 OK", b'{"openapi":"3.1.0","info":{}}'), "documented"),
        (answer("200 OK", b'{"info":5}'), "documented"),
        (answer("404 No", b"default backend - 404"), "documented"),
        (answer("404 No", b'{"info":{"x-gitdailies-receiver":"ours"}}'), "documented"),
        (answer("404 No", b"<html><title>404</title>"), ""),
        (answer("404 No", b"no", Content_Type="text/html"), ""),
        (answer("200 OK", b"<!doctype html>"), ""),
        (answer("200 OK", b'{"info":{"x-gitdailies-receiver":"ours"}', Content_Type="text/html"), ""),
        (answer("200 OK", b'{"pad":"' + b"x" * 3_000_000 + b'"}'), ""),
        (answer("200 OK", b"fine"), ""),
        (answer("302 Found", Location="/login"), ""),
        *((answer(f"{status} No"), "") for status in (400, 401, 403, 405, 410, 500)),
        *((answer(f"{status} No"), None) for status in (429, 502, 503, 504)),
    ],
    ids=lambda value: value[9:60].decode() if isinstance(value, bytes) else "",
)
def test_what_decides_the_kind_of_a_receiver(reply: bytes, kind: str | None) -> None:
    """A document and a plain 404 decide; else it counts as documented, unless only a gateway answers."""
    with serving(reply) as server, Sender(server.url) as sender:
        assert sender.ask_receiver().kind == (kind or "")
        if kind is None:
            with pytest.raises(DeliveryError):
                sender.receiver()
        else:
            assert sender.receiver() == (kind or "documented")

    assert {request.line for request in server.requests} == {"GET /openapi.json HTTP/1.1"}
    assert PLANTED not in str(server.requests)
    assert not any("webhook-key" in request.headers for request in server.requests)


def test_a_list_that_a_web_page_answers_is_not_taken() -> None:
    """A 200 with a page is an outcome that says so, and has no results."""
    with serving(answer("200 OK", b"<html>")) as server, Sender(server.url) as sender:
        outcome, results = sender.send_list([b"{}", b"{}"], key=KEY)
    assert (outcome.status, outcome.is_html, results) == (200, True, [])


def test_large_description_of_ours() -> None:
    """A document of ours that is larger than other answers may be is still recognized."""
    body = b'{"info":{"x-gitdailies-receiver":"ours"},"pad":"' + b"x" * 500_000 + b'"}'
    with serving(answer("200 OK", body)) as server, Sender(server.url) as sender:
        assert sender.receiver() == "ours"


def test_receiver_not_found_out() -> None:
    """Half an answer says nothing of the receiver."""

    def half(connection: socket.socket, _: Received) -> None:
        connection.sendall(answer("200 OK", b"x" * 99)[:-9])

    with serving(half) as server, Sender(server.url) as sender, pytest.raises(DeliveryError):
        sender.receiver()


def test_the_receiver_document_of_a_closed_port() -> None:
    """If nothing answers, a DeliveryError gives the reason."""
    port = free_port()
    with Sender(f"http://127.0.0.1:{port}/webhooks") as sender, pytest.raises(DeliveryError) as caught:
        sender.receiver()

    assert str(caught.value) == f"127.0.0.1:{port}: connection refused"


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/"])
def test_ping(path: str) -> None:
    """A ping goes to the path's /ping with the key and an empty body."""
    refusal = answer("401 No", f'{{"detail":"no key {PLANTED}"}}'.encode())
    with serving(refusal) as server, Sender(f"http://127.0.0.1:{server.port}{path}") as sender:
        assert sender.ping(KEY).outcome(KEY) == Outcome(401, "no key ***")

    (request,) = server.requests
    assert (request.line, request.body) == ("POST /webhooks/ping HTTP/1.1", b"")
    assert request.headers["webhook-key"] == PLANTED


def test_whole_answers() -> None:
    """`post` gives the whole answer, for those who send lists."""
    body = b'{"results":[{"index":0,"status":"created"}]}'
    reply = answer("207 Multi", body, Content_Type="application/json")
    with serving(reply) as server, Sender(server.url) as sender:
        found = sender.post(b"[]", key=KEY)

    assert (found.status, found.json()) == (207, {"results": [{"index": 0, "status": "created"}]})
    assert server.requests[0].line == "POST /webhooks HTTP/1.1"


def test_long_answers_on_demand() -> None:
    """Who sends a long list may read its long answer; others get the first part."""
    with serving(answer("207 Multi", b"x" * 200_000)) as server, Sender(server.url) as sender:
        assert len(sender.post(b"[]", key=KEY).body) == 64 * 1024
        assert len(sender.post(b"[]", key=KEY, largest=1_000_000).body) == 200_000


def test_key_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at its lowest level, no log line, repr or outcome holds the key."""
    caplog.set_level(logging.DEBUG)
    shown = []
    with serving(answer("400 No", PLANTED.encode())) as server, Sender(server.url) as sender:
        shown += [
            repr(sender),
            repr(sender.send(BODY, key=KEY, event_id="e")),
            repr(sender.post(BODY, key=KEY)),
        ]
    with serving(_close) as server, Sender(server.url) as sender:
        shown.append(repr(sender.send(BODY, key=KEY, event_id="e")))

    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    assert [text for text in [*shown, caplog.text] if PLANTED in text] == []


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Every test leaves no socket open: an open one is a ResourceWarning, which is an error."""
    yield
    gc.collect()


def _watching() -> bool:
    return any(thread.name == "gitdailies-deadlines" for thread in threading.enumerate())
