"""The change fail rate as people meet it: one form and one number everywhere, and what may have failed."""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_cli.commands.see.metrics import metrics
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_dora.figures.answers.numbers import ChangeFailRate
from gitdailies_dora.figures.words import rates
from msgspec import convert

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor, joined
from tests.support.dora.visitor import text_of as words_of
from tests.support.figures.asking import REPO
from tests.support.processes import eventually

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

text_of = partial(words_of, between="")
# Hours after the deploys of some days: most incidents come soon after one.
HOURS = {2: 1, 4: 2, 6: 1, 9: 3, 11: 20, 15: 22, 18: 1, 20: 15, 22: 2, 25: 2}
SINCE = f"{datetime.now(UTC) - timedelta(days=60):%Y-%m-%d}"
PERIOD = f"from={SINCE}"


def history() -> Iterator[dict[str, Any]]:
    """Forty daily deploys up to the day before yesterday, in which ten have an incident within 24 hours.

    The first of these is rolled back, an incident names the second as its cause, and the third is fixed
    forward.
    """
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=42)
    place = {"repo": REPO, "environment": "production"}

    def at(day: int, hour: float) -> str:
        return f"{first + timedelta(days=day, hours=hour):%Y-%m-%dT%H:%M:%SZ}"

    def deployed(id_: str, day: int, hour: float = 0, **more: str) -> dict[str, Any]:
        own = {"kind": "deployed", "id": id_, "commitSHA": f"{day:040x}", "time": at(day, hour)}
        return own | place | more

    for day in range(40):
        yield deployed(f"d{day}", day)
    for day, hour in HOURS.items():
        named = {"causedBy": f"{day:040x}"} if day == 4 else {}
        incident = {"incidentId": f"I{day}", **place}
        yield {"kind": "incidentStarted", "id": f"s{day}", "time": at(day, hour), **incident, **named}
        yield {"kind": "incidentResolved", "id": f"e{day}", "time": at(day, hour + 0.5), **incident}
    yield deployed("back", 1, 26, type="rollback")
    yield deployed("fix", 6, 1.25, commitSHA="f" * 40)


@pytest.fixture
def key(receiver: Receiver) -> str:
    key = receiver.key("all", "send", "read", "correct")
    assert receiver.post(key, list(history())).status_code == 202
    # A second repository makes the overview.
    other = {"kind": "deployed", "id": "other", "repo": "larkspur/idle", "time": "2026-01-01T00:00:00Z"}
    assert receiver.post(key, {**other, "commitSHA": "e" * 40}).status_code == 202
    return key


def fail_rate(receiver: Receiver, key: str) -> dict[str, Any]:
    found = receiver.get(key, "/api/metrics", repo=REPO, **{"from": SINCE}).json()
    return found["figures"]["changeFailRate"]


def day(number: int) -> str:
    """Return the date of the deploys of a day of the history."""
    return f"{datetime.now(UTC) - timedelta(days=42 - number):%Y-%m-%d}"


def test_the_rate_is_the_same_in_every_form(receiver: Receiver, owner: Visitor, key: str) -> None:
    """Page, overview, row, wall and Markdown have one sentence; JSON, CSV and gauges its numbers."""
    rate = fail_rate(receiver, key)
    found = convert(rate, ChangeFailRate)
    written, behind = rates.fail_rate(found), rates.behind(found, "24 h")
    assert re.fullmatch(r"about \d+ % failed, between \d+ and \d+ %", written)
    assert 0 < (found.by_chance or 0) < found.evidence.time
    page, overview, wall, one = (
        text_of(owner.get(f"/dora?{PERIOD}{more}").text)
        for more in (f"&repo={REPO}", "", "&view=wall", f"&view=wall&repo={REPO}")
    )
    spaced = written.replace(", ", ",")
    for shown in (page, overview, wall, one):
        assert written in shown or spaced in shown
        assert behind in shown
    # In its card, in the row, and as the words of the drawing there.
    assert overview.count(spaced) + overview.count(written) == 3
    markdown = owner.get(f"/dora/export?{PERIOD}&format=md").text
    assert written in markdown
    asked = {"from": SINCE, "repo": REPO}
    (value,) = (
        row["value"]
        for row in csv.DictReader(io.StringIO(receiver.get(key, "/api/metrics", **asked, format="csv").text))
        if (row["figure"], row["field"]) == ("changeFailRate", "value")
    )
    assert float(value) == pytest.approx(rate["value"], rel=1e-3)
    gauges = receiver.get(key, "/api/metrics/prometheus", **asked).text
    gauge = re.search(r"^gitdailies_change_fail_rate_value\{.*\} (\S+)$", gauges, re.MULTILINE)
    assert gauge is not None
    assert float(gauge[1]) == pytest.approx(rate["value"], rel=1e-3)
    command = CliRunner().invoke(
        metrics, ["--url", receiver.url, "--from", SINCE, "--repo", REPO], env={"GITDAILIES_READ_KEY": key}
    )
    assert written in command.output, command.output
    assert behind.partition("; ")[0] in command.output


