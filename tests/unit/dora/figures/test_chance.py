"""Evidence, chance and rework: what a failed deploy rests on, and what incidents do that no deploy caused."""

import random
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.answers import chance
from gitdailies_dora.figures.answers.chance import Pools, Timeline, _hours, pools, shown_rate
from gitdailies_dora.figures.answers.columns import (
    DeployValues,
    FailureValues,
    IncidentValues,
    columns,
)
from gitdailies_dora.figures.answers.selection import Period, local_time
from gitdailies_dora.figures.history.corrections import NONE, Correction, Corrections
from gitdailies_dora.figures.history.events import read_history
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.figures.asking import Computed, compute, deploy, ended, started, us
from tests.support.figures.known_truth import (
    DAY,
    FIX,
    MENDS,
    NOTHING,
    Cell,
    measured,
)

DEPLOYED, OUTAGE = "deploy", "INC"
MARCH = {"from": "2026-03-01", "to": "2026-04-01", "now": "2026-04-10T00:00:00Z"}
Events = list[dict[str, Any]]


def figures(events: Events, corrections: Corrections = NONE, **settings: Any) -> dict[str, Any]:
    """The figures of March."""
    return asked(events, corrections, **settings).figures()


def asked(events: Events, corrections: Corrections = NONE, **settings: Any) -> Computed:
    found = compute(events, MARCH, FigureSettings(**settings))
    history = read_history(events, found.settings, now=us(MARCH["now"]), corrections=corrections)
    return found._replace(history=history, facts=derive(history, found.settings))


def outage(began: str, ends: str, incident: str = OUTAGE, **values: Any) -> Events:
    """An incident from its start to its end, in March."""
    return [
        started(f"{incident}-s", began, incident, **values),
        ended(f"{incident}-e", ends, incident),
    ]


# Two weeks before the others, so that these have a predecessor and are not alone.
FIRST = deploy("d0", "02T10:00:00")
BAD, GOOD = deploy("d1", "10T10:00:00"), deploy("d2", "10T11:00:00")
ALONE = outage("10T10:30:00", "10T11:05:00")


@pytest.mark.parametrize(
    ("events", "said", "evidence"),
    [
        pytest.param([BAD], {}, None, id="nothing happened"),
        pytest.param([BAD, *ALONE], {}, "time", id="an incident within the window"),
        pytest.param([BAD, deploy("d2", "10T11:00:00", type="rollback")], {}, "remedied", id="a rollback"),
        pytest.param(
            [BAD, *ALONE, deploy("d2", "10T11:00:00", reverts=[BAD["commitSHA"]])],
            {},
            "remedied",
            id="an incident and a revert",
        ),
        pytest.param(
            [BAD, *outage("10T10:30:00", "10T11:05:00", causedBy=BAD["commitSHA"])],
            {},
            "named",
            id="an incident that names the commit",
        ),
        pytest.param(
            [BAD, *outage("10T10:30:00", "10T11:05:00", causedBy=BAD["commitSHA"])],
            {"d1": Correction("failed")},
            "corrected",
            id="a person says so, too",
        ),
        pytest.param(
            [BAD, *ALONE],
            {"INC-s": Correction("deploy", "d1")},
            "corrected",
            id="a person gave it the incident",
        ),
        pytest.param(
            [BAD, *ALONE], {"d1": Correction("not-failed")}, None, id="a person says that it did not"
        ),
    ],
)
def test_each_failed_deploy_has_one_evidence(events: Events, said: Corrections, evidence: str | None) -> None:
    """The first evidence that fits counts, and the four add up to the deploys that failed."""
    rate = figures([FIRST, *events], said)["changeFailRate"]
    expected = dict.fromkeys(("named", "corrected", "remedied", "time"), 0)
    assert rate["evidence"] == expected | ({evidence: 1} if evidence else {})
    assert rate["failed"] == sum(rate["evidence"].values())


