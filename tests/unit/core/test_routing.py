"""Routes from services to targets, and filters."""

from dataclasses import replace
from typing import Any

import pytest
from gitdailies_core.events.field_types import REPO
from gitdailies_core.incidents.routing import Filter, Route, Routes, slug
from gitdailies_core.reasons import FILTERED, IGNORED_SERVICE, UNMAPPED, Reason
from gitdailies_core.sources.protocol import Change, Service
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import at, make

TABLE = Routes.make(
    {
        "checkout-api": [Route("larkspur/checkout-api", "production")],
        "P1SVC42": [Route("larkspur/ledger"), Route("larkspur/ledger-web")],
        "Straße": [Route("larkspur/street")],
    }
)
CATCHING = Routes.make({"checkout-api": [Route("larkspur/checkout")], "*": [Route("larkspur/{service}")]})


def routed(routes: Routes, *services: Service, environment: str | None = None) -> Any:
    change = make("started", 0, incident="A", environment=environment)
    return routes.route(replace(change, services=services))


@pytest.mark.parametrize(
    ("service", "repos"),
    [
        (Service("checkout-api"), ["larkspur/checkout-api"]),
        (Service("Checkout-API"), ["larkspur/checkout-api"]),
        (Service("Checkout", ("checkout-api",)), ["larkspur/checkout-api"]),
        (Service("Ledger worker", ("p1svc42",)), ["larkspur/ledger", "larkspur/ledger-web"]),
        (Service("checkout-api", ("P1SVC42",)), ["larkspur/ledger", "larkspur/ledger-web"]),
        (Service("STRASSE"), ["larkspur/street"]),
        (Service("search"), []),
        (Service("*"), []),
    ],
)
def test_a_service_is_found_by_id_or_name_without_case(service: Service, repos: list[str]) -> None:
    """An id overrides a name, every route counts, and the target names the service, not its alias."""
    found = routed(TABLE, service)

    assert [target.repo for target in found.targets] == repos
    assert all(target.service == service.name for target in found.targets)
    assert bool(found.unmapped) == (not repos)


IGNORING = Routes.make({"helpdesk": [], "PHELP": [], "checkout-api": [Route("larkspur/checkout")]})


@pytest.mark.parametrize(
    ("services", "code", "repos"),
    [
        (["helpdesk"], IGNORED_SERVICE, []),
        (["Helpdesk"], IGNORED_SERVICE, []),
        (["helpdesk", "checkout-api"], None, ["larkspur/checkout"]),
        (["helpdesk", "search"], UNMAPPED, []),
        (["search"], UNMAPPED, []),
    ],
)
def test_a_service_that_shall_not_count(services: list[str], code: str | None, repos: list[str]) -> None:
    """Alone it has a reason of its own; others beside it count, or lack a line, as if it were not there."""
    found = routed(IGNORING, *map(Service, services))
    assert [target.repo for target in found.targets] == repos
    assert (found.refusal and found.refusal.code) == code


def test_a_service_that_shall_not_count_is_found_by_its_id_and_by_the_fallback() -> None:
    """The id goes before the name, as for repositories; a fallback may ignore every other service."""
    assert routed(IGNORING, Service("checkout-api", ("phelp",))).is_ignored
    rest = Routes.make({"checkout-api": [Route("larkspur/checkout")], "*": []})
    assert routed(rest, Service("anything")).is_ignored
    assert routed(rest).is_ignored
    assert routed(rest, Service("checkout-api")).targets


def test_a_mapped_and_an_unmapped_service_of_one_change() -> None:
    """The one counts, the other is reported."""
    found = routed(TABLE, Service("search"), Service("checkout-api"))

    assert found.targets == (DeployTarget("larkspur/checkout-api", "production", "checkout-api"),)
    assert found.unmapped == ("no line under services for 'search'",)


def test_two_services_of_one_repository_are_two_targets() -> None:
    """Different services are separate, and one that is named twice counts once."""
    routes = Routes.make({"a": [Route("larkspur/mono")], "b": [Route("larkspur/mono")]})

    found = routed(routes, Service("a"), Service("b"), Service("a"))

    assert found.targets == (
        DeployTarget("larkspur/mono", None, "a"),
        DeployTarget("larkspur/mono", None, "b"),
    )


