"""The lines of the definitions that two people might read differently, one test each."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import read
from gitdailies_core.errors import ConfigurationError, UsageError
from gitdailies_core.sources.protocol import Service
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.answers.selection import parse_period
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.advice import ADVICE

from tests.support.core.lives import make
from tests.support.figures.asking import REPO, compute, deploy, ended, started, us

A, B, C = "a" * 40, "b" * 40, "c" * 40
WEEK = {"from": "2026-03-02", "to": "2026-03-09", "now": "2026-04-01T00:00:00Z"}
# An end of an incident before the period: it counts for nothing, but from then on days are observed.
EARLY = ended("early", "01T12:00:00", "EARLY")


def figure(name: str, *events: dict[str, Any], question: dict[str, str] = WEEK, **kind: Any) -> Any:
    return compute(events, question, FigureSettings(**kind)).figures()[name]


def failing(*events: dict[str, Any]) -> set[str]:
    """Name the deploys that failed."""
    return {found.deploy.id for found in compute(events, WEEK).facts.deploys if found.failed}


def seconds(*events: dict[str, Any]) -> list[float]:
    """Return the lead times that count, deploy by deploy."""
    found = compute(events, WEEK).facts.deploys
    return [lead / 1e6 for facts in found for lead in facts.new.lead_times]


def recovery(*events: dict[str, Any]) -> tuple[Any, ...]:
    recovery_time = figure("failedDeploymentRecoveryTime", *events)
    return tuple(recovery_time[name] for name in ("median", "recovered", "open", "withoutIncident"))


def test_a_period_is_half_open() -> None:
    """An event at the beginning of a period belongs to it, an event at its end does not."""
    result = figure("deploymentFrequency", deploy("1", "02T00:00:00"), deploy("2", "09T00:00:00"))
    # Nothing at the end of the period is observed, and the days begin with the first event.
    assert (result["deploys"], result["days"]) == (1, 7)


def test_an_event_now_counts_and_a_later_one_does_not() -> None:
    """An event at the moment of the question counts; one a microsecond later changes no figure."""
    events = [deploy("1", "03T00:00:00", type="rollback"), deploy("0", "02T12:00:00")]
    question = {"from": "2026-03-02", "now": "2026-03-03T00:00:00Z"}
    result = figure("changeFailRate", *events, question=question)
    assert (result["failedPending"], result["pending"]) == (1, 1)
    before = {"from": "2026-03-02", "now": "2026-03-02T23:59:59.999999Z"}
    result = figure("changeFailRate", *events, question=before)
    assert (result["failedPending"], result["pending"]) == (0, 1)


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ({"from": "2026-03-29", "to": "2026-03-30"}, 1),
        ({"from": "2026-10-25", "to": "2026-10-26"}, 1),
        ({"from": "2026-03-28T23:00:00Z", "to": "2026-03-29T22:00:00Z"}, 1),
        ({"from": "2026-03-28T12:00:00+01:00", "to": "2026-03-29T12:00:00+02:00"}, 1),
        ({"from": "2026-03-01", "to": "2026-03-01T06:00:00+01:00"}, 0.25),
        ({"from": "2026-12-31T12:00:00Z"}, 0),
        ({}, 90),
        ({"to": "2026-03-29"}, 90),
    ],
)
def test_days_are_read_off_the_clock(question: dict[str, str], days: float) -> None:
    """A day with 23 or 25 hours is one day; a period that begins now has none; the default is 90."""
    zone = FigureSettings(timezone="Europe/Berlin").zone
    now = us("2026-12-31T12:00:00Z")
    assert parse_period(question.get("from", ""), question.get("to", ""), now, zone).days == days


def test_an_hour_that_the_clock_shows_twice_is_no_time() -> None:
    """Between 02:30 in summer and 02:30 in winter the clock moves by nothing: there is no ratio."""
    zone = FigureSettings(timezone="Europe/Berlin").zone
    period = parse_period("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", us("2026-12-31T00:00:00Z"), zone)
    assert period.days == 0


@pytest.mark.parametrize(
    ("began", "ended_", "message"),
    [
        (
            "2026-03-02",
            "2026-03-02",
            "to: expected a time after from, 2026-03-01T23:00:00Z, got",
        ),
        ("2026-03-10", "", "from: expected a time up to now, 2026-03-09T00:00:00Z, got '2026-03-10'"),
        ("2026-03-10", "2026-03-11", "from: expected a time up to now, 2026-03-09T00:00:00Z, got"),
        ("2026-02-30", "", "from: expected a date like 2026-03-04 or a time"),
        ("yesterday", "", "from: expected a date like 2026-03-04 or a time"),
        ("", "2026-03-02T00:00:00", "to: expected a date like 2026-03-04 or a time"),
        ("0001-01-01", "", "from: expected a date like"),
        ("", "0001-01-02T00:00:00Z", "to: expected a time with 90 days before it"),
    ],
)
def test_an_impossible_period_is_refused(began: str, ended_: str, message: str) -> None:
    """The error names the end of the period that is wrong, and its text."""
    zone = FigureSettings(timezone="Europe/Berlin").zone
    with pytest.raises(ValueError, match="expected") as refused:
        parse_period(began, ended_, us("2026-03-09T00:00:00Z"), zone)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"timezone": "Europe/Atlantis"}, "timezone: expected a name like Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "timezone: expected a name like Europe/Berlin"),
        ({"timezone": ""}, "timezone: expected a name like Europe/Berlin"),
        ({"production": ()}, "production: expected at least one name"),
        ({"production": ("",)}, "production: expected at least one name"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, Any], message: str) -> None:
    """A setting without a meaning is refused when it is made."""
    with pytest.raises(UsageError) as refused:
        FigureSettings(**values)
    assert str(refused.value).startswith(message)


def test_two_deploys_at_one_instant_are_no_time_apart() -> None:
    """Gaps are those between neighbors of all selected deploys, across repositories; none is left out."""
    events = [
        deploy("1", "03T00:00:00"),
        deploy("2", "03T00:00:00", repo="larkspur/web"),
        deploy("3", "03T02:00:00"),
        deploy("0", "01T23:00:00"),
    ]
    gaps = figure("deploymentFrequency", *events)["gaps"]
    assert (gaps["count"], gaps["median"], gaps["p90"]) == (2, 3600, 6480)
    gaps = figure("deploymentFrequency", *events, question={**WEEK, "repo": REPO})["gaps"]
    assert gaps["median"] == 7200


def test_a_ratio_of_nothing_is_null() -> None:
    """Without deploys no rate is 0, though the number of deploys a day is."""
    results = compute([EARLY], WEEK).figures()
    assert results["deploymentFrequency"]["value"] == 0
    assert [results[name]["value"] for name in ("changeFailRate", "deploymentReworkRate")] == [None, None]
    pending = {"from": "2026-03-02", "now": "2026-03-03T00:00:00Z"}
    assert figure("changeFailRate", deploy("1", "02T12:00:00"), question=pending)["value"] is None


def test_a_start_takes_effect_at_the_edge_of_the_window() -> None:
    """An incident is attributed to a deploy at its very start, and not to one a whole window before."""
    assert failing(deploy("1", "03T00:00:00"), started("s", "03T00:00:00")) == {"1"}
    assert failing(deploy("1", "03T00:00:00"), started("s", "03T23:59:59")) == {"1"}
    assert failing(deploy("1", "03T00:00:00"), started("s", "04T00:00:00")) == set()


def test_the_window_is_a_setting() -> None:
    """It is a day unless set. A figure says how many more incidents 72 hours would attribute."""
    events = [deploy("1", "03T00:00:00"), started("s", "05T23:59:59"), started("t", "06T00:00:00", "T")]
    result = figure("changeFailRate", *events)
    assert (result["failed"], result["unlinked"], result["attributedIn72h"]) == (0, 2, 1)
    result = figure("changeFailRate", *events, window=timedelta(hours=72))
    assert (result["failed"], result["unlinked"], result["attributedIn72h"]) == (1, 1, 0)
    caused = started("s", "05T00:00:00", causedBy="fffffff")
    assert figure("changeFailRate", events[0], caused)["attributedIn72h"] == 0


@pytest.mark.parametrize(
    ("at", "word", "named"),
    [
        ("05T01:00:00", "other-service", "1"),
        ("06T00:00:00", "other-service", "1"),
        ("05T23:00:00", "other-service", "1"),
        ("08T00:00:00", "window", None),
        ("03T01:00:00", "failed", "0"),
    ],
)
def test_why_names_the_deploy_of_another_service_and_no_line(at: str, word: str, named: str | None) -> None:
    """It is the latest one in 72 hours. Deploys name the incident's service, so no line is to be written."""
    deploys = [deploy("0", "03T00:00:00", service="web"), deploy("1", "05T00:00:00", service="api")]
    verdict = compute([*deploys, started("s", at, service="Web")], WEEK).verdicts("s")[0]
    assert (verdict.word, f"deploy {named}" in verdict.reason) == (word, named is not None)
    assert "services: " not in verdict.reason
    assert "line" not in ADVICE[verdict.word]


