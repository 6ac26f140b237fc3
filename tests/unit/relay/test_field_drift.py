"""Whether a field that decides what counts is missing, from what was seen of it."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from gitdailies_core.incidents.routing import Filter
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import Change, Ignored, Service
from gitdailies_relay.accepting.field_drift import ABSENT, deciding, fields_of, is_missing, with_more

AT = datetime(2026, 3, 4, 9, tzinfo=UTC)


def seen(*parts: str) -> str:
    """Return the stored text after *parts*. Each part is written at once."""
    text = ""
    for part in parts:
        text = with_more(text, part)
    return text


@pytest.mark.parametrize(
    ("signs", "missing"),
    [
        ("1" * 100 + "0" * 19, False),
        ("1" * 100 + "0" * 20, True),
        ("1" * 99 + "0" * 20, False),
        ("10" * 2 + "1" * 93 + "011" + "0" * 20, True),
        ("0" * 5 + "1" * 95 + "0" * 20, True),
        ("0" * 6 + "1" * 94 + "0" * 20, False),
        ("1" * 80 + "0" * 6 + "1" * 14 + "0" * 20, False),
        ("0" * 300, False),
        ("1" * 300, False),
        ("1" * 300 + "0" * 500, True),
        ("1" * 300 + "0" * 500 + "1", False),
        ("1" * 300 + "0" * 500 + "1" + "0" * 20, False),
        ("1" * 300 + "0" * 500 + "1" * 95 + "0" * 20, True),
    ],
)
def test_a_field_is_missing_after_twenty_deliveries_without_it(signs: str, missing: bool) -> None:
    """It was in 95 of the 100 before; it stays missing until it comes, however it is written down."""
    assert is_missing(seen(signs)) is missing
    assert is_missing(seen(*signs)) is missing
    assert is_missing(seen(*(signs[at : at + 7] for at in range(0, len(signs), 7)))) is missing


def test_little_is_stored() -> None:
    """A text of at most 120 digits for each field, whatever came."""
    text = ""
    for number in range(2000):
        text = with_more(text, "1" if number % 37 or number < 900 else "0" * ABSENT)
        assert len(text) <= 120


def change(state: str = "resolved", **told: Any) -> Change:
    return Change(state=state, word="word", incident="I1", at=AT, **told)


def test_the_fields_that_decide() -> None:
    """Environment and severity always, and what the filter of the source chooses by."""
    assert deciding(Filter()) == ("environment", "severity")
    chosen = Filter(priority=("P1",), tags=MappingProxyType({"team": ("pay",)}), environment=("production",))
    assert deciding(chosen) == ("environment", "severity", "priority", "tag team")


def test_a_field_of_any_message_is_there() -> None:
    """Starts count apart, since ends may lack a field, and so do deploys; what is ignored says nothing."""
    names = deciding(Filter(service=("*",), tags=MappingProxyType({"team": ("pay",)})))
    started = change("started", severity="critical", tags={"team": ["pay"]}, services=[Service("api")])
    ended = change(environment="production")
    assert fields_of([ended], names) == {
        "environment": True, "severity": False, "service": False, "tag team": False,
    }  # fmt: skip
    both = fields_of([started, ended, Ignored("no")], names)
    assert both == {
        "environment": True,
        "severity": True,
        "service": True,
        "tag team": True,
        "environment of a start": False,
        "severity of a start": True,
        "service of a start": True,
        "tag team of a start": True,
    }
    deploy = Deploy(word="done", repo="larkspur/api", sha="a" * 40, at=AT, platform="jenkins")
    assert fields_of([deploy], names) == {"environment of a deploy": False}
    assert fields_of([Ignored("no")], names) == {}
