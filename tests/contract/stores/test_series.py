"""Series are the figures of each group and bucket, from rows and from events, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.settings import TeamSettings
from gitdailies_server.storage.database import Session
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived import rows, statements
from gitdailies_webhooks.derived.series.answer import answer
from gitdailies_webhooks.derived.series.question import Asked, asked
from gitdailies_webhooks.derived.update import packed_weeks, packing
from gitdailies_webhooks.events import change_log, corrections
from gitdailies_webhooks.events.corrections import StoredCorrection
from gitdailies_webhooks.figures.events import History, Place, read_history
from gitdailies_webhooks.figures.facts import Facts, derive
from gitdailies_webhooks.figures.metrics import (
    DeployRow,
    count_unlinked,
    deploy_row,
    figures,
    incident_row,
)
from gitdailies_webhooks.figures.rolling import LEAST_ROLLING, Beside, beside
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.series import DIMENSIONS, ENVIRONMENT, REPO, TEAM
from gitdailies_webhooks.figures.settings import folded
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.figures.trend import INTERVALS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.databases import KINDS, opened
from tests.support.figures.asking import alike, us
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
from tests.support.forms import examples

# No team has single services, so that the database adds up whole repositories.
OF_REPOSITORIES = Teams(
    (TeamSettings("pay", "Payments", ("larkspur/*",)), TeamSettings("shop", "Shop", ("a/b",)))
)

Events = list[dict[str, Any]]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder: Path = tmp_path_factory.mktemp("series")
    with opened(str(request.param), folder, "gitdailies_webhooks") as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            assert rows.reset(session, SETTINGS, 1)  # otherwise every answer would come from the events
            yield database(), session


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
        packing.keep(session, packing.collect(session, week))


class Expected:
    """Figures of groups, made from the facts of a history by `metrics.figures`, row by row."""

    def __init__(self, history: History, facts: Facts, question: Asked) -> None:
        self.history, self.facts, self.question = history, facts, question.question

    def keys(self, period: Period) -> set[tuple[str, ...]]:
        places = [(found.deploy.place, found.deploy.at) for found in self.facts.deploys]
        places += [
            (one.occurrence.place, one.occurrence.began_at)
            for one in self.facts.incidents
            if one.link.deploy is None
        ]
        return {key for place, at in places if at in period for key in self.question.keys(place)}

    def figures(self, key: tuple[str, ...], period: Period) -> dict[str, Any]:
        """The figures of one group in a period, with the names of a series."""

        def included(place: Place, at: int) -> bool:
            return at in period and key in self.question.keys(place)

        deploys = [row for row in self.deploys(key) if row.at in period]
        incidents = [
            incident_row(one)
            for one in self.facts.incidents
            if included(one.occurrence.place, one.occurrence.began_at)
        ]
        return figures(
            deploys,
            unlinked=count_unlinked(incidents),
            period=period,
            observed_from=period.observed_from(self.first(key)),
            window=SETTINGS.window_us,
        )

    def deploys(self, key: tuple[str, ...]) -> list[DeployRow]:
        """The deploys of one group up to the moment of the question, in order."""
        period, keys = self.question.period, self.question.keys
        chosen = [deploy_row(one) for one in self.facts.deploys if key in keys(one.deploy.place)]
        until = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
        return sorted((row for row in chosen if row.at <= until), key=lambda row: (row.at, row.id))

    def rolling(self, key: tuple[str, ...], buckets: list[Period]) -> Sequence[Mapping[str, Beside]]:
        """What a chart with these buckets draws, as the pure function has it."""
        span = timedelta(weeks=self.question.rolling_weeks)
        return beside(self.deploys(key), buckets, self.question.period.now - SETTINGS.window_us, span)

    def first(self, key: tuple[str, ...]) -> int | None:
        """The first event of the repositories of a group: that of its team, its own, or the chosen ones."""
        values = dict(zip(self.question.by, key, strict=True))
        teams = {values[TEAM]} if TEAM in values else self.question.teams
        repos = {event.repo if hasattr(event, "repo") else event.place.repo for event in self._events()}
        chosen = {
            repo
            for repo in repos
            if (not self.question.repos or repo in self.question.repos)
            and values.get(REPO, repo) == repo
            and (not teams or teams & self.question.teams_known.ever_of(repo))
        }
        return min((at for repo in chosen if (at := self.history.first_at(repo)) is not None), default=None)

    def _events(self) -> Sequence[Any]:
        return [*self.history.deploys, *self.history.starts, *self.history.ends]


def renamed(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a series under the names of `metrics.figures`, without those that it lacks."""
    frequency, lead, fail, recovery, rework = numbers.values()
    return {
        "deploymentFrequency": {
            "value": frequency["value"],
            "numerator": frequency["deploys"],
            "denominator": frequency["days"],
        },
        "changeLeadTime": {
            "median": lead["median"],
            "p90": lead["p90"],
            "count": lead["commits"],
            "unknownDeploys": lead["unknownDeploys"],
            "unknownCommits": lead["unknown"],
        },
        "changeFailRate": {
            "value": fail["value"],
            "numerator": fail["failed"],
            "denominator": fail["settled"],
            **{name: fail[name] for name in ("pending", "failedYoung", "unlinked", "attributedIn72h")},
        },
        "failedDeploymentRecoveryTime": {
            **{name: recovery[name] for name in ("median", "p90", "open", "withoutIncident", "byRemedy")},
            "count": recovery["recovered"],
        },
        "deploymentReworkRate": {
            "value": rework["value"],
            "numerator": rework["rework"],
            "denominator": rework["deploys"],
        },
    }


