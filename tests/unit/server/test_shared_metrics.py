"""What both servers show of their stores to Prometheus."""

from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from gitdailies_core.errors import StoreBusy, StoreUnavailable
from gitdailies_server.shared_metrics import of_store


@pytest.mark.parametrize(("error", "fails"), [(StoreBusy, 0), (StoreUnavailable, 1)])
def test_a_store_whose_connections_are_all_in_use_does_not_fail(error: type[Exception], fails: int) -> None:
    """Readers had all of them at that moment, so the store answers."""
    store = SimpleNamespace(writer=SimpleNamespace(fault="", waiting_seconds=0.0))
    readiness = cast("Any", SimpleNamespace(answers=True, unfit="", store=store))

    def read() -> NoReturn:
        raise error("said")

    shown = {one.name: one.samples[0].value for one in of_store("a_", readiness, read)}
    assert shown == {"a_store_failing": fails, "a_commit_waiting_seconds": 0}