def test_what_may_have_failed_is_shown_so_and_decided(receiver: Receiver, owner: Visitor, key: str) -> None:
    """A deploy that only time accuses is said to in the list and on its page, until a person decides it."""
    before = fail_rate(receiver, key)
    listed = owner.get("/events?kind=deployed&outcome=may-have-failed").text
    assert listed.count('<span class="badge bad">may have failed</span>') == before["evidence"]["time"] == 8
    timeline = owner.get(f"/dora?{PERIOD}&repo={REPO}").text.partition('id="timeline-title"')[2]
    assert timeline.count("may have failed</span>") == 8
    assert "Failed, or may have failed: 10" in timeline
    page = owner.get("/deploys/d9").text
    assert '<span class="badge bad">may have failed</span>' in page
    assert "May have failed, going by time alone: incident I9" in text_of(page)
    assert re.findall(r'name="what" value="((?:not-)?failed)"', page) == ["failed", "not-failed"]
    assert "may have failed" not in owner.get("/deploys/d4").text
    refused = {"event": "d9", "what": "failed", "reason": "", "back": "/dora"}
    assert owner.post("/corrections", form="/deploys/d9", **refused).status_code == 400
    for id_, what in (("d9", "failed"), ("d11", "not-failed")):
        sent = {"event": id_, "what": what, "reason": "we looked", "back": "/dora"}
        assert owner.post("/corrections", form=f"/deploys/{id_}", **sent).status_code == 303
    evidence = fail_rate(receiver, key)["evidence"]
    assert (evidence["time"], evidence["corrected"]) == (6, before["evidence"]["corrected"] + 1)
    assert "may have failed" not in owner.get("/deploys/d9").text


