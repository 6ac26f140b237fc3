"""`gitdailies check`: what it finds, and that it sends no event."""

import json
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from gitdailies_connection.check import Finding, check
from gitdailies_connection.config.load import load, read
from gitdailies_connection.config.sections.settings import Configuration

from tests.support.servers import Answer, Received, answer, free_port, serving

ok, fault, warning = (partial(Finding, level) for level in ("ok", "fault", "warning"))
PLANTED = "planted-4f2c9d"
ENVIRON = {"KEY": PLANTED, "SECRET": PLANTED}
OURS = answer("200 OK", b'{"info":{"x-gitdailies-receiver":"ours"}}')


def _configuration(url: str, more: str = "") -> Configuration:
    text = f"gitdailies:\n  url: {url}\n  key: {{env: KEY}}\n{more}"
    text += "services: {'*': {repo: larkspur/ledger}}\n"
    text += "sources: {pagerduty: {adapter: pagerduty, secrets: [{env: SECRET}]}}\n"
    return read(text, Path("gitdailies.yml"))


def _receiver(ping: bytes = b"", hooks: bytes = b"", describes: bytes = OURS, options: bytes = b"") -> Answer:
    def reply(_: socket.socket, request: Received) -> bytes:
        method, path, _version = request.line.split()
        by_path = {"/openapi.json": describes, "/webhooks/ping": ping}
        return by_path.get(path, options if method == "OPTIONS" else hooks)

    return reply


def allowing(*words: str) -> bytes:
    """Answer a ping as a receiver of ours does."""
    ping = {"status": "ok", "key": "ci", "allow": list(words)}
    return answer("200 OK", json.dumps(ping).encode(), Content_Type="application/json")


BEFORE = [
    ok("gitdailies.yml: valid, 1 source"),
    ok("gitdailies.key: env KEY is set"),
    ok("sources.pagerduty.secrets[0]: env SECRET is set"),
    ok("sources.pagerduty: adapter pagerduty loads"),
]


ACCEPTED = "gitdailies.key: accepted by a ping, which stores nothing"
NEW_KEY = "create a key with `gitdailies keys create NAME` or on the settings page"


@pytest.mark.parametrize(
    ("ping", "finding"),
    [
        (answer("200 OK"), ok(ACCEPTED)),
        (allowing("send", "read"), ok(ACCEPTED)),
        (allowing("read", "deployed"), ok(f"{ACCEPTED}; it may send only deployed")),
        (allowing("read", "delete"), fault("gitdailies.key: this key may not send events", NEW_KEY)),
        (
            answer("401 No", f'{{"detail":"no key {PLANTED}"}}'.encode()),
            fault("gitdailies.key: the receiver refused it with 401: no key ***", NEW_KEY),
        ),
        (
            answer("404 No"),
            fault(
                "gitdailies.url: the receiver has no such path: 404",
                "check the path of url; that of a DORA server is /webhooks",
            ),
        ),
        (answer("500 No"), fault("gitdailies.url: the receiver answered a ping with 500")),
    ],
)
def test_ours(ping: bytes, finding: Finding) -> None:
    """A receiver of ours is detected and pinged with the key, and nothing else is sent."""
    with serving(_receiver(ping)) as server:
        findings = check(_configuration(server.url), ENVIRON)

    assert findings == [
        *BEFORE,
        ok(f"gitdailies.url: http://127.0.0.1:{server.port} answers"),
        ok("gitdailies.receiver: detected as ours"),
        finding,
    ]
    assert [request.line for request in server.requests] == [
        "GET /openapi.json HTTP/1.1",
        "POST /webhooks/ping HTTP/1.1",
    ]
    assert [request.body for request in server.requests] == [b"", b""]


WARNING = [
    warning(
        "gitdailies.key: not tested, because a check sends nothing to a documented receiver",
        "report a deploy with `gitdailies deploy` to test it",
    ),
    warning(
        "gitdailies.dialect: GitDailies does not publish the names incidentStarted, incidentId,"
        " incidentResolved",
        "ask GitDailies for its OpenAPI document, and set gitdailies.dialect where a name differs",
    ),
]


