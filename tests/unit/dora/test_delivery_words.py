"""The words of the pages about deliveries, and requests without a valid key."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_connection.relay.answers import (
    DecidedMessage,
    MappedService,
    NotedAction,
    RelayAlert,
    SendingAttempt,
    ShownDelivery,
    ShownEvent,
)
from gitdailies_dora.accounts.keys import unknown_keys
from gitdailies_dora.accounts.keys.unknown_keys import UnknownKeys
from gitdailies_dora.pages.deliveries import delivery_words
from gitdailies_dora.pages.deliveries.delivery_words import (
    done_sentence,
    list_address,
    mapped_now,
    said,
    timeline,
)
from gitdailies_relay.operations import outcomes
from msgspec.structs import replace

CAME = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
LATER = CAME + timedelta(minutes=5)
WORD = "incident.triggered"


def test_the_pages_know_every_word_of_the_relay() -> None:
    """Outcomes and actions of the pages are those that a relay sends."""
    assert set(delivery_words.OUTCOMES) == set(outcomes.OUTCOMES)
    assert set(delivery_words.STEPS) == set(outcomes.ACTIONS)
    for outcome, steps in delivery_words.FOR_MANY.items():
        assert set(steps) <= set(outcomes.STEPS[outcome])


MAPPED = "mapped by the line checkout-api of services, which said larkspur/shop-saerch"
DELIVERY = ShownDelivery(
    id="d1",
    received_at=CAME,
    source="pagerduty",
    incidents=("Q1",),
    outcome="passed_on",
    sentence="Passed on: the receiver took 1 event",
    steps=("replay",),
    messages=(
        DecidedMessage(
            "d1", CAME, "pagerduty", WORD, "file /run/secrets/pagerduty", "unmapped", "no line", ()
        ),
        DecidedMessage("d1", LATER, "pagerduty", WORD, "replay", "stored", MAPPED, ("incident-1",)),
    ),
    stored=None,
    events=(
        ShownEvent(
            "incident-1",
            {"kind": "incidentStarted", "repo": "larkspur/shop-saerch", "service": "checkout-api"},
            "d1",
            LATER,
            "delivered",
            attempts=(SendingAttempt(LATER, 202, "delivered", "", ""),),
        ),
    ),
    actions=(NotedAction(LATER, "Kim", "replayed", "d1", ""),),
    mapped_by=(MappedService("checkout-api", "gitdailies.yml", 23, ("larkspur/shop",)),),
    paused=(),
    open_incidents=(),
    file="gitdailies.yml",
)


def test_a_timeline_tells_everything_in_order() -> None:
    """From the arrival over the mapping and the replay to the answer, each moment once."""
    told = [f"{moment.what} {moment.more}".strip() for moment in timeline(DELIVERY, is_owner=True)]
    assert told == [
        "Arrived from pagerduty",
        "The secret matched pagerduty",
        "Read as incident.triggered no line",
        f"Read again as incident.triggered {MAPPED}",
        "An event was stored incidentStarted",
        "Sent: answer 202 delivered",
        "Replayed by Kim",
    ]


def test_the_line_of_now_leads_to_the_move_of_what_another_line_counted() -> None:
    """A line that was changed since names another repository; one that was not leads nowhere."""
    where = "checkout-api: line 23 of gitdailies.yml"
    assert mapped_now(DELIVERY) == [(where, "larkspur/shop-saerch", "larkspur/shop")]
    same = MappedService("checkout-api", "gitdailies.yml", 23, ("larkspur/shop-saerch",))
    assert mapped_now(replace(DELIVERY, mapped_by=(same,))) == [(where, "", "")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("replay", "1", "1"), "Replayed 1 delivery. It gave 1 event."),
        (("replay", "14", "0"), "Replayed 14 deliveries. It gave no event."),
        (("discard", "2", "3"), "Discarded 2 deliveries."),
        (("<b>", "1", "1"), ""),
        (("replay", "-1", "1"), ""),
        (("replay", "٣", "1"), ""),
    ],
)
def test_only_words_of_ours_and_numbers_are_said(given: tuple[str, str, str], expected: str) -> None:
    """An address can make the page say nothing but what an action may have done."""
    assert done_sentence(*given) == expected


def test_a_badge_says_the_first_word() -> None:
    """The sentence beside a badge does not repeat it."""
    assert said("unmapped", "Unmapped: no line under services") == "no line under services"
    assert said("unheard_of", "Unheard of: something") == "Unheard of: something"


def test_filters_are_in_the_address() -> None:
    """An address holds what is set, and nothing else."""
    assert list_address("eu", {"q": "a&b", "source": ""}, after=None) == "/deliveries?relay=eu&q=a%26b"


def test_an_alert_leads_to_what_it_is_about() -> None:
    """That is a list of deliveries, or of open incidents; the list refuses a source that is gone."""
    given = (
        RelayAlert("incident_open", "An incident is open."),
        RelayAlert("late", "It waits.", outcome="waiting"),
        RelayAlert("source_silent", "It is silent.", source="gone"),
    )
    state: Any = SimpleNamespace(sources=("pagerduty",), alerts=given)
    assert [href for _, href in delivery_words.alerts("relay", state)] == [
        "/events?kind=incidentStarted&outcome=open",
        "/deliveries?relay=relay&outcome=waiting",
        "",
    ]


def test_requests_without_a_key_are_few_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same fault from one network is one line with a number, and only the newest kinds are remembered."""
    monkeypatch.setattr(unknown_keys, "MOST_REMEMBERED", 2)
    found = UnknownKeys()
    for number, network in enumerate(["a", "b", "a", "c"]):
        found.note(network, "nothing", CAME + timedelta(minutes=number))
    assert [(one.network, one.requests) for one in found.newest()] == [("c", 1), ("a", 2)]
    assert found.newest()[1].first_at == CAME


def test_what_a_filter_chose_is_in_the_words_of_the_list() -> None:
    """A question about many deliveries names its filters as the list does, with times to the minute."""
    filters = {"outcome": "unmapped", "q": "Q1", "to": "2026-03-04T09:12:41.984804Z", "bodies": "true"}
    assert delivery_words.chosen(filters, UTC) == [
        ("Outcome", "Unmapped"),
        ("Search", "Q1"),
        ("Received before", "2026-03-04 09:12 UTC"),
    ]
