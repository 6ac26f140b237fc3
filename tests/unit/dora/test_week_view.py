"""What the page of a week says of an outage and its deploys."""

from datetime import UTC
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gitdailies_dora.derived.read.answers import EventReference, Happening, IncidentReference
from gitdailies_dora.figures.history.incidents import BY_CAUSE, BY_TIME
from gitdailies_dora.pages.frame.phrases import recovered
from gitdailies_dora.pages.overview.week_view import headline, lines

AT, MORE = "2026-03-16T{}:00:00Z", "More incidents came after deploy 12."


@pytest.mark.parametrize(
    ("hours", "how", "said"),
    [
        (("08", "09"), BY_TIME, "It began 1 h after deploy 08, deploy 09."),
        (("08", "12"), BY_TIME, f"It began 2 h after deploy 08. {MORE}"),
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


@pytest.mark.parametrize(("deploys", "said"), [(0, "No deploy"), (1, "No incident")])
def test_a_week_without_a_deploy_is_no_good_week(deploys: int, said: str) -> None:
    figures = SimpleNamespace(deployment_frequency=SimpleNamespace(deploys=deploys))
    (piece,) = headline(cast(Any, SimpleNamespace(happened=(), figures=figures)), 0)
    assert piece.text.startswith(said)


def test_what_is_still_open_is_said_beside_a_recovery() -> None:
    ended, lasts = (
        IncidentReference(id="i", kind="incidentStarted", time=AT.format(10), incident_id="i", ended_at=end)
        for end in (AT.format(11), None)
    )
    assert recovered(3600, [ended]) == ", recovered after 1\xa0h."
    assert "took 1\xa0h; 2 incidents are still open." in recovered(3600, [ended, lasts, lasts])
