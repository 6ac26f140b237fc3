"""An occurrence stays where it was counted, whatever its services and their lines become."""

from typing import Any

import pytest
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    Relay,
    by_repo,
    resolved,
    started,
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


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_further_service_counts_too(named: bool) -> None:
    """An incident that names one more service than before starts at that one as well."""
    relay = Relay()
    relay.take(start(0, "checkout-api", named=named), to=[CHECKOUT])
    relay.take(start(0, "checkout-api", "ledger-worker", named=named), to=[CHECKOUT, LEDGER])

    assert by_repo(relay.sent) == [(CHECKOUT.repo, "starts", 0), (LEDGER.repo, "starts", 0)]


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
