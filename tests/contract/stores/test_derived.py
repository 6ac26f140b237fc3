"""Derived rows are those that the pure functions make of all events, whatever arrived or was deleted."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from gitdailies_core.events.events import Event
from gitdailies_core.values.renames import Renames
from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.model.columns import TimeSpan, Where, read_rows
from gitdailies_dora.derived.read import verdicts
from gitdailies_dora.derived.read.answers import OPEN
from gitdailies_dora.derived.read.events import detail, event_filters, event_list
from gitdailies_dora.derived.read.figures.answer import of_selection
from gitdailies_dora.derived.read.question import question
from gitdailies_dora.derived.update import advance as advance_module
from gitdailies_dora.derived.update.advance import advance
from gitdailies_dora.events.query import END, Wanted
from gitdailies_dora.events.records import change_log, corrections
from gitdailies_dora.events.records.corrections import StoredCorrection
from gitdailies_dora.figures.answers.columns import Columns, of_facts
from gitdailies_dora.figures.answers.numbers import LEAD_TIME, RECOVERY, REWORK
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.tracks import rows_of
from gitdailies_dora.figures.history.events import read_history
from gitdailies_dora.figures.history.facts import EVIDENCE, Facts, derive
from gitdailies_dora.figures.history.lead_time import (
    EARLIER_LISTS_NONE,
    LIST_CUT,
    NO_COMMITS,
    NO_PATHS,
    NO_PREDECESSOR,
)
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.reasons import Reasons
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us
from hypothesis import given
from hypothesis import strategies as st

from tests.support.figures.asking import alike, as_written
from tests.support.figures.derived_store import (
    LATE,
    SETTINGS,
    Opened,
    add_event,
    catch_up,
    delete_event,
    rolled_back,
)
from tests.support.figures.histories import HISTORIES, QUESTIONS, TEAMS
from tests.support.figures.reference import Reference
from tests.support.forms import search

SAME_COMMIT = FigureSettings(
    window=timedelta(hours=9),
    timezone="Europe/Berlin",
    count_same_commit=True,
    hotfix=("hotfix/*",),
    failures="evidence",
)
# The other spelling and the other repository are former names: all events are of one repository.
RENAMED = replace(
    SETTINGS, renames=Renames((("larkspur/ledger", "Larkspur/Store"), ("larkspur/shop", "Larkspur/Store")))
)
ALWAYS = {"from": "2026-01-01", "now": "2033-05-18T03:33:20Z"}

Events = list[dict[str, Any]]


def agree(session: Session, events: Iterable[dict[str, Any]], now: int, chosen: FigureSettings) -> None:
    """Check rows and verdicts at a moment: they are what the pure functions make of the events until then."""
    bodies = list(events)
    everything = Selection.all_until(now)
    given = corrections.all_corrections(session)
    history = read_history(bodies, chosen, now=now, corrections=given)
    facts = derive(history, chosen)
    agree_on_rows(session, facts, everything, chosen)
    # Rows hold every failure. A question leaves out those that do not count.
    every = derive(history, replace(chosen, failures="all"))
    assert in_columns(read_everything(session, now, chosen)) == in_columns([of_facts(every)])
    reasons = Reasons(history, facts, everything, chosen)
    asked = [verdicts.EventRow(0, body["id"], "", orjson.dumps(body).decode()) for body in bodies]
    found = verdicts.verdicts(session, asked, everything, chosen)
    assert dict(zip((event.id for event in asked), found, strict=True)) == {
        event.id: reasons.of(event.id) for event in asked
    }


def agree_on_rows(session: Session, facts: Facts, selection: Selection, chosen: FigureSettings) -> None:
    """Check that the rows of a selection are those that the pure functions select."""
    deploys, incidents = rows_of(facts, selection)
    assert rows.read_deploys(session, selection, chosen) == deploys
    assert rows.read_incidents(session, selection) == incidents


def read_everything(session: Session, now: int, chosen: FigureSettings) -> list[Columns]:
    """Read the columns of every environment as they were at a moment."""
    asked = "SELECT environment FROM figures_deploys UNION SELECT environment FROM figures_incidents"
    names = [name for (name,) in session.execute(asked).fetchall()]
    span = TimeSpan(0, now)
    return [read_rows(session, Where(name), span, now, chosen.renames) for name in names]


def in_columns(parts: Iterable[Columns]) -> list[list[Any]]:
    """All values of columns, each with its target, in one order."""
    found: list[list[Any]] = [[], [], []]
    for part in parts:
        begins = np.cumsum([0, *part.deploys["leads"]])
        for number, row in enumerate(part.deploys):
            leads = part.lead_times[begins[number] : begins[number + 1]]
            found[0].append((part.targets[row["target"]], *row.item(), *leads.tolist()))
        for of_kind, rows_ in ((found[1], part.failures), (found[2], part.incidents)):
            of_kind += [(part.targets[row["target"]], *row.item()) for row in rows_]
    # The number of a target is another one in each part.
    without = ({2}, {4}, {2})
    return [
        sorted(tuple(v for at, v in enumerate(row) if at not in left) for row in of_kind)
        for of_kind, left in zip(found, without, strict=True)
    ]


# Outcomes with the results of several others.
_FAILED = {"failed", "may have failed"}
SEVERAL = {
    "failed": _FAILED,
    "failed-for-certain": {"failed"},
    "counted": {*_FAILED, "did not fail", "too new to tell"},
    "of-no-deploy": {"unlinked", "unlinked: no deploy caused it"},
}
# Outcomes by the verdict on a figure, and its words.
BY_VERDICT = {
    "lead-time-unknown": (
        LEAD_TIME,
        {NO_PREDECESSOR, NO_COMMITS, EARLIER_LISTS_NONE, LIST_CUT, NO_PATHS},
    ),
    "nothing-new": (LEAD_TIME, {"nothing-new"}),
    "rework": (REWORK, {"rework", "inferred"}),
    "inferred-fix": (REWORK, {"inferred"}),
    "recovered": (RECOVERY, {"recovered"}),
    "still-open": (RECOVERY, {"open"}),
    "by-remedy": (RECOVERY, {"remedied"}),
    "recovery-unknown": (RECOVERY, {"without-incident"}),
}


def evidence_of_failed(session: Session, now: int) -> dict[str, str | None]:
    """Return the evidence of each deploy's failure, as its details say."""
    ids = [id_ for (id_,) in session.execute("SELECT id FROM figures_deploys WHERE counts = 1").fetchall()]
    found = {id_: detail.deploy(session, id_, SETTINGS, now) for id_ in ids}
    return {id_: one.evidence for id_, one in found.items() if one is not None}


