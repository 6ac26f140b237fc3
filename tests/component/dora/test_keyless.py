"""CI jobs that report without a key: what their ID tokens prove, and every token that is refused."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_connection.addresses import parse_network
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_core.errors import UsageError
from gitdailies_dora import live_settings
from gitdailies_dora.accounts.keyless.issuer_keys import IssuerKeys
from gitdailies_dora.accounts.keys.key_store import delete_key, list_keys, replace_key
from gitdailies_server.storage.database import Database
from joserfc.jwk import RSAKey

from tests.component.dora.test_pages_security import MANAGE, on_each
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import owner_of
from tests.support.keyless.issuer import AUDIENCE, CLAIMS, REPO, SIGNED_BY, WRONG, issuers, token, trusted
from tests.support.sign_in.hostile_provider import HostileProvider

DEPLOY = {"kind": "deployed", "repo": REPO, "environment": "production", "commitSHA": "6113728" + "0" * 33}
PLATFORMS = tuple(CLAIMS)
# Keys in more bytes than are read.
LONG = b'{"keys": [], "x": "' + b"x" * 600_000 + b'"}'
ENVIRONMENTS = ("production", "staging", "preview")
CASES = [
    pytest.param(platform, one, id=f"{platform}: {one['about']}")
    for one in WRONG
    for platform in (PLATFORMS if one["platform"] == "*" else (one["platform"],))
]
Servers = tuple[dict[str, HostileProvider], Receiver]


def send(
    receiver: Receiver, bearer: str, event: Any = DEPLOY, path: str = "/webhooks", **headers: str
) -> requests.Response:
    given = {"authorization": f"Bearer {bearer}", **headers}
    return requests.post(receiver.url + path, json=event, headers=given, timeout=30)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One server for all refusals, and the issuer of each platform."""
    with issuers() as states:
        entries = [trusted(name, state.issuer, environments=ENVIRONMENTS) for name, state in states.items()]
        file, proxies = tmp_path_factory.mktemp("keyless") / "w.db", (parse_network("127.0.0.1"),)
        with in_thread(file, public=AUDIENCE, trusted_ci=entries, trusted_proxies=proxies) as receiver:
            yield states, receiver


