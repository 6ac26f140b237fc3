"""The names of what writers are about: those that may meet have one in common."""

from datetime import timedelta
from inspect import getmembers, isfunction, signature
from typing import Any, cast

import pytest
from gitdailies_core.sources.deploy_messages import Deploy, Push, PushedCommit
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Message
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.accepting.store_port import (
    AcceptanceStore,
    NewEvent,
    NewRows,
    Owner,
    WaitingDeploy,
    WantedDeploy,
)
from gitdailies_relay.store import exclusion
from gitdailies_relay.store.postgresql import PostgresqlAcceptanceStore
from gitdailies_server.storage.postgresql import PostgresqlSession
from gitdailies_server.storage.write_scope import Name, NotInScope, Scope

from tests.support.relay.bench import BEGAN, delivery

SHA = "a" * 40


def names(*messages: Message, source: str = "ci", repo: str = "Larkspur/Shop") -> set[Name]:
    routed = tuple(
        RoutedMessage(
            one, f"key {number}", place=DeployTarget(repo, "production") if isinstance(one, Deploy) else None
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
    return Deploy(word="success", sha=SHA, at=BEGAN, platform="github-actions", **given)


def push(repo: str) -> Push:
    return Push(
        word="push",
        repo=repo,
        branch="main",
        before="b" * 40,
        after=SHA,
        commits=(PushedCommit(SHA, BEGAN, "work"),),
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
    merge = Change(state=RESOLVED, word="merged", incident="A", at=BEGAN, merged=True, merged_into="B")
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


ARGUMENTS = {
    "owner": Owner("default", "ci"),
    "place": DeployTarget("larkspur/shop", "production"),
    "push": push("larkspur/shop"),
    "deploy": WaitingDeploy(1, "id", WantedDeploy(DeployTarget("a/b"), SHA, BEGAN, None, None), 0, *"body"),
    "rows": NewRows(events=[NewEvent("id", "default", "ci", "A", "d1", 1, "{}")]),
    "at": BEGAN,
}


METHODS = {name for name, _ in getmembers(AcceptanceStore, isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(METHODS - {"prefetch", "stored_events"}))
def test_nothing_is_read_or_written_that_no_name_is_held_for(name: str) -> None:
    """Each method of the port but two raises before it asks the database about what the scope lacks."""
    session = PostgresqlSession(cast("Any", None))
    session.scope = Scope()
    method = getattr(PostgresqlAcceptanceStore(session), name)
    given = {one: ARGUMENTS.get(one, "A") for one in signature(method).parameters}
    with pytest.raises(NotInScope):
        method(**given)


@pytest.mark.parametrize("partition", ["", "default", "default/test"])
def test_a_partition_that_cannot_be_read_is_refused(partition: str) -> None:
    """A name that is made from half a partition would exclude no other writer."""
    with pytest.raises(ValueError, match="unpack"):
        list(exclusion.of_partitions([partition]))