def judged(session: Session, now: int) -> list[tuple[str, str, str]]:
    """Return the id of each deploy, once for each figure, with the figure and the word of its verdict."""
    every = event_list.listed(session, Wanted({"kind": "deployed"}), END, 1000, SETTINGS, now)
    asked = [verdicts.EventRow(one.event.seq, one.event.id, "", one.event.body) for one in every]
    found = verdicts.verdicts(session, asked, Selection.all_until(now), SETTINGS)
    return [(event.id, one.figure, one.word) for event, of in zip(asked, found, strict=True) for one in of]


def agree_on_outcomes(session: Session, now: int) -> None:
    """Check that the events with an outcome are those whose result the list of all events shows."""
    whole = event_list.listed(session, Wanted(), END, 1000, SETTINGS, now)
    corrected = set(corrections.all_corrections(session))
    evidence, verdicts_ = evidence_of_failed(session, now), judged(session, now)
    for kind, words in event_filters.OUTCOMES.items():
        for word, outcome in words.items():
            wanted = Wanted({"kind": kind}, outcome=word)
            also = event_filters.resolved(session, wanted, TEAMS, SETTINGS, now).wanted
            found = {row.event.id for row in event_list.listed(session, also, END, 1000, SETTINGS, now)}
            if word == event_filters.CORRECTED:
                expected = {row.event.id for row in whole if row.event.kind == kind} & corrected
            elif word == event_filters.OPEN:
                expected = open_incidents(session, now)
            elif word.removeprefix("failed-") in EVIDENCE:
                expected = {id_ for id_, one in evidence.items() if one == word.removeprefix("failed-")}
            elif word in BY_VERDICT:
                figure, meant = BY_VERDICT[word]
                expected = {id_ for id_, of, said in verdicts_ if of == figure and said in meant}
            elif word == "linked-in-72-h":
                # Some of the incidents that are unlinked.
                expected = found & {row.event.id for row in whole if row.result.endswith("unlinked")}
            else:
                of_kind = [row for row in whole if row.event.kind == kind]
                # The list adds that an incident is open.
                shown = {row.event.id: row.result.removeprefix("open, ") for row in of_kind}
                titles = SEVERAL.get(word, {outcome.title})
                expected = {id_ for id_, result in shown.items() if result in titles}
            assert (word, found) == (word, expected)


