"""Series are the figures of each group and bucket, from rows and from events, on both databases."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import folded
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.read.figures.answer import of_groups
from gitdailies_dora.derived.read.figures.series_question import asked
from gitdailies_dora.derived.update import packed_weeks, packing
from gitdailies_dora.events.records import change_log, corrections
from gitdailies_dora.events.records.corrections import StoredCorrection
from gitdailies_dora.figures.answers.numbers import FIGURES, Rolling
from gitdailies_dora.figures.answers.report import Dimension, SeriesBucket
from gitdailies_dora.figures.answers.rolling import LEAST_ROLLING
from gitdailies_dora.figures.answers.series import DIMENSIONS, ENVIRONMENT, REPO, TEAM, SeriesQuestion
from gitdailies_dora.figures.answers.trend import INTERVALS
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.history.teams import Teams
from gitdailies_dora.sql.database import ReadPool
from gitdailies_server.storage.database import Session
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from tests.support.databases import KINDS, opened
from tests.support.empty_stores import DORA
from tests.support.figures.asking import alike, as_written, us
from tests.support.figures.derived_store import (
    LATE,
    SETTINGS,
    Opened,
    add_event,
    catch_up,
    delete_event,
    rolled_back,
)
from tests.support.figures.histories import CORRECTIONS, HISTORIES, QUESTIONS, TEAMS, text
from tests.support.figures.reference import Chosen, Reference
from tests.support.figures.reference_deploys import Deploy, Incident
from tests.support.forms import search

# No team has single services, so that the database adds up whole repositories.
OF_REPOSITORIES = Teams(
    (TeamSettings("pay", "Payments", ("larkspur/*",)), TeamSettings("shop", "Shop", ("a/b",)))
)

Events = list[dict[str, Any]]


# What is asked besides a period and filters.
MORE = st.fixed_dictionaries(
    {
        "by": st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True).map(",".join),
        "interval": st.sampled_from(("", "none", *INTERVALS)),
        "compare": st.sampled_from(("", "before")),
        "rolling": st.sampled_from(("", "", "2w", "4w", "13w")),
        "teams": st.sampled_from((TEAMS, OF_REPOSITORIES)),
        # At a moment after the weeks that are packed, in the middle of what happened then, or none.
        "weeks": st.sampled_from((None, 24 * 20, 24 * 4, 24 * 4 + 8, 24 * 4 + 17)),
        "team": st.sampled_from(([], [], ["PAY"], ["shop", "none"])),
    }
)


def as_lists(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Write parameters as a query has them: each name with all of its values."""
    without = ("rolling",) if parameters.get("interval") in {"", "none"} else ()
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in parameters.items()
        if value not in ("", []) and name not in without
    }


def pack_everything(session: Session) -> None:
    """Pack the last four weeks that are over in the middle of April.

    They begin at midnight in Berlin, which is no midnight of UTC, and none takes another one away.
    """
    done: set[packed_weeks.Week] = set()
    while (week := packed_weeks.next_week(session, SETTINGS.zone, us(text(24 * 20)), weeks=4)) is not None:
        assert week not in done
        done.add(week)
        packing.keep(session, packing.collect(session, week, SETTINGS.renames), SETTINGS.renames)


class Expected:
    """Figures of groups, made from all events by the reference."""

    def __init__(self, reference: Reference, question: SeriesQuestion) -> None:
        self.reference, self.question = reference, question

    def groups_of(self, one: Deploy | Incident) -> tuple[tuple[str, ...], ...]:
        repo, environment, service = one.target
        return self.question.keys(DeployTarget(repo, SETTINGS.environment(environment), service or None))

    def keys(self) -> set[tuple[str, ...]]:
        period = self.question.period
        reference = self.reference
        found: list[Deploy | Incident] = [d for d in reference.counted if int(d.time * 10**6) in period]
        found += [i for i in reference.incidents if i.deploy is None and int(i.start * 10**6) in period]
        return {key for one in found for key in self.groups_of(one)}

    def figures(
        self, key: tuple[str, ...], began: str, ended: str | None, *, whole: bool = True
    ) -> dict[str, Any]:
        values = dict(zip(self.question.by, key, strict=True))
        teams = {values[TEAM]} if TEAM in values else self.question.teams

        def observes(repo: str) -> bool:
            chosen = not self.question.repos or repo in self.question.repos
            owned = not teams or bool(teams & self.question.teams_known.ever_of(repo))
            return chosen and values.get(REPO, repo) == repo and owned

        matches: Chosen = lambda one: key in self.groups_of(one)  # noqa: E731
        return self.reference.over(began, ended, matches, observes, whole=whole).figures()