@pytest.mark.parametrize(("platform", "case"), CASES)
def test_what_is_wrong_is_refused(
    servers: Servers, platform: str, case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """The answer names the claim, what was expected, and no part of the token."""
    states, receiver = servers
    given = {name: case[name] for name in ("claims", "times", "header", "sign") if name in case}
    bearer = token(platform, states[platform].issuer, **given)
    event = {name: value for name, value in {**DEPLOY, **case.get("event", {})}.items() if value is not None}
    # Each from an address of its own, so that none has to wait.
    address = f"2001:db8:{abs(hash(request.node.name)) % 65536:x}::1"
    answer = send(receiver, bearer, event, **{"x-forwarded-for": address})
    assert (answer.status_code, case["detail"] in answer.text) == (case["status"], True), answer.text
    assert [part for part in bearer.split(".") if len(part) > 8 and part[:20] in answer.text] == []


def test_the_cases_are_enough() -> None:
    """Every platform has tokens of its own that are refused, besides those of all."""
    assert len(CASES) > 120
    assert {one["platform"] for one in WRONG} == {"*", *PLATFORMS}


@pytest.mark.parametrize("sign", ["right", "curve"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_right_is_taken(servers: Servers, platform: str, sign: str) -> None:
    """A token of each platform reports a deploy of its repository, by RS256 and by ES256."""
    states, receiver = servers
    event = {**DEPLOY, "commitSHA": sha1((platform + sign).encode()).hexdigest()}
    answer = send(receiver, token(platform, states[platform].issuer, sign=sign), event)
    assert answer.status_code == 202, answer.text
    audiences = {"aud": ["https://other.example", AUDIENCE.upper() + "/"]}
    again = token(platform, states[platform].issuer, audiences)
    ping = send(receiver, again, path="/webhooks/ping")
    assert ping.json() == {"status": "ok", "key": f"oidc/{platform}", "allow": ["deployed"]}


def test_names_of_production_mean_the_same(servers: Servers) -> None:
    """A job of `prod` may report `production`, and the other way round, and name none."""
    states, receiver = servers
    pairs = (("prod", "production"), ("Production", "prod"), ("prod", None))
    for number, (claim, named) in enumerate(pairs, 1):
        event = {**DEPLOY, "environment": named, "commitSHA": f"{number:040d}"}
        event = {name: value for name, value in event.items() if value}
        bearer = token("github", states["github"].issuer, {"environment": claim})
        assert send(receiver, bearer, event).status_code == 202


@pytest.fixture
def github() -> Iterator[HostileProvider]:
    with issuers("github") as states:
        yield states["github"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How far a test moved the clock by which keys of issuers grow old, in seconds."""
    moved = [0.0]
    keys = partial(IssuerKeys, ticks=lambda: time.monotonic() + moved[0])
    monkeypatch.setattr(live_settings, "IssuerKeys", keys)
    return moved


@pytest.fixture
def receiver(
    github: HostileProvider, database: Callable[[], Database], clock: list[float]
) -> Iterator[Receiver]:
    with in_thread(database(), public=AUDIENCE, trusted_ci=[trusted("github", github.issuer)]) as running:
        yield running


def shas(receiver: Receiver) -> list[str]:
    return [one["commitSHA"] for one in receiver.events(receiver.key(f"r{len(receiver.log)}", "read"))]


@on_each
def test_a_replay_counts_once_and_the_page_shows_who_reported(
    kind: str, github: HostileProvider, receiver: Receiver
) -> None:
    """One event for a token that was sent again; the page has issuer, repository, first, last and count."""
    owner = owner_of(receiver)
    bearer = token("github", github.issuer)
    event = {**DEPLOY, "id": "deploy-" + "1" * 32}
    answers = [send(receiver, bearer, event) for _ in range(3)]
    assert [one.json()["status"] for one in answers] == ["created", "unchanged", "unchanged"]
    other = {**DEPLOY, "commitSHA": "b" * 40}
    assert send(receiver, token("github", github.issuer), other).status_code == 202
    wrong = send(receiver, bearer, {**DEPLOY, "repo": "larkspur/other"})
    assert (wrong.status_code, shas(receiver)) == (403, [DEPLOY["commitSHA"], "b" * 40])
    name = "oidc/github"
    assert f">{name}</a>" in owner.get(MANAGE).text
    page = owner.get(f"{MANAGE}/keys/1").text
    assert github.issuer in page
    assert f'<th scope="row">{REPO}</th>' in page
    assert '<td data-label="events">2</td>' in page
    assert "the ID token is of a job of larkspur/checkout-api" in page
    assert "Delete key" not in page
    assert "Replace key" not in page
    assert "ID token" in owner.get("/deliveries/refused").text
    assert bearer.split(".")[2] not in page


@on_each
def test_what_stands_for_jobs_is_no_key(kind: str, github: HostileProvider, receiver: Receiver) -> None:
    """It is neither deleted nor replaced, nobody can send its name, and no key may have such a name."""
    owner = owner_of(receiver)
    assert send(receiver, token("github", github.issuer)).status_code == 202
    name = "oidc/github"
    for change in (delete_key, replace_key):
        with pytest.raises(UsageError, match=r"this is no key; remove the issuer from dora\.trusted_ci"):
            change(receiver.store, name)
    with pytest.raises(UsageError, match="begins neither with gdk_ nor with oidc/"):
        receiver.key("oidc/mine")
    owner.post(f"{MANAGE}/keys/1/delete", form=f"{MANAGE}/new-key")
    owner.post(f"{MANAGE}/keys/1/replace", form=f"{MANAGE}/new-key", name=name)
    assert [key.name for key in list_keys(receiver.store)] == [name]
    assert receiver.post(name, DEPLOY).status_code == 401


def test_only_deploys(github: HostileProvider, receiver: Receiver) -> None:
    """A token neither reads, corrects nor deletes, and says so; the sender of a wrong one is listed."""
    bearer = token("github", github.issuer)
    assert send(receiver, bearer, {**DEPLOY, "id": "d-1"}).status_code == 202
    headers, outcome = {"authorization": f"Bearer {bearer}"}, {"outcome": "failed", "reason": "x"}
    asked = ("GET events", "GET metrics", "DELETE events/d-1", "PUT deploys/d-1/outcome")
    for method, path in (one.split() for one in asked):
        url = f"{receiver.url}/api/{path}"
        answer = requests.request(method, url, headers=headers, json=outcome, timeout=30)
        assert answer.status_code == 403, answer.text
        assert "a job may only report deploys with its ID token" in answer.text
    send(receiver, token("github", github.issuer, {"aud": "https://elsewhere.example"}))
    page = owner_of(receiver).get("/deliveries/refused").text
    assert "ID token: aud: expected http://dora.internal:8700" in page
    assert "; webhook-url, --public-url and the audience, if the job names one, must have the same" in page


def test_a_new_key_of_the_issuer(
    github: HostileProvider, receiver: Receiver, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was not there before is fetched at its first token, and a key that is gone signs no more."""
    assert send(receiver, token("github", github.issuer)).status_code == 202
    new = RSAKey.generate_key(2048, {"kid": "new"})
    github.keys = [new.as_dict(private=False)]
    monkeypatch.setitem(SIGNED_BY, "new", new)
    fresh = token("github", github.issuer, header={"kid": "new"}, sign="new")
    assert send(receiver, fresh).status_code == 401  # the keys were fetched this minute
    clock[0] += 61
    assert send(receiver, fresh).status_code == 202
    assert send(receiver, token("github", github.issuer)).status_code == 401


def test_an_outage_of_the_issuer(github: HostileProvider, receiver: Receiver, clock: list[float]) -> None:
    """For a day it stops nobody whose key is known. A key that is not known gets a 503, to try again."""
    assert send(receiver, token("github", github.issuer)).status_code == 202
    github.answers = {"/.well-known/openid-configuration": (500, b"")}
    for _ in range(5):
        clock[0] += 3600 * 4
        assert send(receiver, token("github", github.issuer)).status_code == 202
    unknown = token("github", github.issuer, header={"kid": "unpublished"}, sign="unpublished")
    clock[0] += 61
    answer = send(receiver, unknown)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "20")
    assert answer.json()["detail"].startswith("ID token: its issuer does not answer now")
    clock[0] += 3600 * 5
    assert send(receiver, token("github", github.issuer)).status_code == 503
    github.answers = {}
    clock[0] += 61
    assert send(receiver, token("github", github.issuer)).status_code == 202


def test_a_flood_of_wrong_tokens(github: HostileProvider, receiver: Receiver) -> None:
    """Two hundred tokens of unknown keys ask the issuer once, and a right one is taken among them."""
    unknown = token("github", github.issuer, header={"kid": "unpublished"}, sign="unpublished")
    statuses: list[int] = []

    def flood() -> None:
        statuses.extend(send(receiver, unknown).status_code for _ in range(20))

    threads = [threading.Thread(target=flood) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert send(receiver, token("github", github.issuer)).status_code == 202
    for thread in threads:
        thread.join()
    assert github.seen.count("/keys") == 1
    assert set(statuses) <= {401, 429}
    assert len(statuses) == 200


@pytest.mark.parametrize(
    ("configuration", "answers", "fault"),
    [
        ({"issuer": "https://other.example"}, {}, "expected the issuer"),
        ({"jwks_uri": "http://keys.example/jwks"}, {}, "jwks_uri: expected an https address"),
        ({"jwks_uri": "http://169.254.169.254/jwks"}, {}, "jwks_uri: expected"),
        ({}, {"/keys": (302, b"")}, "expected 200, got 302"),
        ({}, {"/keys": (200, LONG)}, "expected JSON, got something else"),
        ({}, {"/keys": (200, b'{"keys": []}')}, "expected a key for signatures, got none"),
    ],
)
def test_an_issuer_that_says_something_else(
    github: HostileProvider, receiver: Receiver, configuration: dict[str, str], answers: Any, fault: str
) -> None:
    """Keys come from its own https address alone, in a bounded answer, and no redirect is followed."""
    github.configuration, github.answers = configuration, answers
    answer = send(receiver, token("github", github.issuer))
    assert (answer.status_code, fault in answer.text) == (503, True), answer.text


def test_settings_are_read_again(github: HostileProvider, receiver: Receiver) -> None:
    """An issuer that is removed is not trusted from then on, and what it reported stays."""
    assert send(receiver, token("github", github.issuer)).status_code == 202
    receiver.reload(DoraSettings())
    answer = send(receiver, token("github", github.issuer))
    assert (answer.status_code, "this server trusts nobody" in answer.text) == (401, True)
    assert shas(receiver) == [DEPLOY["commitSHA"]]


def test_the_server_must_know_its_address(tmp_path: Path) -> None:
    """Without a public address a server that trusts issuers does not start, and names the option."""
    entry = trusted("github", "https://issuer.example")
    with (
        pytest.raises(UsageError, match="start it with --public-url"),
        in_thread(tmp_path / "w.db", trusted_ci=[entry]),
    ):
        pass
