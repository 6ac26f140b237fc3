"""Why an event counts or not, as lines: one sentence where one is enough, else a line for each figure."""

import pytest
from gitdailies_cli.receiver.event_lines import Columns, cells
from gitdailies_cli.receiver.why_lines import lines
from gitdailies_dora.derived.read.answers import EventReference, FigureVerdict
from msgspec import structs

START = EventReference(
    id="start-1",
    kind="incidentStarted",
    time="2026-03-04T09:12:41.123Z",
    incident_id="INC-9",
    title="Checkout is slow",
    repo="a/b",
    environment="production",
    service="api",
)
HEAD = "incidentStarted INC-9 Checkout is slow, a/b production api, 2026-03-04T09:12:41Z (event start-1)"


def verdict(
    figure: str, *, counts: bool, reason: str = "r", advice: str = "", word: str = "w"
) -> FigureVerdict:
    return FigureVerdict(figure=figure, counts=counts, word=word, reason=reason, advice=advice)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            [verdict("all", counts=False, reason="a repeat", advice="nothing")],
            ["It counts in no figure: a repeat.", "What to do: nothing."],
        ),
        (
            [verdict("changeFailRate", counts=False, reason="unlinked", advice="name it")],
            ["It does not count in the change fail rate: unlinked.", "What to do: name it."],
        ),
        ([verdict("changeFailRate", counts=True, advice="x")], ["It counts in the change fail rate: r."]),
        ([verdict("a later figure", counts=True)], ["It counts in the a later figure: r."]),
        (
            [
                verdict("changeFailRate", counts=True, reason="it failed"),
                verdict("failedDeploymentRecoveryTime", counts=False, reason="open", advice="resolve it"),
            ],
            [
                "It counts in 1 of the 2 figures that it is about:",
                "  yes  change fail rate: it failed",
                "  no   failed deployment recovery time: open",
                "       what to do: resolve it",
            ],
        ),
        (
            [
                verdict("changeFailRate", counts=False, reason="it may still fail", word="pending"),
                verdict("failedDeploymentRecoveryTime", counts=False),
            ],
            [
                "No figure counts it yet:",
                "  no   change fail rate: it may still fail",
                "  no   failed deployment recovery time: r",
            ],
        ),
        (
            [verdict("changeFailRate", counts=False), verdict("failedDeploymentRecoveryTime", counts=False)],
            [
                "No figure counts it:",
                "  no   change fail rate: r",
                "  no   failed deployment recovery time: r",
            ],
        ),
        ([], ["It counts in no figure: nothing is known about it."]),
    ],
)
def test_the_lines_of_an_event(given: list[FigureVerdict], expected: list[str]) -> None:
    """The event comes first, then whether it counts, why, and what to do where it does not count."""
    assert list(lines(START, given)) == [HEAD, *expected]


def test_a_line_of_a_table_has_no_control_characters() -> None:
    """What a sender wrote cannot control a terminal, and a long value moves only its own line."""
    columns = Columns.of([START])
    hostile = structs.replace(START, title="\x1b[31mred", id="a-much-longer-id")

    assert columns.line(cells(START)).endswith("a/b production api  start-1  INC-9 Checkout is slow")
    assert columns.line(cells(hostile)).endswith("a-much-longer-id  INC-9 \N{REPLACEMENT CHARACTER}[31mred")