def open_incidents(session: Session, now: int) -> set[str]:
    found = {id_: detail.incident(session, id_, SETTINGS, now) for id_ in starts(session)}
    return {id_ for id_, one in found.items() if one is not None and one.state == OPEN}


def starts(session: Session) -> list[str]:
    asked = "SELECT id FROM events WHERE kind = 'incidentStarted' AND time <= ?"
    return [id_ for (id_,) in session.execute(asked, (LATE,)).fetchall()]


def failed(session: Session, id_: str) -> bool:
    everything = rows.read_deploys(session, Selection.all_until(LATE), SETTINGS)
    return next(row.failed for row in everything if row.id == id_)


class LivedStore:
    """A store with a history: events are added, deleted, sent again under their id, and derived."""

    def __init__(self, session: Session, chosen: FigureSettings = SETTINGS) -> None:
        self.session = session
        self.chosen = chosen
        self.left: dict[str, dict[str, Any]] = {}

    def add(self, body: dict[str, Any]) -> None:
        add_event(self.session, body, LATE)
        self.left[body["id"]] = body

    def delete(self, id_: str) -> dict[str, Any]:
        delete_event(self.session, body := self.left.pop(id_), LATE)
        return body

    def correct(self, id_: str, what: str, deploy: str | None) -> None:
        """Correct an event that is here, whatever kind it is of."""
        id_of_event = id_.partition(" ")[0]
        body = self.left[id_of_event]
        corrections.write(self.session, StoredCorrection(id_, what, deploy, "why", "Kim", LATE))
        change_log.note_changes(self.session, [(id_of_event, body["repo"], body.get("incidentId"))], LATE)

    def undo(self, id_: str) -> None:
        id_of_event = id_.partition(" ")[0]
        body = self.left[id_of_event]
        corrections.delete_one(self.session, id_)
        change_log.note_changes(self.session, [(id_of_event, body["repo"], body.get("incidentId"))], LATE)

    def derive(self, most: int) -> None:
        """Derive everything, *most* events at once, and compare the rows with those of the pure functions."""
        catch_up(self.session, LATE, most, self.chosen)
        assert not change_log.count_pending(self.session, LATE, 1)
        agree(self.session, self.left.values(), LATE, self.chosen)

    def live(self, events: Events, data: st.DataObject) -> None:
        for body in events:
            self.add(body)
            chance = data.draw(st.integers(0, 9))
            if chance < 3:
                advance(self.session, self.chosen, LATE, chance + 1)
            elif chance == 3:
                self.derive(data.draw(st.integers(1, 4)))
            elif chance > 7:
                gone = self.delete(data.draw(st.sampled_from(sorted(self.left))))
                if chance == 9:  # the id is sent again, with another event
                    self.add({**data.draw(st.sampled_from(events)), "id": gone["id"]})
        self.derive(data.draw(st.integers(1, 40)))


@search(100)
@given(HISTORIES, QUESTIONS, st.data())
def test_derived_rows_are_those_of_all_events(
    store: Opened, events: Events, parameters: dict[str, str], data: st.DataObject
) -> None:
    """After any arrivals, deletions and steps, rows and answers are those of the events that are left."""
    with rolled_back(store) as session:
        lived = LivedStore(session, data.draw(st.sampled_from((SETTINGS, SAME_COMMIT))))
        lived.live(events, data)
        asked = question(parameters, lived.chosen, LATE)
        agree(session, lived.left.values(), asked.selection.period.now, lived.chosen)
        if lived.chosen is SETTINGS:
            agree_on_outcomes(session, asked.selection.period.now)
            answer = of_selection(session, asked, SETTINGS)
            expected = Reference(list(lived.left.values()), parameters, as_written(SETTINGS))
            alike(msgspec.to_builtins(answer.figures), expected.figures())
            team = data.draw(st.sampled_from(("pay", "shop", "none")))
            of_team = question({**parameters, "team": team}, SETTINGS, LATE, teams=TEAMS)
            by_rows = of_selection(session, of_team, SETTINGS)
            bodies = list(lived.left.values())
            history = read_history(bodies, SETTINGS, now=of_team.selection.period.now)
            agree_on_rows(session, derive(history, SETTINGS), of_team.selection, SETTINGS)
            session.execute(statements.DELETE_SETTINGS)
            assert of_selection(session, of_team, SETTINGS).figures == by_rows.figures


