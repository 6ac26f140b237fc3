"""The names of what writers are about: those that may meet have one in common."""

from __future__ import annotations

from datetime import timedelta
from inspect import getmembers, isfunction
from typing import Any

import pytest
from gitdailies_core.deploys.routing import Place
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Message
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.accepting.store_port import AcceptanceStore, NewEvent
from gitdailies_relay.store import exclusion
from gitdailies_relay.store.scoped import ScopedAcceptanceStore
from gitdailies_server.storage.write_scope import Name

from tests.support.relay.bench import BEGAN, delivery

SHA = "a" * 40


def names(*messages: Message, source: str = "ci", repo: str = "Larkspur/Shop") -> set[Name]:
    routed = tuple(
        RoutedMessage(
            one, f"key {number}", place=Place(repo, "production") if isinstance(one, Deploy) else None
        )
        for number, one in enumerate(messages)
    )
    made = Delivery("d1", 1, "default", Interpretation(source, "", b"", "", routed))
    return named(made)


def named(made: Delivery) -> set[Name]:
    found: set[Name] = set()
    exclusion.add_names(made, found)
    return found


def deploy(**more: Any) -> Deploy:
    given: dict[str, Any] = {"repo": "larkspur/shop", "environment": "production", **more}
    return Deploy.make(word="success", sha=SHA, at=BEGAN, platform="github-actions", **given)


def push(repo: str) -> Push:
    return Push.make(
        word="push", repo=repo, branch="main", before="b" * 40, after=SHA, commits=[(SHA, BEGAN, "work")]
    )


def test_messages_about_one_incident_have_a_name_in_common() -> None:
    """Start, end and result of sending of an incident share a name, and with another incident none."""
    begun, over, other = (
        named(delivery(incident, state, BEGAN + timedelta(hours=hours)))
        for incident, state, hours in (("A/1", STARTED, 0), ("A/1", RESOLVED, 1), ("A/2", STARTED, 0))
    )
    event = NewEvent("e", "default", "test", "A/1", "d", 1, "{}")
    assert begun == over == set(exclusion.of_partitions([event.partition]))
    assert not begun & other


def test_a_merge_names_both_incidents() -> None:
    """What ends the other incident has to see that this one waits for it."""
    merge = Change.make(state=RESOLVED, word="merged", incident="A", at=BEGAN, merged=True, merged_into="B")
    assert names(merge) == {exclusion.subject("default", "A"), exclusion.subject("default", "B")}


def test_deploys_and_pushes_of_one_repository_have_a_name_in_common() -> None:
    """Deploys of a repository share a name with its pushes, in whatever case a source writes it."""
    assert names(deploy()) & names(push("larkspur/SHOP"))
    assert not names(deploy()) & names(push("larkspur/other"))


def test_messages_of_one_deploy_have_a_name_in_common_wherever_it_counts() -> None:
    """Sources may send the same deploy to different places. Its events are one, so they share the subject."""
    one = names(deploy(deployment="7"), source="one", repo="larkspur/a")
    other = names(deploy(deployment="7"), source="other", repo="larkspur/b")
    assert one & other == {exclusion.subject("default", "larkspur/shop production")}


def test_what_a_vendor_tells_the_state_of_has_a_name() -> None:
    """Which commit counted last for an object is read by each deploy of it."""
    first, second = (
        names(deploy(object="Kustomization flux-system/apps", repo=repo), repo=repo)
        for repo in ("larkspur/a", "larkspur/b")
    )
    assert first & second == {
        exclusion.repository("ci Kustomization flux-system/apps"),
        exclusion.message("ci", "key 0"),
    }


def test_every_question_of_an_acceptance_is_asked_for() -> None:
    """The store that checks a scope has each method of the port but two, so no other one goes around it."""
    asked = {name for name, _ in getmembers(AcceptanceStore, isfunction) if not name.startswith("_")}
    checked = {name for name in vars(ScopedAcceptanceStore) if not name.startswith("_")}
    assert asked - checked == {"prefetch", "stored_events"}


@pytest.mark.parametrize("partition", ["", "default", "default/test"])
def test_a_partition_that_cannot_be_read_is_refused(partition: str) -> None:
    """A name that is made from half a partition would exclude no other writer."""
    with pytest.raises(ValueError, match="unpack"):
        list(exclusion.of_partitions([partition]))
