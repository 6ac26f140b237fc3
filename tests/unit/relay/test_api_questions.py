"""What a request to the API of deliveries asks for, and the errors that name a wrong part of it."""

from datetime import UTC, datetime

import pytest
from gitdailies_core.errors import UsageError
from gitdailies_relay.accepting.acceptance import delivery_id
from gitdailies_relay.api.questions import choice_of, confirmation, listing_of, order_for_many, order_of
from gitdailies_relay.operations.deliveries import id_at
from gitdailies_relay.operations.services import suggestion
from gitdailies_server.storage.timestamps import from_us, to_us
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

SOURCES = ["pagerduty", "datadog"]
NOW = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
TIMES = st.integers(0, 7_000_000_000_000_000).map(from_us)
MANY = {"action": "replay", "person": "kim", "filter": {"outcome": "unmapped"}}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("source=opsgenie", "source: expected one of pagerduty, datadog"),
        ("outcome=lost", "outcome: expected one of passed_on"),
        ("from=yesterday", "from: expected"),
        ("from=2026-03-04T09:00:00Z&to=2026-03-04T09:00:00Z", "from: expected a time before"),
        ("limit=0", "limit: expected a whole number from 1 to 200"),
        ("limit=1&limit=2", "limit: expected it once"),
        ("sourse=datadog", "did you mean source"),
        ("q=%00", "q: expected text without null characters"),
        ("bodies=yes", "bodies: expected true or false"),
        ("q=" + "x" * 301, "q: expected a text of at most 300 characters"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, named: str) -> None:
    """The error says which parameter is wrong and what is expected."""
    with pytest.raises(UsageError, match=named):
        listing_of(QueryParams(query).multi_items(), SOURCES)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"action": "delete"}, "action: expected one of replay, requeue, discard, close"),
        ({"action": "close", "reason": "over"}, "close incidents one by one"),
        ({"action": "discard"}, "reason: expected a reason to discard it"),
        ({"person": ""}, "person: expected a text"),
        ({"filter": {}}, "filter.outcome: expected"),
        ({"filter": "all"}, "filter: expected an object"),
        ({"dryRun": "yes"}, "dryRun: expected true or false"),
        ({"dryRun": False}, "confirm: expected a text"),
    ],
)
def test_a_wrong_field_of_an_action_is_named(changes: dict[str, object], named: str) -> None:
    """The error says which field of an action is wrong and what is expected."""
    with pytest.raises(UsageError, match=named):
        order_for_many({**MANY, "dryRun": True, **changes}, SOURCES, NOW)


def test_what_comes_later_is_not_acted_on() -> None:
    """An action on many ends where it was counted, so that new deliveries change nothing."""
    wanted = order_for_many({**MANY, "dryRun": True}, SOURCES, NOW)
    assert wanted.choice.until == NOW
    assert choice_of(wanted.filter, SOURCES) == wanted.choice


@given(TIMES, TIMES)
def test_ids_are_in_the_order_of_time(moment: datetime, came_at: datetime) -> None:
    """A delivery that came at a time or later has an id behind that time's, and no earlier one has."""
    assert (delivery_id(to_us(came_at)) >= id_at(moment)) == (came_at >= moment)


def test_a_confirmation_is_of_one_action_on_one_list() -> None:
    """Another action, another delivery and another order give another token."""
    tokens = {confirmation(*one) for one in [("replay", ["d1", "d2"]), ("discard", ["d1", "d2"])]}
    assert len({*tokens, confirmation("replay", ["d1"]), confirmation("replay", ["d2", "d1"])}) == 4


@pytest.mark.parametrize("action", ["discard", "close"])
def test_what_is_given_up_needs_a_reason(action: str) -> None:
    """Discarding and closing are refused without a reason."""
    with pytest.raises(UsageError, match="reason"):
        order_of(action, {"person": "kim", "reason": " "})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Checkout API (prod)", "larkspur/checkout-api"),
        ("checkout_api", "larkspur/checkout-api"),
        ("ledger", None),  # two repositories have the word
        ("attic", None),
        ("", None),
    ],
)
def test_the_repository_with_the_same_words_is_suggested(name: str, expected: str | None) -> None:
    """One repository that is most like the name is suggested, and none where several are."""
    repos = ["larkspur/checkout-api", "larkspur/ledger-web", "larkspur/ledger-api", "larkspur/shop"]
    assert suggestion(name, (), repos) == expected