def test_the_line_of_a_service_that_no_deploy_names_is_of_its_name_as_sent() -> None:
    """With the line, an incident of its tool's service is of a service that deploys name."""
    deploys = [deploy("0", "03T00:00:00", service="web"), deploy("1", "05T00:00:00", service="api")]
    start = started("s", "05T01:00:00", service="Platform API", environment="prod")
    (line,) = re.findall("`([^`]*)`", reasons_of("s", *deploys, start))
    assert "Platform API" in line
    written = read(f"gitdailies: {{url: https://a.example/, key: {{env: KEY}}}}\n{line}", Path()).routes
    change = replace(make("started", 0, incident="I"), services=(Service("Platform API", aliases=("PS1",)),))
    assert written.route(change).targets == (DeployTarget(REPO, "prod", "api"),)


def test_a_service_that_is_not_clear_has_a_place_that_no_file_takes() -> None:
    """The line has SERVICE for a name, with the choices beside it, and is refused as it is."""
    deploys = [deploy("0", "03T00:00:00", service="web"), deploy("1", "05T00:00:00", service="api")]
    reason = reasons_of("s", *deploys, started("s", "05T01:00:00", service="Mono"))
    (line,) = re.findall("`([^`]*)`", reason)
    assert '"service": "SERVICE"' in line
    assert " with api or web for SERVICE" in reason
    assert "choose the deploy on its page" in reason
    assert "correct that line" in reason
    with pytest.raises(ConfigurationError, match=r"services\.Mono\.service: expected .*, got 'SERVICE'"):
        read(f"gitdailies: {{url: https://a.example/, key: {{env: KEY}}}}\n{line}", Path())


