"""Core's messages: whatever an adapter puts in, what comes out can be stored, shown and sent."""

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.protocol import STARTED, Change, Ignored, Service
from gitdailies_core.values.times import from_epoch

AT = from_epoch(1772615820, "at")
HOSTILE = "a\x00b\x1b[31m\nc" + "x" * 3000


def change(**given):
    return Change.make(**{"state": STARTED, "word": "w", "incident": "A", "at": AT, **given})


def test_text_to_show_is_one_line_that_an_event_holds():
    """Hostile text in every place for text still gives an event that can be written."""
    places = ("word", "title", "severity", "environment", "urgency", "priority")

    message = change(services=[Service(HOSTILE, ("alias", ""))], **dict.fromkeys(places, HOSTILE))

    assert [len(getattr(message, place)) for place in places] == [255, 1000, 255, 255, 255, 255]
    assert message.services == (Service("a b [31m c" + "x" * 245, ("alias",)),)
    assert len(checks.write(message)) == 1


def test_a_service_without_a_name_is_left_out():
    """A service whose name is blank names none."""
    assert change(services=[Service(" \x00 "), Service("checkout-api")]).services == (
        Service("checkout-api"),
    )


@pytest.mark.parametrize("name", ["incident", "merged_into", "occurrence", "key"])
@pytest.mark.parametrize("value", ["x" * 256, "a\x00b", "a\nb"])
def test_an_id_that_could_not_be_written_again_is_refused(name, value):
    """An id, an occurrence or a key is never cut or changed, since another could become the same."""
    with pytest.raises(PayloadError, match="expected 1 to 255 printable characters"):
        change(**{name: value})


def test_an_ignored_message_is_shown_on_one_line():
    """A vendor's word in an ignored message forges no second line and no endless one."""
    shown = "a b [31m c" + "x" * 245
    message = Ignored("reason", HOSTILE, HOSTILE, HOSTILE)

    assert message == Ignored("reason", shown, shown, shown)
