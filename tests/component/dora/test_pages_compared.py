"""What the pages say of equal and of different figures, in one unit, with whole days, on a real server."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gitdailies_core.values.times import text_of as text

from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.dora.visitor import text_of as shown

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
NUMBERS = iter(range(10**6))


def deploy(repo: str, hours_ago: float, **more: Any) -> dict[str, Any]:
    """A deploy of a new commit."""
    time = text(NOW - hours_ago * HOUR)
    return {"kind": "deployed", "repo": repo, "commitSHA": f"{next(NUMBERS):040}", "time": time, **more}


def failed(repo: str, hours_ago: float) -> list[dict[str, Any]]:
    """A deploy with an incident ten minutes later, which lasts for an hour."""
    began = NOW - (hours_ago - 1 / 6) * HOUR
    incident = {"incidentId": f"INC-{next(NUMBERS)}", "repo": repo}
    return [
        deploy(repo, hours_ago),
        {"kind": "incidentStarted", **incident, "time": text(began)},
        {"kind": "incidentResolved", **incident, "time": text(began + HOUR)},
    ]


def post(receiver: Receiver, events: list[dict[str, Any]]) -> str:
    key = receiver.key("all", "send", "read")
    assert receiver.post(key, events).status_code == 202
    return key


def alike() -> Iterator[dict[str, Any]]:
    """Twenty repositories that fail once in twelve deploys, and one with a single deploy, which failed."""
    for number in range(20):
        repo = f"larkspur/service-{number:02}"
        yield from failed(repo, 30 + number)
        for later in range(1, 12):
            yield deploy(repo, 30 + number + later * 12)
    yield from failed("larkspur/rare", 40)


def test_repositories_that_differ_by_nothing_are_not_accused(receiver: Receiver, owner: Visitor) -> None:
    """One deploy of one that failed is no fail rate that clearly differs from the common one."""
    key = post(receiver, [*alike()])
    said = "In none of the 21 repositories does the fail rate differ from the common rate by more than chance"
    assert said in shown(owner.get("/dora?days=30").text)
    broken = [one for hours in range(30, 60) for one in failed("larkspur/broken", hours * 3)]
    assert receiver.post(key, broken).status_code == 202
    said = "The fail rate of 1 of 22 repositories clearly differs from the common rate: larkspur/broken ."
    assert said in shown(owner.get("/dora?days=30").text)


def waits(repo: str, minutes: int) -> Iterator[dict[str, Any]]:
    """Lead times of 3 h 58 min in the period before, and of some minutes more or less since then."""
    for number in range(120):
        hours = 3 + number * 18
        waited = (minutes if hours < 45 * 24 else 238) + number % 3
        at = NOW - hours * HOUR - timedelta(minutes=waited)
        one = deploy(repo, hours)
        yield {**one, "commits": [{"sha": one["commitSHA"], "time": text(at)}]}


def test_all_pages_say_the_same_of_a_lead_time(receiver: Receiver, owner: Visitor) -> None:
    """Four minutes in four hours are no change on any page, in no file; four hours are one in all of them."""
    key = post(receiver, [*waits("larkspur/checkout-api", 242), *waits("larkspur/ledger", 480)])
    query = "/dora?days=45"
    overview = owner.get(query).text
    rows = dict(
        re.findall(r'<tr>\s*<th scope="row"><a[^>]*>(larkspur/[\w-]+)</a>(.*?)</tr>', overview, re.DOTALL)
    )
    markdown = owner.get(query.replace("?", "/export?") + "&format=md").text
    lines = {repo: line for line in markdown.splitlines() for repo in rows if f" {repo} " in line}
    question = {"by": "repo", "days": "45", "compare": "before"}
    answer = receiver.get(key, "/api/metrics/series", **question).json()
    words = {one["by"]["repo"]: one["change"]["changeLeadTime"] for one in answer["groups"]}
    assert words == {"larkspur/checkout-api": "unclear", "larkspur/ledger": "longer"}
    for repo, word in words.items():
        page = shown(owner.get(f"{query}&repo={repo}").text)
        for said in (shown(rows[repo]), lines[repo], page):
            assert ("clearly longer" in said) is (word == "longer"), said
    assert answer["confidence"] == 0.99


def test_nothing_new_is_not_unknown(receiver: Receiver, owner: Visitor) -> None:
    """A rollback to a commit that was there brings nothing new: all answers count it, and none as unknown."""
    first, second = deploy("larkspur/shop", 90), deploy("larkspur/shop", 80, commits=[])
    first["commits"] = [{"sha": first["commitSHA"], "time": text(NOW - 95 * HOUR)}]
    known = {**deploy("larkspur/shop", 70), "commits": [{"sha": "ab" * 20, "time": text(NOW - 75 * HOUR)}]}
    back = {**deploy("larkspur/shop", 60), "commitSHA": second["commitSHA"], "type": "rollback"}
    other = deploy("larkspur/ledger", 50)
    key = post(receiver, [first, second, known, back, other])
    lead = receiver.get(key, "/api/metrics", repo="larkspur/shop").json()["figures"]["changeLeadTime"]
    assert [lead[name] for name in ("unknownDeploys", "nothingNew", "commits")] == [1, 2, 1]
    gauges = receiver.get(key, "/api/metrics/series", by="repo", format="prometheus").text
    assert 'gitdailies_group_change_lead_time_nothing_new{repo="larkspur/shop"} 2.0' in gauges
    assert ",changeLeadTime,nothingNew,2," in receiver.get(key, "/api/metrics", format="csv").text
    whole = shown(owner.get("/dora").text)
    assert "unknown for 2 deploys nothing new in 2 deploys" in whole
    page = shown(owner.get("/dora?repo=larkspur/shop").text)
    assert re.search(r"Deploys with nothing new 2\b[^0-9]* Unknown deploys 1\b", page)
    markdown = owner.get("/dora/export?format=md").text
    assert "5 h of 1, unknown for 1 deploy, nothing new in 2 deploys" in markdown.replace("\u00a0", " ")


def test_a_column_has_one_unit(receiver: Receiver, owner: Visitor) -> None:
    """Rates of one table are in one unit, so that what is sorted looks sorted."""
    often = [deploy("larkspur/often", 24 + hours) for hours in range(0, 24 * 29, 6)]
    seldom = [deploy("larkspur/seldom", 24 * day) for day in range(1, 30, 7)]
    post(receiver, [*often, *seldom])
    page = owner.get("/dora?days=30").text
    rates = re.findall(r'data-label="deploys">([\d.]+) ([a-z0-9 ]+)<', page)
    assert len(rates) == 2
    assert {unit for _, unit in rates} == {"a day"}
    markdown = owner.get("/dora/export?format=md&days=30").text.replace("\u00a0", " ")
    assert len(re.findall(r"\| [\d.]+ a day \|", markdown.partition("by day")[0])) == 2


def test_the_last_day_that_a_person_picks_counts(receiver: Receiver, owner: Visitor) -> None:
    """The last day of a form is in the period, and the form shows it again; an address keeps its meaning."""
    days = ("01", "30", "31")
    post(receiver, [{**deploy("larkspur/shop", 0), "time": f"2026-03-{day}T12:00:00Z"} for day in days])
    for page in ("/dora?from=2026-03-01&through=2026-03-31", "/dora?from=2026-03-01&to=2026-04-01"):
        found = owner.get(page).text
        assert 'name="through" value="2026-03-31"' in found
        assert "3 deploys" in shown(found) or "Deploys 3" in shown(found)
    listed = owner.get("/events?from=2026-03-01&through=2026-03-31").text
    assert 'name="through" value="2026-03-31"' in listed
    until = owner.get("/events?from=2026-03-01&to=2026-04-01").text
    assert listed.count("<time") == until.count("<time") >= 3
    assert "Deploys 2" in shown(owner.get("/dora?from=2026-03-01&to=2026-03-31").text)
    wrong = owner.get("/dora?through=soon")
    assert wrong.status_code == 400
    assert 'id="through-error"' in wrong.text