def test_what_is_no_production_has_the_whole_line_that_adds_it() -> None:
    """It keeps the names that count now."""
    reason = reasons_of("1", deploy("1", "03T00:00:00", environment="Live EU"))
    (line,) = re.findall("`([^`]*)`", reason)
    configured = read(f"gitdailies: {{url: https://a.example/, key: {{env: KEY}}}}\n{line}", Path()).dora
    assert configured.production == (*FigureSettings().production, "live eu")


def test_a_service_is_compared_only_where_deploys_name_one() -> None:
    """Why an incident is unlinked says nothing of services where no deploy names another."""
    late = started("s", "06T00:00:00", service="web")
    assert "of its repository and environment in the" in reasons_of("s", deploy("1", "03T00:00:00"), late)
    other = [deploy("0", "03T00:00:00", service="web"), deploy("1", "05T00:00:00", service="api")]
    assert "of its repository, environment and service in the" in reasons_of("s", *other, late)


def test_an_incident_says_of_its_deploy_what_that_says_of_itself() -> None:
    """A deploy that time alone accuses may have failed, on both pages."""
    late = deploy("1", "03T00:00:00", A)
    for cause, words in (({}, "may have failed"), ({"causedBy": A}, "which failed")):
        events = [late, started("s", "03T01:00:00", **cause)]
        assert words in reasons_of("s", *events)
        assert words.removeprefix("which ") in reasons_of("1", *events, figure="changeFailRate")


def reasons_of(id_: str, *events: dict[str, Any], figure: str = "") -> str:
    """The first reason about an event, or that of a figure."""
    return compute(events, WEEK).verdicts(id_, figure)[0].reason