def test_time_alone_makes_no_failure_if_evidence_is_asked_for() -> None:
    """With `failures: evidence` an incident times a deploy that failed by a rollback, and nothing else."""
    events = [FIRST, BAD, *ALONE, deploy("d3", "20T10:00:00"), *outage("20T10:30:00", "20T12:00:00", "TWO")]
    rolled_back = [*events, deploy("d4", "20T11:00:00", type="rollback")]
    assert figures(events)["changeFailRate"]["failed"] == 2
    found = figures(rolled_back, failures="evidence")
    assert found["changeFailRate"]["evidence"] == {"named": 0, "corrected": 0, "remedied": 1, "time": 0}
    assert found["failedDeploymentRecoveryTime"]["median"] == 5400
    assert found["failedDeploymentRecoveryTime"]["recovered"] == 1
    assert "succeeded" in asked(events, failures="evidence").why("d1")


# The history of the finding that the rework rate read 0 of 4.
MENDED = [
    deploy("1", "01T10:00:00"),
    *outage("01T10:30:00", "01T11:05:00"),
    deploy("2", "01T11:00:00"),
    three := deploy("3", "05T11:00:00"),
    deploy("4", "05T12:00:00", reverts=[three["commitSHA"]]),
]


def test_a_fix_forward_and_a_revert_are_rework() -> None:
    """A deploy during an incident that ends within the hour is rework, and so is one that undoes another."""
    rework = figures(MENDED)["deploymentReworkRate"]
    assert (rework["rework"], rework["deploys"], rework["inferred"]) == (2, 4, 1)
    assert rework["range"] == {"low": 0.25, "high": 0.5}
    assert asked(MENDED).why("2").endswith("inferred")
    assert asked(MENDED).why("4").endswith("rework")


@pytest.mark.parametrize("mend", [one for one in MENDS if one != NOTHING])
def test_the_rework_rate_is_the_same_however_a_team_mends(mend: str) -> None:
    """Three failures are mended by three deploys, whether these go back, undo or fix forward."""
    events: Events = []
    for number in range(30):
        day = f"{number + 1:02}"
        events.append(one := deploy(f"d{number}", f"{day}T10:00:00"))
        if number % 10 != 3:
            continue
        events += outage(f"{day}T10:20:00", f"{day}T11:35:00", f"I{number}")
        how: dict[str, Any] = {
            "redeploy": {"sha": events[events.index(one) - 1]["commitSHA"]},
            "revert": {"reverts": [one["commitSHA"]]},
            FIX: {},
        }[mend]
        events.append(deploy(f"m{number}", f"{day}T11:30:00", **how))
    rework = figures(events)["deploymentReworkRate"]
    assert (rework["rework"], rework["deploys"]) == (3, 33)
    assert rework["inferred"] == (3 if mend == FIX else 0)


@pytest.mark.parametrize(
    ("events", "said", "inferred"),
    [
        pytest.param([BAD, *ALONE, GOOD], {}, ["d2"], id="it ends five minutes later"),
        pytest.param([BAD, *outage("10T10:30:00", "10T12:00:00"), GOOD], {}, ["d2"], id="an hour later"),
        pytest.param(
            [BAD, *outage("10T10:30:00", "10T12:00:01"), GOOD], {}, [], id="more than an hour later"
        ),
        pytest.param([BAD, *outage("10T10:30:00", "10T11:00:00"), GOOD], {}, [], id="at the deploy"),
        pytest.param(
            [BAD, *outage("10T11:00:01", "10T11:05:00"), GOOD], {}, [], id="it begins after the deploy"
        ),
        pytest.param(
            [BAD, *ALONE, GOOD, deploy("d3", "10T11:02:00")], {}, ["d3"], id="the last of two such deploys"
        ),
        pytest.param(
            [BAD, *ALONE, GOOD, deploy("d3", "10T11:02:00")],
            {"d3 rework": Correction("not-rework")},
            [],
            id="the last one is none, as a person says",
        ),
        pytest.param(
            [BAD, *ALONE, deploy("d2", "10T10:50:00", type="hotfix"), deploy("d3", "10T11:02:00")],
            {},
            [],
            id="one of them is rework already",
        ),
        pytest.param(
            [BAD, *ALONE, deploy("d2", "10T10:50:00", type="hotfix"), deploy("d3", "10T11:02:00")],
            {"d2 rework": Correction("not-rework")},
            ["d3"],
            id="that one is none, as a person says",
        ),
        pytest.param(
            [BAD, ALONE[0], ended("e", "10T11:05:00", resolution="merged"), GOOD], {}, [], id="it was merged"
        ),
        pytest.param(
            [BAD, *ALONE, deploy("d2", "10T11:00:00", environment="eu")], {}, [], id="another target"
        ),
    ],
)
def test_a_fix_forward_is_the_last_deploy_before_the_end(
    events: Events, said: Corrections, inferred: list[str]
) -> None:
    """A deploy is an inferred fix if it began while the incident was open, and that ended within the hour."""
    found = asked([FIRST, *events], said)
    assert [one.deploy.id for one in found.facts.deploys if one.fixed is not None] == inferred
    assert found.figures()["deploymentReworkRate"]["inferred"] == len(inferred)