def test_the_review_asks_whether_it_failed(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The review of its week offers both answers of a deploy that may have failed, and asks for a reason."""
    at = receiver.get(key, "/api/deploys/d9").json()["event"]["time"]
    year, week, _ = datetime.fromisoformat(at).isocalendar()
    page = owner.get(f"/review?week={year}-W{week:02}").text
    lines = re.findall(r"<li[^>]*>((?:(?!</li>).)*/deploys/d9(?:(?!</li>).)*)</li>", page, re.DOTALL)
    (line,) = (one for one in lines if 'name="what"' in one)
    assert "may have failed: incident I9" in text_of(line)
    assert re.findall(r'name="what" value="((?:not-)?failed)"', line) == ["failed", "not-failed"]
    assert re.search(r'<input type="text" name="reason"[^>]* required', line)


def test_a_fix_forward_is_shown_as_inferred_and_decided(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The page says that it seems to be a fix; a person says that it is none, and undoes that."""

    def inferred() -> tuple[int, int]:
        answer = receiver.get(key, "/api/metrics", repo=REPO, **{"from": SINCE}).json()
        found = answer["figures"]["deploymentReworkRate"]
        return found["rework"], found["inferred"]

    assert inferred() == (2, 1)
    overview = text_of(owner.get(f"/dora?{PERIOD}").text)
    assert overview.count("1 inferred fix") == 2  # in its card, and in the row
    page = owner.get("/deploys/fix").text
    assert "Is it rework?" in page
    assert re.findall(r'name="what" value="((?:not-)?rework)"', page) == ["rework", "not-rework"]
    assert "Is it rework?" not in owner.get("/deploys/d9").text
    sent = {"event": "fix", "reason": "planned", "back": "/dora"}
    wrong = owner.post("/corrections", form="/deploys/fix", **{**sent, "what": "not-rework", "reason": ""})
    assert (wrong.status_code, wrong.text.count('id="reason-error"')) == (400, 1)
    assert owner.post("/corrections", form="/deploys/fix", what="not-rework", **sent).status_code == 303
    assert inferred() == (1, 0)
    assert "it is no rework. Reason: planned" in text_of(owner.get("/deploys/fix").text)
    undone = owner.post("/corrections/undo", form="/deploys/fix", what="rework", **sent)
    assert (undone.status_code, inferred()) == (303, (2, 1))


def test_the_card_explains_how_chance_was_taken_off(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The sentence has the numbers of the page, and the strip has a dot for each incident of the pool."""
    chance = f"{fail_rate(receiver, key)['byChance']:.0f}"
    for query in (f"{PERIOD}&repo={REPO}", PERIOD):
        page = owner.get(f"/dora?{query}").text
        (strip,) = re.findall(r'<svg class="strip".*?</svg>', page, re.DOTALL)
        # Nine are linked by time alone; the one that names its cause is not among them.
        assert strip.count("<circle") == 9
        # One sentence is about incidents, the other about deploys, with the number of the line at the top.
        said = "so about 3 of the 6 that came soon after one were chance."
        of_deploys = f"Allowing for busy hours as well, about {chance} of the 8 deploys that may"
        assert f"3 of 9 incidents came long after a deploy, {said} {of_deploys}" in text_of(page)
        assert "dashed: half of all hours are on each side" in page
    assert "strip" not in owner.get(f"/dora?{PERIOD}&view=wall").text


def test_the_card_says_what_to_do(receiver: Receiver, owner: Visitor, key: str) -> None:
    """After the counts, a link leads to the deploys to decide on; what only repeats the counts is folded."""
    found = convert(fail_rate(receiver, key), ChangeFailRate)
    do = "Decide on the 8 that may have failed. Each decision makes the rate more certain"
    for query in (PERIOD, f"{PERIOD}&repo={REPO}"):
        page = owner.get(f"/dora?{query}").text
        assert f"{rates.behind(found, '24 h')} {do}" in text_of(page)
        (href,) = re.findall(r'<a href="([^"]+)">Decide', page)
        assert owner.get(html.unescape(href)).text.count("may have failed</span>") == 8
        assert "Decide on" not in owner.get(f"/dora?{query}&view=wall").text
        # Nothing is decided about a moment in the past.
        assert "Decide on" not in owner.get(f"/dora?{query}&now={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}").text
    read = text_of(joined(receiver, owner, "reader").get(f"/dora?{PERIOD}").text)
    assert ("Members decide on the 8 that may have failed." in read, "you decide" in read) == (True, False)
    card = page.partition('<h2 id="changeFailRate">')[2].partition("</section>")[0]
    shown, _, folded = card.partition("Numbers by")
    assert re.findall("<dt>([^<]+)", shown) == ["Unlinked incidents"]
    names = {"By chance, about", "May have failed", "Unlinked, but not with a window of 72 h"}
    assert names <= {*re.findall("<dt>([^<]+)", folded)}


def test_each_chart_of_the_rate_says_what_is_certain(receiver: Receiver, owner: Visitor, key: str) -> None:
    """Bars are explained on page, overview and walls, unless all that they show failed for certain."""
    fail_rate(receiver, key)
    note = re.compile(r"[Pp]ale: may have failed\.")
    for more in ("", "&view=wall", f"&repo={REPO}", f"&repo={REPO}&view=wall"):
        page = owner.get(f"/dora?{PERIOD}{more}").text
        # Walls have no room for captions.
        seen = re.sub(r'<p class="caption">.*?</p>', "", page) if "wall" in more else page
        assert len(note.findall(seen)) == 1
        # Of the first days, both failures are certain.
        certain = text_of(owner.get(f"/dora?{PERIOD}&to={day(5)}{more}").text)
        assert ("2 of 6 failed" in certain, note.search(certain)) == (True, None)


def test_the_bars_of_the_rate_add_up(receiver: Receiver, owner: Visitor, key: str) -> None:
    """Bars, their titles, their table and the sentence that is read aloud have the numbers of the rate."""
    rate = fail_rate(receiver, key)
    failed, settled, may_have = rate["failed"], rate["settled"], rate["evidence"]["time"]
    assert (failed, may_have) == (10, 8)
    card = owner.get(f"/dora?{PERIOD}&repo={REPO}").text.partition('<h2 id="changeFailRate">')[2]
    card = card.partition("</section>")[0]
    weeks = re.findall(r"<title>Week of [^:]*: (\d+) of (\d+) failed([^<]*)</title>", card)
    parts = [
        [sum(map(int, re.findall(rf"(\d+) {word}", said))) for word in ("for certain", "may have")]
        for _, _, said in weeks
    ]
    numbers = [[int(some), int(whole), *of] for (some, whole, _), of in zip(weeks, parts, strict=True)]
    assert [sum(column) for column in zip(*numbers, strict=True)] == [failed, settled, 2, 8]
    body = card.partition("<tbody>")[2]
    rows = [list(map(text_of, re.findall("<td>(.*?)</td>", row))) for row in body.split("</tr>")]
    shown = [[row[0], *row[2:5]] for row in rows if row and row[0] != "–"]
    assert shown == [[f"{some} of {whole}", *map(str, of), str(whole)] for some, whole, *of in numbers]
    assert f"{failed} of {settled} failed: 2 for certain, 8 may have; single weeks from 0 %" in card
    chart = card.partition('class="chart"')[2].partition("</svg>")[0]
    assert not re.search(r'<circle|class="(?:rolling|end|spread)"', chart)
    assert "; for certain: " in owner.get(f"/dora?{PERIOD}").text


def test_only_what_is_certain_is_drawn_if_nothing_else_counts(
    receiver: Receiver, owner: Visitor, key: str
) -> None:
    """With `dora.failures: evidence`, a bar has only its dark part."""
    fail_rate(receiver, key)
    pale = re.compile(r'<rect class="may" [^>]*height="[1-9]')
    query = f"/dora?{PERIOD}&repo={REPO}"
    assert pale.search(owner.get(query).text)
    receiver.reload(replace(DoraSettings(), failures="evidence"))
    said = "2 of 42 failed: 2 for certain; single weeks"
    page = eventually(lambda: text if said in (text := owner.get(query).text) else "")
    assert "the share of settled deploys that failed for certain." in page
    assert not pale.search(page)


def test_a_period_before_says_when_events_began(receiver: Receiver, owner: Visitor, key: str) -> None:
    """The period before goes back beyond the first event, so its counts are of a part of it."""
    fail_rate(receiver, key)
    page = text_of(owner.get(f"/dora?days=30&repo={REPO}").text)
    assert f"; before (from {day(0)}): " in page
    assert "; before: " not in page
    assert "; before: " in text_of(owner.get(f"/dora?days=10&repo={REPO}").text)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        (
            "",
            200,
            "5 % of deploys really fail. A count of all incidents within 24 h shows about 13 %: 2.6 times",
        ),
        (
            "?deploys=70&fails=1",
            200,
            "1 % of deploys really fail. A count of all incidents within 24 h shows about 2 %",
        ),
        ("?incidents=0", 200, "shows about 5 %: 1.0 times the truth"),
        ("?deploys=0", 400, "Expected a whole number from 1 to 10000, got '0'."),
        ("?fails=101", 400, "Expected a whole number from 0 to 100, got '101'."),
        ("?incidents=1e3", 400, "Expected a whole number from 0 to 10000, got '1e3'."),
    ],
)
def test_a_form_says_how_wrong_a_plain_count_is(owner: Visitor, query: str, status: int, said: str) -> None:
    """It computes what a team with these numbers would read, and refuses what cannot be."""
    answer = owner.get(f"/dora/how-wrong{query}")
    assert answer.status_code == status
    assert said in text_of(answer.text)
