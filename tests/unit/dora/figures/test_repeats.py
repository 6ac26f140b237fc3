"""Which deploys count, and which only repeat another; one test for each rule, and for its edges."""

from typing import Any

import pytest
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.history.repeats import LATER_WAVE, OTHER_REPORTER, SAME_COMMIT, SAME_RUN
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.figures.asking import Computed, compute, deploy, started

A, B, C = "a" * 40, "b" * 40, "c" * 40
MONTH = {"from": "2026-03-01", "now": "2026-04-01T00:00:00Z"}
EUROPE, AMERICA = {"environment": "prod-eu"}, {"environment": "prod-us"}
WAVES = FigureSettings(production=("production", "prod-*"))


def computed(*events: dict[str, Any], settings: FigureSettings = WAVES) -> Computed:
    return compute(events, MONTH, settings)


def rules(*events: dict[str, Any], settings: FigureSettings = WAVES) -> dict[str, tuple[str, str]]:
    """The rule of each repeat, and the deploy that it repeats."""
    repeats = computed(*events, settings=settings).facts.repeats
    return {id_: (repeat.rule, repeat.of.id) for id_, repeat in repeats.items()}


def types(*events: dict[str, Any], settings: FigureSettings = WAVES) -> dict[str, str]:
    """What each counting deploy counts as; one that brings nothing new has a star."""
    facts = computed(*events, settings=settings).facts
    return {f.deploy.id: f.deploy.type + "*" * f.deploy.known for f in facts.deploys}


def test_the_commit_that_is_there_is_a_repeat() -> None:
    """Whatever its run, and however its SHA is written, a deploy of the present commit is a repeat."""
    events = [
        deploy("1", "03T00:00:00", A, run="ci:1"),
        deploy("2", "04T00:00:00", A.upper(), run="ci:2"),
        deploy("3", "05T00:00:00", A[:7]),
    ]
    assert rules(*events) == {"2": (SAME_COMMIT, "1"), "3": (SAME_COMMIT, "1")}
    assert rules(*reversed(events)) == rules(*events)


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ({"run": "ci:1"}, {"run": "ci:2"}, True),
        ({"run": "ci:1"}, {"run": "ci:1", "attempt": "2"}, False),
        ({"run": "ci:1"}, {}, False),
        ({}, {"run": "ci:1"}, False),
        ({}, {}, False),
    ],
)
def test_the_same_commit_of_another_run_counts_if_set(
    first: dict[str, str], second: dict[str, str], counts: bool
) -> None:
    """With `count_same_commit`, it is a repeat only where the runs are not known to be different."""
    settings = FigureSettings(count_same_commit=True)
    events = [deploy("1", "03T00:00:00", A, **first), deploy("2", "04T00:00:00", A, **second)]
    assert types(*events, settings=settings) == {"1": "deploy"} | ({"2": "deploy*"} if counts else {})
    assert types(*events) == {"1": "deploy"}


def test_another_place_is_no_repeat() -> None:
    """The same commit in another repository, environment or service counts."""
    events = [
        deploy("1", "03T00:00:00", A, service="web"),
        deploy("2", "03T00:00:00", A, repo="larkspur/web"),
        deploy("3", "03T00:00:00", A, environment="staging"),
        deploy("4", "03T00:00:00", A, service="api"),
    ]
    assert rules(*events) == {}


def test_the_same_run_and_attempt_is_a_repeat() -> None:
    """A late report of a run is a repeat although another commit is there; another attempt goes back."""
    events = [deploy("1", "03T00:00:00", A, run="ci:1"), deploy("2", "03T02:00:00", B, run="ci:2")]
    late = deploy("3", "03T04:00:00", A, run="ci:1", attempt="1")
    assert rules(*events, late) == {"3": (SAME_RUN, "1")}
    again = deploy("3", "03T04:00:00", A, run="ci:1", attempt="2")
    assert types(*events, again)["3"] == "rollback*"
    other = deploy("3", "03T04:00:00", C, run="ci:1")
    assert types(*events, other)["3"] == "deploy"


