"""Each number of events on a page leads to a list with as many rows."""

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gitdailies_dora.pages.frame.event_links import EVENTS_BEHIND

from tests.support.databases import PAGE_KINDS
from tests.support.dora.made_up_week import TEAMS, events_of, last_monday
from tests.support.dora.running import at, in_thread
from tests.support.dora.visitor import Visitor, owner_of
from tests.support.figures.asking import deploy, ended, started

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

NOW = datetime.now(UTC)
MONDAY = last_monday()
# A count of events in a sentence.
_COUNT = re.compile(
    r".{0,20}(?<![\w.,:–-])[1-9][\d,]*\s"
    r"(?:settled|deploys?|recovered|remedied|inferred|failed|rolled|named|too new|had an|of \d)\b"
)
# What a drawing reads out: the count of its list comes first, or after "of".
_READ_OUT = (r"([\d,]+) deploys? in ", r"([\d,]+) of [\d,]+ (?:failed|rework)", r"of ([\d,]+) recovered")


def extras() -> list[dict[str, Any]]:
    """Return what the made-up week lacks: deploys of today, repeats, services, fixes, and what is unknown."""
    recent = NOW - timedelta(hours=9)

    def at(hours: int, minutes: int = 0) -> datetime:
        """A moment of Thursday, or after it."""
        return MONDAY + timedelta(days=3, hours=hours, minutes=minutes)

    return [
        *(_deploy(f"today-{n}", NOW - timedelta(hours=n), "cart", service="api") for n in (1, 3, 5, 8)),
        *_incident("bad-today", NOW - timedelta(hours=2), "cart", service="api"),
        _deploy("twice-1", recent, "ledger", commitSHA="ab" * 20),
        _deploy("twice-2", recent + timedelta(minutes=5), "ledger", commitSHA="ab" * 20),
        # A fix forward: a deploy between the start and the end of an incident of an earlier one.
        _deploy("broken", at(1), "auth"),
        *_incident("slow", at(1, 10), "auth", at(1, 40)),
        _deploy("fix", at(1, 30), "auth"),
        # Merged into another: nothing times the recovery.
        _deploy("merged-deploy", at(4), "auth"),
        *_incident("merged", at(4, 5), "auth", at(4, 9), merged="slow"),
        # Of no deploy in 24 h, but in 72 h.
        *_incident("late", at(92), "ledger", at(93)),
        _deploy("qa", recent, "ledger", environment="qa"),
        _deploy("named", at(7), "shop", commitSHA="cd" * 20),
        *_incident("by-name", at(7, 2), "shop", at(7, 20), causedBy="cd" * 20),
        _deploy("hot", at(8), "ledger", type="hotfix"),
    ]


def _deploy(id_: str, at: datetime, repo: str, **more: str) -> dict[str, Any]:
    given = {"repo": f"larkspur/{repo}", "environment": "production", "run": f"ci:{id_}"}
    return deploy(id_, at, **{**given, **more})


def _incident(
    id_: str, at: datetime, repo: str, over: datetime | None = None, merged: str = "", **more: object
) -> Iterator[dict[str, Any]]:
    """Yield its start, and if it is *over*, its end, which may be that it was merged into another."""
    place = {"repo": f"larkspur/{repo}", "environment": "production"}
    yield started(f"{id_}-start", at, id_, **place, **more)
    if over:
        end = {"mergedInto": merged, "resolution": "merged"} if merged else {}
        yield ended(f"{id_}-end", over, id_, **place, **end)


@pytest.fixture
def owner(address: str) -> Iterator[Visitor]:
    """An owner of a server with teams and the made-up week."""
    with in_thread(at(address), teams=TEAMS) as running:
        key = running.key("all", "send", "read")
        assert running.post(key, [*events_of(MONDAY), *extras()]).status_code == 202
        yield owner_of(running)