def renamed(events: Iterable[dict[str, Any]]) -> Events:
    """The same events, as if each had been sent under the present name of its repository."""
    return [{**body, "repo": "larkspur/store"} for body in events]


def rows_made(session: Session, events: Events, deleted: set[str], most: int, chosen: FigureSettings) -> Any:
    """Derive events and then the deletion of some; return every row of deploys and incidents."""
    assert rows.reset(session, chosen, 1000)
    for body in events:
        add_event(session, body, LATE)
        if len(body["id"]) % most:
            advance(session, chosen, LATE, most)
    catch_up(session, LATE, most, chosen)
    for body in events:
        if body["id"] in deleted:
            delete_event(session, body, LATE)
    catch_up(session, LATE, most, chosen)
    tables = ("figures_deploys", "figures_incidents", "figures_commits", "figures_remedies")
    return [sorted(map(repr, session.execute(f"SELECT * FROM {table}"))) for table in tables]


@search(60)
@given(HISTORIES, QUESTIONS, st.data())
def test_former_names_count_as_the_present_one(
    store: Opened, events: Events, parameters: dict[str, str], data: st.DataObject
) -> None:
    """Rows and figures with former names are those of the same events under the present name."""
    deleted = data.draw(st.sets(st.sampled_from(sorted(body["id"] for body in events)), max_size=3))
    most, rewritten = data.draw(st.integers(1, 40)), renamed(events)
    with rolled_back(store) as session:
        found = rows_made(session, events, deleted, most, RENAMED)
        by_rows = of_selection(session, question(parameters, RENAMED, LATE), RENAMED)
        session.execute(statements.DELETE_SETTINGS)
        by_events = of_selection(session, question(parameters, RENAMED, LATE), RENAMED)
    named = {**parameters, "repo": "larkspur/store"} if parameters["repo"] else parameters
    with rolled_back(store) as session:
        assert found == rows_made(session, rewritten, deleted, most, SETTINGS)
        assert by_rows.figures == of_selection(session, question(named, SETTINGS, LATE), SETTINGS).figures
    left = [body for body in rewritten if body["id"] not in deleted]
    expected = Reference(left, named, as_written(SETTINGS)).figures()
    alike(msgspec.to_builtins(by_events.figures), expected)


# Another value for each setting that makes the figures.
OTHERS = FigureSettings(
    timedelta(hours=3), "Asia/Tokyo", ("eu-*",), True, ("fix/*",), Renames((("a/b", "c/d"),)), "evidence"
)


@pytest.mark.parametrize("name", [one.name for one in fields(FigureSettings)])
def test_a_changed_setting_derives_every_row_again(connection: Session, name: str) -> None:
    """Rows made with another setting answer no question, and the stored settings have the new one."""
    changed = replace(SETTINGS, **{name: getattr(OTHERS, name)})
    assert changed != SETTINGS
    add_event(connection, deploy("d1", "2026-03-04T09:00:00Z"), LATE)
    catch_up(connection, LATE)
    assert not rows.outdated(connection, SETTINGS)
    assert rows.outdated(connection, changed)
    while not rows.reset(connection, changed, 10):
        pass
    assert rows.stored_settings(connection) == changed
    catch_up(connection, LATE, chosen=changed)
    found = connection.execute("SELECT repo FROM figures_deploys").fetchall()
    assert [repo for (repo,) in found] == ["c/d" if name == "renames" else "a/b"]


def deploy(id_: str, time: str) -> dict[str, Any]:
    sha = f"{id_.encode().hex():0>40}"
    return Event.make("deployed", id=id_, repo="a/b", commitSHA=sha, time=time).to_wire()


