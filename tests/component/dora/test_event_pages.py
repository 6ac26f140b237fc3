"""The pages of deploys, incidents and ends: what they say in each state and show to whom; the list."""

import html
import re
from typing import Any

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import utc_now

from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.dora.visitor import text_of as text
from tests.support.figures.asking import deploy, ended, started

ODD_IDS = ("a/b", "..", ".", "a?b=c#d", "a%2Fb", "<b>&amp;", "cause", "x/cause")


def send(receiver: Receiver, *events: dict[str, Any]) -> None:
    assert receiver.post(receiver.key("ci"), list(events)).status_code == 202


def test_ids_of_every_form_have_a_page(receiver: Receiver, owner: Visitor) -> None:
    """Each link of the list leads to the page of its event, whatever characters the id has."""
    send(
        receiver,
        *(deploy(id_, f"0{n}T08:00:00") for n, id_ in enumerate(ODD_IDS, 1)),
        *(started(f"s{id_}", f"1{n}T08:00:00", id_) for n, id_ in enumerate(ODD_IDS)),
        *(ended(f"e{id_}", f"1{n}T09:00:00", id_) for n, id_ in enumerate(ODD_IDS)),
    )
    links = re.findall(r'<a href="(/(?:deploys|incidents|events/id)[^"]*)"', owner.get("/events").text)
    found = set()
    for link in set(map(html.unescape, links)):
        page = owner.get(link)
        assert page.status_code == 200, link
        found.add(html.unescape(re.search(r'<code id="event-id">(.*?)</code>', page.text)[1]))
    assert found == {*ODD_IDS, *(f"s{id_}" for id_ in ODD_IDS), *(f"e{id_}" for id_ in ODD_IDS)}
    # The sender's id of an incident leads to it, too.
    assert "sa/b" in owner.get("/incidents/a%2Fb").text
    for path in ("/deploys/none", "/incidents/none", "/events/id?id=none", "/events/id"):
        assert owner.get(path).status_code == 404


def test_a_member_sees_no_body_no_key_and_no_delete(
    receiver: Receiver, owner: Visitor, member: Visitor
) -> None:
    """What was received as it was, the name of the key and the deletion are for owners."""
    send(receiver, {**deploy("d1", "02T08:00:00"), "environment": "production", "team": "a field of our own"})
    for visitor, sees in ((owner, True), (member, False)):
        page = visitor.get("/deploys/d1").text
        for word in ("a field of our own", "with the key “ci”", "Delete event"):
            assert (word in page) is sees, word
        assert "What it counts for" in page


def test_an_owner_reads_how_to_repair_a_misspelled_repository(
    receiver: Receiver, owner: Visitor, member: Visitor
) -> None:
    """The page of a deploy has the line for gitdailies.yml; that of an incident, which can move, has none."""
    events = deploy("d1", "02T08:00:00"), started("i1", "02T09:00:00", "Q1")
    send(receiver, *({**one, "repo": "northlight/biling"} for one in events))
    line = "OWNER/NAME: {was: [northlight/biling]}"
    assert line in html.unescape(owner.get("/deploys/d1").text)
    assert "was: [" not in owner.get("/incidents/i1").text
    assert "was: [" not in member.get("/deploys/d1").text


def test_a_heading_is_short_and_the_whole_commit_is_below_it(receiver: Receiver, owner: Visitor) -> None:
    """A deploy is headed by the beginning of its commit, which is whole in a place that can be copied."""
    sha = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
    send(receiver, deploy("d1", "02T08:00:00", sha))
    page = owner.get("/deploys/d1").text
    assert re.findall(r"<h1>(.*?)</h1>", page) == [f"Deploy {sha[:12]}"]
    assert f'<code id="commit">{sha}</code>' in page
    assert '<a href="/deploys/d1">Deploy' not in page, "what happened has no link to the same page"
    assert 'data-copy="commit"' in page
    assert f" {sha[:12]} · " in re.search("<title>(.*?)</title>", page)[1]


