"""What the rows say of one deploy and one incident is what the pure functions make of all events."""

from itertools import pairwise
from typing import Any

from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of
from gitdailies_dora.derived.read.answers import DeployDetail, FigureVerdict, IncidentDetail
from gitdailies_dora.derived.read.events import detail
from gitdailies_dora.derived.read.question import question
from gitdailies_dora.events.records.corrections import all_corrections
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.events import read_history
from gitdailies_dora.figures.history.facts import DeployFacts, derive
from gitdailies_dora.figures.history.incidents import Incident
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.advice import ADVICE
from gitdailies_dora.figures.words.reasons import Reasons, Verdict
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.stores.test_derived import (
    SETTINGS,
    Events,
    LivedStore,
    Opened,
    deploy,
    rolled_back,
)
from tests.support.figures.histories import HISTORIES, QUESTIONS
from tests.support.forms import search


@search(12)
@given(HISTORIES, QUESTIONS, st.data())
def test_details_are_those_of_all_events(
    store: Opened, events: Events, parameters: dict[str, str], data: st.DataObject
) -> None:
    """State, neighbors, incidents, remedies and verdicts of each event are those of the whole history."""
    with rolled_back(store) as session:
        lived = LivedStore(session)
        lived.live(events, data)
        now = question(parameters, SETTINGS, 2_000_000_000_000_000).selection.period.now
        agree(session, list(lived.left.values()), now, SETTINGS)


def agree(session: Session, events: Events, now: int, chosen: FigureSettings) -> None:
    corrections = all_corrections(session)
    history = read_history(events, chosen, now=now, corrections=corrections)
    facts = derive(history, chosen)
    reasons = Reasons(history, facts, Selection.all_until(now), chosen)
    by_id = {one.deploy.id: one for one in facts.deploys}
    for body in events:
        found = detail.event(session, body["id"], chosen, now)
        assert found is not None
        told = [judged(one) for one in reasons.of(body["id"])]
        assert list(found.verdicts) == told
        if body["kind"] == "deployed" and body["id"] in by_id:
            shown = detail.deploy(session, body["id"], chosen, now)
            assert shown is not None
            deploy_is_as_derived(shown, by_id[body["id"]], by_id, now, chosen)
        elif body["kind"] == "deployed":
            shown = detail.deploy(session, body["id"], chosen, now)
            repeat = facts.repeats.get(body["id"])
            if repeat is not None:
                assert shown is not None
                assert (shown.state, ids(shown.related.repeats)) == ("repeat", repeat.of.id)
    for incident in facts.incidents:
        incident_is_as_derived(detail.incident(session, incident.occurrence.start.id, chosen, now), incident)


def judged(one: Verdict) -> FigureVerdict:
    shown = {name: value for name, value in one._asdict().items() if name != "evidence"}
    return FigureVerdict(**shown, advice=ADVICE[one.word])


def deploy_is_as_derived(
    shown: DeployDetail, one: DeployFacts, by_id: dict[str, DeployFacts], now: int, chosen: FigureSettings
) -> None:
    young = one.deploy.at > now - chosen.window_us
    state = "failed" if one.failed else "pending" if young else "succeeded"
    assert (shown.state, shown.type) == (state, one.deploy.type)
    related = shown.related
    assert ids(related.incidents) == [incident.occurrence.start.id for incident in one.incidents]
    assert ids(related.remedied_by) == [remedy.id for remedy in one.remedied_by]
    target: DeployTarget = one.deploy.target
    here = [other for other in by_id if by_id[other].deploy.target == target]
    before, after = {b: a for a, b in pairwise(here)}, dict(pairwise(here))
    assert (ids(related.before), ids(related.after)) == (
        before.get(one.deploy.id),
        after.get(one.deploy.id),
    )
    new = {} if one.new.unknown else {commit.sha: commit.lead_time for commit in one.new.commits}
    told = {change.sha: change.lead_time_seconds for change in shown.commits if change.new}
    assert told == {sha: None if lead is None else lead / 1e6 for sha, lead in new.items()}
    recovery = one.remedied_after_us if one.outage is None else one.outage.duration_us
    assert shown.recovery_seconds == (None if recovery is None else recovery / 1e6)


def incident_is_as_derived(shown: IncidentDetail | None, incident: Incident) -> None:
    assert shown is not None
    occurrence, link = incident
    state = "open" if occurrence.end is None else "closed" if occurrence.merged else "resolved"
    assert (shown.state, shown.attribution.how) == (state, link.how)
    assert ids(shown.related.deploy) == (None if link.deploy is None else link.deploy.id)
    assert ids(shown.related.resolution) == (None if occurrence.end is None else occurrence.end.id)
    assert ids(shown.attribution.wide) == (None if link.wide is None else link.wide.id)
    assert shown.timeline[0].time <= text_of(from_us(occurrence.began_at))


def ids(refs: Any) -> Any:
    if isinstance(refs, tuple):
        return [ref.id for ref in refs]
    return None if refs is None else refs.id


def test_nothing_is_told_of_an_id_of_another_kind(connection: Session) -> None:
    """A deploy is no incident and an unknown id is nothing; neither is an error."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.derive(9)
    now = 2_000_000_000_000_000
    assert detail.incident(connection, "1", SETTINGS, now) is None
    assert detail.deploy(connection, "2", SETTINGS, now) is None
    assert detail.event(connection, "2", SETTINGS, now) is None


def test_a_commit_that_is_listed_as_a_merge_and_not_is_no_merge(connection: Session) -> None:
    """Its lead time is that of the entry which counts, also where the merge comes first and has no time."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    before = lived.left["1"]["commitSHA"]
    entry = {"sha": "b" * 40, "parents": [before]}
    merge, plain = {**entry, "parents": [before, "c" * 40]}, {**entry, "time": "2026-03-04T10:00:00Z"}
    lived.add({**deploy("2", "2026-03-04T11:00:00Z"), "commits": [merge, plain]})
    lived.derive(9)
    found = detail.deploy(connection, "2", SETTINGS, 2_000_000_000_000_000)
    assert found is not None
    assert [(one.new, one.lead_time_seconds) for one in found.commits] == [(True, 3600.0)]


def test_the_senders_id_of_an_incident_gives_its_newest_occurrence(connection: Session) -> None:
    """An incident that was reopened is found by the sender's id, and leads to its earlier occurrence."""
    lived = LivedStore(connection)
    for id_, kind, time in (("s1", "Started", "10"), ("e1", "Resolved", "11"), ("s2", "Started", "12")):
        where = {"repo": "a/b", "incidentId": "INC-7", "time": f"2026-03-04T{time}:00:00Z"}
        lived.add({"kind": f"incident{kind}", "id": id_, **where})
    lived.derive(9)
    found = detail.incident(connection, "INC-7", SETTINGS, 2_000_000_000_000_000)
    assert found is not None
    assert (found.timeline[0].id, found.state, ids(found.related.incidents)) == (
        "s2",
        "open",
        ["s1"],
    )
    end = detail.event(connection, "e1", SETTINGS, 2_000_000_000_000_000)
    assert end is not None
    assert ids(end.related.incidents) == ["s1"]
