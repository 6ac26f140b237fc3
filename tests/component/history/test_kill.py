"""The command killed at any moment and started again.

GITDAILIES_HISTORY_KILLS says how often in the long form.
"""

import itertools
import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gitdailies_dora.events import intake
from gitdailies_history.sending.sending import MOST_EVENTS

from tests.support.dora.running import in_thread
from tests.support.forms import short_and_long
from tests.support.history.making import shuffled
from tests.support.history.running import Importer, in_order
from tests.support.processes import eventually

# More than one list: a kill may come between two.
ROWS = MOST_EVENTS * 3 // 2


@short_and_long("many", "GITDAILIES_HISTORY_KILLS", short=1, long=8, seconds=lambda many: 300 + 90 * many)
def test_every_event_arrives_once_and_in_order_after_kills(
    many: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """Although the command is killed at random and resumed, a strict receiver takes each event once."""
    made = random.Random(11)
    rows = max(ROWS, MOST_EVENTS * many // 3)
    shuffled(tmp_path / "h.csv", rows)
    with in_thread(tmp_path / "dora.db", strict_order=True) as receiver:
        importer = Importer(tmp_path, receiver, receiver.key("history"))
        reader = receiver.key("reader", "read")
        whole = rows / 8000 + 1
        kills = finished = 0
        while kills < many:
            # Once every event has arrived, another import has work only if it sends all again.
            arguments = ("h.csv", "--json", *(("--again",) if finished else ()))
            process = importer.start(*arguments)
            try:
                process.communicate(timeout=made.uniform(0.2, whole))
                finished += 1
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
        last = importer.run("h.csv", "--json")

        assert last.code == 0, last.err
        assert last.counts["refused"] == last.counts["left"] == 0
        events = receiver.events(reader, limit=str(rows + 1))
        assert len(events) == len({event["id"] for event in events}) == rows
        assert in_order(events)
        measure(f"history: {kills} kills, {rows} rows, {finished} runs that ended before they were killed")


def test_ctrl_c_ends_it_with_a_report_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command interrupted while it sends ends soon with code 130 and reports the remaining events."""
    rows, lists, parse = MOST_EVENTS * 5 // 4, itertools.count(1), intake.parse
    reached, let_go = threading.Event(), threading.Event()

    def hold_the_second(*given: Any, **named: Any) -> intake.Submission:
        if next(lists) == 2:
            reached.set()
            let_go.wait(60)
        return parse(*given, **named)

    monkeypatch.setattr(intake, "parse", hold_the_second)
    shuffled(tmp_path / "h.csv", rows)
    with in_thread(tmp_path / "dora.db", strict_order=True) as receiver:
        importer = Importer(tmp_path, receiver, receiver.key("history"))
        process = importer.start("h.csv", "--json")
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        let_go.set()
        first = json.loads(out)
        last = importer.run("h.csv", "--json")

        assert (process.returncode, first["stopped"]) == (130, "interrupted")
        assert (first["sent"], first["left"]) == (MOST_EVENTS, rows - MOST_EVENTS)
        assert last.counts["skipped"] == first["sent"]
        assert last.counts["sent"] + last.counts["unchanged"] == first["left"]


def test_ctrl_c_while_it_reads_says_that_nothing_was_sent(tmp_path: Path) -> None:
    """Interrupted before it sends, the command ends with code 130 and one line that says so."""
    shuffled(tmp_path / "h.csv", 100_000)
    with in_thread(tmp_path / "dora.db") as receiver:
        importer = Importer(tmp_path, receiver, receiver.key("history"))
        process = importer.start("h.csv")
        eventually((tmp_path / "gitdailies-data/history/plan.db").exists)
        # The plan is written just before the first row is read; reading takes seconds.
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[0] == "interrupted; nothing was sent"
        assert receiver.events(receiver.key("reader", "read")) == []
