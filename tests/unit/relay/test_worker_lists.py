"""The delivery worker and a receiver that takes lists: fewer requests, and every promise as before."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from gitdailies_core.events.receivers import DOCUMENTED
from gitdailies_core.retry import Outcome
from gitdailies_relay.delivery.batches import MOST_IN_A_BATCH

from tests.support.relay.bench import DESTINATION, TAKEN, FakeSender, bench, eventually

pytestmark = pytest.mark.usefixtures("quick_retries")

POISON = Outcome(500, "a fault of the server")


async def waiting(folder: Path, count: int) -> None:
    """Let starts and ends of *count* incidents wait, behind a pause by key."""
    async with bench(folder) as on:
        on.environ.clear()
        for number in range(count):
            await on.accept(f"I{number}", "start", "end")


async def test_what_waits_goes_out_in_lists(tmp_path: Path) -> None:
    """Of 200 events none is sent twice, ends follow their starts, and there are far fewer requests."""
    await waiting(tmp_path, 100)
    async with bench(tmp_path, in_flight=2) as on:
        await on.delivered()
    sender = on.sender
    assert len(sender.sent) == len(set(sender.sent)) == 200
    assert all(sender.of(f"I{number}") == ["started", "resolved"] for number in range(100))
    assert sender.most_of_one == 1
    assert sum(sender.lists) > 150
    assert len(sender.lists) < 20
    assert max(sender.lists) <= MOST_IN_A_BATCH


async def test_one_event_that_breaks_the_receiver_spoils_no_other(tmp_path: Path) -> None:
    """The lists that hold it fail; all others arrive nevertheless, and it alone is tried again and again."""
    sender = FakeSender(lambda incident, _kind: POISON if incident == "I7" else TAKEN)
    await waiting(tmp_path, 60)
    async with bench(tmp_path, sender=sender, in_flight=2) as on:
        await eventually(lambda: on.status()["waiting"] == 2)
        assert [row[0] for row in on.outbox()] == ["I7", "I7"]
        assert on.dead_letters() == []
    assert "resolved" not in sender.of("I7")
    assert any(size > 1 for size in sender.lists)


async def test_an_event_that_a_batch_refuses_is_a_dead_letter_by_its_own_answer(tmp_path: Path) -> None:
    """It is sent again alone, and that answer is its reason. Its end and all other events are delivered."""
    refusals = [Outcome(422, "repo: expected text")] * 2

    def answer(incident: str, kind: str) -> Outcome:
        return refusals.pop() if (incident, kind) == ("I3", "started") else TAKEN

    await waiting(tmp_path, 40)
    sender = FakeSender(answer)
    async with bench(tmp_path, sender=sender, in_flight=2) as on:
        await on.delivered()
        (dead,) = on.dead_letters()
        assert (dead["incident"], dead["attempts"]) == ("I3", 1)
        assert dead["reason"] == "answered 422: repo: expected text"
    assert sender.of("I3") == ["started", "started", "resolved"]


async def test_a_key_refused_for_a_list_burns_no_try(tmp_path: Path) -> None:
    """A 401 for two events alone pauses. Batches that waited are not sent, and one event counts attempts."""
    sender = FakeSender(lambda _incident, _kind: TAKEN if sender.keys[-1] == "gdk_second" else Outcome(401))
    await waiting(tmp_path, 300)
    async with bench(tmp_path, sender=sender, in_flight=1) as on:
        await eventually(lambda: on.status()["paused"])
        await asyncio.sleep(0.3)
        asked = len(sender.lists)
        await asyncio.sleep(0.1)
        assert len(sender.lists) == asked <= 2
        assert sum(row[2] > 0 for row in on.outbox()) == 1
        on.environ["KEY"] = "gdk_second"
        await on.delivered()


async def test_stop_gives_back_what_has_not_been_sent(tmp_path: Path) -> None:
    """A stop waits for requests in flight, not for batches behind them; the next start sends those once."""
    held = threading.Event()

    def answer(_incident: str, _kind: str) -> Outcome:
        held.wait(10)
        return TAKEN

    sender = FakeSender(answer)
    await waiting(tmp_path, 60)
    documented = replace(DESTINATION, receiver=DOCUMENTED)
    async with bench(tmp_path, sender=sender, in_flight=2, destination=documented) as on:
        await eventually(lambda: sender.sent)
        stopping = asyncio.create_task(on.worker.stop(50.0))
        await asyncio.sleep(0.05)
        held.set()
        async with asyncio.timeout(20):
            await stopping
        sent = len(sender.sent)
        assert sent == 120 - len(on.outbox())
        await asyncio.sleep(0.1)
        assert len(sender.sent) == sent < 120
    async with bench(tmp_path, sender=sender) as on:
        await on.delivered()
    assert len(sender.sent) == len(set(sender.sent)) == 120
