"""Warnings that any client can cause: the first is logged, the others are counted, and both are bounded."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from gitdailies_server.logging import rate_limited
from gitdailies_server.logging.rate_limited import OTHERS, RateLimitedLog, WarningCounts, WarningKey

from tests.support.processes import eventually


def warned(client: str, source: str = "pagerduty") -> WarningKey:
    return WarningKey("delivery refused", client, "wrong or missing proof", source)


def test_the_first_is_logged_and_the_rest_are_counted() -> None:
    """Of five in one minute, the first is logged at once, and the other four together in one line."""
    counts = WarningCounts()

    assert [counts.add(warned("192.0.2.1")) for _ in range(5)] == [warned("192.0.2.1")] + [None] * 4
    assert counts.take_repeats() == {warned("192.0.2.1"): 4}


def test_repeats_are_logged_as_a_count() -> None:
    """A repeated warning is one line a minute; after a minute without it, it is logged at once again."""
    counts = WarningCounts()
    for _ in range(2):
        counts.add(warned("192.0.2.1"))
    counts.take_repeats()

    assert counts.add(warned("192.0.2.1")) is None
    assert counts.take_repeats() == {warned("192.0.2.1"): 1}
    assert counts.take_repeats() == {}
    assert counts.add(warned("192.0.2.1")) is not None


def test_a_crowd_is_counted_together() -> None:
    """Ten thousand addresses give the bounded number of lines, and one for the others."""
    counts = WarningCounts(most=20)

    written = [counts.add(warned(f"2001:db8::{number:x}")) for number in range(10_000)]

    assert len([one for one in written if one]) == 21
    assert len(counts) == 21
    assert counts.take_repeats() == {warned(OTHERS): 10_000 - 21}


def test_lines_have_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names source, client and reason; the one that follows has the count, also at the end."""
    monkeypatch.setattr(rate_limited, "SECONDS", 0.05)

    async def happen() -> None:
        limited = RateLimitedLog()
        for _ in range(3):
            limited.warn("delivery refused", client="192.0.2.1", reason="wrong", source="pagerduty")
        await asyncio.to_thread(eventually, lambda: len(log) == 2)
        monkeypatch.setattr(rate_limited, "SECONDS", 60.0)
        limited.warn("delivery refused", client="192.0.2.1", reason="wrong", source="pagerduty")
        limited.close()
        limited.close()

    with structlog.testing.capture_logs() as log:
        asyncio.run(asyncio.wait_for(happen(), 20))

    fields = {"event": "delivery refused", "log_level": "warning", "source": "pagerduty"}
    fields |= {"client": "192.0.2.1", "reason": "wrong"}
    assert log[0] == fields
    assert [{**entry, "seconds": 0} for entry in log[1:]] == [
        {**fields, "again": 2, "seconds": 0},
        {**fields, "again": 1, "seconds": 0},
    ]
