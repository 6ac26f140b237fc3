"""Names of events: fixed for good, and different wherever something is different."""

from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.events import ids
from gitdailies_core.events.events import Event
from hypothesis import given

DEPLOY: dict[str, Any] = {
    "platform": "github-actions",
    "run": "7001",
    "sha": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
    "repo": "larkspur/checkout-api",
    "environment": "production",
    "service": None,
    "type": None,
}
INCIDENT: dict[str, Any] = {
    "kind": "incidentStarted",
    "source": "pagerduty",
    "incident": "Q1LARK7XW2M4CD",
    "repo": "larkspur/checkout-api",
    "environment": "production",
    "further": "checkout-api",
    "occurrence": "2026-03-04T09:12:41Z",
}


def test_names_never_change() -> None:
    """These two names are written down: with any other, history would be counted twice."""
    assert ids.deploy_id(**DEPLOY) == "deploy-5fedb50e9411013dc2289527d7038f48"
    assert ids.incident_event_id(**INCIDENT) == "incident-9d9a6f6f5ba349626ee09aa60e8d810d"
    assert ids.content_id("0123456789abcdef" * 4) == "content-0123456789abcdef0123456789abcdef"


def test_a_later_attempt_has_a_name_of_its_own() -> None:
    """The first attempt of a run keeps its name; each later one has another."""
    first = ids.deploy_id(**DEPLOY)
    names = [ids.deploy_id(**DEPLOY, attempt=attempt) for attempt in (None, "", "2", "3")]

    assert names[:2] == [first, first]
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("id_", "ours"),
    [
        ("deploy-5fedb50e9411013dc2289527d7038f48", True),
        ("incident-9d9a6f6f5ba349626ee09aa60e8d810d", True),
        ("content-0123456789abcdef0123456789abcdef", True),
        ("deploy-5fedb50e9411013dc2289527d7038f4", False),
        ("deploy-5FEDB50E9411013DC2289527D7038F48", False),
        ("deploy-5fedb50e9411013dc2289527d7038f48\n", False),
        ("release-5fedb50e9411013dc2289527d7038f48", False),
        ("deploy-1", False),
    ],
)
def test_self_made(id_: str, ours: bool) -> None:
    """The form of an id tells whether it was made here."""
    assert ids.is_self_made(id_) is ours


@pytest.mark.parametrize("part", DEPLOY)
def test_every_part_of_a_deploy_counts(part: str) -> None:
    """Another value of any one part, and no value where there was one, give another name."""
    names = {ids.deploy_id(**{**DEPLOY, part: value}) for value in (DEPLOY[part], "other", "")}

    assert len(names) == (2 if part == "type" else 3), "no type is a deploy"


@pytest.mark.parametrize("part", INCIDENT)
def test_every_part_of_an_incident_event_counts(part: str) -> None:
    """Another value of any one part, and an empty one, give another name."""
    assert len({ids.incident_event_id(**{**INCIDENT, part: v}) for v in (INCIDENT[part], "other", "")}) == 3


@pytest.mark.parametrize("other", [{"sha": DEPLOY["sha"].upper()}, {"type": "deploy"}])
def test_a_deploy_is_the_same_however_it_is_written(other: dict[str, Any]) -> None:
    """The letters of a commit may come in upper case, and no type is the type of a deploy."""
    assert ids.deploy_id(**{**DEPLOY, **other}) == ids.deploy_id(**DEPLOY)


@given(*[st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=7, max_size=7)] * 2)
def test_parts_do_not_run_into_one_another(one: list[Any], other: list[Any]) -> None:
    """Two lists of parts have one name only if they are equal, whatever separators are in them."""
    names = [ids.incident_event_id(**dict(zip(INCIDENT, parts, strict=True))) for parts in (one, other)]

    assert (names[0] == names[1]) == (one == other)


def test_a_name_can_be_sent() -> None:
    """Every name fits the field `id`, be its parts ever so odd."""
    odd = ids.incident_event_id(**dict.fromkeys(INCIDENT, "é\n😀" * 300))

    assert Event.make("incidentStarted", incidentId="A", repo="a/b", id=odd).id == odd
