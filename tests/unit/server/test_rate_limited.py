"""Warnings that any client can cause: the first is logged, the others are counted, and both are bounded."""

import asyncio

import pytest
import structlog
from gitdailies_server.logging import rate_limited
from gitdailies_server.logging.rate_limited import OTHERS, RateLimitedLog

from tests.support.processes import eventually


def warned(limited: RateLimitedLog, *clients: str) -> None:
    """Warn once for each client, and end the minute."""
    for client in clients:
        limited.warn("delivery refused", client=client, reason="wrong or missing proof")
    limited.close()


async def test_the_first_is_logged_and_the_rest_are_counted() -> None:
    """Of five in one minute, the first is logged at once, and the other four together in one line.

    One that came again is counted from then on. After a minute without it, it is logged at once again.
    """
    limited = RateLimitedLog()
    with structlog.testing.capture_logs() as log:
        for clients in (["192.0.2.1"] * 5, ["192.0.2.2", "192.0.2.1"], ["192.0.2.2"], ["192.0.2.1"]):
            warned(limited, *clients)

    lines = [(entry["client"][-1], entry.get("again")) for entry in log]
    assert lines == [("1", None), ("1", 4), ("2", None), ("1", 1), ("2", None), ("1", None)]


async def test_a_crowd_is_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand addresses give the bounded number of lines, and one for the others."""
    monkeypatch.setattr(rate_limited, "MOST_COUNTED_APART", 20)
    with structlog.testing.capture_logs() as log:
        warned(RateLimitedLog(), *(f"2001:db8::{number:x}" for number in range(10_000)))

    assert len(log) == 22
    assert (log[-1]["client"], log[-1]["again"]) == (OTHERS, 10_000 - 21)


async def test_lines_have_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names source, client and reason; the one that follows has the count, also at the end."""
    monkeypatch.setattr(rate_limited, "SECONDS", 0.05)
    with structlog.testing.capture_logs() as log:
        limited = RateLimitedLog()
        for _ in range(3):
            limited.warn("delivery refused", client="192.0.2.1", reason="wrong", source="pagerduty")
        await asyncio.to_thread(eventually, lambda: len(log) == 2)
        monkeypatch.setattr(rate_limited, "SECONDS", 60.0)
        limited.warn("delivery refused", client="192.0.2.1", reason="wrong", source="pagerduty")
        limited.close()
        limited.close()

    fields = {"event": "delivery refused", "log_level": "warning", "source": "pagerduty"}
    fields |= {"client": "192.0.2.1", "reason": "wrong"}
    assert log[0] == fields
    assert [{**entry, "seconds": 0} for entry in log[1:]] == [
        {**fields, "again": 2, "seconds": 0},
        {**fields, "again": 1, "seconds": 0},
    ]