def test_one_that_says_rollback_repeats_only_one_that_says_the_same() -> None:
    """A rollback or hotfix of the present commit counts, unless its run and attempt said it before."""
    first = [deploy("1", "03T00:00:00", A, run="ci:1"), deploy("2", "03T02:00:00", B, run="ci:2")]
    back = deploy("3", "03T04:00:00", A, run="ci:1", type="rollback")
    assert types(*first, back)["3"] == "rollback"
    again = deploy("4", "03T05:00:00", A, run="ci:1", type="rollback")
    assert rules(*first, back, again) == {"4": (SAME_RUN, "3")}
    hotfix = deploy("4", "03T05:00:00", A, run="ci:1", type="hotfix")
    assert types(*first, back, hotfix)["4"] == "hotfix"
    assert types(*first, back, deploy("4", "03T05:00:00", A, type="rollback"))["4"] == "rollback"
    assert rules(*first, back, deploy("4", "03T05:00:00", A)) == {"4": (SAME_COMMIT, "3")}


def test_a_later_wave_is_a_repeat() -> None:
    """A commit that counted here is a repeat in an environment of this target that never had it."""
    events = [
        deploy("1", "03T00:00:00", A, **EUROPE),
        deploy("2", "04T00:00:00", B, **EUROPE),
        deploy("3", "05T00:00:00", A, **AMERICA),
        deploy("4", "06T00:00:00", A),
        deploy("5", "07T00:00:00", A, environment=" Prod-US "),
    ]
    # Once a wave had it, the same environment goes back; none named is an environment of its own.
    assert rules(*events) == {"3": (LATER_WAVE, "1"), "4": (LATER_WAVE, "1")}
    assert types(*events)["5"] == "rollback*"


def test_another_reporter_within_an_hour_is_a_repeat() -> None:
    """Within an hour of the first deploy of its commit, and only if no earlier one has its reporter."""
    events = [
        deploy("1", "03T00:00:00", A, reporter="step/ci"),
        deploy("2", "03T00:30:00", B, reporter="step/ci"),
    ]
    assert rules(*events, deploy("3", "03T01:00:00", A, reporter="relay/ci")) == {"3": (OTHER_REPORTER, "1")}
    assert types(*events, deploy("3", "03T01:00:01", A, reporter="relay/ci"))["3"] == "rollback*"
    assert types(*events, deploy("3", "03T00:40:00", A, reporter="step/ci"))["3"] == "rollback*"
    relay = [deploy(id_, f"03T00:4{id_}:00", A, reporter="relay/ci") for id_ in "34"]
    assert rules(*events, *relay) == {"3": (OTHER_REPORTER, "1")}
    assert types(*events, *relay)["4"] == "rollback*"


def test_an_earlier_commit_is_a_rollback_and_a_later_one_goes_forward() -> None:
    """What counted first before the commit that it replaces goes back; else it goes forward again."""
    commits = (A, B, A, B, C, B)
    events = [deploy(f"{n}", f"0{n + 2}T00:00:00", sha) for n, sha in enumerate(commits, 1)]
    expected = ("deploy", "deploy", "rollback*", "deploy*", "deploy", "rollback*")
    assert types(*events) == dict(zip("123456", expected, strict=True))


def test_a_repeat_is_in_no_figure_and_its_commits_are_not_read() -> None:
    """It is no deploy, no rework and no cause, brings nothing, and its reverts remedy nothing."""
    first = [deploy("0", "02T00:00:00", C, commits=[{"sha": C}]), deploy("1", "03T00:00:00", A, commits=[])]
    listed = [{"sha": B, "time": "2026-03-03T01:00:00Z"}]
    repeat = deploy("2", "03T02:00:00", A, commits=listed, reverts=[C], fixes="INC")
    later = deploy("3", "03T12:00:00", "d" * 40, commits=listed)
    facts = computed(*first, repeat, later, started("s", "03T03:00:00")).facts
    assert [f.deploy.id for f in facts.deploys] == ["0", "1", "3"]
    assert {f.deploy.id: f.failed for f in facts.deploys} == {"0": False, "1": True, "3": False}
    assert [commit.sha for commit in facts.deploys[-1].new.commits] == [B]
    assert computed(*first, repeat).why("2") == "repeat"


def test_what_goes_back_or_forward_again_brings_nothing_new_and_is_known() -> None:
    """What such a deploy lists is there from then on, and a cause finds it by its own commit alone."""
    listed = [{"sha": "d" * 40, "time": "2026-03-04T20:00:00Z"}]
    events = [
        deploy("1", "03T00:00:00", A, commits=[{"sha": A}]),
        deploy("2", "04T00:00:00", B, commits=[]),
        deploy("3", "05T00:00:00", A, commits=listed),
        deploy("4", "06T00:00:00", C, commits=[{"sha": C, "time": "2026-03-05T20:00:00Z"}, *listed]),
    ]
    found = computed(*events, started("s", "08T00:00:00", causedBy="d" * 40))
    news = {f.deploy.id: (f.new.unknown, [c.sha for c in f.new.commits]) for f in found.facts.deploys}
    assert news["3"] == ("", [])
    assert news["4"] == ("", [C])
    assert found.why("s") == "unlinked"
    assert "nothing-new" in found.why("3")
    cause = computed(*events, started("s", "08T00:00:00", causedBy=A)).facts.incidents[0].link.deploy
    assert cause is not None
    assert cause.id == "3"