def test_why_names_the_own_service_where_a_longer_window_would_do() -> None:
    """A deploy of the incident's service in 72 hours goes before one of another that is as far away."""
    deploys = [deploy("0", "03T00:00:00", service="web"), deploy("1", "03T01:00:00", service="api")]
    (verdict,) = compute([*deploys, started("s", "04T02:00:00", service="web")], WEEK).verdicts("s")
    assert verdict.word == "window"
    assert "with 72 h it would be attributed to deploy 0" in verdict.reason


def test_a_cause_that_nothing_matches_leaves_the_incident_alone() -> None:
    """A causedBy that no deploy has is never replaced by the latest deploy."""
    events = [deploy("1", "03T00:00:00", A), started("s", "03T01:00:00", causedBy="fffffff")]
    assert failing(*events) == set()
    assert figure("changeFailRate", *events)["unlinked"] == 1


def test_a_cause_may_be_older_than_the_window() -> None:
    """The window does not apply to a cause that is named."""
    assert failing(deploy("1", "03T00:00:00", A), started("s", "30T00:00:00", causedBy=A[:7])) == {"1"}


def test_a_cause_is_the_latest_deploy_of_it_at_or_before_the_start() -> None:
    """Of three deploys of the commit, the cause is the second one, at the start of the incident."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("1b", "03T12:00:00", B, commits=[{"sha": B}]),
        deploy("2", "04T00:00:00", A, type="hotfix"),
        deploy("2b", "04T12:00:00", B, type="rollback"),
        deploy("3", "05T00:00:00", A, type="hotfix", commits=[]),
    ]
    remedied = failing(*events)
    assert failing(*events, started("s", "04T00:00:00", causedBy=A)) == remedied | {"2"}
    assert failing(*events, started("s", "02T00:00:00", causedBy=A)) == remedied | {"1"}


def test_a_cause_is_a_deploy_that_brought_it_first() -> None:
    """A deploy that lists a commit again, which an earlier one brought, did not bring it."""
    first = deploy("1", "03T00:00:00", B, commits=[{"sha": A}, {"sha": B}])
    second = deploy("2", "03T12:00:00", C, commits=[{"sha": A}, {"sha": C}])
    assert failing(first, second, started("s", "04T00:00:00", causedBy=A.upper())) == {"1"}


def test_a_cause_is_in_the_same_repository_and_environment() -> None:
    """The same commit in another repository or environment is not the cause."""
    events = [
        deploy("1", "03T00:00:00", A, repo="larkspur/web"),
        deploy("2", "03T00:00:00", A, environment="dev"),
    ]
    assert failing(*events, started("s", "04T00:00:00", causedBy=A)) == set()


def test_a_cause_is_sought_in_the_service_of_the_incident_first() -> None:
    """A deploy of the incident's service wins over a later one of another, which wins if there is none."""
    events = [deploy("1", "03T00:00:00", A, service="api"), deploy("2", "03T12:00:00", A, service="web")]
    assert failing(*events, started("s", "04T00:00:00", causedBy=A, service="API")) == {"1"}
    assert failing(*events, started("s", "04T00:00:00", causedBy=A, service="db")) == {"2"}
    assert failing(*events, started("s", "04T00:00:00", causedBy=A)) == {"2"}


def test_of_two_causes_the_one_at_the_end_counts() -> None:
    """The causedBy of the end wins over that of the start, which counts if the end has none."""
    events = [deploy("1", "03T00:00:00", A), deploy("2", "03T12:00:00", B)]
    start = started("s", "04T00:00:00", causedBy=B)
    assert failing(*events, start, ended("e", "04T01:00:00")) == {"2"}
    assert failing(*events, start, ended("e", "04T01:00:00", causedBy=A)) == {"1"}


def test_different_named_services_do_not_match() -> None:
    """An incident of a service is attributed to a deploy of it or of no service; one of no service to any."""
    api, web = deploy("1", "03T00:00:00", service="api"), deploy("2", "03T01:00:00", service="web")
    assert failing(api, web, started("s", "03T02:00:00", service="api")) == {"1"}
    assert failing(api, web, started("s", "03T02:00:00")) == {"2"}
    assert failing(api, web, deploy("3", "03T01:30:00"), started("s", "03T02:00:00", service="api")) == {"3"}