def test_a_fix_of_two_incidents_seems_to_fix_the_one_that_started_first(connection: Session) -> None:
    """Rows and pure functions name the same one, also where the other one ended last."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(deploy("2", "2026-03-04T10:45:00Z"))
    for id_, start, end in (("one", "10:00", "10:50"), ("two", "10:10", "11:20")):
        where = {"repo": "a/b", "incidentId": id_}
        lived.add({"kind": "incidentStarted", "id": id_, **where, "time": f"2026-03-04T{start}:00Z"})
        lived.add({"kind": "incidentResolved", "id": f"end-{id_}", **where, "time": f"2026-03-04T{end}:00Z"})
    lived.derive(9)
    agree(connection, lived.left.values(), 2_000_000_000_000_000, SETTINGS)


def test_an_event_in_the_future_counts_when_its_time_has_come(connection: Session) -> None:
    """An event three minutes ahead is in no answer before its moment, and in each from then on."""
    now = to_us(Event.from_wire(deploy("x", "2026-03-04T09:00:00Z")).time)
    minute = 60_000_000
    add_event(connection, deploy("1", "2026-03-04T09:03:00Z"), now)
    add_event(connection, deploy("2", "2026-03-04T08:00:00Z"), now)
    catch_up(connection, now)
    assert change_log.behind_since(connection, now) is None
    for minutes, expected in ((0, ["2"]), (2, ["2"]), (3, ["2", "1"]), (4, ["2", "1"])):
        selection = Selection.all_until(now + minutes * minute)
        assert [row.id for row in rows.read_deploys(connection, selection, SETTINGS)] == expected


def test_an_id_that_comes_back_as_no_rollback_undoes_nothing(connection: Session) -> None:
    """A rollback that is deleted, and sent again under its id as a deploy, undoes nothing any more."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(back := {**deploy("2", "2026-03-04T09:05:00Z"), "type": "rollback"})
    lived.derive(9)
    assert failed(connection, "1")
    lived.delete("2")
    lived.add({**back, "type": "deploy"})
    lived.derive(9)
    assert not failed(connection, "1")


def start(id_: str, incident: str) -> dict[str, Any]:
    time = "2026-03-04T09:05:00Z"
    return Event.make("incidentStarted", id=id_, repo="a/b", incidentId=incident, time=time).to_wire()


def test_an_id_that_comes_back_in_another_incident_has_one_row(connection: Session) -> None:
    """A start that is deleted, and sent again under its id for another incident, is attributed again."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(start("2", "one"))
    lived.add(start("3", "two"))
    lived.derive(9)
    lived.delete("2")
    lived.delete("3")
    lived.add(start("3", "one"))
    lived.derive(1)


@pytest.mark.parametrize("where", [{"environment": "staging"}, {"service": "web"}])
def test_a_report_of_another_target_that_comes_later_says_what_started_a_run(
    connection: Session, where: dict[str, str]
) -> None:
    """Until it is deleted, a slow job is late and remedies nothing; afterwards it goes back."""
    lived = LivedStore(connection)
    first, second = deploy("1", "2026-03-04T09:00:00Z"), deploy("2", "2026-03-04T09:05:00Z")
    slow = {**first, "id": "3", "time": "2026-03-04T09:10:00Z", "run": "ci:1", "service": "api"}
    for body in ({**first, "service": "api"}, {**second, "service": "api"}, slow):
        lived.add(body)
    lived.derive(9)
    assert failed(connection, "2")
    lived.add({**deploy("4", "2026-03-04T09:20:00Z"), "run": "ci:1", "trigger": "push", **where})
    lived.derive(9)
    assert not failed(connection, "2")
    lived.delete("4")
    lived.derive(9)
    assert failed(connection, "2")
    lived.add({**deploy("5", "2026-03-04T09:00:00Z"), "run": "ci:1", "trigger": "tag", **where})
    lived.add({**first, "id": "6", "time": "2026-03-04T07:09:00Z", "service": "web"})
    lived.derive(9)
    assert failed(connection, "2")  # its commit came to another service before these two hours


def services_of(session: Session) -> dict[str, str]:
    return dict(session.execute("SELECT id, service FROM figures_deploys").fetchall())


def test_a_deploy_takes_no_service_that_leaves_in_its_own_step(connection: Session) -> None:
    """The only deploy of another service is sent again under its id, of this one, while one names none."""
    lived = LivedStore(connection)
    web = {**deploy("2", "2026-03-04T09:05:00Z"), "service": "web"}
    for body in ({**deploy("1", "2026-03-04T09:00:00Z"), "service": "api"}, web):
        lived.add(body)
    lived.derive(9)
    lived.add(deploy("3", "2026-03-04T11:00:00Z"))
    lived.delete("2")
    lived.add({**web, "service": "api"})
    advance(connection, SETTINGS, LATE, 2)
    lived.derive(1)
    assert services_of(connection) == dict.fromkeys("123", "api")


def test_many_deploys_change_their_service_with_one(
    connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that names a service and the last one, too, when each step leaves most of them over."""
    monkeypatch.setattr(advance_module, "_MOST_AGAIN", 0)
    lived = LivedStore(connection)
    for number in range(9):
        lived.add(deploy(str(number), f"2026-03-0{number + 1}T09:00:00Z"))
    lived.derive(9)
    assert set(services_of(connection).values()) == {""}
    for id_, service, expected in (("a", "api", {"api"}), ("b", "web", {"", "api", "web"})):
        lived.add({**deploy(id_, "2026-03-05T12:00:00Z"), "service": service})
        lived.derive(2)
        assert set(services_of(connection).values()) == expected
    lived.delete("a")
    lived.derive(2)
    assert set(services_of(connection).values()) == {"web"}
    lived.delete("b")
    lived.derive(2)
    assert set(services_of(connection).values()) == {""}


