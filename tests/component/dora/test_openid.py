"""OpenID Connect: sign-in with a real provider, and what a hostile one, or a hostile visitor, may not do."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_connection.addresses import parse_network
from gitdailies_connection.config.sections.sign_in import RoleSettings, SignInSettings
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.accounts.rate_limit import SINGLE_SIGN_ON
from gitdailies_dora.accounts.single_sign_on import id_token, pending
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import to_us, utc_now
from joserfc.jwk import RSAKey

from tests.component.dora.test_pages_security import on_each
from tests.support.dora.running import Receiver, in_thread, settings_of
from tests.support.dora.visitor import PASSWORD, Visitor
from tests.support.servers import free_port
from tests.support.sign_in import hostile_provider as hostile
from tests.support.sign_in import real_provider
from tests.support.sign_in.hostile_provider import HostileProvider, having, without

BEGIN, BACK = "/sign-in/openid", "/sign-in/openid/callback"
ROLES = RoleSettings({"platform": "owner", "engineering": "member"}, {"larkspur.example": "member"})
ACCOUNTS: dict[str, dict[str, Any]] = {
    "olive": {"name": "Olive", "groups": ["platform", "engineering"]},
    "vic": {"name": "Vic", "email": "vic@larkspur.example", "email_verified": True},
    "eve": {"name": "Eve", "email": "eve@larkspur.example", "email_verified": False},
}


def begun(visitor: Visitor, path: str = "") -> str:
    """Begin a sign-in and return the address of the provider."""
    answer = visitor.get(f"{BEGIN}?next={path}" if path else BEGIN, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def follow(visitor: Visitor, answer: str) -> requests.Response:
    """Open the address at which the provider sent the browser back."""
    return visitor.session.get(answer, timeout=20, allow_redirects=False, headers={"accept": "text/html"})


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with hostile.hostile_provider() as state:
        yield state


@pytest.fixture
def server(provider: HostileProvider, database: Callable[[], Database]) -> Iterator[Receiver]:
    ways = SignInSettings(openid=provider.settings, roles=ROLES)
    with in_thread(database(), sign_in=ways) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostileProvider, Receiver]]:
    """One server for many refusals; each visitor comes from an address of its own, so none has to wait."""
    with hostile.hostile_provider() as state:
        ways = SignInSettings(openid=state.settings, roles=ROLES)
        file, proxies = tmp_path_factory.mktemp("shared") / "w.db", (parse_network("127.0.0.1"),)
        with in_thread(file, sign_in=ways, trusted_proxies=proxies) as receiver:
            yield state, receiver


def become(provider: HostileProvider, changes: dict[str, Any]) -> None:
    provider.reset()
    for name, value in changes.items():
        setattr(provider, name, value)


def refused(
    shared: tuple[HostileProvider, Receiver], changes: dict[str, Any], query: dict[str, str]
) -> tuple[requests.Response, str]:
    """Come back from a provider with these changes; return the answer, and the reason in the log."""
    provider, receiver = shared
    become(provider, changes)
    visitor, before = Visitor(receiver), len(receiver.logged("sign-in refused"))
    visitor.session.headers["x-forwarded-for"] = f"2001:db8:{before:x}::1"
    answer = come_back(visitor, provider, **query)
    assert visitor.get("/settings", allow_redirects=False).status_code == 303
    (line,) = receiver.logged("sign-in refused")[before:]
    assert line["reason"] not in answer.text
    return answer, line["reason"]


def come_back(visitor: Visitor, provider: HostileProvider, path: str = "", **query: str) -> requests.Response:
    """Begin a sign-in, and come back from a provider that signed the visitor in."""
    asked = provider.note(begun(visitor, path))
    answer = {"code": "c-1", "state": asked["state"], **query}
    return visitor.get(BACK, params=answer, allow_redirects=False)


def test_a_real_provider(tmp_path: Path) -> None:
    """People of oidc-provider join with the role of their groups or of a verified address, others do not."""
    port = free_port()
    ways = SignInSettings(openid=real_provider.settings(port, tmp_path, title="Larkspur"), roles=ROLES)
    with in_thread(tmp_path / "w.db", sign_in=ways) as receiver:
        back = receiver.url + BACK
        with real_provider.provider(port, back, ACCOUNTS):
            olive, vic, eve, nobody = (Visitor(receiver) for _ in range(4))
            assert "Sign in with Larkspur" in olive.get("/sign-in").text
            asked = begun(olive, "/settings/people")
            answer = real_provider.to_the_answer(olive.session, asked, "olive", back)
            done = follow(olive, answer)
            assert (done.status_code, done.headers["location"]) == (303, "/settings/people")
            assert "Olive" in olive.get("/settings/people").text
            again = follow(olive, answer)
            assert (again.status_code, "This sign-in has expired" in again.text) == (400, True)
            for visitor, name, status in ((vic, "vic", 303), (eve, "eve", 403)):
                to = real_provider.to_the_answer(visitor.session, begun(visitor), name, back)
                assert follow(visitor, to).status_code == status, name
            assert vic.get("/settings/people").status_code == 403
            assert vic.get("/settings").status_code == 200
            state = re.search(r"state=([\w-]+)", begun(nobody))[1]
            cancelled = nobody.get(BACK, params={"error": "access_denied", "state": state})
            assert cancelled.status_code == 403
    shown = json.dumps([{key: str(value) for key, value in line.items()} for line in receiver.log])
    assert [line["person"] for line in receiver.logged("signed in")] == ["Olive", "Vic"]
    for secret in (real_provider.SECRET, "eyJ", answer.partition("code=")[2].partition("&")[0]):
        assert secret not in shown


@on_each
def test_a_person_comes_again(kind: str, provider: HostileProvider, server: Receiver) -> None:
    """The same account is the same person, with the role of its groups at that time."""
    visitor = Visitor(server)
    asked = "/events?kind=deployed"
    assert come_back(visitor, provider, asked).headers["location"] == asked
    assert visitor.get("/settings/people").status_code == 403
    provider.claims = having(groups=["platform"], name="Somebody Else")
    again = Visitor(server)
    come_back(again, provider)
    page = again.get("/settings/people")
    assert "Somebody Else" not in page.text
    assert visitor.get("/settings/people").status_code == 200, "the role holds for other sessions"
    assert provider.form["code_verifier"][0] not in ("", provider.nonce)


def test_who_loses_every_role_loses_everything(provider: HostileProvider, server: Receiver) -> None:
    """An account that no group lets in any more is refused, and its sessions end."""
    visitor, again = Visitor(server), Visitor(server)
    come_back(visitor, provider)
    assert visitor.get("/settings", allow_redirects=False).status_code == 200
    provider.claims = having(groups=["visitors"])
    refused = come_back(again, provider)
    assert (refused.status_code, "None of your groups" in refused.text) == (403, True)
    assert visitor.get("/settings", allow_redirects=False).status_code == 303


def test_the_only_owner_stays_owner(provider: HostileProvider, server: Receiver) -> None:
    """Groups make no server without an owner; once there is another one, they take the role away."""
    visitor = Visitor(server)
    provider.claims = having(groups=["platform"])
    come_back(visitor, provider)
    provider.claims = having(groups=["engineering"])
    come_back(Visitor(server), provider)
    assert visitor.get("/settings/people").status_code == 200
    Visitor(server).join(invite_owner(server.store), "Kim")
    come_back(Visitor(server), provider)
    assert visitor.get("/settings/people").status_code == 403


def test_a_removed_person_stays_out_until_let_in(provider: HostileProvider, server: Receiver) -> None:
    """Removing a person holds for their account; an owner can let it in again, as a new person."""
    owner, visitor = Visitor(server), Visitor(server)
    owner.join(invite_owner(server.store), "Kim")
    come_back(visitor, provider)
    assert owner.post("/settings/people/2/role", "/settings/people", role="owner").status_code == 404
    owner.post("/settings/people/2/remove")
    assert visitor.get("/settings", allow_redirects=False).status_code == 303
    assert come_back(visitor, provider).status_code == 403
    assert "Not let in" in owner.get("/settings/people").text
    assert owner.post("/settings/people/2/let-in", "/settings/people").status_code == 303
    assert come_back(visitor, provider).status_code == 303
    assert "Not let in" not in owner.get("/settings/people").text


def test_a_name_is_not_an_account(provider: HostileProvider, server: Receiver) -> None:
    """An account with the name of a person is another person, and has no password."""
    Visitor(server).join(invite_owner(server.store), "Robin")
    visitor = Visitor(server)
    come_back(visitor, provider)
    assert "Robin (2)" in visitor.get("/settings").text
    assert visitor.get("/settings/people").status_code == 403
    assert visitor.get("/settings/password").status_code == 403
    assert [Visitor(server).sign_in("Robin (2)", word).status_code for word in (PASSWORD, " ")] == [401, 401]


NOW = int(time.time())
WRONG_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "issuer": ({"claims": having(iss="https://login.example.com")}, "(iss)"),
    "no issuer": ({"claims": without("iss")}, "missing_claim"),
    "nonce": ({"claims": having(nonce="another")}, "(nonce)"),
    "no nonce": ({"claims": without("nonce")}, "(nonce)"),
    "audience": ({"claims": having(aud="another")}, "(aud)"),
    "many audiences": ({"claims": having(aud=["gitdailies", "another"])}, "(azp)"),
    "another party": ({"claims": having(azp="another")}, "(azp)"),
    "expired": ({"claims": having(exp=NOW - 61)}, "expired"),
    "no expiry": ({"claims": without("exp")}, "missing_claim"),
    "of the future": ({"claims": having(iat=NOW + 3600)}, "(iat)"),
    "old": ({"claims": having(iat=NOW - 3600)}, "long ago"),
    "no subject": ({"claims": without("sub")}, "missing_claim"),
    "subject is a number": ({"claims": having(sub=7)}, "(sub)"),
    "empty subject": ({"claims": having(sub="")}, "(sub)"),
    "another key": ({"key": hostile.OTHER}, "bad_signature"),
    "unknown key": ({"header": {"alg": "RS256", "kid": "unknown"}}, "does not publish"),
    "hmac": ({"header": {"alg": "HS256", "kid": "right"}}, "algorithm"),
    "none": ({"token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1LTEifQ."}, "algorithm"),
    "no token": ({"token": "word"}, "ID token"),
}


@pytest.mark.parametrize("case", WRONG_TOKENS)
def test_wrong_tokens(case: str, shared: tuple[HostileProvider, Receiver]) -> None:
    """No session begins with a wrong token; the log says what is wrong, and the page does not."""
    changes, reason = WRONG_TOKENS[case]
    answer, logged = refused(shared, changes, {})
    assert (answer.status_code, "was not accepted" in answer.text) == (403, True)
    assert reason in logged
    assert shared[0].last_token not in logged


def test_right_tokens(provider: HostileProvider, server: Receiver) -> None:
    """A key on a curve, an audience in a list, and a clock that is a minute off are right."""
    for changes in (
        {"header": {"alg": "ES256", "kid": "curve"}, "key": hostile.CURVE},
        {"claims": having(aud=["gitdailies", "another"], azp="gitdailies")},
        {"claims": having(iat=int(time.time()) + 50)},
    ):
        become(provider, changes)
        assert come_back(Visitor(server), provider).status_code == 303, changes


def test_a_replayed_token(provider: HostileProvider, server: Receiver) -> None:
    """A token of one sign-in is worth nothing in the next one."""
    assert come_back(Visitor(server), provider).status_code == 303
    provider.token = provider.last_token
    assert come_back(Visitor(server), provider).status_code == 403
    assert "(nonce)" in server.logged("sign-in refused")[0]["reason"]


@on_each
def test_an_answer_is_for_one_browser_once(kind: str, provider: HostileProvider, server: Receiver) -> None:
    """A state of another browser, an invented one, a used one and an old one begin no session."""
    visitor, victim = Visitor(server), Visitor(server)
    asked = provider.note(begun(visitor))
    begun(victim)
    answer = {"code": "c-1", "state": asked["state"]}
    assert victim.get(BACK, params=answer).status_code == 400
    assert visitor.get(BACK, params=answer).status_code == 400, "it was used up by the other browser"
    for state in ("", "invented", asked["state"][:-1]):
        assert visitor.get(BACK, params={**answer, "state": state}).status_code == 400
    old = provider.note(begun(visitor))
    with transaction(server.store) as session:
        session.execute("UPDATE pending_sign_ins SET created_at = ?", (to_us(utc_now() - pending.LASTS),))
    assert visitor.get(BACK, params={"code": "c-1", "state": old["state"]}).status_code == 400
    assert "/token" not in provider.seen


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "<script>alert(1)</script>"}, "an error"),
        ({"code": ""}, "no code"),
        ({"iss": "https://login.example.com"}, "another provider"),
    ],
)
def test_answers_without_a_code(
    shared: tuple[HostileProvider, Receiver], query: dict[str, str], reason: str
) -> None:
    """An error, no code and another issuer end the sign-in; no text of others is repeated."""
    answer, logged = refused(shared, {}, query)
    assert answer.status_code == 403
    assert "alert(1)" not in answer.text + logged
    assert reason in logged
    assert "/token" not in shared[0].seen


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "https://login.example.com"}, "got another"),
        ({"authorization_endpoint": "http://login.example.com/a"}, "expected an https address"),
        ({"token_endpoint": "https://169.254.169.254/latest"}, "link-local"),
        ({"jwks_uri": "https://user:word@login.example.com/"}, "expected an https address"),
        ({"token_endpoint": None}, "expected an address, got none"),
    ],
)
def test_wrong_configurations(
    provider: HostileProvider, server: Receiver, changes: dict[str, Any], reason: str
) -> None:
    """A provider whose document is not right is not used, and no browser is sent to it."""
    provider.configuration = changes
    answer = Visitor(server).get(BEGIN, allow_redirects=False)
    assert answer.status_code == 403
    assert reason in server.logged("sign-in refused")[0]["reason"]


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_that_is_away(provider: HostileProvider, server: Receiver, path: str) -> None:
    """The page says so, whatever is away, and passwords still work."""
    provider.answers[path] = (503, b"")
    Visitor(server).join(invite_owner(server.store), "Kim")
    visitor = Visitor(server)
    answer = visitor.get(BEGIN, allow_redirects=False)
    if answer.status_code == 303:
        answer = come_back(visitor, provider)
    assert (answer.status_code, "does not answer now" in answer.text) == (503, True)
    assert "sign in with a password" in answer.text
    assert visitor.sign_in("Kim").status_code == 303


def test_a_document_without_end(provider: HostileProvider, server: Receiver) -> None:
    """A huge document is not read to its end, and begins nothing."""
    provider.answers["/.well-known/openid-configuration"] = (200, b'{"issuer": "' + b"x" * 2_000_000)
    assert Visitor(server).get(BEGIN, allow_redirects=False).status_code == 403


def test_claims_from_userinfo(provider: HostileProvider, server: Receiver) -> None:
    """Groups that the token lacks come from userinfo, but only if it is about the same account."""
    provider.claims = without("groups")
    provider.userinfo = {"sub": "u-2", "groups": ["platform"]}
    assert come_back(Visitor(server), provider).status_code == 403
    assert "another person" in server.logged("sign-in refused")[0]["reason"]
    provider.userinfo = {"sub": "u-1", "groups": ["platform"], "name": "Not Robin"}
    visitor = Visitor(server)
    assert come_back(visitor, provider).status_code == 303
    assert "Not Robin" not in visitor.get("/settings/people").text


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil"])
def test_no_way_elsewhere(provider: HostileProvider, server: Receiver, path: str) -> None:
    """After the sign-in, a browser is sent to a page of this server alone."""
    assert come_back(Visitor(server), provider, path).headers["location"] == "/"


def test_passwords_off(provider: HostileProvider, tmp_path: Path) -> None:
    """Without passwords there is no form, and neither a password nor a link gets anybody in."""
    ways = SignInSettings(passwords=False, openid=provider.settings, roles=ROLES)
    with in_thread(tmp_path / "w.db") as receiver:
        Visitor(receiver).join(invite_owner(receiver.store), "Kim")
        visitor = Visitor(receiver)
        token = visitor.token("/sign-in")
        receiver.reload(replace(settings_of(FigureSettings()), sign_in=ways))
        while 'type="password"' in (page := visitor.get("/sign-in").text):
            time.sleep(0.01)
        assert "Sign in with 127.0.0.1" in page
        form = {"form_token": token, "name": "Kim", "password": PASSWORD}
        assert visitor.session.post(f"{receiver.url}/sign-in", data=form, timeout=10).status_code == 403
        assert visitor.get(invite_owner(receiver.store)).status_code == 403
        assert come_back(visitor, provider).status_code == 303


def test_too_many_sign_ins(provider: HostileProvider, server: Receiver) -> None:
    """An address that begins sign-ins and never comes back has to wait."""
    visitor = Visitor(server)
    answers = [visitor.get(BEGIN, allow_redirects=False) for _ in range(SINGLE_SIGN_ON.burst + 20)]
    statuses = [answer.status_code for answer in answers]
    assert (statuses[0], 429 in statuses) == (303, True)


def test_a_new_key_is_known_at_once(provider: HostileProvider, server: Receiver) -> None:
    """A provider that changes its key signs the next sign-in with it."""
    assert come_back(Visitor(server), provider).status_code == 303
    new = RSAKey.generate_key(2048, {"kid": "new"})
    provider.header, provider.key = {"alg": "RS256", "kid": "new"}, new
    assert come_back(Visitor(server), provider).status_code == 403
    provider.keys = [new.as_dict(private=False)]
    assert come_back(Visitor(server), provider).status_code == 303


def test_secrets_are_not_derived_from_the_store() -> None:
    """What the store holds of a sign-in gives neither its nonce nor its verifier, which differ."""
    made = {pending.derived(purpose, "cookie", "state") for purpose in ("nonce", "verifier")}
    assert len(made) == 2
    assert {len(text) for text in made} == {43}
    assert pending.derived("nonce", "cookie", "other") not in made
    assert id_token.LEEWAY_SECONDS <= 120