def test_a_branch_can_make_a_hotfix() -> None:
    """A branch of the globs does, in any case; a deploy that says rollback, or goes back, is a rollback."""
    settings = FigureSettings(hotfix=("hotfix/*", "fix-?"))
    first = [deploy("1", "03T00:00:00", A), deploy("2", "03T01:00:00", B)]
    for branch in ("hotfix/a/b", "Hotfix/x", "refs/heads/fix-1"):
        assert types(*first, deploy("3", "03T02:00:00", C, branch=branch), settings=settings)["3"] == "hotfix"
    for branch in ("main", "a/hotfix/b", "fix-12"):
        assert types(*first, deploy("3", "03T02:00:00", C, branch=branch), settings=settings)["3"] == "deploy"
    back = deploy("3", "03T02:00:00", A, branch="hotfix/x")
    assert types(*first, back, settings=settings)["3"] == "rollback*"
    said = deploy("3", "03T02:00:00", C, branch="hotfix/x", type="rollback")
    assert types(*first, said, settings=settings)["3"] == "rollback"
    # A branch says nothing by itself: the same commit again is a repeat.
    again = [deploy(id_, f"03T02:0{id_}:00", C, branch="hotfix/x") for id_ in "34"]
    assert rules(*first, *again, settings=settings) == {"4": (SAME_COMMIT, "3")}


@pytest.mark.parametrize("kind", ["one SHA", "one beginning", "cut"])
def test_many_shas_that_look_alike_take_no_longer(kind: str) -> None:
    """Fifty thousand deploys whose SHAs have their first digits in common are classified in seconds."""
    shas = {
        "one SHA": lambda number: "0" * 40,
        "one beginning": lambda number: f"{number:040d}",
        "cut": lambda number: f"{'0' * 7}{number:06x}",
    }[kind]
    from gitdailies_dora.figures.history.events import Deploy
    from gitdailies_dora.figures.history.repeats import classify

    here = DeployTarget("a/b", "", None)
    deploys = [Deploy(f"{n:06}", n, here, shas(n), "deploy", None, None) for n in range(50_000)]
    assert len(classify(deploys, FigureSettings()).counting) == (1 if kind == "one SHA" else 50_000)


@pytest.mark.parametrize("step", [True, False])
def test_an_empty_list_of_a_repeat_is_none(*, step: bool) -> None:
    """It hides no list of a later repeat. Without another one, what a deploy brought is unknown."""
    listed = [{"sha": B, "time": "2026-03-03T23:00:00Z"}]
    events = [
        deploy("1", "03T00:00:00", A, commits=[{"sha": A, "time": "2026-03-02T23:00:00Z"}]),
        deploy("2", "04T00:00:00", B, reporter="relay/argocd"),
        deploy("3", "04T00:01:00", B, reporter="relay/argocd", commits=[]),
        deploy("4", "04T00:02:00", B, reporter="step/github-actions", commits=listed),
    ]
    lead = compute(events[: 4 if step else 3], MONTH).figures()["changeLeadTime"]
    assert (lead["median"], lead["unknownDeploys"]) == ((3600, 1) if step else (None, 2))


def test_a_list_of_a_repeat_within_the_hour_is_the_deploy_s() -> None:
    """A deploy without a list has that of the first repeat within an hour that has one, whatever `now` is."""
    listed = [{"sha": B, "time": "2026-03-03T23:00:00Z"}, {"sha": A, "time": "2026-03-02T23:00:00Z"}]
    webhook = deploy("2", "04T00:00:00", B, reporter="relay/github")
    step = deploy("3", "04T00:20:00", B, reporter="step/github-actions", commits=listed)
    late = {**step, "time": "2026-03-04T01:00:01Z"}
    first = deploy("1", "03T00:00:00", A)

    def lead(*events: dict[str, Any], now: str = "2026-03-05T00:00:00Z") -> list[float]:
        found = compute(events, {"now": now}).facts.deploys
        return [time / 3.6e9 for time in found[-1].new.lead_times]

    assert lead(first, webhook, step) == [1]
    assert lead(first, webhook, step, now="2026-03-04T00:10:00Z") == [1]
    assert lead(first, webhook, late) == []