class Lists:
    """The lists that a visitor opened, and how many rows each has."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._rows: dict[str, int] = {}
        # The outcomes whose list was opened and was empty.
        self.empty: set[str] = set()

    def rows(self, path: str) -> int:
        """Count the rows of a list, over all of its pages."""
        if path not in self._rows:
            rows, next_ = 0, path
            while next_:
                answer = self._visitor.get(next_)
                assert answer.status_code == 200, (next_, answer.text)
                body = answer.text.partition("<tbody>")[2].partition("</tbody>")[0]
                rows += body.count("<tr>")
                older = re.search(r'href="([^"]*)">Older<', answer.text)
                next_ = html.unescape(older[1]) if older else ""
            self._rows[path] = rows
        return self._rows[path]

    def __len__(self) -> int:
        return len(self._rows)


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0].replace("\xa0", " ")


def check(page: str, lists: Lists) -> Counter[str]:
    """Open each number of a page, and count the rows; return how many there were of each outcome."""
    opened: Counter[str] = Counter()
    for href, rest, inside in re.findall(r'<a href="(/events\?[^"]*)"([^>]*)>(.*?)</a>', page, re.DOTALL):
        path = html.unescape(href)
        if "outcome=" not in path:
            continue
        text = re.sub(r"<[^>]*>", "", inside).strip()
        if text.endswith(": by chance, about"):
            continue  # an estimate of how many of the listed deploys these are
        if "tabindex" in rest:
            found = [one for pattern in _READ_OUT if (one := re.search(pattern, text.split(": ", 1)[1]))]
            number = found[0][1] if found else text.split(": ")[-1]
        else:
            number = re.match(r"[\d,]+|one|Decide on the (\d+)", text)
            assert number, (text, path)
            number = number[1] or number[0]
        if re.fullmatch(r"[\d,]+|one", number):
            expected = 1 if number == "one" else int(number.replace(",", ""))
            outcome = re.search(r"outcome=([\w-]+)", path)[1]
            if expected or outcome not in lists.empty:  # most weeks have none
                assert lists.rows(path) == expected, (text, path)
            lists.empty |= {outcome} if not expected else set()
            opened[outcome] += expected > 0
    return opened


def unopened(page: str) -> list[str]:
    """Return the counts of events in the text of a page that lead nowhere."""
    text = re.sub(r"<(a|option|title|svg)\b.*?</\1>", "…", page, flags=re.DOTALL)
    # What is about a period, or explains an estimate; and lines that are lists themselves.
    about = (
        r'<p class="(?:lead |)(?:scope|caption|change).*?</p>|<div class="chance">.*?</details>'
        r"|<pre.*?</pre>|<ul class=.lines.*?</ul>"
    )
    text = re.sub(about, "", text, flags=re.DOTALL)
    return _COUNT.findall(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


def test_every_number_leads_to_its_events(owner: Visitor) -> None:
    """The numbers of overview, team, repository, service and review have as many rows as they say."""
    lists, opened = Lists(owner), Counter[str]()
    for path in (
        "/dora",
        "/dora?team=base&days=30",
        "/dora?repo=larkspur/auth&days=30",
        "/dora?repo=larkspur/cart&service=api&days=7",
        "/dora?repo=larkspur/pay&team=pay&days=30",
        "/dora?repo=larkspur/ledger&days=30",
        "/dora?repo=larkspur/ledger&environment=qa&days=7",
        "/review",
        "/review?team=store",
    ):
        page = main_of(owner.get(path).text)
        found = check(page, lists)
        assert found, path
        assert unopened(page) == [], path
        opened += found
    assert len(lists) > 100
    missing = {outcome for _, outcome, _ in EVENTS_BEHIND.values()} - opened.keys()
    assert missing <= {"failed-corrected"}, "each kind of number was there"


def test_a_repository_says_what_is_live(owner: Visitor) -> None:
    """The page begins with the team, what is open, and the last deploy of each environment with its run."""
    page = main_of(owner.get("/dora?repo=larkspur/ledger&days=30").text)
    assert page.index('id="live"') < page.index('class="panel figure"')
    section = page.partition('id="live"')[2].partition("</section>")[0]
    lines = [re.sub(r"<[^>]*>", "", one) for one in re.findall(r"<li>(.*?)</li>", section)]
    recent = f"{NOW - timedelta(hours=9):%Y-%m-%d %H:%M}"
    assert lines == [
        f"production: deploy abababababab since {recent}, by ci:twice-1",
        f"qa: {re.search('deploy [0-9a-f]{12}', lines[1])[0]} since {recent}, by ci:qa",
    ]
    assert 'href="/deploys/twice-1"' in section, "a repeat changes nothing"
    assert '<a href="/dora?team=pay">Payments</a>' in section
    assert "0 open incidents." in section
    of_shop = owner.get("/dora?repo=larkspur/shop&days=30").text.partition('id="live"')[2]
    assert "1 open incident</a>" in of_shop.partition("</section>")[0]


def test_charts_mark_when_incidents_began(owner: Visitor) -> None:
    """A chart has a line for each incident. A wall, which anyone may see, has neither line nor title."""
    page, wall = (owner.get(f"/dora?repo=larkspur/pay{view}").text for view in ("", "&view=wall"))
    assert page.count('class="mark outage"') == 2 * 5
    assert re.search(r"<title>[^<]*Payments fail[^<]*</title>", page)
    assert ("mark outage" in wall, "Payments fail" in wall) == (False, False)


def test_the_wall_has_no_links(owner: Visitor) -> None:
    """A wall shows the numbers of the overview. Nobody can click there, so they are plain text."""
    wall = main_of(owner.get("/dora?view=wall").text)
    assert "/events?" not in wall
    assert "deploys since" in re.sub(r"\s+", " ", wall)


def test_events_are_exported_as_csv(owner: Visitor) -> None:
    """The file has the rows of the list, also of an outcome, with their results."""
    lists = Lists(owner)
    for path in (
        "kind=deployed&environment=production",
        "outcome=rework",
        "outcome=open",
        "repo=larkspur/pay",
    ):
        answer = owner.get(f"/events/export?{path}")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == lists.rows(f"/events?{path}") > 0
    assert {row["result"] for row in rows} >= {"failed", "did not fail"}
    assert owner.get("/events/export?outcome=nothing").status_code == 400
    assert len(owner.get("/events/export?repo=larkspur/nothing").text.splitlines()) == 1
