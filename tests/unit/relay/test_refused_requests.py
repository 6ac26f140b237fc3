"""Refused requests are counted in groups, and no sender can make their number grow without end."""

from unittest.mock import Mock, patch

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_relay.intake import refused_requests
from gitdailies_relay.intake.refused_requests import KINDS_SECONDS, LONGEST_REASON, OTHERS, RefusalCounts
from gitdailies_relay.store.refusals import RefusedRequest
from gitdailies_relay.store.store import RelayStore
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.tuples(st.sampled_from(["pagerduty", ""]), st.integers(0, 99)), max_size=300))
def test_every_request_is_counted_in_few_groups(sent: list[tuple[str, int]]) -> None:
    """However many addresses send, the groups are bounded, and their numbers add up to the requests."""
    counts = RefusalCounts()
    with patch.object(refused_requests, "MOST_KINDS", 5):
        for source, client in sent:
            counts.add(source, 401, f"192.0.2.{client}", "no signature")
    taken = counts.take()
    assert sum(taken.values()) == len(sent)
    assert len(taken) <= 5 + 2
    assert counts.take() == {}


def test_new_kinds_are_told_apart_again_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was too much in one hour is listed by itself in the next."""
    counts, clock = RefusalCounts(), Mock(monotonic=Mock(return_value=0.0))
    monkeypatch.setattr(refused_requests, "MOST_KINDS", 1)
    monkeypatch.setattr(refused_requests, "time", clock)
    for client in ("a", "b"):
        counts.add("pagerduty", 401, client, "no signature")
    assert {refused.client for refused in counts.take()} == {"a", OTHERS}
    clock.monotonic.return_value = KINDS_SECONDS
    counts.add("pagerduty", 401, "b", "no signature")
    assert {refused.client for refused in counts.take()} == {"b"}


async def test_what_cannot_be_written_is_counted_further() -> None:
    """Counts that the store does not take are added to those that come, and a long reason is cut."""
    counts, store = RefusalCounts(), Mock(spec=RelayStore)
    store.run.side_effect = StoreUnavailable("the disk is full")
    counts.add("pagerduty", 401, "a", "x" * 1000)
    await counts.write(store)
    counts.add("pagerduty", 401, "a", "x" * 1000)
    assert counts.take() == {RefusedRequest(401, "pagerduty", "a", "x" * LONGEST_REASON): 2}
