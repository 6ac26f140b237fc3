"""The page of a week: its figures beside those of the week before, what happened, and a link to it."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.accounts.screens import SHARED_FOR
from gitdailies_dora.derived.read import answers
from gitdailies_dora.figures.history.repeats import DAY_US
from gitdailies_dora.figures.words.review import SlowChange, slowest
from gitdailies_dora.figures.words.week import Trouble, outages, severity_rank
from gitdailies_dora.pages.overview import week_view
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import to_us

from tests.support.databases import PAGE_KINDS
from tests.support.dora.made_up_week import OPEN, REPOS, TEAMS, events_of
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import Visitor, owner_of
from tests.support.dora.visitor import text_of as words_of
from tests.support.empty_stores import DORA

text_of = partial(words_of, between="")
# A week that is over. One of its incidents is still open.
MONDAY = datetime(2026, 3, 30, tzinfo=UTC)
PAGE = "/review?week=2026-W14"


@pytest.fixture(params=PAGE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each test of this module that has a server runs on either database."""
    return str(request.param)


@pytest.fixture
def key(receiver: Receiver) -> str:
    key = receiver.key("lead", "send", "read")
    assert receiver.post(key, events_of(MONDAY)).status_code == 202
    return key


@pytest.fixture
def with_teams(tmp_path: Path) -> Iterator[Receiver]:
    DORA.put(tmp_path / "dora.db")
    with in_thread(tmp_path / "dora.db", teams=TEAMS) as running:
        assert running.post(running.key("lead", "send"), events_of(MONDAY)).status_code == 202
        yield running


def test_what_hurt_most_comes_first(receiver: Receiver, key: str) -> None:
    """An open incident is first, then by severity. Incidents of one outage are one, and a rollback counts."""
    found = receiver.get(key, "/api/review", week="2026-W14").json()
    happened = found["happened"]
    assert [one["title"] for one in happened] == [OPEN, "Database of sessions is down", "Payments fail", ""]
    assert [one["severity"] for one in happened] == ["SEV-3", "SEV-1", "SEV-2", ""]
    assert [one["open"] for one in happened] == [True, False, False, False]
    assert [one["how"] for one in happened] == ["by-time", "no-cause", "by-time", None]
    down, bad, back = happened[1:]
    assert {ref["repo"] for ref in down["events"]} == {f"larkspur/{repo}" for repo in ("shop", "pay", "auth")}
    assert (down["time"], down["endedAt"]) == ("2026-03-31T14:00:00Z", "2026-03-31T17:00:00Z")
    assert [ref["type"] for ref in (*bad["remediedBy"], *back["remediedBy"])] == ["rollback", "rollback"]
    assert [ref["kind"] for ref in back["events"]] == ["deployed"]
    figures, before = found["figures"], found["before"]
    assert figures["deploymentFrequency"]["deploys"] == 29
    assert before["deploymentFrequency"]["deploys"] == 25
    assert (found["change"]["changeFailRate"], found["happenedLeft"]) == ("unclear", 0)


def test_the_figures_are_those_of_the_interface(receiver: Receiver, key: str) -> None:
    """The figures of the week and of the week before are what `/api/metrics` answers."""
    found = receiver.get(key, "/api/review", week="2026-W14", repo="larkspur/pay").json()
    for figures, day in ((found["figures"], MONDAY), (found["before"], MONDAY - timedelta(days=7))):
        asked = {"from": f"{day:%Y-%m-%d}", "to": f"{day + timedelta(days=7):%Y-%m-%d}"}
        answer = receiver.get(key, "/api/metrics", repo="larkspur/pay", **asked).json()["figures"]
        assert figures == answer


def chat_of(page: str) -> str:
    """Return the Markdown that a page has for a chat."""
    return re.search(r'<pre id="markdown"[^>]*>(.*?)</pre>', page, re.DOTALL)[1]


