"""The safety of the pages: sessions, forms of other sites, hostile text, guesses, headers, and the log."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from gitdailies_core.errors import StoreUnavailable
from gitdailies_dora.accounts import people, people_store
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.accounts.keys.key_store import list_keys
from gitdailies_dora.accounts.keys.webhook_key import Limits
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.pages.frame.site import Site
from gitdailies_dora.pages.routes import pages
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import to_us

from tests.support.databases import PAGE_KINDS
from tests.support.dora.bare import bare_installation
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import PASSWORD, Visitor, joined

pytestmark = pytest.mark.matrix

MANAGE = "/settings/api-access/incoming-webhooks"


PAGES = pages(Site(bare_installation()), {})
# The ways in and out, links with a token, and the documentation: no other page is shown to a stranger.
OPEN = ("/sign-in", "/sign-out", "/join/", "/shared/", "/wall/", "/help", "/llms.txt", "/docs")
# Every person may do this, and members may decide about events. All other pages are for owners.
OWN = r"\w+ /settings/(password|sessions|tokens).*|GET /(settings(/figures|/services)?|review|dora.*)"
READ = r"GET /(events(/export|/id|/{seq:int})?|deploys/.*|incidents/.*|deliveries(/refused|/{relay}/{id})?)"
DECIDE = r"POST /(corrections|review/).*|\w+ /events/move"
on_each = pytest.mark.parametrize("kind", PAGE_KINDS)


def key_of(owner: Visitor, name: str = "ci", **fields: str) -> str:
    page = owner.post(f"{MANAGE}/new-key", name=name, sends="every", **fields)
    return re.search(r"gdk_\w{38}", page.text)[0]


def test_every_page_asks_who_it_is(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A stranger has to sign in, people see no page of owners, and a form needs the token of our page."""
    stranger, reader = Visitor(receiver), joined(receiver, owner, "reader", "Rea")
    asked = [page for page in PAGES if not page.path.startswith(OPEN)]
    assert len(asked) > 20
    for page in asked:
        path = re.sub(r"\{\w+:int\}", "1", page.path)
        read, may = (re.fullmatch(which, f"{page.method} {page.path}") for which in (f"{READ}|{OWN}", DECIDE))
        of_reader, of_member = None if read else 403, None if read or may else 403
        for visitor, expected in ((stranger, 303), (reader, of_reader), (member, of_member)):
            form = "/sign-in" if visitor is stranger else "/events"
            asks = visitor.get if page.method == "GET" else visitor.post
            more = {"allow_redirects": False} if page.method == "GET" else {"form": form}
            status = asks(path, **more).status_code
            assert expected in (None, status), (page, status)
        if page.method == "POST":
            assert owner.post(path, form="/settings", form_token="0" * 64).status_code == 403, path


def test_a_session_that_was_put_upon_somebody_is_not_theirs(receiver: Receiver, owner: Visitor) -> None:
    """Signing in replaces a planted cookie, and the planted one gives no session."""
    victim, attacker = Visitor(receiver), Visitor(receiver)
    for visitor in (victim, attacker):
        visitor.session.cookies.set("gitdailies", "planted", domain="127.0.0.1")
    assert victim.sign_in("kim").status_code == 303
    assert victim.get("/settings").status_code == 200
    assert "Sign in" in attacker.get("/settings").text