@pytest.mark.parametrize(
    ("hooks", "options", "finding"),
    [
        (answer("405 No"), b"", ok("its path exists, the receiver answered 405 and not 404")),
        (
            answer("404 No"),
            answer("204 No Content"),
            ok("its path exists, the receiver answered 204 and not 404"),
        ),
        (
            answer("404 No"),
            answer("404 No"),
            fault(
                "the receiver answered GET and OPTIONS of its path with 404",
                "compare it with the address that GitDailies shows, or report a deploy to test it",
            ),
        ),
        (
            answer("301 Moved", Location="https://a.example/hooks"),
            b"",
            fault(
                "the receiver answered with a redirect to https://a.example/hooks, which is not followed",
                "set url to the target of the redirect",
            ),
        ),
        (
            answer("200 OK", b"<title>Sign in</title>", Content_Type="text/html; charset=utf-8"),
            b"",
            warning(
                "the receiver answered with an HTML page, perhaps one to sign in",
                "if a proxy asks for a sign-in, exempt this path; the relay takes no page for an answer",
            ),
        ),
        (answer("500 No"), b"", warning("the receiver answered 500", "check again later")),
    ],
)
def test_documented(hooks: bytes, options: bytes, finding: Finding) -> None:
    """A documented receiver gets neither a POST nor the key; the path is judged by GET and OPTIONS."""
    reply = _receiver(hooks=hooks, options=options, describes=answer("404 No"))
    with serving(reply) as server:
        findings = check(_configuration(server.url), ENVIRON)

    assert findings[len(BEFORE) + 2 :] == [
        replace(finding, text=f"gitdailies.url: {finding.text}"),
        *WARNING,
    ]
    assert findings[len(BEFORE) + 1] == ok("gitdailies.receiver: detected as documented")
    assert {request.line.split()[0] for request in server.requests} <= {"GET", "OPTIONS"}
    assert [request for request in server.requests if PLANTED in str(request)] == []


def test_ours_that_is_not() -> None:
    """A receiver that is set as ours and is not is a fault, and gets no key."""
    with serving(_receiver(describes=answer("404 No"))) as server:
        findings = check(_configuration(server.url, "  receiver: ours\n"), ENVIRON)

    assert findings[-1] == fault(
        "gitdailies.receiver: set to ours, but the receiver has no /openapi.json that says so",
        "remove receiver, or check url",
    )
    assert len(server.requests) == 1


def test_a_missing_variable_and_no_receiver(tmp_path: Path) -> None:
    """Everything that is missing is reported at once: variables and the receiver."""
    port = free_port()

    findings = check(_configuration(f"http://127.0.0.1:{port}/webhooks"), {})

    assert [one for one in findings if one.level != "ok"] == [
        fault(
            "gitdailies.key: env KEY: this variable is not set",
            "export KEY=…",
        ),
        fault(
            "sources.pagerduty.secrets[0]: env SECRET: this variable is not set",
            "export SECRET=…",
        ),
        fault(
            f"gitdailies.url: 127.0.0.1:{port}: connection refused",
            "check url, proxy and ca_file, and that the receiver runs",
        ),
    ]


def test_key_not_tried() -> None:
    """If the key cannot be read, a receiver of ours is not pinged, and the check says so."""
    with serving(_receiver(answer("200 OK"))) as server:
        findings = check(_configuration(server.url), {"SECRET": PLANTED})

    assert findings[-1] == warning("gitdailies.key: not tested, because it could not be read")
    assert len(server.requests) == 1


def test_open_file(tmp_path: Path) -> None:
    """A key file that other users can read gives a warning, and is used."""
    (tmp_path / "webhook.key").write_text(PLANTED)
    (tmp_path / "webhook.key").chmod(0o644)
    with serving(_receiver(answer("200 OK"))) as server:
        text = f"gitdailies:\n  url: {server.url}\n  key: {{file: webhook.key}}\n"
        findings = check(read(text, tmp_path / "gitdailies.yml"), {})

    key = tmp_path / "webhook.key"
    assert [one for one in findings if one.level != "ok"] == [
        warning(
            f"gitdailies.key: file {key}: expected mode 600, got 644: other users can read it",
            f"chmod 600 {key}",
        )
    ]
    assert server.requests[-1].headers["webhook-key"] == PLANTED


def test_no_services() -> None:
    """Sources without any service to count for are pointed out."""
    text = "gitdailies: {url: 'http://127.0.0.1:1/', key: {env: KEY}}\n"
    text += "sources: {pagerduty: {adapter: pagerduty, secrets: [{env: SECRET}]}}\n"

    findings = check(read(text, Path("gitdailies.yml")), ENVIRON)

    assert warning("services: empty, so no incident is counted", "add a line for each service") in findings


def test_lines_of_included_files_are_counted(tmp_path: Path) -> None:
    """Each included file has a finding with its lines that count, without those of gitdailies.yml."""
    (tmp_path / "generated.yml").write_text(
        "a: {repo: larkspur/a}\nb: {repo: larkspur/b}\nc: {ignore: true}\n"
    )
    (tmp_path / "gitdailies.yml").write_text(
        f"gitdailies: {{url: 'http://127.0.0.1:{free_port()}/webhooks', key: {{env: KEY}}}}\n"
        "services:\n  include: generated.yml\n  A: {repo: larkspur/by-hand}\n"
    )
    found = check(load(tmp_path / "gitdailies.yml"), {})

    assert ok("services: 2 lines of generated.yml; those of gitdailies.yml decide") in found


def test_missing_certificates() -> None:
    """A missing ca_file is a fault."""
    findings = check(_configuration("https://127.0.0.1:1/", "  ca_file: /none\n"), ENVIRON)

    said = "gitdailies.ca_file: no certificate file at /none"
    assert findings[-1] == fault(said, "create the file, or name another one")