def test_of_two_deploys_at_one_instant_the_last_by_id_is_the_later() -> None:
    """Ids order the deploys of one instant: for incidents, remedies and repeats."""
    two = [deploy("b", "03T00:00:00", B), deploy("a", "03T00:00:00", A)]
    assert failing(*two, started("s", "03T02:00:00")) == {"b"}
    assert failing(deploy("x", "03T00:00:00", type="rollback"), *two) == {"b"}
    assert failing(deploy("aa", "03T00:00:00", type="rollback"), *two) == {"a"}
    assert failing(deploy("x", "03T00:00:00", A), *two) == {"b"}
    assert failing(deploy("aa", "03T00:00:00", A), *two) == set()


def test_the_first_outage_alone_is_timed() -> None:
    """Incidents that touch are one outage; one that starts a second after its end is another."""
    one = [deploy("1", "03T00:00:00"), started("a", "03T01:00:00", "A"), ended("b", "03T02:00:00", "A")]
    touching = [started("c", "03T02:00:00", "B"), ended("d", "03T03:00:00", "B")]
    apart = [started("c", "03T02:00:01", "B"), ended("d", "03T03:00:00", "B")]
    assert recovery(*one, *touching) == (7200, 1, 0, 0)
    assert recovery(*one, *apart) == (3600, 1, 0, 0)
    assert recovery(*one, started("c", "03T01:59:00", "B")) == (None, 0, 1, 0)
    assert recovery(*one, started("c", "03T02:00:01", "B")) == (3600, 1, 0, 0)


def test_an_outage_may_have_no_length() -> None:
    """A start and an end at one instant are a recovery of 0 s."""
    events = [deploy("1", "03T00:00:00"), ended("a", "03T01:00:00"), started("b", "03T01:00:00")]
    assert recovery(*events) == (0, 1, 0, 0)


def test_a_merged_incident_has_no_time_of_its_own() -> None:
    """A merged occurrence makes its deploy fail; neither its start nor its end changes a recovery."""
    merged = [started("a", "03T01:00:00", "A"), ended("b", "03T09:00:00", "A", resolution="merged")]
    other = [started("c", "03T02:00:00", "B"), ended("d", "03T03:00:00", "B", mergedInto="X")]
    assert recovery(deploy("1", "03T00:00:00"), *merged) == (None, 0, 0, 1)
    assert recovery(deploy("1", "03T00:00:00"), *merged, *other) == (3600, 1, 0, 0)
    assert failing(deploy("1", "03T00:00:00"), *merged) == {"1"}


def test_an_end_closes_every_occurrence_that_it_does_not_contradict() -> None:
    """An end without environment and service closes all of them; one that names them closes those alone."""
    events = [
        deploy("1", "03T00:00:00", service="api"),
        deploy("2", "03T00:00:00", service="web"),
        started("a", "03T01:00:00", service="api"),
        started("b", "03T01:00:00", service="web"),
    ]
    assert recovery(*events, ended("e", "03T02:00:00")) == (3600, 2, 0, 0)
    assert recovery(*events, ended("e", "03T02:00:00", service="WEB")) == (3600, 1, 1, 0)
    assert recovery(*events, ended("e", "03T02:00:00", environment="staging")) == (None, 0, 2, 0)
    assert recovery(*events, ended("e", "03T02:00:00", environment="PRD")) == (3600, 2, 0, 0)
    assert recovery(*events, ended("e", "03T02:00:00", repo="larkspur/web")) == (None, 0, 2, 0)
    unnamed = [deploy("1", "03T00:00:00"), started("a", "03T01:00:00")]
    assert recovery(*unnamed, ended("e", "03T02:00:00", service="api")) == (3600, 1, 0, 0)


def test_an_incident_counts_once_a_repository() -> None:
    """One incident in two repositories is attributed to a deploy of each."""
    events = [deploy("1", "03T00:00:00"), deploy("2", "03T00:00:00", repo="larkspur/web")]
    both = [started("a", "03T01:00:00"), started("b", "03T01:00:00", repo="larkspur/web")]
    assert failing(*events, *both) == {"1", "2"}