def test_a_line_gives_the_service_that_deploys_name() -> None:
    """It takes the place of the tool's own name; an empty one takes that away, and without it that stays."""
    lines = [Route("a/one", service="api"), Route("a/two", service=""), Route("a/three")]
    found = routed(Routes.make({"checkout": lines}), Service("Checkout"))
    assert [target.service for target in found.targets] == ["api", None, "Checkout"]


def test_the_route_s_environment_has_precedence_over_the_payload_s() -> None:
    """Without an environment in the route the payload's tag counts; without both there is none."""
    assert routed(TABLE, Service("checkout-api"), environment="eu").targets[0].environment == "production"
    assert routed(TABLE, Service("P1SVC42"), environment="eu").targets[0].environment == "eu"
    assert routed(TABLE, Service("P1SVC42")).targets[0].environment is None


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("a b", "'larkspur/a b'"),
        ("/", "'larkspur//'"),
        ("s" * 247, "256 characters, 255 are allowed"),
        ("s\ud800", "half of a surrogate pair"),
    ],
)
def test_a_fallback_that_gives_no_repository_maps_nothing(name: str, got: str) -> None:
    """A service whose name gives no valid repository name is reported as unmapped and never sent."""
    found = routed(CATCHING, Service(name))

    assert found.targets == ()
    assert found.unmapped == (f"services: expected {REPO.expected}, got {got} from 'larkspur/{{service}}'",)
    assert routed(CATCHING, Service("s" * 246)).targets[0].repo == f"larkspur/{'s' * 246}"


PATTERNS = Routes.make(
    {
        "team-*": [Route("larkspur/{slug}")],
        "team-pay*": [Route("larkspur/payments")],
        "*-pay": [Route("larkspur/first")],
        "p*-pay": [Route("larkspur/later")],
        "team-payroll": [Route("larkspur/payroll")],
        "P9*": [],
        "*": [Route("larkspur/rest")],
    }
)


@pytest.mark.parametrize(
    ("service", "line", "repos"),
    [
        (Service("team-web"), "team-*", ["larkspur/team-web"]),
        (Service("Team-Web (EU)"), "team-*", ["larkspur/team-web-eu"]),
        (Service("team-payments"), "team-pay*", ["larkspur/payments"]),
        (Service("team-payroll"), "team-payroll", ["larkspur/payroll"]),
        (Service("Pages", ("team-payroll", "x")), "team-payroll", ["larkspur/payroll"]),
        (Service("Pages", ("TEAM-X",)), "team-*", ["larkspur/pages"]),
        (Service("ex-pay"), "*-pay", ["larkspur/first"]),
        (Service("pre-pay"), "p*-pay", ["larkspur/later"]),
        (Service("Docs", ("P9ABC",)), "p9*", []),
        (Service("docs"), "*", ["larkspur/rest"]),
        (Service("*"), "*", ["larkspur/rest"]),
    ],
)
def test_a_pattern_takes_what_no_name_does(service: Service, line: str, repos: list[str]) -> None:
    """Ids and names go before patterns, and of these the most exact one decides; "*" takes the rest."""
    assert PATTERNS.line_for(*service.aliases, service.name) == line
    assert [target.repo for target in routed(PATTERNS, service).targets] == repos


def test_a_pattern_is_no_fallback() -> None:
    """A service that fits no pattern has no line, and neither has a delivery without a service."""
    routes = Routes.make({"team-*": [Route("larkspur/teams")]})
    assert routes.line_for("shop") is None
    assert routed(routes, Service("shop")).unmapped == ("no line under services for 'shop'",)
    assert routed(routes).unmapped == ("the delivery names no service",)
    assert not routes.has_fallback


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Checkout API (prod)", "checkout-api-prod"),
        ("checkout_api.v2", "checkout_api.v2"),
        ("  Café // Straße  ", "cafe-strasse"),
        ("payments–eu", "payments-eu"),
        ("ＡPI", "api"),
        ("決済", ""),
    ],
)
def test_a_slug(name: str, expected: str) -> None:
    """A slug has small letters, digits, dots, underscores and single hyphens."""
    assert slug(name) == expected


def test_a_name_with_braces_is_no_placeholder() -> None:
    """The name of a service is put in as it is, and is not read again."""
    assert Route("larkspur/{service}").repo_of("a{slug}") == "larkspur/a{slug}"
    assert Route("larkspur/{slug}-{service}").repo_of("A B") == "larkspur/a-b-A B"