def test_each_state_has_its_sentence(receiver: Receiver, owner: Visitor) -> None:
    """Pending, repeated, remedied, open, merged, reopened and unlinked: each is said in a sentence."""
    now = text_of(utc_now())
    send(
        receiver,
        deploy("first", "02T08:00:00", "a" * 40),
        deploy("again", "02T08:10:00", "a" * 40),
        deploy("bad", "03T08:00:00"),
        deploy("back", "03T08:55:00", type="rollback"),
        started("open", "05T08:00:00", "OPEN", causedBy="e" * 40),
        started("once", "06T08:00:00", "TWICE"),
        ended("over", "06T09:00:00", "TWICE"),
        started("twice", "06T10:00:00", "TWICE"),
        ended("merged", "06T11:00:00", "TWICE", resolution="merged", mergedInto="OPEN"),
        {**deploy("young", "02T08:00:00", "b" * 40), "time": now},
    )
    sentences = {
        "/deploys/again": "It repeats the deploy of 2026-03-02 08:00 UTC , 10 min earlier (ID first), and",
        "/deploys/bad": "55 min after it. There is no incident to time the recovery by.",
        "/deploys/young": "It is too new to tell, until",
        "/events/id?id=young": "Failed deployment recovery time Does not count: it is too new to tell",
        "/deploys/first": "Neither an incident nor a later deploy made it fail.",
        "/incidents/open": "no deploy has this commit ( eeeeeeee",
        "/events/id?id=once": "Attributed to No deploy in the 24 h before the incident.",
        "/incidents/once": "Resolved after 1 h,",
        "/incidents/twice": "Merged, canceled or deleted after 1 h, without a recovery of its own.",
        "/events/id?id=merged": "The incident that it ends incident TWICE",
    }
    for path, sentence in sentences.items():
        assert sentence in text(owner.get(path).text), path
    assert "Open for" in owner.get("/incidents/open").text
    assert "What to do: on this page, choose the deploy" in text(owner.get("/incidents/once").text)
    timeline = text(owner.get("/dora?repo=larkspur/shop&from=2026-03-01&to=2026-03-08").text)
    assert "ended after 1 h, unlinked" in timeline
    advice = owner.get("/deploys/again").text.partition("What to do: ")[2]
    assert '<a href="/settings/figures">' in advice.partition("</dd>")[0], "where the setting is"
    # Times of the reasons are in the page's zone, as all others.
    reasons = {"again": "deploy aaaaaaaaaaaa of 2026-03-02 08:00 UTC", "young": "outside the rate until 20"}
    for path, reason in reasons.items():
        path = f"/deploys/{path}"
        counted = text(owner.get(path).text).partition("What it counts for")[2].partition("For owners")[0]
        assert reason in counted, path
        assert re.search(r"\d\dT\d\d:", counted) is None, path
    reopened = owner.get("/incidents/once").text
    assert "It was reopened" in reopened
    assert '<a href="/incidents/twice">' in reopened
    assert '<a href="/incidents/open">' in owner.get("/incidents/twice").text


def test_the_list_has_its_filters_in_the_address(receiver: Receiver, owner: Visitor) -> None:
    """Dates, text and order select and sort; a list goes on with Older, and a wrong filter is named."""
    days = [deploy(f"d{n:02}", f"{n % 28 + 1:02}T08:00:00") for n in range(60)]
    send(receiver, *days, started("s", "15T08:30:00", title="Checkout fails"))

    def listed(query: str) -> list[str]:
        return re.findall(r'<th scope="row">.*?<a href="/(?:deploys|incidents)/(\w+)"', owner.get(query).text)

    assert listed("/events?from=2026-03-15&to=2026-03-16") == ["s", "d42", "d14"]
    assert listed("/events?q=checkout+FAILS") == ["s"]
    assert listed("/events?order=received")[0] == "s"
    assert listed("/events?order=received&kind=deployed")[:2] == ["d59", "d58"]
    first = owner.get("/events?kind=deployed").text
    older = html.unescape(re.search(r'<a href="([^"]*)">Older', first)[1])
    both = [*listed("/events?kind=deployed"), *listed(older)]
    assert (len(both), sorted(both)) == (60, [event["id"] for event in days])
    assert 'No event matches. <a href="/events">Show all events</a>.' in owner.get("/events?q=nothing").text
    several = text(owner.get("/events?q=nothing&kind=deployed").text)
    assert "Show all events , or try it without the kind , without the search ." in several
    faults = {"from=soon": 'from-error" role="alert">Expected a date', "order=up": "order: expected one of"}
    for query, fault in faults.items():
        answer = owner.get(f"/events?{query}")
        assert (answer.status_code, fault in answer.text) == (400, True)