def test_occurrences_follow_the_order_of_time() -> None:
    """A start while open and an end while closed have no effect; a reopened incident occurs again."""
    events = [
        deploy("1", "03T00:00:00"),
        ended("0", "03T00:30:00"),
        started("a", "03T01:00:00"),
        started("b", "03T01:30:00", causedBy="fffffff"),
        ended("c", "03T02:00:00"),
        ended("d", "03T02:30:00", causedBy="fffffff"),
        started("e", "03T04:00:00"),
    ]
    computed = compute(events, WEEK)
    found = [incident.occurrence for incident in computed.facts.incidents]
    assert [(one.start.id, one.end and one.end.id) for one in found] == [
        ("a", "c"),
        ("e", None),
    ]
    assert [computed.why(id_) for id_ in "0abcde"] == [
        "nothing-happened",
        "failed recovered",
        "duplicate",
        "recovered",
        "duplicate",
        "failed later-outage",
    ]


def test_at_one_instant_an_open_incident_ends_first() -> None:
    """An open incident takes its end and then a start again; a closed one its start and then an end."""
    events = [started("a", "03T01:00:00"), ended("b", "03T02:00:00"), started("c", "03T02:00:00")]
    found = compute([*events, ended("d", "03T03:00:00"), ended("e", "03T02:00:00")], WEEK).facts.incidents
    spans = [(i.occurrence.start.id, i.occurrence.end.id) for i in found if i.occurrence.end]
    # a ends with b. c starts at that instant; it is open then, and takes e, the end that is left.
    assert spans == [("a", "b"), ("c", "e")]


def test_a_filter_by_service_selects_events_that_name_it() -> None:
    """Filters apply after links: a deploy fails by an incident of no service, which is not selected."""
    events = [deploy("1", "03T00:00:00", service="api"), started("a", "03T01:00:00")]
    far = started("b", "08T00:00:00", "B")
    result = figure("changeFailRate", *events, far, question={**WEEK, "service": "API"})
    assert (result["failed"], result["unlinked"]) == (1, 0)
    assert figure("changeFailRate", *events, far)["unlinked"] == 1


def test_all_production_names_are_one_environment() -> None:
    """Links, predecessors and filters treat prod, Live and no name as one; every other name is its own."""
    commit = {"sha": B, "time": "2026-03-03T00:00:00Z"}
    first = deploy("1", "02T00:00:00", commits=[{"sha": A}])
    events = [first, deploy("2", "03T01:00:00", B, environment="Live", commits=[commit])]
    assert seconds(*events) == [3600]
    assert failing(*events, started("s", "03T02:00:00", environment="PROD")) == {"2"}
    assert failing(*events, started("s", "03T02:00:00", environment="production-eu")) == set()
    named = figure(
        "deploymentFrequency", *events, question={**WEEK, "environment": "live"}, production=("live",)
    )
    assert named["deploys"] == 2


def test_a_commit_without_a_usable_time_is_unknown() -> None:
    """A commit without a time, or with one after its deploy, is unknown; one at the deploy took no time."""
    commits = [
        {"sha": "1" * 40},
        {"sha": "2" * 40, "time": "2026-03-03T00:00:01Z"},
        {"sha": "3" * 40, "time": "2026-03-03T00:00:00Z"},
    ]
    result = figure(
        "changeLeadTime",
        deploy("1", "02T00:00:00", commits=[{"sha": A}]),
        deploy("2", "03T00:00:00", B, commits=commits),
    )
    assert (result["median"], result["commits"], result["unknownCommits"]) == (0, 1, 2)


def test_commits_names_every_new_commit() -> None:
    """A list without the deployed commit does not bring it; an empty one brings none; neither is unknown."""
    events = [
        deploy("1", "02T00:00:00", A, commits=[{"sha": A}]),
        deploy("2", "03T00:00:00", B, commits=[], commitTime="2026-03-02T00:00:00Z"),
        deploy("3", "04T00:00:00", C, commits=[{"sha": "d" * 40, "time": "2026-03-03T23:00:00Z"}]),
    ]
    assert seconds(*events) == [3600]
    assert figure("changeLeadTime", *events)["unknownDeploys"] == 1


