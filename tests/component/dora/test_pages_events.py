"""The page of an event: its verdict for each figure, with the reason."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.values.times import text_of
from gitdailies_dora.pages.events.event_view import FIGURES
from gitdailies_server.storage.timestamps import utc_now

from tests.support.databases import PAGE_KINDS
from tests.support.dora import running
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.figures.asking import worked

pytestmark = pytest.mark.matrix


def lines(page: str) -> list[str]:
    """Return the facts of a page, each as `name: text`."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return [f"{name}: {html.unescape(re.sub(r'<[^>]*>', '', text))}" for name, text in found]


def verdicts(page: str) -> list[str]:
    """Return the verdicts of the page, one line for each figure."""
    return [line for line in lines(page) if line.split(": ")[0] in FIGURES.values()]


@pytest.mark.parametrize("kind", PAGE_KINDS)
def test_an_event_says_what_it_counts_for(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """A deploy that an incident followed counts as failed, the first has no lead time, and both say so."""
    key = receiver.key("ci")
    for event in ("deploy", "incident-started"):
        assert receiver.post(key, body(event)).status_code == 202

    pages = [owner.get(path).text for path in ("/events/1", "/events/2")]
    deploy, incident = (lines(page) for page in pages)
    shown = [": ".join(line.split(": ")[:2]) for line in (*deploy, *incident)]
    assert "Deployment frequency: Counts" in shown
    assert "Change lead time: Does not count" in shown
    assert "Change fail rate: Counts" in shown
    assert "Failed deployment recovery time: Does not count" in shown
    # As the API and `gitdailies why` advise. Where nothing is to do, nothing is said.
    advice = re.findall("What to do: (.*?)</dd>", pages[0])
    assert [text.partition(":")[0] for text in advice] == ["nothing"]
    assert ": the next deploy here that lists its commits has lead times. " in advice[0]


def test_an_event_of_another_environment_is_judged_there(receiver: Receiver, owner: Visitor) -> None:
    """A deploy to staging counts among those of staging, on its own page, which says so."""
    places = ({"environment": "staging"}, {"environment": "live", "tier": "production"})
    events = [body("deploy", id=f"d{number}", **place) for number, place in enumerate(places)]
    assert receiver.post(receiver.key("ci"), events).status_code == 202

    staging, live = (owner.get(f"/events/{number}").text for number in (1, 2))
    assert any(line.startswith("Deployment frequency: Counts: ") for line in lines(staging))
    assert "It is in staging, which is not production." in staging
    assert "which is not production" not in live


@pytest.mark.parametrize("kind", PAGE_KINDS)
def test_every_event_of_a_history_has_its_verdicts(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """Each page of the worked history opens. None leaves out its event or the deploy it is attributed to."""
    assert receiver.post(receiver.key("ci"), worked()).status_code == 202
    for number, event in enumerate(worked(), 1):
        page = owner.get(f"/events/{number}")
        shown = verdicts(page.text)
        assert (page.status_code, len(shown)) == (200, 5 if event["kind"] == "deployed" else len(shown))
        assert shown, event["id"]
        assert not [line for line in shown if "left out" in line or "outside" in line], event["id"]


REPO = "larkspur/checkout-api"
OF_CASES = {
    "deploy": body("deploy", id="d", time="2026-03-04T08:00:00Z", service=None, commitSHA="a" * 40),
    "start": body("incident-started", id="s", time="2026-03-04T08:00:01Z", repo=REPO),
    "end": body("incident-resolved", id="e", time="2026-03-04T09:00:01Z", repo=REPO),
}
CASES = yaml.safe_load(Path(running.__file__).with_name("verdicts.yaml").read_text("utf-8"))


def of_case(event: str | dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return an event of a case: one of those above, as it is or with other fields."""
    ((name, changes),) = event.items() if isinstance(event, dict) else [(event, {})]
    return {**OF_CASES[name], **changes}


def test_an_open_incident_asks_for_attention(receiver: Receiver, owner: Visitor) -> None:
    """In the list, an open incident has the same badge with a deploy that caused it as without one."""
    alone = {**OF_CASES["start"], "id": "s2", "time": "2026-03-20T08:00:00Z", "incidentId": "ALONE"}
    events = [OF_CASES["deploy"], OF_CASES["start"], alone]
    assert receiver.post(receiver.key("all"), events).status_code == 202
    found = re.findall(r'<span class="badge bad">(open, \w+)<', owner.get("/events").text)
    assert found == ["open, unlinked", "open, attributed"]
    page = owner.get(f"/incidents/{alone['id']}").text
    (command,) = re.findall(">(gitdailies incident resolve ALONE [^<]*)</code>", page)
    given = dict(re.findall(r"--(repo|environment) (\S+)", command), incidentId="ALONE")
    assert command.endswith(" --time TIME")
    assert given["repo"] == REPO
    end = {"kind": "incidentResolved", "id": "by-hand", "time": "2026-03-20T09:00:00Z", **given}
    assert receiver.post(receiver.key("hand"), end).status_code == 202
    page = owner.get(f"/incidents/{alone['id']}").text
    assert ("Is it over?" in page, "gitdailies incident resolve" in page) == (False, False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_an_event_is_judged_by_all_that_is_here(
    receiver: Receiver, owner: Visitor, case: dict[str, Any]
) -> None:
    """An event's verdicts use the events that it is attributed to, ends, repeats or undoes, of any time."""
    assert receiver.post(receiver.key("ci"), [*map(of_case, case["events"])]).status_code == 202
    page = owner.get(f"/events/{len(case['events'])}")
    shown, beginnings = verdicts(page.text), case["verdicts"]
    assert page.status_code == 200
    assert len(shown) == len(beginnings), shown
    assert [line[: len(beginning)] for line, beginning in zip(shown, beginnings, strict=True)] == beginnings


def test_an_event_of_a_clock_that_is_ahead_counts_later(receiver: Receiver, owner: Visitor) -> None:
    """An event that has not happened yet counts in nothing, and its page says so."""
    ahead = body("deploy", time=text_of(utc_now() + timedelta(minutes=4)))
    assert receiver.post(receiver.key("ci"), ahead).status_code == 202
    assert verdicts(owner.get("/events/1").text) == [
        "Every figure: Does not count: later than now, or than the moment asked for"
    ]


STEP, RELAY = {"reporter": "step/github-actions"}, {"reporter": "relay/argocd"}
RUN, OTHER = {"run": "ci:1"}, {"commitSHA": "b2" * 20}


@pytest.mark.parametrize(
    ("first", "second", "minutes", "differ"),
    [
        (STEP, {**RELAY, **OTHER}, 9, "commit"),
        (STEP, OTHER, 9, "commit"),
        (STEP, {**RELAY, **OTHER, "service": "web"}, 9, "commit and service"),
        (RUN, {"type": "hotfix"}, 4, "type"),
        (RUN, {**STEP, **OTHER}, 4, "commit"),
        (RUN, {"commitSHA": "a1" * 4, "service": "web", "type": "rollback"}, 4, "service and type"),
        (RUN, {**STEP, **OTHER, "run": "ci:2"}, 4, "commit and run"),
        (STEP, {**STEP, **OTHER}, 9, ""),
        (STEP, {**RELAY, **OTHER}, 11, ""),
        (STEP, {**RELAY, **OTHER, "environment": "staging"}, 9, ""),
        (STEP, {**RELAY, **OTHER, "repo": "larkspur/other"}, 9, ""),
        (STEP, {**RELAY, **OTHER, "type": "rollback"}, 9, ""),
        (RUN, {**STEP, **OTHER, "type": "hotfix"}, 4, ""),
        # Without a reporter, another commit is another deploy.
        (RUN, OTHER, 4, ""),
        # A repeat is not counted at all.
        (STEP, RELAY, 9, ""),
    ],
)
@pytest.mark.parametrize("kind", PAGE_KINDS)
def test_the_page_of_a_deploy_asks_whether_it_was_counted_twice(
    receiver: Receiver,
    owner: Visitor,
    first: dict[str, str],
    second: dict[str, str],
    minutes: int,
    differ: str,
) -> None:
    """Two reports within ten minutes may be of one deploy: both pages name both, and in what they differ."""
    began = utc_now() - timedelta(hours=3)
    times = (began - timedelta(days=1), began - timedelta(hours=9), began, began + timedelta(minutes=minutes))
    own = ({"commitSHA": "c3" * 20}, {"commitSHA": "d4" * 20, "service": "api"}, first, second)
    place = {"repo": "larkspur/Shop", "environment": "production"}
    common = body("public-client", branch=None, commitSHA="a1" * 20, **place)
    deploys = [{**common, "time": text_of(at), **more} for at, more in zip(times, own, strict=True)]
    assert receiver.post(receiver.key("ci"), deploys).status_code == 202

    names = {id_: deploys[id_ - 1].get("reporter", "a reporter without a name") for id_ in (3, 4)}
    for this, other in ((3, 4), (4, 3)):
        page = " ".join(html.unescape(owner.get(f"/events/{this}").text).split())
        assert ("Counted twice?" in page) == bool(differ)
        if differ:
            told = f'{names[other]} reported <a href="/events/{other}">another deploy</a>'
            assert f"Within ten minutes, {told}" in page
            assert f"{names[this]} reported this one" in page
            assert f"They differ in {differ}, so both count." in page


@pytest.mark.parametrize("path", ["/events", "/dora"])
def test_a_wrong_filter_comes_back_with_its_mistake(receiver: Receiver, owner: Visitor, path: str) -> None:
    """The same form has what was typed, and the message beside its field. A day is a date field."""
    page = owner.get(f"{path}?from=last+tuesday&repo=larkspur/web")
    assert page.status_code == 400
    assert 'name="from" value="last tuesday" aria-describedby="from-error" aria-invalid="true"' in page.text
    assert re.search(r'<p class="error" id="from-error" role="alert">Expected [^<]+</p>', page.text)
    assert 'value="larkspur/web"' in page.text
    assert 'type="date" id="from"' in owner.get(path).text
    moment = owner.get(f"{path}?from=2026-03-04T10:00:00Z")
    assert (moment.status_code, 'type="text" id="from"' in moment.text) == (200, True)
