"""A change or an ignored message is cleaned when it is made, so that it can always be written."""

from datetime import datetime
from typing import Any

import pytest
from gitdailies_core.contract.checks import write
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.protocol import Change, Ignored, Service

from tests.support.core.lives import at

CHANGE: dict[str, Any] = {"state": "started", "word": "lit", "incident": "A", "at": at(0)}


def change(**more: Any) -> Change:
    return Change(**{**CHANGE, **more})


@pytest.mark.parametrize("field", ["incident", "merged_into", "occurrence", "key"])
@pytest.mark.parametrize("value", ["a\nb", "\x00", "a\x7f", "x" * 256], ids=ascii)
def test_an_id_that_could_not_be_written_is_refused(field: str, value: str) -> None:
    """An id that joins events is never cut or corrected. The delivery is quarantined instead."""
    with pytest.raises(PayloadError, match="expected 1 to 255 printable characters, got "):
        change(**{field: value})


def test_an_empty_id_is_refused_where_one_is_needed() -> None:
    """Incident, occurrence and merge target may not be empty text; the key may."""
    for field in ("incident", "occurrence", "merged_into"):
        with pytest.raises(PayloadError):
            change(**{field: ""})
    assert change(key="").key == ""


@pytest.mark.parametrize("field", ["title", "severity", "environment", "urgency", "priority"])
def test_text_to_show_is_put_on_one_line(field: str) -> None:
    """Line ends and control characters become spaces, blank text becomes None, and long text is cut."""
    assert getattr(change(**{field: " a\r\n\tb\x00 "}), field) == "a b"
    assert getattr(change(**{field: " \n "}), field) is None
    assert getattr(change(**{field: None}), field) is None
    assert len(getattr(change(**{field: "x" * 5000}), field)) == (1000 if field == "title" else 255)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://larkspur.example/1", True),
        ("http://larkspur.example", True),
        ("javascript:alert(1)", False),
        ("https://a b", False),
        ("https://larkspur.example/\n", False),
        ("https://" + "x" * 2000, False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_web_address_is_taken(url: str | None, expected: bool) -> None:
    """Any other text is left out and not refused, because the address is only shown."""
    assert change(url=url).url == (url if expected else None)


def test_services_without_a_name_are_left_out() -> None:
    """A name is put on one line; blank names and blank aliases are left out."""
    services = [Service("a\nb", ("P1", " ")), Service(" "), Service("c" * 300)]

    assert change(services=services).services == (Service("a b", ("P1",)), Service("c" * 255))


@pytest.mark.parametrize("field", ["at", "started_at"])
def test_a_naive_time_is_a_mistake_of_the_adapter(field: str) -> None:
    """Times are aware; a naive one is no payload's fault."""
    with pytest.raises(ValueError, match="expected an aware time, got a naive one"):
        change(**{field: datetime(2026, 3, 4)})  # noqa: DTZ001


def test_an_unknown_state_is_a_mistake_of_the_adapter() -> None:
    """The three states are named in the message."""
    with pytest.raises(
        ValueError,
        match="state: expected one of started, resolved, updated, reopened, cancelled, deleted, got 'lit'",
    ):
        change(state="lit")


def test_an_ignored_message_is_text_to_show() -> None:
    """A vendor's text is put on one line and cut."""
    ignored = Ignored("no\nuse", "w\x00" * 300, "i" * 300, "k\r\n")

    assert (ignored.reason, len(ignored.word), len(ignored.incident), ignored.key) == (
        "no use",
        255,
        255,
        "k",
    )


def test_what_was_made_can_be_written() -> None:
    """The longest and oddest change that is taken becomes events that can be sent."""
    odd = change(
        incident="😀" * 255,
        occurrence="é" * 255,
        title="\x00" + "ü" * 3000,
        severity="\n" + "s" * 3000,
        environment="e" * 3000,
        services=[Service("s" * 3000)],
        url="https://larkspur.example/" + "p" * 1800,
    )

    assert write(odd)
