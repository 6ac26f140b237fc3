"""Query strings: accepted and refused ones."""

from zoneinfo import ZoneInfo

import pytest
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import Refusal

from tests.support.figures.asking import us

KEY = "gdk_0aZ90aZ90aZ90aZ90aZ90aZ90aZ90aZ9123456"


def test_a_listing_is_read_from_its_query() -> None:
    """Limit, cursor and filters are read; a missing one has its documented default."""
    assert query.listing("") == query.Listing(1000, query.BEGINNING, query.EVERYTHING)
    read = query.listing("limit=1000000&after=7&repo=larkspur%2Fledger&environment=")
    filters = {"repo": "larkspur/ledger", "environment": ""}
    assert read == query.Listing(1_000_000, query.Position(query.EARLIEST, 7), query.Wanted(filters))


def test_a_period_a_text_and_an_order_are_read() -> None:
    """A date is its midnight in the server's time zone; by time, the cursor holds a time and a number."""
    text = "from=2026-03-04&to=2026-03-05T09:12:41Z&q=Checkout+502&order=happened&after=-5,7"
    read = query.listing(text, zone=ZoneInfo("Europe/Berlin"))
    wanted = query.Wanted(
        {}, us("2026-03-03T23:00+00:00"), us("2026-03-05T09:12:41+00:00"), "Checkout 502", "happened"
    )
    assert read == query.Listing(1000, query.Position(-5, 7), wanted)
    assert query.position(read.after.text("happened"), "happened") == read.after
    assert query.position(read.after.text("received"), "received").seq == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit=0", "limit: expected a whole number from 1 to 1000000, got '0'"),
        ("limit=1000001", "limit: expected a whole number from 1 to 1000000, got '1000001'"),
        ("limit=1e3", "limit: expected a whole number from 1 to 1000000, got '1e3'"),
        ("limit=%D9%A3", "limit: expected a whole number from 1 to 1000000"),
        ("after=-1", "after: expected a whole number from 0"),
        ("after=" + "9" * 5000, "after: expected a whole number from 0"),
        ("kind=deploy", "kind: expected one of deployed, incidentStarted, incidentResolved, got 'deploy'"),
        ("repository=a/b", "query: expected one of limit, after, kind, repo"),
        ("from=yesterday", "from: expected a date like 2026-03-04"),
        ("to=never", "to: expected a date like 2026-03-04"),
        ("order=desc", "order: expected one of received, happened, got 'desc'"),
        ("order=happened&after=7", "after: expected the `next` of the page before, got '7'"),
        ("repo=a&repo=b", "repo: given twice; give it once"),
        ("repo=%FF", "query: expected name=value pairs in UTF-8"),
        ("&".join(f"a{n}=" for n in range(60)), "query: expected name=value pairs in UTF-8"),
    ],
)
def test_a_wrong_listing(text: str, message: str) -> None:
    """An unknown or wrong query parameter is refused by name, never ignored."""
    with pytest.raises(Refusal) as refused:
        query.listing(text)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(("text", "only"), [("", False), ("validate=true", True), ("validate=false", False)])
def test_validate(text: str, only: bool) -> None:
    """Only validate=true asks to store nothing."""
    assert query.validate_only(text) == only


@pytest.mark.parametrize("text", ["validate=1", "validate=", "validat=true", "validate=true&validate=true"])
def test_a_validate_that_is_mistyped_is_refused(text: str) -> None:
    """A request that means to store nothing must not store something for a typing error."""
    with pytest.raises(Refusal):
        query.validate_only(text)


@pytest.mark.parametrize("text", [f"key={KEY}", "webhook-key=x", "webhook_key=", f"repo={KEY}", f"a=b{KEY}c"])
def test_a_key_in_an_address_is_refused_unseen(text: str) -> None:
    """A key in the query is refused with what to do, and is not repeated."""
    with pytest.raises(Refusal) as refused:
        query.refuse_keys(text)
    assert "send it in the header webhook-key" in str(refused.value)
    assert "gdk_" not in str(refused.value)


def test_other_queries_are_no_keys() -> None:
    """A repository whose name begins like a key is not taken for one."""
    query.refuse_keys("repo=larkspur/gdk_tools&validate=true")