def test_a_person_says_what_is_rework() -> None:
    """A correction makes a plain deploy rework and a rollback none, and says nothing of failures."""
    events = [FIRST, BAD, deploy("d2", "10T11:00:00", type="rollback")]
    said = {"d1 rework": Correction("rework"), "d2 rework": Correction("not-rework")}
    assert figures(events)["deploymentReworkRate"]["rework"] == 1
    found = figures(events, said)
    assert found["deploymentReworkRate"]["rework"] == 1
    assert found["changeFailRate"]["evidence"]["remedied"] == 1
    why = asked(events, said)
    assert (why.why("d1").split()[4], why.why("d2").split()[4]) == ("rework", "planned")


def at_ten_each_day(days: int, hours: Sequence[int]) -> Events:
    """A deploy at ten o'clock of each day, and an incident as many hours after those of the first days."""
    events = [deploy(f"d{day}", f"{day + 1:02}T10:00:00") for day in range(days)]
    for day, hour in enumerate(hours):
        began = 10 + hour
        at = f"{day + 1 + began // 24:02}T{began % 24:02}"
        events += outage(f"{at}:00:00", f"{at}:30:00", f"I{day}")
    return events


def test_the_example_of_the_page_is_computed() -> None:
    """Ten days with a deploy at ten o'clock: three incidents that come long after one say what chance did.

    All moments are 0 to 24 hours after a deploy, and half of them more than 12. So three of eight incidents
    came long after one, and six by chance in 240 hours. Each of two deploys without an incident stands for
    e to the power of 6 / 240 of 24, less 1: for 0.82 that failed by chance.
    """
    events = at_ten_each_day(10, (1, 1, 2, 3, 5, 14, 18, 22))
    question = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-11T10:00:00Z", "now": MARCH["now"]}
    rate = compute(events, question).figures()["changeFailRate"]
    assert (rate["failed"], rate["settled"], rate["evidence"]["time"]) == (8, 10, 8)
    assert rate["byChance"] == pytest.approx(2 * (np.e**0.6 - 1))
    assert rate["value"] == pytest.approx((8 - rate["byChance"]) / 10)
    assert rate["range"]["high"] == 0.8


def test_few_incidents_say_nothing_of_chance() -> None:
    """With fewer than four incidents, value and interval are null, and the range stays."""
    rate = figures([FIRST, BAD, *ALONE])["changeFailRate"]
    nothing = {"low": None, "high": None}
    assert (rate["byChance"], rate["value"], rate["interval"]) == (None, None, nothing)
    assert rate["range"]["high"] == 0.5
    certain = figures([FIRST, BAD, deploy("d2", "10T11:00:00", type="rollback")])["changeFailRate"]
    assert (certain["byChance"], certain["value"]) == (0, 1 / 3)
    assert certain["range"] == {"low": 1 / 3, "high": 1 / 3}


def test_where_every_deploy_failed_nothing_is_certain() -> None:
    """Three deploys of three that only time accuses may all have failed by chance."""
    events = at_ten_each_day(3, (1, 5, 22))
    rate = figures(events)["changeFailRate"]
    assert (rate["failed"], rate["settled"], rate["evidence"]["time"]) == (3, 3, 3)
    assert rate["range"] == {"low": 0.0, "high": 1.0}