def compare(found: Struct, expected: dict[str, Any]) -> None:
    """Check that the figures of a group or a bucket are the expected ones."""
    numbers = msgspec.to_builtins(found)
    alike({name: numbers[name] for name in FIGURES}, expected)


# The value of a figure over a span, and what it is based on.
ROLLED = {
    "changeLeadTime": ("median", "commits"),
    "changeFailRate": ("value", "settled"),
    "failedDeploymentRecoveryTime": ("median", "recovered"),
    "deploymentReworkRate": ("value", "deploys"),
}


def compare_rolling(found: Rolling, expected: dict[str, Any]) -> None:
    """Check that rolling values are the expected figures, or None of too few events."""
    numbers = msgspec.to_builtins(found)
    for figure, (value, whole) in ROLLED.items():
        wanted = expected[figure]
        enough = wanted[whole] >= LEAST_ROLLING
        alike(
            {figure: numbers[figure]},
            {figure: {whole: wanted[whole], value: wanted[value] if enough else None}},
        )


def begin_of_span(bucket: SeriesBucket, weeks: int, now: str) -> str:
    """The beginning of the weeks up to the end of a bucket, on the clock, or of a longer bucket."""
    until = min(parsed(bucket.to or now), parsed(now))
    back = (until.astimezone(SETTINGS.zone).replace(tzinfo=None) - timedelta(weeks=weeks)).replace(
        tzinfo=SETTINGS.zone
    )
    return min(back.astimezone(UTC), parsed(bucket.from_)).isoformat()


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def correct(session: Session, events: Events, said: dict[str, tuple[str, str | None]]) -> None:
    """Store corrections of some of the events."""
    for body in events:
        for id_ in (body["id"], f"{body['id']} rework"):
            if id_ in said:
                corrections.write(session, StoredCorrection(id_, *said[id_], "why", "Kim", LATE))
                changed = (body["id"], body["repo"], body.get("incidentId"))
                change_log.note_changes(session, [changed], LATE)


@search(60)
@given(HISTORIES, CORRECTIONS, QUESTIONS, MORE, st.data())
def test_series_are_the_figures_of_each_group(
    store: Opened,
    events: Events,
    said: dict[str, tuple[str, str | None]],
    parameters: dict[str, str],
    more: dict[str, Any],
    data: st.DataObject,
) -> None:
    """Totals, periods before and buckets equal the pure figures of their group, whatever is asked."""
    with rolled_back(store) as session:
        for body in events:
            add_event(session, body, LATE)
            if data.draw(st.integers(0, 4)) == 0:
                catch_up(session, LATE)
                pack_everything(session)
        if data.draw(st.booleans()):
            catch_up(session, LATE)
            delete_event(session, events[0], LATE)
            events = events[1:]
        correct(session, events, said)
        catch_up(session, LATE)
        if data.draw(st.booleans()):
            pack_everything(session)
        if more["weeks"]:
            # Packed weeks are of whole repositories.
            now = text(more["weeks"])
            parameters = {**parameters, "from": "2026-03-09", "to": "", "now": now, "service": ""}
            more = {**more, "teams": OF_REPOSITORIES}
        question = asked(as_lists({**parameters, **more}), SETTINGS, more["teams"], LATE)
        # The stored rows, and the events while the rows are for other settings.
        answered = of_groups(session, question.question, SETTINGS, limit=1000)
        session.execute(statements.DELETE_SETTINGS)
        by_events = of_groups(session, question.question, SETTINGS, limit=1000)
        given_corrections = {id_: tuple(one) for id_, one in corrections.all_corrections(session).items()}

    asked_for = question.question
    reference = Reference(
        events,
        {"now": answered.now, "from": answered.from_},
        as_written(SETTINGS),
        given_corrections,
    )
    expected = Expected(reference, asked_for)
    keys = sorted(expected.keys(), key=asked_for.order) if asked_for.by else [()]
    assert [key_of(group.by) for group in answered.groups] == keys
    for group, key in zip(answered.groups, keys, strict=True):
        compare(group.total, expected.figures(key, answered.from_, answered.to))
        for bucket in group.buckets:
            compare(bucket, expected.figures(key, bucket.from_, bucket.to, whole=False))
            assert (bucket.rolling is not None) == bool(asked_for.rolling_weeks)
            if bucket.rolling is not None:
                assert parsed(bucket.rolling.from_) == parsed(
                    begin_of_span(bucket, asked_for.rolling_weeks, answered.now)
                )
                spanned = expected.figures(key, bucket.rolling.from_, bucket.to, whole=False)
                compare_rolling(bucket.rolling, spanned)
        assert (group.before is not None) == asked_for.compare
        if group.before is not None and answered.before is not None:
            compare(group.before, expected.figures(key, answered.before.from_, answered.from_))
    # Meanwhile, no environment and no service is looked for.
    assert set(by_events.unknown or ()) <= set(answered.unknown or ())
    assert structs.replace(by_events, unknown=answered.unknown) == answered