def test_a_lead_reads_the_week_on_the_page_and_in_a_chat(with_teams: Receiver) -> None:
    """Page and Markdown say what happened, whose it was, how long it took, and what to decide."""
    owner = owner_of(with_teams)
    page = owner.get(PAGE).text
    shown = text_of(page)
    markdown = chat_of(page)
    for text in (shown, text_of(re.sub(r"\]\([^)]*\)|\[|\*\*", "", markdown))):
        assert "3 outages and 1 other failed deploy. What hurt most: Database of " in text
        assert "Database of sessions is down (SEV-1, 3 h). Still open: Search index is behind." in text
        assert "Tue 31 Mar 14:00, 3 h: Database of sessions is down, SEV-1 in larkspur/auth" in text
        assert re.search(r"/shop \(Platform, Payments, Storefront\)\. No deploy caused it\. (- )?Wed", text)
        assert re.search(
            r"Payments fail, SEV-2 in larkspur/pay \(Payments\)\. It began 10 min after deploy \w+, rep", text
        )
        assert re.search(
            r"Thu 2 Apr 15:00, 12 min: Deploy \w+ of larkspur/cart \(Storefront\) counts as", text
        )
        assert "4.14 a day, 29 deploys" in text
        assert "3 need a decision" in text
        assert "choose “It did not fail” for the deploy." in text
        assert "It has not recovered yet." in text
    assert "Nothing changed clearly; 2 of 5 figures cannot be compared." in markdown
    # A figure says why it has no verdict, and a line that is put aside says what that does.
    assert shown.count("no clear change") == 3
    assert shown.count("No earlier value to compare with") == 1
    assert shown.count("single weeks are not compared") == 1
    assert "Done marks a line as settled: no figure changes." in shown
    assert re.search(
        r"^All repositories, production, as of \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$", markdown, re.MULTILINE
    )
    page = owner.get(f"{PAGE}&team=base").text
    assert re.search(r"^Platform, production, as of ", chat_of(page), re.MULTILINE), "a team by its title"
    of_team = text_of(page)
    assert "Platform, production, up to Sunday" in of_team
    assert "too few to compare" in of_team
    assert "in each week, a rate needs at least 20, and" in of_team
    assert ("Database of sessions is down" in of_team, "Payments fail" in of_team) == (True, False)


def deploys(times: Iterable[datetime]) -> list[dict[str, Any]]:
    """Return a deploy of a new commit at each of the times."""
    return [
        body("deploy", id=f"d{number}", commitSHA=f"{number:040}", time=f"{at:%Y-%m-%dT%H:%M:%SZ}")
        for number, at in enumerate(times)
    ]


def test_a_running_week_is_compared_with_the_same_part_of_the_week_before(
    receiver: Receiver, owner: Visitor
) -> None:
    """What came later in the week before does not count, and the heading names the part; units are alike."""
    now = datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    times = (monday - week, now - week + timedelta(minutes=2), monday, monday, monday)
    key, name = receiver.key("lead", "send", "read"), f"{monday:%G-W%V}"
    assert receiver.post(key, deploys(times)).status_code == 202
    found = receiver.get(key, "/api/review", week=name).json()
    assert [found[part]["deploymentFrequency"]["deploys"] for part in ("figures", "before")] == [3, 1]
    shown = text_of(owner.get(f"/review?week={name}").text)
    until = f"{now - week:%a} {(now - week).day} "
    assert f"The week compared with the week before until {until}" in shown
    assert "The week before What changed" not in shown
    assert f"(the week before until {until}" in shown, "in Markdown, too"


def test_a_row_and_a_column_of_frequencies_have_one_unit(receiver: Receiver, owner: Visitor) -> None:
    """Two values that are compared have one unit, and a repository without deploys changes none."""
    times = [MONDAY + timedelta(days=at) for at in (0, 1, 2, 3, 4, 5, 6, 6.5, -1, -2, -3, -4, -5, -7)]
    events = deploys(times)
    elsewhere = {"id": "i1", "repo": "larkspur/idle", "time": events[0]["time"]}
    incident = {**body("incident-started"), **elsewhere, "environment": "production"}
    assert receiver.post(receiver.key("lead", "send", "read"), [*events, incident]).status_code == 202
    review = text_of(owner.get(PAGE).text)
    assert "Deployment frequency8 a week, 8 deploys6 a week, 6 deploys" in review
    overview = text_of(owner.get("/dora?from=2026-03-30&to=2026-04-06").text)
    assert "before: 0.86 a day, 6 deploys" in overview
    assert overview.count("1.14 a day") == 2, "of all, and in the row of the one that deploys"


