"""An occurrence stays where it was counted, whatever its services and their lines become."""

from __future__ import annotations

from typing import Any

import pytest
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    LOW,
    UNMAPPED,
    Relay,
    by_repo,
    resolved,
    started,
    updated,
)

MOVED = CHECKOUT._replace(repo="larkspur/moved")
RENAMED = CHECKOUT._replace(service="checkout")
STAGING = CHECKOUT._replace(environment="staging")


def start(when: float, *services: str, named: bool, **more: Any) -> Change:
    return started(when, occurrence="named" if named else None, services=services, **more)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("is_over", [False, True], ids=["open", "over"])
@pytest.mark.parametrize("targets", [[MOVED], [CHECKOUT, MOVED], [STAGING], [RENAMED], [LEDGER]])
def test_a_start_that_is_told_again_counts_nowhere_else(
    named: bool, is_over: bool, targets: list[DeployTarget]
) -> None:
    """Re-routed, split, in another environment, renamed or handed over: it is a repeat."""
    relay = Relay()
    relay.take(start(0, "checkout-api", named=named), to=[CHECKOUT])
    if is_over:
        relay.take(resolved(5), to=[CHECKOUT])
    services = {target.service or "" for target in targets}

    again = relay.take(start(0, *services, named=named), to=targets)

    assert again.events == ()
    assert again.reason is not None
    assert again.reason.code in ("repeated_start", "late_start")


@pytest.mark.parametrize("whole", [True, False])
def test_a_line_that_gives_the_service_a_name_starts_nothing_again(whole: bool) -> None:
    """What counted under the tool's name of a service is a repeat once its line has the name of deploys."""
    relay = Relay()
    relay.take(start(0, "checkout-api", named=True, whole=whole), to=[CHECKOUT])

    again = relay.take(start(0, "checkout-api", named=True, whole=whole), to=[RENAMED])

    assert again.events == ()
    relay.take(resolved(5, services=["checkout-api"], whole=whole), to=[RENAMED])
    assert by_repo(relay.sent) == [(CHECKOUT.repo, "starts", 0), (CHECKOUT.repo, "ends", 5)]


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_the_next_occurrence_counts_where_the_line_says_then(named: bool) -> None:
    """A route that changed after an end holds for what begins later, and its end follows it."""
    relay = Relay()
    relay.take(start(0, "checkout-api", named=named), to=[CHECKOUT])
    relay.take(resolved(5), to=[CHECKOUT])
    relay.take(start(10, "checkout-api", named=named), to=[MOVED])
    relay.take(resolved(15), to=[MOVED])

    assert by_repo(relay.sent) == [
        (CHECKOUT.repo, "starts", 0),
        (CHECKOUT.repo, "ends", 5),
        (MOVED.repo, "starts", 10),
        (MOVED.repo, "ends", 15),
    ]


def test_a_released_start_counts_at_no_service_of_before() -> None:
    """What was held at one service and counted at another stays there, also once the first has a line."""
    relay = Relay()
    relay.take(start(0, "helpdesk", named=True), to=[], refusal=UNMAPPED)
    relay.take(updated(1, since=0, services=["checkout-api"]), to=[CHECKOUT])
    relay.take(resolved(5, since=0, services=["checkout-api"]), to=[CHECKOUT])
    helpdesk = DeployTarget("larkspur/helpdesk", None, "helpdesk")

    again = relay.take(start(0, "helpdesk", named=True), to=[helpdesk])

    assert again.events == ()
    assert [one[:2] for one in by_repo(relay.sent)] == [(CHECKOUT.repo, "starts"), (CHECKOUT.repo, "ends")]


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_further_service_counts_too(named: bool) -> None:
    """An incident that names one more service than before starts at that one as well."""
    relay = Relay()
    relay.take(start(0, "checkout-api", named=named), to=[CHECKOUT])
    relay.take(start(0, "checkout-api", "ledger-worker", named=named), to=[CHECKOUT, LEDGER])

    assert by_repo(relay.sent) == [(CHECKOUT.repo, "starts", 0), (LEDGER.repo, "starts", 0)]


def test_a_vendor_that_tells_of_each_service_apart_starts_each() -> None:
    """A start that speaks for one service alone is no repeat of another one's, and one end may end all."""
    relay = Relay()
    apart: dict[str, Any] = {"first_occurrence": "first", "whole": False, "ends_all": True}
    relay.take(started(0, services=["checkout-api"], **apart), to=[CHECKOUT])
    relay.take(started(1, services=["ledger-worker"], **apart), to=[LEDGER])
    relay.take(resolved(5, services=["ledger-worker"], **apart), to=[LEDGER])

    assert by_repo(relay.sent) == [
        (CHECKOUT.repo, "starts", 0),
        (LEDGER.repo, "starts", 1),
        (CHECKOUT.repo, "ends", 5),
        (LEDGER.repo, "ends", 5),
    ]


def test_a_held_start_after_an_occurrence_that_counted_is_ended_by_its_own_end() -> None:
    """An end is not taken for a second one of the occurrence before, if a later start is held."""
    relay = Relay()
    relay.take(started(0), to=[CHECKOUT])
    relay.take(resolved(5), to=[CHECKOUT])
    relay.take(started(10), to=[], refusal=LOW)
    relay.take(resolved(15), to=[CHECKOUT])

    assert by_repo(relay.sent)[2:] == [(CHECKOUT.repo, "starts", 10), (CHECKOUT.repo, "ends", 15)]


def test_a_trigger_after_the_end_is_a_reopening() -> None:
    """Where the payload names the first start alone, a later trigger starts it again, and once."""
    relay = Relay()
    for minute in (0, 0.1):
        relay.take(started(0, occurrence="named", again_at=started(minute).at))
    relay.take(resolved(5, since=0))
    for _ in range(2):
        relay.take(started(0, occurrence="named", again_at=started(10).at))
    relay.take(resolved(15, since=0))
    relay.take(resolved(15, since=0))

    assert [one[1:] for one in by_repo(relay.sent)] == [
        ("starts", 0),
        ("ends", 5),
        ("starts", 10),
        ("ends", 15),
    ]


def test_a_reopening_that_overtakes_the_end_before_it_is_not_lost() -> None:
    """A second trigger that comes before the first end starts again once that end is known."""
    relay = Relay()
    relay.take(started(0, occurrence="named"))
    relay.take(started(0, occurrence="named", again_at=started(10).at))
    relay.take(resolved(5, since=0))
    relay.take(resolved(15, since=0))

    assert [one[1:] for one in by_repo(relay.sent)] == [
        ("starts", 0),
        ("ends", 5),
        ("starts", 10),
        ("ends", 15),
    ]


def test_an_end_by_hand_counts_once() -> None:
    """The vendor's end that comes after it is a second one, and has the same id."""
    ids = []
    for by_hand_first in (True, False):
        relay = Relay()
        relay.take(started(0, occurrence="named"))
        if by_hand_first:
            relay.close(resolved(7))
        relay.take(resolved(5, since=0))
        relay.close(resolved(7))
        ids.append([event.id for event in relay.sent])

    assert ids[0] == ids[1]
    assert len(ids[0]) == 2