def key_of(by: Mapping[Dimension, str]) -> tuple[str, ...]:
    """Return the folded key of a group."""
    return tuple(
        SETTINGS.environment(value) if name == ENVIRONMENT else folded(value) for name, value in by.items()
    )


def test_a_packed_week_follows_its_deploys(store: Opened) -> None:
    """A packed week is read in place of its deploys, until one of them comes, changes or goes."""
    question = asked(
        {"now": [text(24 * 20)], "from": ["2026-03-09"], "by": ["repo"]}, SETTINGS, OF_REPOSITORIES, LATE
    ).question

    def deploys() -> int:
        (group,) = of_groups(session, question, SETTINGS, limit=9).groups
        return group.total.deployment_frequency.deploys

    def packed() -> list[tuple[int, bytes]]:
        weeks = session.execute("SELECT began, deploys FROM packed_weeks").fetchall()
        return [(began, held) for began, held in weeks if held]

    with rolled_back(store) as session:
        body = {"kind": "deployed", "repo": "a/b", "commitSHA": "a" * 40, "time": text(100)}
        add_event(session, {**body, "id": "1"}, LATE)
        catch_up(session, LATE)
        pack_everything(session)
        assert deploys() == 1
        ((began, held),) = packed()
        # Each of the three deploys has a time.
        times = "SELECT times, lead_counts FROM packed_weeks WHERE began = ?"
        ((at, leads),) = session.execute(times, (began,)).fetchall()
        tripled = "UPDATE packed_weeks SET deploys = ?, times = ?, lead_counts = ? WHERE began = ?"
        session.execute(tripled, (held * 3, at * 3, leads * 3, began))
        assert deploys() == 3
        add_event(session, late := {**body, "id": "2", "commitSHA": "b" * 40, "time": text(101)}, LATE)
        catch_up(session, LATE)
        assert (len(packed()), deploys()) == (0, 2)
        pack_everything(session)
        assert (len(packed()), deploys()) == (1, 2)
        delete_event(session, late, LATE)
        catch_up(session, LATE)
        assert (len(packed()), deploys()) == (0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_reader_kept_of_packed_weeks_is_never_old(kind: str, tmp_path: Path) -> None:
    """Asked again, it answers from what it kept; after a change of a deploy or a setting, from the store."""
    again = replace(SETTINGS, count_same_commit=True)
    body = {"kind": "deployed", "repo": "a/b", "commitSHA": "a" * 40, "run": "1", "time": text(100)}
    late = {**body, "id": "2", "commitSHA": "b" * 40, "time": text(101)}
    with opened(kind, tmp_path, tables=DORA) as database, closing(database().connect()) as session:
        create_key(database(), "ci")
        of_server = database()
        of_server.lock()
        reader = ReadPool(of_server)

        def deploys(chosen: FigureSettings = SETTINGS, **more: str) -> list[int]:
            given = {"now": text(24 * 20), "from": "2026-03-09", **more}
            question = asked(as_lists(given), chosen, OF_REPOSITORIES, LATE).question
            (group,) = reader.read(partial(of_groups, question=question, settings=chosen, limit=9)).groups
            found = [one.deployment_frequency.deploys for one in (group.total, *group.buckets)]
            return [number for number in found if number]

        def derived(chosen: FigureSettings = SETTINGS) -> None:
            catch_up(session, LATE, chosen=chosen)
            pack_everything(session)
            database().commit(session)
            database().begin(session)

        database().begin(session)
        assert rows.reset(session, SETTINGS, 1)
        add_event(session, {**body, "id": "1"}, LATE)
        add_event(session, {**body, "id": "3", "run": "2", "time": text(103)}, LATE)
        add_event(session, {**body, "id": "4", "commitSHA": "c" * 40, "time": text(130)}, LATE)
        derived()
        assert deploys() == [2]
        session.execute("UPDATE packed_weeks SET deploys = lead_counts, times = lead_counts")
        derived()
        assert deploys() == [2], "nothing is read again"
        session.execute("DELETE FROM packed_weeks")
        derived()
        assert deploys(interval="day") == [2, 1, 1]
        assert deploys(interval="week") == [2, 2]
        for chosen, number in ((again, 3), (SETTINGS, 2)):
            while not rows.reset(session, chosen, 100):
                pass
            derived(chosen)
            assert deploys(chosen) == [number]
        add_event(session, late, LATE)
        derived()
        assert deploys() == [4]
        delete_event(session, late, LATE)
        derived()
        assert deploys() == [2]
        reader.close()
        of_server.unlock()


def test_a_week_that_changes_while_it_is_read_is_read_again(store: Opened) -> None:
    """What was derived between the reading of a week and its packing is packed, too."""
    question = asked({"now": [text(24 * 20)], "from": ["2026-03-09"]}, SETTINGS, Teams(), LATE).question

    def deploys() -> int:
        (group,) = of_groups(session, question, SETTINGS, limit=9).groups
        return group.total.deployment_frequency.deploys

    with rolled_back(store) as session:
        body = {"kind": "deployed", "repo": "a/b", "commitSHA": "a" * 40, "time": text(100)}
        add_event(session, {**body, "id": "1"}, LATE)
        catch_up(session, LATE)
        pack_everything(session)
        ((began, ended),) = session.execute(
            "SELECT began, ended FROM packed_weeks WHERE began <= ? AND ended > ?",
            (us(text(100)), us(text(100))),
        ).fetchall()
        week = packed_weeks.Week(SETTINGS.environment(""), began, ended)
        collected = packing.collect(session, week, SETTINGS.renames)
        add_event(session, {**body, "id": "2", "commitSHA": "b" * 40, "time": text(101)}, LATE)
        catch_up(session, LATE)
        packing.keep(session, collected, SETTINGS.renames)
        assert deploys() == 2
        session.execute("DELETE FROM figures_deploys")
        assert deploys() == 2, "the week is packed"


def test_a_packed_week_follows_what_became_of_its_deploys(store: Opened) -> None:
    """An incident, its end, a correction and a remedy of a later week change a packed week."""
    question = asked({"now": [text(24 * 20)], "from": ["2026-03-09"]}, SETTINGS, Teams(), LATE).question

    def counts() -> tuple[int, int, int, int]:
        catch_up(session, LATE)
        pack_everything(session)
        (group,) = of_groups(session, question, SETTINGS, limit=9).groups
        recovery = group.total.failed_deployment_recovery_time
        failed = group.total.change_fail_rate.failed
        return failed, recovery.open, recovery.recovered, recovery.by_remedy.count

    target = {"repo": "a/b", "incidentId": "I"}
    with rolled_back(store) as session:
        for number, hours in (("1", 60), ("2", 61)):
            sha = number * 40
            deploy = {"kind": "deployed", "repo": "a/b", "commitSHA": sha, "time": text(hours)}
            add_event(session, {**deploy, "id": number}, LATE)
        assert counts() == (0, 0, 0, 0)
        add_event(session, {"kind": "incidentStarted", "id": "s", "time": text(62), **target}, LATE)
        assert counts() == (1, 1, 0, 0)
        add_event(session, {"kind": "incidentResolved", "id": "r", "time": text(200), **target}, LATE)
        assert counts() == (1, 0, 1, 0)
        corrections.write(session, StoredCorrection("s", "not-an-incident", None, "why", "Kim", LATE))
        change_log.note_changes(session, [("s", "a/b", "I")], LATE)
        assert counts() == (0, 0, 0, 0)
        rollback = {"kind": "deployed", "repo": "a/b", "commitSHA": "1" * 40, "type": "rollback"}
        add_event(session, {**rollback, "id": "3", "time": text(80)}, LATE)
        assert counts() == (1, 0, 0, 1)