def test_a_bound_of_many_is_found() -> None:
    """Of very many deploys, the bound is near the mean, though no float is as small as its first step."""
    many = np.full(2, 2_000.0)
    pools = Pools(many, many, many, np.zeros(2), np.array([many, many]), np.array([many, many]))
    assert 4_000 < pools.most_by_chance(10_000) < 4_300
    assert pools.most_by_chance(50) == 50


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
)
@pytest.mark.parametrize("began", ["2026-03-02", "2026-10-01", "2011-12-12", "2026-09-20"])
def test_the_hours_of_weeks_are_those_of_the_clock(zone: str, began: str) -> None:
    """Each moment is in the hour and the weekday that the clock of the zone shows, also where it is set."""
    first = us(f"{began}T05:17:00+00:00")
    period = Period(first, first + 40 * DAY, first + 41 * DAY, ZoneInfo(zone))
    edges = _hours(period)
    chance = random.Random(zone + began)
    for at in (chance.randrange(first, period.until) for _ in range(2000)):
        shown = local_time(at, period.zone)
        found = (int(np.searchsorted(edges, at, "right")) - 1) % 168
        # Where the clock is set back within an hour, the second half is of the hour that follows it.
        assert found == shown.weekday() * 24 + shown.hour, shown


@pytest.mark.parametrize(
    "cell",
    [
        Cell(deploys, found, load, outside, fails, office)
        for deploys, found in ((1, 5), (1, 60), (3, 20))
        for load, office in ((1, False), (6, True))
        for outside, fails in ((7, 0.05), (2, 0.15))
    ],
    ids=lambda cell: f"{cell.deploys}-{cell.found}-{cell.load}-{cell.fails}",
)
def test_the_fail_rate_is_near_the_truth(cell: Cell) -> None:
    """Incidents that no deploy caused are taken off, and the range has the truth."""
    found = measured(cell, 12)
    assert 0.6 <= found.value / found.true <= 1.6, found
    assert found.failed / found.true > 1.15, "as it was before"
    assert found.in_range >= 0.8


@pytest.mark.parametrize(("a_day", "a_week", "fails"), [(1, 1, 0.05), (10, 3.5, 0.02), (0.2, 7, 0.1)])
def test_a_plain_count_is_as_wrong_as_the_form_says(a_day: float, a_week: float, fails: float) -> None:
    """Deploys and incidents that are drawn at any moment show the computed rate, for a window of a day."""
    drawn = np.random.default_rng(7)
    days = 200_000 / a_day
    deploys = np.sort(drawn.uniform(0, days, 200_000))
    incidents = drawn.uniform(0, days, round(a_week / 7 * days))
    latest = np.searchsorted(deploys, incidents) - 1
    hit = latest[(latest >= 0) & (incidents - deploys[latest] < 1)]
    failed = drawn.random(len(deploys)) < fails
    failed[hit] = True
    assert shown_rate(a_day, a_week, fails, 1) == pytest.approx(failed.mean(), rel=0.03)


def test_targets_are_counted_some_at_once_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few deploys at once, or all of them: what they say about chance is the same."""
    random_ = random.Random(5)
    places = [DeployTarget(f"a/{number}", "", None) for number in range(9)]

    def at() -> int:
        return random_.randrange(30 * DAY)

    deploys = [DeployValues(random_.choice(places), at(), False, False, False, 0, ()) for _ in range(300)]
    failed = [FailureValues(one.target, one.at, "time", None, False, None) for one in deploys[::7]]
    incidents = [IncidentValues(random_.choice(places), at(), True, chance=True) for _ in range(200)]
    found, period = columns(deploys, failed, incidents), Period(0, 29 * DAY, 30 * DAY, ZoneInfo("UTC"))

    def pools_of(most: int) -> tuple[int, Pools]:
        monkeypatch.setattr(chance, "_MOST_DEPLOYS", most)
        lines = list(Timeline.some_at_once(found, period.now, np.arange(9) != 4))
        return len(lines), pools(found, lines, period, DAY)

    (one, expected), (several, some) = pools_of(1000), pools_of(50)
    assert (one, several > 3) == (1, True)
    for array, other in zip((*expected[:5], *expected.shares), (*some[:5], *some.shares), strict=True):
        np.testing.assert_array_equal(array, other)