def test_a_name_without_a_slug_maps_nothing() -> None:
    """A name that leaves no character is unmapped, and the reason says what it gave."""
    found = routed(Routes.make({"*": [Route("larkspur/{slug}")]}), Service("決済"))
    assert found.targets == ()
    assert found.unmapped == (
        f"services: expected {REPO.expected}, got 'larkspur/' from 'larkspur/{{slug}}'",
    )


def test_a_delivery_without_service_uses_a_fixed_fallback() -> None:
    """One repository for everything works for vendors that name no service."""
    fixed = Routes.make({"*": [Route("larkspur/all")]})

    assert routed(fixed).targets == (DeployTarget("larkspur/all"),)
    assert routed(CATCHING).targets == ()


ONLY = Filter(
    urgency=("high",),
    priority=("P1", "P2", "none"),
    tags={"env": ("prod", "production"), "team": ("web", "none")},
)
WANTED: dict[str, Any] = {"urgency": "high", "priority": "P1", "tags": {"env": ["prod"], "team": ["web"]}}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, None),
        ({"urgency": "HIGH", "priority": "p2"}, None),
        ({"priority": None}, None),
        ({"tags": {"env": ["dev", "Production"]}}, None),
        ({"urgency": "low"}, "filtered: urgency is low; only high counts"),
        ({"urgency": None}, "filtered: urgency is none; only high counts"),
        ({"priority": "P3"}, "filtered: priority is p3; only P1, P2, none count"),
        (
            {"tags": {"env": ["dev", "qa"], "team": ["web"]}},
            "filtered: tag env is dev, qa; only prod, production count",
        ),
        ({"tags": {"team": ["web"]}}, "filtered: tag env is none; only prod, production count"),
        ({"tags": {"env": ["prod"], "team": ["api"]}}, "filtered: tag team is api; only web, none count"),
    ],
)
def test_a_filter_takes_what_it_lists(change: dict[str, Any], refusal: str | None) -> None:
    """Each setting must match one of its values, without regard to case; `none` matches no value."""
    found = ONLY.refusal(make("started", 0, incident="A", **{**WANTED, **change}))
    assert found == (refusal and Reason(FILTERED, refusal))


@pytest.mark.parametrize(
    ("only", "change", "refusal"),
    [
        ({}, {"urgency": "low"}, None),
        ({"severity": ("critical", "sev-*")}, {"severity": "Critical"}, None),
        ({"severity": ("critical", "sev-*")}, {"severity": "SEV-1"}, None),
        ({"severity": ("critical",)}, {"severity": "warning"}, "severity is warning; only critical counts"),
        ({"severity": ("critical",)}, {}, "severity is none; only critical counts"),
        ({"severity": ("critical", "none")}, {}, None),
        ({"title": ("*checkout*",)}, {"title": "High latency in Checkout"}, None),
        ({"title": ("*checkout*",)}, {"title": "Disk full"}, "title is disk full; only *checkout* counts"),
        ({"title": ("[JIRA] down",)}, {"title": "[jira] down"}, None),
        ({"service": ("pay*",)}, {"services": [Service("docs"), Service("Payments")]}, None),
        ({"service": ("P1SVC42",)}, {"services": [Service("ledger", ("P1SVC42",))]}, None),
        ({"service": ("pay*",)}, {"services": [Service("docs")]}, "service is docs; only pay* counts"),
        ({"service": ("pay*",)}, {}, "service is none; only pay* counts"),
        ({"urgency": ("hi*",)}, {"urgency": "high"}, None),
        ({"tags": {"env": ("prod*",)}}, {"tags": {"env": ["Production"]}}, None),
        ({"environment": ("production",)}, {"environment": "staging"}, None),
    ],
)
def test_a_filter_takes_globs(only: dict[str, Any], change: dict[str, Any], refusal: str | None) -> None:
    """Severity, title and service are globs, as all values are. One wanted service is enough."""
    given = {
        "state": "started",
        "word": "open",
        "incident": "A",
        "at": at(0),
        **change,
    }
    found = Filter(**only).refusal(Change(**given))
    assert found == (refusal and Reason(FILTERED, f"filtered: {refusal}"))