def compare(found: Mapping[str, Any], expected: dict[str, Any]) -> None:
    frequency = expected["deploymentFrequency"]
    kept = {name: frequency[name] for name in ("value", "numerator", "denominator")}
    alike(renamed(found), {**expected, "deploymentFrequency": kept})


# The value of a figure over a span, and what it is based on.
ROLLED = {
    "changeLeadTime": ("median", "commits"),
    "changeFailRate": ("value", "settled"),
    "failedDeploymentRecoveryTime": ("median", "recovered"),
    "deploymentReworkRate": ("value", "deploys"),
}


def compare_rolling(buckets: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Beside]]) -> None:
    """Compare the rolling values of buckets with the lines of a chart; none are asked for without lines."""
    for bucket, line in zip_longest(buckets, lines, fillvalue={}):
        assert ("rolling" in bucket) == bool(line)
        for figure, (value, whole) in ROLLED.items() if line else ():
            found, expected = bucket["rolling"][figure], line[figure].rolling
            assert found[value] == (None if expected is None else pytest.approx(expected.value))
            assert found[whole] < LEAST_ROLLING if expected is None else found[whole] == expected.whole


FIGURES = (
    "deploymentFrequency",
    "changeLeadTime",
    "changeFailRate",
    "failedDeploymentRecoveryTime",
    "deploymentReworkRate",
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.differing_executors,
    ],
)
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
        for body in events:
            if body["id"] in said:
                what, named = said[body["id"]]
                corrections.write(session, StoredCorrection(body["id"], what, named, "why", "Kim", LATE))
                change_log.note_changes(session, [(body["id"], body["repo"], body.get("incidentId"))], LATE)
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
        answered = answer(session, question.question, SETTINGS, limit=1000)
        session.execute(statements.DELETE_SETTINGS)
        by_events = answer(session, question.question, SETTINGS, limit=1000)
        given_corrections = corrections.all_corrections(session)

    period = question.question.period
    history = read_history(events, SETTINGS, now=period.now, corrections=given_corrections)
    expected = Expected(history, derive(history, SETTINGS), question)
    keys = sorted(expected.keys(period), key=question.question.order) if question.question.by else [()]
    assert [key_of(group["by"]) for group in answered["groups"]] == keys
    for group, key in zip(answered["groups"], keys, strict=True):
        compare(group["total"], expected.figures(key, period))
        parts = [
            Period(us(bucket["from"]), bucket["to"] and us(bucket["to"]), period.now, SETTINGS.zone)
            for bucket in group["buckets"]
        ]
        for bucket, part in zip(group["buckets"], parts, strict=True):
            compare({name: bucket[name] for name in FIGURES}, expected.figures(key, part))
        lines = expected.rolling(key, parts) if question.question.rolling_weeks else ()
        compare_rolling(group["buckets"], lines)
        if more["compare"]:
            before = Period(us(answered["before"]["from"]), period.began_at, period.now, SETTINGS.zone)
            compare(group["before"], expected.figures(key, before))
    assert by_events == answered