def undoing(*others: tuple[str, str]) -> Events:
    """A deploy, the rollback that undoes it ten minutes later, and *others* by id and minute."""
    back = {**deploy("2", "2026-03-04T09:10:00Z"), "type": "rollback"}
    return [
        deploy("1", "2026-03-04T09:00:00Z"),
        back,
        *(deploy(i, f"2026-03-04T09:{m}:00Z") for i, m in others),
    ]


@pytest.mark.parametrize(
    ("others", "gone"),
    [
        pytest.param([("3", "05")], ["2"], id="another deploy arrives between, and the rollback is deleted"),
        pytest.param([("2", "05")], ["2"], id="the rollback was an earlier deploy"),
        pytest.param([("3", "05")], [], id="another deploy arrives between"),
        pytest.param([("3", "04"), ("4", "06")], [], id="two deploys arrive between"),
    ],
)
def test_a_deploy_that_is_no_longer_undone_has_not_failed(
    connection: Session, others: list[tuple[str, str]], gone: list[str]
) -> None:
    """Once another deploy lies between it and the rollback, a deploy has not failed."""
    lived = LivedStore(connection)
    first, back, *come = undoing(*others)
    lived.add(first)
    lived.add(back)
    lived.derive(9)
    assert failed(connection, "1")
    for id_ in gone:
        lived.delete(id_)
    for body in come:
        lived.add(body)
    lived.derive(9)
    assert not failed(connection, "1")


def test_an_answer_says_how_far_it_is_behind(connection: Session) -> None:
    """While an event waits to be derived, an answer is as of the arrival of that event."""
    add_event(connection, deploy("1", "2026-03-04T09:00:00Z"), LATE - 5_000_000)
    parameters = question({"from": "2026-03-01"}, SETTINGS, LATE)
    answer = of_selection(connection, parameters, SETTINGS)
    assert (answer.as_of, answer.figures.deployment_frequency.deploys) == (
        "2033-05-18T03:33:15Z",
        0,
    )
    catch_up(connection, LATE)
    answer = of_selection(connection, parameters, SETTINGS)
    assert (answer.as_of, answer.figures.deployment_frequency.deploys) == (
        "2033-05-18T03:33:20Z",
        1,
    )


def test_other_settings_delete_every_row_little_by_little(connection: Session) -> None:
    """Rows of other settings are deleted in small parts, and derived again with the new settings."""
    events = [deploy(str(number), f"2026-03-04T09:0{number}:00Z") for number in range(5)]
    for body in events:
        add_event(connection, body, LATE)
    catch_up(connection, LATE)
    other = FigureSettings(window=timedelta(hours=1), timezone="Europe/Berlin")
    done = [rows.reset(connection, other, 2) for _ in range(4)]
    assert done == [False, False, False, True]
    assert change_log.count_pending(connection, LATE, 9) == 5
    catch_up(connection, LATE, chosen=other)
    agree(connection, events, LATE, other)