def test_a_slow_job_of_a_push_is_no_rollback() -> None:
    """Up to two hours after its commit first counted, a job that a push started goes back to nothing."""
    events = [deploy("1", "03T10:00:00", A), deploy("2", "03T10:05:00", B)]

    def slow(time: str, trigger: str | None) -> str:
        job = deploy("3", time, A, run="ci:9", **({"trigger": trigger} if trigger else {}))
        return types(*events, job)["3"]

    assert slow("03T10:06:00", "push") == slow("03T12:00:00", "tag") == "deploy*"
    assert slow("03T10:06:00", "manual") == slow("03T10:06:00", None) == "rollback*"
    assert slow("03T12:00:01", "push") == "rollback*"


API, WEB = {"service": "api", "reporter": "step/ci"}, {"service": "web", "reporter": "step/cd"}
WEBHOOK = {"reporter": "relay/ci"}


def services(*events: dict[str, Any]) -> dict[str, str]:
    """The service and type of each counting deploy."""
    found = [one.deploy for one in computed(*events).facts.deploys]
    return {one.id: f"{one.target.service} {one.type}" for one in found}


def test_deploys_that_name_none_are_of_the_only_service() -> None:
    """As long as one is named, whatever names it; with two, they are of none, and each is kept apart."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "04T00:00:00", B, service="API"),
        deploy("3", "05T00:00:00", C),
        deploy("4", "05T00:00:00", C, environment="staging"),
    ]
    assert services(*events) == {"1": "api deploy", "2": "api deploy", "3": "api deploy", "4": "None deploy"}
    web = deploy("5", "06T00:00:00", A, service="web")
    kept = ("None", "api", "None", "None", "web")
    assert services(*events, web) == {f"{n}": f"{name} deploy" for n, name in enumerate(kept, 1)}
    # A repeat names a service as well.
    assert services(events[0], deploy("2", "04T00:00:00", A, service="api")) == {"1": "api deploy"}


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("03T00:00:00", "03T01:00:00", True),
        ("03T00:00:00", "03T01:00:01", False),
    ],
)
def test_a_report_without_a_service_takes_that_of_another_one(first: str, second: str, one: bool) -> None:
    """Within an hour, of another reporter and the same commit, whichever comes first."""
    other = deploy("0", "01T00:00:00", B, **WEB)
    webhook, step = deploy("1", first, A, **WEBHOOK), deploy("2", second, A[:9], **API)
    apart = {"0": "web deploy", "1": "None deploy", "2": "api deploy"}
    assert services(other, webhook, step) == ({"0": "web deploy", "1": "api deploy"} if one else apart)
    later, earlier = {**webhook, "time": step["time"]}, {**step, "time": webhook["time"]}
    assert services(other, earlier, later) == (
        {"0": "web deploy", "2": "api deploy"} if one else {**apart, "1": "None deploy"}
    )
    assert "2" in services(other, webhook, {**step, "reporter": "relay/ci"})
    assert "2" in services(other, {**webhook, "run": "ci:1"}, {**step, "run": "ci:2"})
    assert ("2" in services(other, {**webhook, "run": "ci:1"}, {**step, "run": "cd:2"})) is not one
    assert ("2" in services(other, {**webhook, "run": "1"}, {**step, "run": "2"})) is not one
    assert "2" in services(other, webhook, {**step, "environment": "staging"})


def test_a_report_takes_the_service_of_the_earliest_one_before_it_else_of_the_first_after_it() -> None:
    """A second service counts on its own."""
    steps = [deploy("2", "03T00:10:00", A, **API), deploy("3", "03T00:20:00", A, **WEB)]
    before, after = deploy("1", "03T00:00:00", A, **WEBHOOK), deploy("4", "03T00:30:00", A, **WEBHOOK)
    assert services(*steps, before) == {"1": "api deploy", "3": "web deploy"}
    assert services(*steps, after) == {"2": "api deploy", "3": "web deploy"}
    assert rules(*steps, deploy("4", "03T00:15:00", A, **WEBHOOK))["4"][1] == "2"


def test_a_report_of_a_deploy_repeats_what_the_earliest_report_of_it_counts_as() -> None:
    """Also where that is a repeat itself, and another deploy came between."""
    events = [
        deploy("0", "01T00:00:00", A, **API),
        deploy("1", "02T00:00:00", A, **API, run="ci:2"),
        deploy("2", "02T00:10:00", B, **API),
        deploy("w", "02T00:00:00", C, **WEB),
    ]
    webhook = deploy("3", "02T00:20:00", A, **WEBHOOK)
    assert rules(*events, webhook) == {"1": (SAME_COMMIT, "0"), "3": (OTHER_REPORTER, "0")}
    assert services(*events, {**webhook, "time": "2026-03-02T01:00:01Z"})["3"] == "None deploy"


@pytest.mark.parametrize("said", ["rollback", "hotfix"])
@pytest.mark.parametrize("webhook_first", [True, False])
def test_a_deploy_takes_service_and_type_of_another_report_of_it(said: str, webhook_first: bool) -> None:
    """The one that counts is a rollback or hotfix, if the other says so."""
    times = ("03T00:00:00", "03T00:01:00")[:: 1 if webhook_first else -1]
    before = [deploy("0", "02T23:00:00", B, **API), deploy("w", "01T00:00:00", C, **WEB)]
    events = [deploy("1", times[0], A, **WEBHOOK), deploy("2", times[1], A, **API, type=said)]
    found = computed(*before, *events).facts
    (last,) = [one.deploy for one in found.deploys if one.deploy.id in {"1", "2"}]
    assert (last.target.service, last.type) == ("api", said)
    assert [one.deploy.id for one in found.deploys if one.failed] == ["0"]


@pytest.mark.parametrize("said", ["rollback", "hotfix"])
def test_one_that_says_rollback_repeats_another_report_that_goes_back(said: str) -> None:
    """Within the hour, of another reporter: that one then counts as it says. Else both count."""
    events = [
        deploy("1", "03T00:00:00", A),
        deploy("2", "04T00:00:00", B),
        deploy("3", "05T00:00:00", A, reporter="relay/ci", run="ci:1"),
    ]
    step = deploy("4", "05T01:00:00", A, reporter="step/ci", type=said)
    assert rules(*events, step) == {"4": (OTHER_REPORTER, "3")}
    assert types(*events, step)["3"] == f"{said}*"
    others = [
        {**step, "reporter": "relay/ci"},
        {**step, "time": "2026-03-05T01:00:01Z"},
        {**step, "run": "ci:2"},
        {**step, "commitSHA": B},
    ]
    for other in others:
        assert types(*events, other)["4"] == said
    # What counts as a deploy of its own does not repeat what a later one says.
    assert types(*events[:2], deploy("4", "04T00:10:00", B, reporter="step/ci", type=said))["4"] == said


def test_any_report_of_a_run_says_what_started_it() -> None:
    """In any environment, also where another says otherwise; from a day before it to an hour after it."""
    events = [
        deploy("1", "03T10:00:00", A),
        deploy("2", "03T10:05:00", B),
        deploy("3", "03T10:06:00", A, run="ci:9", trigger="manual"),
    ]

    def slow(time: str, **values: Any) -> bool:
        told = {"run": "ci:9", "environment": "staging", "trigger": "push", **values}
        return types(*events, deploy("4", time, A, **told))["3"] == "deploy*"

    assert types(*events)["3"] == "rollback*"
    assert slow("03T08:00:00")
    assert slow("03T11:06:00")
    assert slow("02T10:06:00")
    assert slow("03T10:30:00", environment="production", service="api", reporter="step/ci")
    assert not slow("03T11:06:01")
    assert not slow("02T10:05:59")
    assert not slow("03T08:00:00", run="ci:8")
    assert not slow("03T08:00:00", attempt="2")
    assert not slow("03T08:00:00", repo="larkspur/web")
    assert not slow("03T08:00:00", trigger="schedule")


def test_a_slow_job_is_of_a_commit_that_came_to_no_service_before() -> None:
    """The first deploy of its commit there is two hours old at most, whatever its service."""
    events = [
        deploy("1", "03T10:00:00", A, service="api"),
        deploy("2", "03T10:05:00", B, service="api"),
        deploy("3", "03T10:06:00", A, service="api", trigger="push"),
    ]
    web = deploy("0", "03T08:06:00", A, service="web")
    assert types(*events, web)["3"] == "deploy*"
    assert types(*events, {**web, "time": "2026-03-03T08:05:59Z"})["3"] == "rollback*"
    assert types(*events, {**web, "time": "2026-03-03T08:05:59Z", "environment": "staging"})["3"] == "deploy*"