@on_each
def test_signing_out_ends_the_session_in_the_store(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """A copy of the cookie is worth nothing after its owner signed out."""
    copy = dict(owner.session.cookies)
    owner.post("/sign-out", form="/settings")
    answer = requests.get(receiver.url + "/settings", cookies=copy, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/settings")


@on_each
@pytest.mark.parametrize("age", ["idle", "absolute"])
def test_sessions_end_by_themselves(kind: str, receiver: Receiver, owner: Visitor, age: str) -> None:
    """A session ends after twelve idle hours, and after seven days however often it is used."""
    past = datetime.now(UTC) - (people.IDLE if age == "idle" else people.ABSOLUTE) - timedelta(seconds=1)
    column = "seen_at" if age == "idle" else "created_at"
    with transaction(receiver.store) as session:
        session.execute(f"UPDATE sessions SET {column} = ?", (to_us(past),))
    assert owner.get("/settings", allow_redirects=False).status_code == 303


def test_a_page_that_renews_itself_keeps_no_session(receiver: Receiver, owner: Visitor) -> None:
    """What a script asks is answered, and does not count as use; what a person asks does."""
    past = to_us(datetime.now(UTC) - people.IDLE / 2)

    def used_after(headers: dict[str, str]) -> bool:
        with transaction(receiver.store) as session:
            session.execute("UPDATE sessions SET seen_at = ?", (past,))
        assert owner.get("/dora", headers={"accept": "text/html", **headers}).status_code == 200
        with transaction(receiver.store) as session:
            return session.execute("SELECT seen_at FROM sessions").fetchone() != (past,)

    assert (used_after({"x-renewal": "yes"}), used_after({})) == (False, True)


@on_each
def test_a_removed_person_is_out_at_once(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """A removed person's session, password and invitations end at once; the last owner cannot be removed."""
    second = joined(receiver, owner, "owner", "Sam")
    given = second.invitation("owner")
    assert owner.post("/settings/people/2/remove").status_code == 303
    assert second.get("/settings", allow_redirects=False).status_code == 303
    assert Visitor(receiver).sign_in("Sam").status_code == 401
    assert Visitor(receiver).get(given).status_code == 410
    assert "the only owner cannot be removed" in owner.post("/settings/people/1/remove").text


def test_the_only_owner_is_not_offered_to_be_removed(receiver: Receiver, owner: Visitor) -> None:
    """The page has no button to remove the only owner, until there is another one."""
    offered = re.findall(r"people/(\d+)/remove|(the only owner)", owner.get("/settings/people").text)
    assert offered == [("", "the only owner")]
    joined(receiver, owner, "owner", "Sam")
    assert re.findall(r"people/(\d+)/remove", owner.get("/settings/people").text) == ["1", "2"]


def test_a_key_is_replaced(receiver: Receiver, owner: Visitor) -> None:
    """The new key has name, rights and limits of the old one, which works for a week and has another name."""
    fields = {"repos": "larkspur/checkout-*, larkspur/web", "environments": "production"}
    old = key_of(owner, "ci", **fields)
    page = owner.post(f"{MANAGE}/keys/1/replace", f"{MANAGE}/keys/1", name="ci").text
    new = re.search(r"gdk_[0-9A-Za-z]{38}", page)[0]
    limits = Limits(("larkspur/checkout-*", "larkspur/web"), ("production",))
    first, second = list_keys(receiver.store)
    assert (second.name, second.limits, second.allow) == ("ci", limits, {"send"})
    assert (first.name, first.limits) == (f"ci (old {old[-4:]})", limits)
    assert first.expires_at - second.created_at == timedelta(days=7)
    assert [receiver.post(key, body("deploy", id=key[-8:])).status_code for key in (old, new)] == [202, 202]
    # A form that is sent again, as a reload of the page does, replaces nothing.
    assert owner.post(f"{MANAGE}/keys/1/replace", f"{MANAGE}/keys/1", name="ci").status_code == 303
    assert len(list_keys(receiver.store)) == 2


def test_a_key_that_only_reads_is_not_offered_for_sending(receiver: Receiver, owner: Visitor) -> None:
    """The page of a replaced read key says nothing of a pipeline and a test deploy."""
    receiver.key("dashboard", "read")
    page = owner.post(f"{MANAGE}/keys/1/replace", f"{MANAGE}/keys/1", name="dashboard").text
    said = [text in page for text in ("wherever the old one is.", "GITDAILIES_WEBHOOK_KEY", "test deploy")]
    assert said == [True, False, False]


def test_a_leaked_key_is_replaced_and_refused_at_once(receiver: Receiver, owner: Visitor) -> None:
    """The new key works from then on, and the old one no longer; the audit trail has both."""
    old = key_of(owner, "ci")
    assert receiver.post(old, body("deploy", id="before")).status_code == 202
    assert 'name="leaked" value="yes"' in owner.get(f"{MANAGE}/keys/1").text
    replace = (f"{MANAGE}/keys/1/replace", f"{MANAGE}/keys/1")
    page = owner.post(*replace, name="ci", leaked="yes").text
    new = re.search(r"gdk_[0-9A-Za-z]{38}", page)[0]
    assert "Every request with it is refused already" in page
    assert [receiver.post(key, body("deploy", id=key[-8:])).status_code for key in (old, new)] == [401, 202]
    assert [key.name for key in list_keys(receiver.store)] == ["ci"]
    assert owner.post(replace[0], f"{MANAGE}/keys/2", name="ci", leaked="yes").status_code == 303
    with transaction(receiver.store) as session:
        actions = [line.action for line in read_audit(session, limit=3)]
    assert actions == ["key.created", "key.deleted", "key.replaced"]


def test_an_event_outside_the_limits_is_refused(receiver: Receiver, owner: Visitor) -> None:
    """One in a list is refused alone; the answer and the key's page name the limit."""
    key = key_of(owner, "ci", repos="larkspur/checkout-*")
    answer = receiver.post(key, [body("deploy"), body("deploy", id="other", repo="larkspur/web")])
    assert [one["status"] for one in answer.json()["results"]] == ["created", "forbidden"]
    said = "repo: this key may send events of larkspur/checkout-* alone, got"
    assert said in answer.json()["results"][1]["error"]
    page = owner.get(f"{MANAGE}/keys/1").text
    assert said in page
    assert "send everything; only for larkspur/checkout-*" in page
    refused = owner.post(f"{MANAGE}/new-key", name="both", sends="every", reads="y", repos="larkspur/*")
    assert (refused.status_code, "Only sending can be limited" in refused.text) == (422, True)


def test_a_wrong_form_creates_no_key(receiver: Receiver, owner: Visitor) -> None:
    """Each field that is wrong has a sentence of its own, and what was typed is still there."""
    wrong = (
        ({"sends": "some"}, "Choose at least one kind."),
        ({"sends": "none"}, "Choose at least one permission."),
        ({"sends": "all"}, "Choose at least one permission."),
        ({"expires": "tomorrow"}, "Enter a day like 2026-11-30."),
        ({"expires": "2020-01-01"}, "Choose a day in the future."),
        ({"name": ""}, "Enter a name."),
    )
    for given, said in wrong:
        answer = owner.post(f"{MANAGE}/new-key", **{"name": "ci", "repos": "larkspur/*", **given})
        assert (answer.status_code, said in answer.text) == (422, True), given
        assert 'value="larkspur/*"' in answer.text
    assert list_keys(receiver.store) == []


def test_a_key_is_deleted_knowingly(receiver: Receiver, owner: Visitor) -> None:
    """Deleting a key in use says so."""
    key = key_of(owner, "ci")
    asked = owner.get(f"{MANAGE}/keys/1/delete").text
    assert "<h1>Delete the key “ci”?</h1>" in asked
    assert "Events that were sent with it stay." in asked
    assert "It is in use" not in asked
    receiver.post(key, body("deploy"))
    assert "It is in use" in owner.get(f"{MANAGE}/keys/1/delete").text
    assert " by Kim</td>" in owner.get(MANAGE).text
    receiver.key("by command")
    assert " by the command line</td>" in owner.get(MANAGE).text


def test_a_member_is_not_shown_keys(owner: Visitor, member: Visitor) -> None:
    """The first page shows an owner the names and beginnings of keys, and a member none of them."""
    shown = key_of(owner, "larkspur pipeline")[:8]
    for visitor, visible in ((owner, True), (member, False)):
        page = visitor.get("/").text
        assert ("There is one key" in page) == visible
        assert (shown in page, "larkspur pipeline" in page) == (visible, visible)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"form_token": ""}, {}),
        ({"form_token": "0" * 64}, {}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"origin": "null"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
    ],
)
def test_a_form_of_another_site_does_nothing(
    receiver: Receiver, owner: Visitor, fields: dict[str, str], headers: dict[str, str]
) -> None:
    """Without our page's token, or from another origin, a signed-in browser's form is 403."""
    answer = owner.post(f"{MANAGE}/new-key", headers=headers, name="evil", sends="every", **fields)
    assert answer.status_code == 403
    with transaction(receiver.store) as session:
        assert session.execute("SELECT count(*) FROM keys").fetchone() == (0,)


