"""What the page of a week says of an outage and its deploys."""

from datetime import UTC
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gitdailies_dora.derived.read.answers import EventReference, Happening
from gitdailies_dora.figures.history.incidents import BY_CAUSE, BY_TIME
from gitdailies_dora.pages.overview.week_view import lines

AT, MORE = "2026-03-16T{}:00:00Z", "More incidents came after deploy 12."


@pytest.mark.parametrize(
    ("hours", "how", "said"),
    [
        (("08", "09"), BY_TIME, "1 h after deploy 08, deploy 09, which may have caused it."),
        (("08", "12"), BY_TIME, f"2 h after deploy 08, which may have caused it. {MORE}"),
        (("12",), BY_TIME, MORE),
        (("08", "12"), BY_CAUSE, "Caused by deploy 08, deploy 12."),
    ],
)  # fmt: skip
def test_an_outage_is_never_said_to_begin_before_its_deploy(
    hours: tuple[str, ...], how: str, said: str
) -> None:
    """Incidents that overlap are one outage, and a later one of them may have come after a later deploy."""
    refs = tuple(
        EventReference(id=one, kind="deployed", time=AT.format(one), commit_sha=one) for one in hours
    )
    started = EventReference(id="i", kind="incidentStarted", time=AT.format(10), incident_id="i", repo="a/b")
    happening = Happening(
        title="Slow", severity="", time=AT.format(10), ended_at=AT.format(14), open=False, how=how,
        teams=(), events=(started,), deploys=refs, remedied_by=(),
    )  # fmt: skip
    (line,) = lines(cast(Any, SimpleNamespace(happened=[happening])), 0, UTC)
    assert "".join(piece.text for piece in line.pieces).replace("\xa0", " ") == f"Slow in a/b. {said}"