def test_a_commit_that_was_listed_again_is_known_under_both_its_names() -> None:
    """After a shortened SHA was listed, no commit that it may name is new, although a full one came first."""
    one, cut, other = "d" * 7 + "1" * 33, "d" * 7, "d" * 7 + "2" * 33
    listed = [
        deploy(id_, f"0{day}T08:00:00", sha, commits=[{"sha": commit, "time": "2026-03-01T08:00:00Z"}])
        for id_, day, sha, commit in (("1", 2, A, one), ("2", 3, B, cut), ("3", 4, C, other))
    ]
    assert figure("changeLeadTime", *listed)["commits"] == 0
    assert figure("changeLeadTime", listed[0], listed[2])["commits"] == 1


def test_a_deployed_commit_is_not_new() -> None:
    """A commit that an earlier deploy listed or was of does not count again, however its SHA is shortened."""
    time = "2026-03-02T00:00:00Z"
    events = [
        deploy("1", "02T00:00:00", A),
        deploy("2", "02T01:00:00", B, commits=[{"sha": C, "time": time}, {"sha": A[:7], "time": time}]),
        deploy("3", "02T02:00:00", C, commitTime=time),
        deploy("4", "02T03:00:00", B[:9], commitTime=time),
        deploy(
            "5",
            "02T04:00:00",
            "d" * 40,
            commits=[{"sha": "d" * 40, "time": time}, {"sha": "d" * 8, "time": time}],
        ),
    ]
    assert seconds(*events) == [3600, 4 * 3600]


def test_a_hotfix_a_rollback_and_a_fix_are_rework() -> None:
    """Deploys of type hotfix or rollback and those that fix an incident are rework; all are deploys."""
    events = [
        deploy("1", "02T00:00:00"),
        deploy("2", "02T01:00:00", type="hotfix"),
        deploy("3", "02T02:00:00", type="rollback"),
        deploy("4", "02T03:00:00", fixes="INC-1"),
        deploy("5", "02T04:00:00", reverts=[A]),
    ]
    result = figure("deploymentReworkRate", *events)
    assert (result["rework"], result["deploys"], result["value"]) == (3, 5, 0.6)


def test_only_settled_deploys_are_in_the_rate() -> None:
    """A deploy younger than the window is in neither number, failed or not; at its age it is settled."""
    events = [
        deploy("old", "05T00:00:00"),
        deploy("pending", "05T00:00:01"),
        deploy("failed", "05T12:00:00"),
        started("s", "05T13:00:00"),
    ]
    question = {"from": "2026-03-02", "now": "2026-03-06T00:00:00Z"}
    computed = compute(events, question)
    rate = computed.figures()["changeFailRate"]
    assert (rate["value"], rate["failed"], rate["settled"]) == (0, 0, 1)
    assert (rate["pending"], rate["failedPending"]) == (1, 1)
    assert computed.figures()["failedDeploymentRecoveryTime"]["open"] == 1
    words = [computed.why(event["id"]).split()[2] for event in events[:3]]
    assert words == ["succeeded", "pending", "failed-pending"]


FIRST = "2026-03-04T15:00:00Z"


