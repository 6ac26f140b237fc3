"""Which deploys remedy an earlier one, which then failed, and how long until then."""

from typing import Any

import pytest
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.figures.asking import compute, deploy, ended, started

A, B, C, D = "a" * 40, "b" * 40, "c" * 40, "d" * 40
MONTH = {"from": "2026-03-01", "now": "2026-04-01T00:00:00Z"}


def failing(*events: dict[str, Any], **settings: Any) -> set[str]:
    """Name the deploys that failed."""
    found = compute(events, MONTH, FigureSettings(**settings)).facts.deploys
    return {facts.deploy.id for facts in found if facts.failed}


@pytest.mark.parametrize(
    ("outside", "other", "failed"),
    [(False, "web", {"2"}), (None, "web", set()), (None, "api", {"2"})],
)
def test_a_revert_of_several_services_needs_a_list_that_tells_whose_it_is(
    outside: bool | None, other: str, failed: set[str]
) -> None:
    """Where deploys named two services, only a list with `outside` on each entry says what was undone."""
    told = {} if outside is None else {"outside": outside}
    events = [
        deploy("1", "01T00:00:00", A, service="api"),
        deploy("0", "01T01:00:00", A, service=other),
        deploy("2", "02T00:00:00", B, service="api"),
        deploy("3", "03T02:00:00", C, service="api", commits=[{"sha": C, **told}], reverts=[B]),
    ]
    assert failing(*events) == failed
    # What a person reports without a list is taken as it is.
    assert failing(*events[:-1], deploy("3", "20T00:00:00", C, service="api", reverts=[B])) == {"2"}


