"""A receiver that leads astray: the key goes to the address that was set, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import eventually
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.receiver import Receiver, answer, receiving
from tests.support.relay.running import configure, in_thread


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 Moved"])
def test_no_redirect_is_followed_with_the_key(tmp_path: Path, receiver: Receiver, status: str) -> None:
    """A redirect to another address pauses the destination, says so, and sends nothing there."""
    with receiving() as other:
        receiver.script = lambda _arrival: answer(status, Location=other.url)
        with in_thread(configure(tmp_path, url=receiver.url)) as relay:
            for incident in ("Q1", "Q2"):
                assert pagerduty("incident.triggered", incident).post(relay.url).status_code == 202
            eventually(lambda: receiver.arrivals)
            eventually(lambda: relay.logged("destination paused"))
        assert other.arrivals == []