def commits_of(page: str) -> list[str]:
    """The last column of the table of commits: whether each counts."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', page, re.DOTALL)
    return [text(row).split(" ", 1)[1] for row in rows]


def test_commits_of_a_deploy_whose_new_ones_are_unknown_do_not_count(
    receiver: Receiver, owner: Visitor
) -> None:
    """Page, interface and verdict agree about a first deploy, and about a list that leads to nothing."""
    times = [{"sha": sha * 40, "time": f"2026-03-0{day}T08:00:00Z"} for sha, day in (("b", 2), ("a", 1))]
    send(
        receiver,
        deploy("d1", "02T09:00:00", "a" * 40, commits=times[1:]),
        deploy("d2", "03T09:00:00", "b" * 40, commits=[{**times[0], "parents": ["f" * 40]}]),
    )
    key = receiver.key("reader", "read")
    for id_ in ("d1", "d2"):
        page = owner.get(f"/deploys/{id_}").text
        (commit,) = commits_of(page)
        assert commit.endswith("no: which commits are new is not known")
        assert "it was deployed here before" not in page
        assert "lead time of its newest commit" not in page
        detail = receiver.get(key, f"/api/deploys/{id_}").json()
        assert [(one["new"], one["leadTimeSeconds"]) for one in detail["commits"]] == [(False, None)]


def test_a_commit_outside_of_the_service_was_not_here_before(receiver: Receiver, owner: Visitor) -> None:
    """The page and the interface say that it touches nothing of the service."""
    listed = [{"sha": sha * 40, "time": "2026-03-03T08:00:00Z", "outside": sha == "c"} for sha in "bc"]
    send(
        receiver,
        deploy("d1", "02T09:00:00", "a" * 40, commits=[{"sha": "a" * 40}]),
        deploy("d2", "03T09:00:00", "b" * 40, commits=listed),
    )
    inside, outside = commits_of(owner.get("/deploys/d2").text)
    assert inside.endswith("yes")
    assert outside.endswith("no: it touches none of the service's paths")
    detail = receiver.get(receiver.key("reader", "read"), "/api/deploys/d2").json()
    assert [(one["new"], one["outside"]) for one in detail["commits"]] == [(True, False), (False, True)]


def test_a_deploy_shows_the_list_that_it_has_from_another_report(receiver: Receiver, owner: Visitor) -> None:
    """Its page and the interface have the commits that its lead time is of."""
    listed = [{"sha": "b" * 40, "time": "2026-03-03T08:00:00Z"}]
    send(
        receiver,
        deploy("d1", "02T09:00:00", "a" * 40, commits=[{"sha": "a" * 40}]),
        deploy("d2", "03T09:00:00", "b" * 40, reporter="relay/argocd"),
        deploy("d3", "03T09:02:00", "b" * 40, reporter="step/ci", commits=listed),
        deploy("d4", "04T09:00:00", "c" * 40, commits=[]),
    )
    (commit,) = commits_of(owner.get("/deploys/d2").text)
    assert commit.endswith("yes")
    detail = receiver.get(receiver.key("reader", "read"), "/api/deploys/d2").json()
    assert [(one["sha"], one["leadTimeSeconds"]) for one in detail["commits"]] == [("b" * 40, 3600)]
    assert "Commits None is listed." in text(owner.get("/deploys/d4").text)


def test_a_correction_offers_deploys_that_can_be_told_apart(receiver: Receiver, owner: Visitor) -> None:
    """Beside the commit of a deploy there are its message or title, its version and its run, where known."""
    told = {"message": "Retry cards once", "version": "2026.3.1"}
    send(
        receiver,
        {**deploy("d1", "02T08:00:00", run="ci:71", environment="production"), **told},
        {**deploy("d2", "02T09:00:00", environment="production"), "title": "Release 44"},
        started("s1", "02T10:00:00", "INC-1"),
    )
    page = text(owner.get("/incidents/s1").text)
    assert "Retry cards once, 2026.3.1, ci:71, 2 h earlier" in page
    assert "Release 44" in page


def test_a_store_whose_last_event_was_deleted_has_no_events(receiver: Receiver, owner: Visitor) -> None:
    """The list and the review say that there are no events, once the only event was deleted."""
    send(receiver, deploy("d1", "02T08:00:00"))
    pages = "/events", "/review?week=2026-W02"
    assert not any("No events yet" in owner.get(page).text for page in pages)
    assert receiver.delete(receiver.key("deletes", "delete"), "d1").status_code == 200
    assert all("No events yet" in owner.get(page).text for page in pages)