def recovery(*events: dict[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = compute(events, MONTH).figures()["failedDeploymentRecoveryTime"]
    return figures


def test_a_rollback_and_a_hotfix_remedy_the_deploy_before() -> None:
    """Both do, less than the window after it; an exact window is too late, and so is one further back."""
    first = deploy("1", "03T00:00:00", A)
    for kind in ("rollback", "hotfix"):
        assert failing(first, deploy("2", "03T23:59:59", B, type=kind)) == {"1"}
        assert failing(first, deploy("2", "04T00:00:00", B, type=kind)) == set()
    assert failing(first, deploy("2", "03T10:00:00", B, fixes="INC")) == set()


def test_a_hotfix_after_a_hotfix_remedies_that_hotfix() -> None:
    """After a rollback, a hotfix remedies the same deploy again."""
    first = deploy("1", "03T00:00:00", A)
    assert failing(first, deploy("2", "03T01:00:00", B, type="hotfix")) == {"1"}
    hotfixes = [deploy("2", "03T01:00:00", B, type="hotfix"), deploy("3", "03T02:00:00", C, type="hotfix")]
    assert failing(first, *hotfixes) == {"1", "2"}
    back = deploy("2", "03T01:00:00", B, type="rollback")
    assert failing(first, back, deploy("3", "03T02:00:00", C, type="hotfix")) == {"1"}
    assert failing(first, back, deploy("3", "03T02:00:00", C, type="rollback")) == {"1"}


def test_a_remedy_looks_past_rollbacks_and_its_own_commit() -> None:
    """It remedies the latest earlier deploy that is neither, if that is young enough, else none."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "03T08:00:00", B),
        deploy("3", "03T10:00:00", C, type="rollback"),
    ]
    assert failing(*events) == {"2"}
    assert failing(*events, deploy("4", "03T12:00:00", B, type="hotfix")) == {"1", "2"}
    # The latest that is none of both is too old: none further back is remedied, either.
    assert failing(*events[:2], deploy("4", "04T07:00:00", B, type="hotfix")) == set()


def test_going_back_remedies_what_it_replaces() -> None:
    """A deploy of an earlier commit is a rollback for every rule, although it does not say so."""
    events = [deploy("1", "03T00:00:00", A), deploy("2", "03T01:00:00", B), deploy("3", "03T02:00:00", A)]
    assert failing(*events) == {"2"}
    assert failing(*events, deploy("4", "03T03:00:00", C, type="hotfix")) == {"2"}
    figures = compute(events, MONTH).figures()
    assert figures["deploymentReworkRate"]["rework"] == 1
    # Forward again is no remedy.
    assert failing(*events, deploy("4", "03T03:00:00", B)) == {"2"}


def test_a_remedy_is_of_the_same_place() -> None:
    """One of another service, environment or repository remedies nothing."""
    for target in ({"service": "api"}, {"environment": "staging"}, {"repo": "larkspur/web"}):
        here, there = deploy("1", "03T00:00:00", service="web"), deploy("1", "03T00:00:00", **target)
        assert failing(there, deploy("2", "03T01:00:00", type="rollback", service="web")) == set()
        assert failing(here, deploy("2", "03T01:00:00", type="hotfix", **target)) == set()
        assert failing(there, deploy("2", "03T01:00:00", type="hotfix", **target)) == {"1"}


def test_a_revert_remedies_what_brought_the_commit() -> None:
    """Whatever lies between, whenever it was, and however the SHA is shortened."""
    listed = [{"sha": D}, {"sha": B}]
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "04T00:00:00", B, commits=listed),
        deploy("3", "10T00:00:00", C, commits=listed),
    ]
    assert failing(*events, deploy("4", "20T00:00:00", reverts=[D[:7]])) == {"2"}
    assert failing(*events, deploy("4", "20T00:00:00", reverts=[B.upper(), A])) == {"1", "2"}
    assert failing(*events, deploy("4", "20T00:00:00", reverts=["e" * 40])) == set()
    others = [
        deploy("0", "01T00:00:00", service="web"),
        deploy("4", "20T00:00:00", reverts=[D], service="api"),
    ]
    assert failing(*events, *others) == set()
    # What a deploy brought and undid by itself remedies nothing; nor does what was there before.
    assert failing(*events, deploy("4", "20T00:00:00", "e" * 40, reverts=["e" * 40])) == set()
    assert failing(deploy("0", "02T00:00:00", D), *events, deploy("4", "20T00:00:00", reverts=[D])) == {"0"}


def test_a_revert_of_a_revert_goes_forward_again() -> None:
    """It remedies nothing, so a revert of it is a remedy again. An incident still makes a revert fail."""
    events = [
        deploy("0", "01T00:00:00", "e" * 40),
        deploy("1", "03T00:00:00", A),
        deploy("2", "03T01:10:00", B, commits=[{"sha": B}], reverts=[A]),
        deploy("3", "04T00:00:00", C, commits=[{"sha": C}, {"sha": "f" * 40}], reverts=[B]),
    ]
    assert failing(*events) == {"1"}
    assert failing(*events, deploy("4", "04T01:00:00", D, reverts=[C])) == {"1", "3"}
    assert failing(*events, started("i", "03T02:00:00")) == {"1", "2"}
    # What undid nothing that was deployed here is like any other deploy.
    assert failing(events[0], *events[2:]) == {"2"}


def test_a_revert_in_a_rollback_remedies_both() -> None:
    """Both rules apply to one deploy, and one that both name was remedied once."""
    events = [deploy("1", "03T00:00:00", A), deploy("2", "03T01:00:00", B)]
    assert failing(*events, deploy("3", "03T02:00:00", C, type="rollback", reverts=[A])) == {"1", "2"}
    both = compute([*events, deploy("3", "03T02:00:00", C, type="rollback", reverts=[B])], MONTH).facts
    assert [[by.id for by in facts.remedied_by] for facts in both.deploys] == [[], ["3"], []]


def test_recovery_without_an_incident_is_timed_by_the_first_remedy() -> None:
    """From the deploy to its first remedy, apart from the others; it failed once."""
    first = deploy("1", "03T00:00:00", A)
    remedies = [
        deploy("2", "03T01:00:00", B, type="rollback"),
        deploy("3", "03T02:00:00", C, type="rollback"),
    ]
    found = recovery(first, *remedies)
    assert found["byRemedy"] == {"median": 3600, "p90": 3600, "count": 1}
    assert (found["median"], found["recovered"], found["open"], found["withoutIncident"]) == (None, 0, 0, 0)


def test_an_incident_decides_whatever_remedies_the_deploy() -> None:
    """One that is open does, too; with merged ones alone the remedy decides."""
    first, remedy = deploy("1", "03T00:00:00", A), deploy("2", "03T01:00:00", B, type="rollback")
    start = started("s", "03T00:10:00")
    found = recovery(first, remedy, start)
    assert (found["open"], found["byRemedy"]["count"]) == (1, 0)
    found = recovery(first, remedy, start, ended("e", "03T03:10:00"))
    assert (found["median"], found["byRemedy"]["count"]) == (3 * 3600, 0)
    merged = ended("e", "03T00:20:00", resolution="merged")
    found = recovery(first, remedy, start, merged)
    assert (found["recovered"], found["byRemedy"]["median"], found["withoutIncident"]) == (0, 3600, 0)
    assert recovery(first, start, merged)["withoutIncident"] == 1


def test_a_young_deploy_that_failed_is_timed() -> None:
    """Recovery counts young failed deploys, so its numbers add up to failed and young failed ones."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "03T01:00:00", B, type="rollback"),
        deploy("3", "05T00:00:00", C),
        started("s", "05T00:10:00"),
        ended("e", "05T00:20:00"),
    ]
    figures = compute(events, {"from": "2026-03-01", "now": "2026-03-05T01:00:00Z"}).figures()
    rate, found = figures["changeFailRate"], figures["failedDeploymentRecoveryTime"]
    assert (rate["failed"], rate["settled"], rate["failedPending"]) == (1, 2, 1)
    assert (found["recovered"], found["byRemedy"]["count"]) == (1, 1)


def test_the_reasons_name_the_remedy() -> None:
    """A deploy says what remedied it, a remedy what it remedies."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "03T01:00:00", B),
        deploy("3", "03T02:00:00", A),
        deploy("4", "03T03:00:00", C, reverts=[A]),
    ]
    found = compute(events, MONTH)
    told = {id_: [verdict.reason for verdict in found.verdicts(id_)] for id_ in "1234"}
    assert told["1"][2] == "remedied by the revert in deploy 4 of 2026-03-03T03:00:00Z"
    assert told["2"][2] == "remedied by the rollback 3 of 2026-03-03T02:00:00Z"
    assert told["2"][3] == "1 h from the deploy to its first remedy, 3"
    assert told["3"][4] == (
        "a rollback: it goes back to an earlier commit; it remedies deploy 2 of 2026-03-03T01:00:00Z"
    )
    assert "by the revert of aaaaaaa" in told["4"][4]


def test_remedied_deploys_are_named_oldest_first() -> None:
    """The list of a deploy's reverts may have any order. Its sentence has the order of the deploys."""
    for reverts in ([A, B], [B, A]):
        events = [
            deploy("1", "03T00:00:00", A),
            deploy("2", "03T01:00:00", B),
            deploy("3", "03T02:00:00", C, reverts=reverts),
        ]
        reason = compute(events, MONTH).verdicts("3")[4].reason
        assert reason.index("it remedies deploy 1") < reason.index("it remedies deploy 2")