def test_a_link_shows_one_review_without_an_account(receiver: Receiver, key: str, member: Visitor) -> None:
    """Anyone with the link reads the review for a week, and finds neither a form nor a link to more."""
    made = member.post("/review/share", form=PAGE, week="2026-W14", repo="larkspur/pay")
    assert made.status_code == 200
    link = re.search(r"/shared/[\w-]+", made.text)[0]
    stranger = Visitor(receiver)
    page = stranger.get(link)
    assert page.status_code == 200
    assert ("Payments fail" in page.text, "larkspur/cart" in page.text) == (True, False)
    main = page.text.partition("<main")[2].partition("</main>")[0]
    assert ("href=" in main, "<form" in main, "<button" in main) == (False, False, False)
    assert stranger.get("/dora", allow_redirects=False).status_code == 303
    assert stranger.get(PAGE, allow_redirects=False).status_code == 303
    assert stranger.get(link.replace("/shared/", "/wall/")).status_code == 410
    with transaction(receiver.store) as session:
        (made_by,) = [line for line in read_audit(session) if line.action == "screen.created"]
        assert (made_by.actor, made_by.subject) == ("Vic", "/review?week=2026-W14&repo=larkspur%2Fpay")
        (days,) = session.execute("SELECT expires_at - created_at FROM screens").fetchone()
        assert SHARED_FOR - timedelta(minutes=1) < timedelta(microseconds=days) <= SHARED_FOR
        session.execute("UPDATE screens SET expires_at = ?", (to_us(datetime.now(UTC)),))
    assert stranger.get(link).status_code == 410
    assert member.post("/review/share", form=PAGE, week="2026-W14").status_code == 200
    with transaction(receiver.store) as session:
        assert session.execute("SELECT count(*) FROM screens").fetchone() == (1,), "those that are over go"


def test_a_shared_review_names_nobody(receiver: Receiver, key: str, owner: Visitor, member: Visitor) -> None:
    """A guest sees that lines are done, and neither who decided nor why, also of what is decided later."""
    made = owner.post("/review/share", form=PAGE, week="2026-W14")
    assert "Names of people and reasons are left out" in made.text
    link = re.search(r"/shared/[\w-]+", made.text)[0]
    (failed, *_) = receiver.get(key, "/api/review", week="2026-W14").json()["sections"]["failed"]
    incident = failed["incidents"][0]["id"]
    line = {"line": failed["key"], "reason": "the provider was down", "back": PAGE}
    assert member.post("/review/acknowledge", form=PAGE, **line).status_code == 303
    sent = {"event": incident, "what": "no-deploy", "reason": "a drill of Vic"}
    assert member.post("/corrections", form=PAGE, back=PAGE, **sent).status_code == 303
    inside, page = owner.get(PAGE).text, Visitor(receiver).get(link).text
    for text in ("Vic", "the provider was down", "a drill"):
        assert (text in inside, text in page) == (True, False), text
    assert page.count('<span class="badge">done</span>') == 2
    assert "choose “It did not fail”" not in page
    assert "Members decide on these lines." in page
    assert "by Kim" in owner.get("/settings/screens").text


def test_owners_see_links_of_reviews_and_remove_them(receiver: Receiver, key: str, owner: Visitor) -> None:
    """A link of a review is listed with the screens; no screen can have such a name."""
    link = re.search(r"/shared/[\w-]+", owner.post("/review/share", form=PAGE, week="2026-W14").text)[0]
    assert "/review?week=2026-W14" in owner.get("/settings/screens").text
    assert owner.post("/settings/screens/1/remove").status_code == 303
    assert "The link was removed." in owner.get("/settings/screens").text
    assert Visitor(receiver).get(link).status_code == 410
    day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    page = owner.post("/settings/screens", name="/review?week=2026-W14", expires=day)
    assert (page.status_code, "is the address of a review" in page.text) == (422, True)


def test_a_new_reporter_of_many_repositories_is_one_line(receiver: Receiver, key: str) -> None:
    """A reporter that appears in all repositories at once is one question."""
    place = {"environment": "production", "reporter": "relay/argocd", "service": None}
    new = [
        {**one, **place, "id": f"new-{repo}", "repo": f"larkspur/{repo}"}
        for one, repo in zip(deploys([MONDAY + timedelta(days=2)] * 5), REPOS, strict=True)
    ]
    assert receiver.post(key, new).status_code == 202
    found = receiver.get(key, "/api/review", week="2026-W14").json()["sections"]["uncounted"]
    assert [(one["key"], one["repo"], one["repos"], one["deploys"]) for one in found] == [
        ("uncounted:2026-W14:reporter::relay/argocd", "", 5, 5)
    ]
    text = receiver.get(key, "/api/review", week="2026-W14", format="md").text
    assert "Reporter relay/argocd of 5 repositories is new: 5 deploys." in text