def test_a_token_of_one_visitor_is_none_of_another(receiver: Receiver, owner: Visitor) -> None:
    """A form token is bound to the cookie it was made for."""
    token = Visitor(receiver).token("/sign-in")
    answer = owner.post(f"{MANAGE}/new-key", form_token=token, name="evil", sends="every")
    assert answer.status_code == 403


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


@on_each
def test_hostile_text_is_shown_as_text(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """Titles, repositories, key and person names, searches and paths are text on every page."""
    key = key_of(owner, HOSTILE)
    repo = "larkspur/<script>alert(1)</script>"
    receiver.post(key, body("incident-started", title=HOSTILE, repo=repo, service=HOSTILE))
    url = f"https://[x/{repo}/actions/1"
    assert receiver.post(key, body("deploy", repo=repo, url=url)).status_code == 202
    search = quote(HOSTILE)
    every = {re.sub(r"\{\w+:int\}", "1", page.path) for page in PAGES if page.method == "GET"}
    assert {"/connect", "/events/1", "/events/1/delete", f"{MANAGE}/keys/1", "/settings/audit"} <= every
    of_search = f"/dora?from=2026-03-01&service={search}&repo={search}", f"/events?q={search}&repo={search}"
    for path in (
        *every,
        "/dora?from=2026-03-01",
        "/events/2",
        *of_search,
        f"/sign-in?next={search}",
        f"/{search}",
    ):
        page = owner.get(path)
        assert page.status_code in (200, 400, 404, 410), path
        if not page.headers["content-type"].startswith("text/html"):
            continue  # a file, which no browser shows as a page
        assert "<script>alert" not in page.text, path
        assert "<img src=x" not in page.text, path
        assert "unsafe" not in page.headers["content-security-policy"], path


def test_hidden_characters_are_shown_escaped(receiver: Receiver, owner: Visitor) -> None:
    """Characters that turn a line around or show nothing are escapes on every page, and the event is kept."""
    title = "Checkout \u202e\u200bdown"
    receiver.post(key_of(owner), body("incident-started", title=title, time=None))
    for path in ("/connect", "/events", "/events/1", "/events/1/delete", "/dora", f"/events?q={title}"):
        page = owner.get(path)
        assert page.status_code == 200
        assert "\u202e" not in page.text, path
        assert r"Checkout \u202e\u200bdown" in page.text or path == "/dora", path
    assert "Use 1 to 100 characters" in owner.post(f"{MANAGE}/new-key", name="c\u200bi", sends="every").text


def test_no_page_leads_elsewhere_after_signing_in(receiver: Receiver, owner: Visitor) -> None:
    """`next` may name a page of ours and nothing else."""
    elsewhere = (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
    )
    for target in (*elsewhere, "/events"):
        answer = Visitor(receiver).post("/sign-in", name="Kim", password=PASSWORD, next=target)
        assert answer.headers["location"] == ("/events" if target == "/events" else "/"), target


def test_guessing_passwords_is_slowed(receiver: Receiver, owner: Visitor) -> None:
    """After ten wrong passwords from an address the right one waits too; the answer says how long."""
    visitor = Visitor(receiver)
    statuses = [visitor.sign_in("Kim", f"wrong password {n}").status_code for n in range(10)]
    assert statuses == [401] * 10
    answer = visitor.sign_in("Kim")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 30


def test_guessing_keys_is_slowed_and_live_keys_are_not(receiver: Receiver) -> None:
    """Many requests with wrong keys become 429 with Retry-After, while a live key still works."""
    key = receiver.key("ci")
    statuses = [receiver.post(f"{key[:-1]}-", body("deploy")).status_code for _ in range(80)]
    assert statuses[:50] == [401] * 50
    refused = receiver.post("wrong", body("deploy"))
    assert (statuses[-1], refused.status_code) == (429, 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert receiver.post(key, body("deploy")).status_code == 202


def test_names_cannot_be_found_out(receiver: Receiver, owner: Visitor) -> None:
    """A wrong password and an unknown name are answered with the same page."""
    there, not_there = (Visitor(receiver).sign_in(name, "wrong password") for name in ("Kim", "Eve"))
    strip = lambda page, name: re.sub(r'value="\w{64}"', "", page.text).replace(name, "")  # noqa: E731
    assert strip(there, "Kim") == strip(not_there, "Eve")
    assert there.status_code == not_there.status_code == 401


def test_one_time_links_and_passwords_are_in_no_log(
    receiver: Receiver, log_lines: pytest.CaptureFixture[str]
) -> None:
    """Neither the token of a link, nor a password, nor a cookie is in any line of the log."""
    link, visitor = invite_owner(receiver.store), Visitor(receiver)
    visitor.join(link, "Kim")
    visitor.sign_in("Kim", "wrong " + PASSWORD)
    visitor.get(link)
    logged = log_lines.readouterr().err
    assert "joined" in logged
    secrets = [link.rpartition("/")[2], PASSWORD, *visitor.session.cookies.values()]
    assert [secret for secret in secrets if secret in logged] == []
    with transaction(receiver.store) as session:
        tables = ("people", "sessions", "invitations", "audit")
        rows = str([session.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
    assert [secret for secret in secrets if secret in rows] == []


@on_each
def test_a_link_is_used_once(kind: str, receiver: Receiver) -> None:
    """A used link is answered 410. All links for the first owner end with the first use of one."""
    first, second = invite_owner(receiver.store), invite_owner(receiver.store)
    assert Visitor(receiver).join(first, "Kim").status_code == 303
    for link in (first, second):
        assert Visitor(receiver).get(link).status_code == 410


def test_cookies_and_headers_behind_tls(tmp_path: Path) -> None:
    """Behind TLS the cookie is Secure and for one host, HSTS is sent, and forms need the public origin."""
    with in_thread(tmp_path / "w.db", public="https://dora.example.com") as receiver:
        link = invite_owner(receiver.store)
        page = requests.get(receiver.url + link, timeout=10)
        cookie = page.headers["set-cookie"]
        assert re.fullmatch(r"__Host-gitdailies=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Secure", cookie)
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        token = re.search(r'name="form_token" value="(\w+)"', page.text)[1]
        form = {"form_token": token, "name": "Kim", "password": PASSWORD, "again": PASSWORD}
        for origin, status in ((receiver.url, 403), ("https://dora.example.com", 303)):
            headers, url = {"cookie": cookie.split(";")[0], "origin": origin}, receiver.url + link
            answer = requests.post(url, form, headers=headers, timeout=10, allow_redirects=False)
            assert answer.status_code == status
        assert "Max-Age=604800" in answer.headers["set-cookie"]


def test_every_answer_has_the_headers(receiver: Receiver, owner: Visitor) -> None:
    """Pages, problems, JSON and files have the headers against sniffing, framing and foreign content."""
    for path in ("/connect", "/nowhere", "/openapi.json", "/api/events", "/static/style.css", "/sign-in"):
        headers = owner.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "server" not in headers, path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "same-origin", path
        assert headers["cache-control"] == ("no-store" if "static" not in path else headers["cache-control"])


def test_a_fault_on_a_page_shows_no_trace(
    receiver: Receiver,
    owner: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: pytest.CaptureFixture[str],
) -> None:
    """A fault of ours is a page with a number and a way back, without trace or text; under the number the
    log names the places that led there, from the inside out."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the reason inside")

    monkeypatch.setattr(people_store, "all_people", broken)
    answer = owner.get("/settings/people")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="/">Go to the start page</a>' in answer.text
    assert "Traceback" not in answer.text
    number = re.search(r"internal error (\w{12})", answer.text)[1]
    (line,) = [line for line in log_lines.readouterr().err.splitlines() if number in line]
    places = re.findall(r"([\w/]+\.py):\d+", json.loads(line)["reason"])
    assert places[0] == "test_pages_security.py"
    assert places[-1] == "gitdailies_dora/api/middleware.py"
    assert "gitdailies_dora/pages/settings/members.py" in places
    assert "the reason inside" not in answer.text + line


def test_a_store_that_cannot_be_read_is_a_page(
    receiver: Receiver, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the session cannot be read, a browser gets a page with Retry-After."""

    def broken(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("store: expected to read it, got a fault")

    monkeypatch.setattr(people_store, "find_session", broken)
    answer = owner.get("/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The store is unavailable</h1>" in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/dora/", 404),
        ("/events/", 404),
        ("/events/-1", 404),
        ("/events/99", 404),
        (f"{MANAGE}/keys/x", 404),
        (f"{MANAGE}/keys/99", 404),
        ("/sign-out", 405),
        ("/events?key=x", 400),
    ],
)
def test_an_unknown_path_is_a_page_in_a_browser(
    receiver: Receiver, owner: Visitor, path: str, status: int
) -> None:
    """A browser is shown a page with a way back, and a program the problem as JSON."""
    page = owner.get(path)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    way_back = ("/dora", "overview") if status == 404 else ("/", "start page")
    assert '<a href="{}">Go to the {}</a>'.format(*way_back) in page.text
    problem = requests.get(receiver.url + path, timeout=10, allow_redirects=False)
    if problem.status_code != 303:  # pages redirect a visitor to sign in
        assert (problem.status_code, problem.json()["status"]) == (status, status)


@pytest.mark.parametrize(
    ("path", "status"), [("/webhooks", 405), ("/api/events", 401), ("/api/nothing", 404)]
)
def test_the_interface_answers_programs_that_name_html_first(
    receiver: Receiver, path: str, status: int
) -> None:
    """A program whose library prefers HTML gets a problem of the interface as JSON, not as a page."""
    answer = Visitor(receiver).get(path, headers={"accept": "text/html, image/gif, *; q=.2, */*; q=.2"})
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_host_headers_are_not_repeated_unread(receiver: Receiver, owner: Visitor) -> None:
    """A Host header that is no host is shown nowhere."""
    page = owner.get(MANAGE, headers={"host": 'x"><script>alert(1)</script>', "accept": "text/html"})
    assert "<script>alert" not in page.text