@pytest.mark.parametrize(
    ("question", "observed", "days"),
    [
        pytest.param(WEEK, "2026-03-04T00:00:00Z", 5, id="from the day of the first event"),
        pytest.param({**WEEK, "from": "2026-03-05"}, "2026-03-05T00:00:00Z", 4, id="from is later"),
        pytest.param({**WEEK, "now": FIRST}, "2026-03-04T00:00:00Z", 0.625, id="an event now is observed"),
        pytest.param({**WEEK, "to": FIRST}, None, 0, id="an event at the end is not"),
        pytest.param({**WEEK, "now": "2026-03-04T14:59:59Z"}, None, 0, id="a later event is not"),
        pytest.param(
            {"from": "2026-03-10", "now": "2026-03-10T00:00:00Z"}, "2026-03-10T00:00:00Z", 0, id="0"
        ),
        pytest.param({**WEEK, "repo": "larkspur/web"}, None, 0, id="another repository"),
        pytest.param({**WEEK, "repo": "Larkspur/Shop.git"}, "2026-03-04T00:00:00Z", 5, id="its spelling"),
        pytest.param({**WEEK, "environment": "dev"}, "2026-03-04T00:00:00Z", 5, id="any environment"),
        pytest.param({**WEEK, "service": "db"}, "2026-03-04T00:00:00Z", 5, id="any service"),
    ],
)
def test_days_are_observed_from_the_day_of_the_first_event(
    question: dict[str, str], observed: str | None, days: float
) -> None:
    """The first event is the first by time, of any kind; an end without a start is one."""
    events = [deploy("1", "05T00:00:00"), ended("0", "04T15:00:00", environment="staging")]
    computed = compute(events, question)
    period = computed.selection.period
    first = computed.history.first_at(computed.selection.repo)
    assert period.observed_from(first) == (None if observed is None else us(observed))
    frequency = computed.figures()["deploymentFrequency"]
    assert frequency["days"] == days
    assert (frequency["value"] is None) == (days < 1)


def test_a_repeat_is_an_event_that_is_observed() -> None:
    """The first event may be one that counts in no figure."""
    events = [deploy("1", "05T00:00:00", A), deploy("0", "05T00:00:00", A), EARLY]
    assert figure("deploymentFrequency", *events)["days"] == 7


@pytest.mark.parametrize("resolution", ["merged", "Cancelled", "deleted"])
def test_an_end_without_a_recovery_is_none(resolution: str) -> None:
    """A cancelled or deleted incident is treated as one that was merged."""
    events = [deploy("1", "03T00:00:00"), started("a", "03T01:00:00")]
    end = ended("b", "03T02:00:00", resolution=resolution)
    assert recovery(*events, end) == (None, 0, 0, 1)
    assert recovery(*events, ended("b", "03T02:00:00", resolution="fixed")) == (3600, 1, 0, 0)


def test_production_may_be_a_glob_or_said_by_the_tier() -> None:
    """A name that fits a glob is production, and so is a deploy that says that its tier is production."""
    events = [
        deploy("1", "02T00:00:00", environment="Prod-EU"),
        deploy("2", "02T01:00:00", environment="customer", tier="production"),
        deploy("3", "02T02:00:00", environment="preview", tier="development"),
        deploy("4", "02T03:00:00", environment="prod", tier="staging"),
        deploy("5", "02T04:00:00", tier="staging"),
    ]
    production = ("production", "prod", "prod-*")
    assert figure("deploymentFrequency", *events, production=production)["deploys"] == 4
    assert figure("deploymentFrequency", *events)["deploys"] == 3
    europe = {**WEEK, "environment": "prod-us"}
    assert figure("deploymentFrequency", *events, question=europe, production=production)["deploys"] == 4


def test_no_setting_makes_examples_production() -> None:
    """The environment of examples is another one, also where every name is production, and under any tier."""
    every = FigureSettings(production=("*",))
    assert every.environment("staging") == every.environment(None)
    assert every.environment("GitDailies-Example", "production") == "gitdailies-example"


def test_the_shown_name_of_production_selects_it() -> None:
    """It is the first name that is no glob; a glob stands for production, too, also one that fits no name."""
    assert FigureSettings(production=("prod-*", "Live", "eu")).production_name == "Live"
    globs = FigureSettings(production=("prod-[ab]",))
    assert globs.production_name == "prod-[ab]"
    assert globs.environment("Prod-[AB]") == globs.environment("prod-a") == globs.environment(None)
    assert globs.environment("prod-c") == "prod-c"


def test_names_are_compared_without_case_and_git() -> None:
    """A trailing `.git` of a repository or a service makes no other one."""
    events = [
        deploy("1", "03T00:00:00", A, repo="Larkspur/Shop.git", service="API.git"),
        deploy("2", "03T01:00:00", A, service="api"),
        started("s", "03T02:00:00", repo="larkspur/shop", service="Api"),
    ]
    assert failing(*events) == {"1"}