def trouble(id_: str, at: int, ended_at: int | None, title: str = "Down", severity: str = "") -> Trouble:
    return Trouble(id_, "shop", "", at, ended_at, ended_at is None, title, severity, how="none")


def test_incidents_that_touch_are_one_outage() -> None:
    """Those of one title that touch belong together; a later one, or another title, is one of its own."""
    one, two, later = trouble("a", 0, 10), trouble("b", 10, 20, "down"), trouble("c", 21, 22)
    other, long = trouble("d", 5, 6, "Slow"), trouble("e", 30, None)
    assert outages([later, two, one, other]) == [[one, two], [other], [later]]
    assert outages([long, trouble("f", 50, 60)])[0][1].id == "f", "it goes on meanwhile"
    forgotten = trouble("g", DAY_US + 31, None)
    assert outages([long, forgotten]) == [[long], [forgotten]], "nobody closed the first one"


def test_an_outage_without_a_severity_counts_as_major() -> None:
    """A short major alarm is not above an outage of a day whose tool gives no severity; a critical one is."""
    short, day = trouble("a", 0, 40, "Errors", "major"), trouble("b", 100, 1540, "Invoices")
    assert outages([short, day]) == [[day], [short]]
    assert outages([worst := short._replace(severity="SEV1"), day]) == [[worst], [day]]
    assert outages([short, day._replace(severity="minor")])[0] == [short]
    failed = Trouble("f", "shop", "", 0, 600, is_open=False)
    assert outages([failed, short]) == [[short], [failed]], "an outage is worse than a deploy alone"


def test_what_nobody_closed_for_weeks_is_not_what_hurt_most() -> None:
    """It is named as open, and the worst is of those that began in the week, if there are any."""

    def happening(title: str, time: str, ended_at: str | None, how: str | None = "none") -> answers.Happening:
        of = answers.EventReference(id="e", kind="incidentStarted", repo="larkspur/pay", time=time)
        return answers.Happening(
            title=title,
            severity="",
            time=time,
            ended_at=ended_at,
            open=ended_at is None,
            how=how,
            teams=(),
            events=(of,),
            deploys=(),
            remedied_by=(),
        )

    forgotten = happening("Old", "2026-03-01T00:00:00Z", None)
    long = happening("Invoices", "2026-03-31T00:00:00Z", "2026-04-01T05:00:00Z")
    failed = happening("", "2026-04-01T00:00:00Z", "2026-04-01T02:20:00Z", None)
    for happened, worst in (((forgotten, long, failed), "Invoices"), ((forgotten,), "Old")):
        answer: Any = SimpleNamespace(happened=happened, from_="2026-03-30T00:00:00Z")
        pieces = week_view.headline(answer, to_us(datetime(2026, 4, 6, tzinfo=UTC)))
        said = "".join(piece.text for piece in pieces)
        assert f"What hurt most: {worst} (" in said
        assert "Still open: Old." in said


def test_the_words_of_tools_are_ranked() -> None:
    """A digit says how severe something is, and so do the usual words. An unknown one comes last."""
    words = ("SEV-0", "P1", "critical", "high", "sev 3", "Warning", "low", "purple", "")
    assert [severity_rank(word) for word in words] == [0, 1, 1, 2, 3, 3, 4, 9, 9]


def test_slow_changes_of_one_length_are_in_order_of_time() -> None:
    """What people read as one length does not change its order by a part of a second."""
    changes = [
        SlowChange("late", 3, 5 * 3_600_000_000 + 900_000),
        SlowChange("early", 1, 5 * 3_600_000_000),
        SlowChange("middle", 2, 5 * 3_600_000_000 + 400_000),
        SlowChange("longest", 9, 6 * 3_600_000_000),
    ]
    assert [one.deploy for one in slowest(changes)] == ["longest", "early", "middle", "late"]