def key_of(by: Mapping[str, str]) -> tuple[str, ...]:
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
        (group,) = answer(session, question, SETTINGS, limit=9)["groups"]
        found: int = group["total"]["deploymentFrequency"]["deploys"]
        return found

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
        session.execute("UPDATE packed_weeks SET deploys = ? WHERE began = ?", (held * 3, began))
        assert deploys() == 3
        add_event(session, late := {**body, "id": "2", "commitSHA": "b" * 40, "time": text(101)}, LATE)
        catch_up(session, LATE)
        assert (len(packed()), deploys()) == (0, 2)
        pack_everything(session)
        assert (len(packed()), deploys()) == (1, 2)
        delete_event(session, late, LATE)
        catch_up(session, LATE)
        assert (len(packed()), deploys()) == (0, 1)


def test_a_week_that_changes_while_it_is_read_is_read_again(store: Opened) -> None:
    """What was derived between the reading of a week and its packing is packed, too."""
    question = asked({"now": [text(24 * 20)], "from": ["2026-03-09"]}, SETTINGS, Teams(), LATE).question

    def deploys() -> int:
        (group,) = answer(session, question, SETTINGS, limit=9)["groups"]
        found: int = group["total"]["deploymentFrequency"]["deploys"]
        return found

    with rolled_back(store) as session:
        body = {"kind": "deployed", "repo": "a/b", "commitSHA": "a" * 40, "time": text(100)}
        add_event(session, {**body, "id": "1"}, LATE)
        catch_up(session, LATE)
        pack_everything(session)
        ((began, ended),) = session.execute(
            "SELECT began, ended FROM packed_weeks WHERE began <= ? AND ended > ?",
            (us(text(100)), us(text(100))),
        ).fetchall()
        collected = packing.collect(session, packed_weeks.Week(SETTINGS.environment(""), began, ended))
        add_event(session, {**body, "id": "2", "commitSHA": "b" * 40, "time": text(101)}, LATE)
        catch_up(session, LATE)
        packing.keep(session, collected)
        assert deploys() == 2
        session.execute("DELETE FROM figures_deploys")
        assert deploys() == 2, "the week is packed"


def test_a_packed_week_follows_what_became_of_its_deploys(store: Opened) -> None:
    """An incident, its end, a correction and a remedy of a later week change a packed week."""
    question = asked({"now": [text(24 * 20)], "from": ["2026-03-09"]}, SETTINGS, Teams(), LATE).question

    def counts() -> tuple[int, int, int, int]:
        catch_up(session, LATE)
        pack_everything(session)
        (group,) = answer(session, question, SETTINGS, limit=9)["groups"]
        fail, recovery = (group["total"][name] for name in ("changeFailRate", "failedDeploymentRecoveryTime"))
        return fail["failed"], recovery["open"], recovery["recovered"], recovery["byRemedy"]["count"]

    place = {"repo": "a/b", "incidentId": "I"}
    with rolled_back(store) as session:
        for number, hours in (("1", 60), ("2", 61)):
            sha = number * 40
            deploy = {"kind": "deployed", "repo": "a/b", "commitSHA": sha, "time": text(hours)}
            add_event(session, {**deploy, "id": number}, LATE)
        assert counts() == (0, 0, 0, 0)
        add_event(session, {"kind": "incidentStarted", "id": "s", "time": text(62), **place}, LATE)
        assert counts() == (1, 1, 0, 0)
        add_event(session, {"kind": "incidentResolved", "id": "r", "time": text(200), **place}, LATE)
        assert counts() == (1, 0, 1, 0)
        corrections.write(session, StoredCorrection("s", "not-an-incident", None, "why", "Kim", LATE))
        change_log.note_changes(session, [("s", "a/b", "I")], LATE)
        assert counts() == (0, 0, 0, 0)
        rollback = {"kind": "deployed", "repo": "a/b", "commitSHA": "1" * 40, "type": "rollback"}
        add_event(session, {**rollback, "id": "3", "time": text(80)}, LATE)
        assert counts() == (1, 0, 0, 1)
