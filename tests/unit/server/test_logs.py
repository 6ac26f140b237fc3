"""Log lines: written whole and never waited for, forms for people, and the description of an error."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitdailies_core.errors import UsageError
from gitdailies_server.logging.setup import describe_error, text_line
from gitdailies_server.storage.timestamps import to_us

HIDDEN = "what stood in the body"


def description_of(function: Callable[..., Any], *given: Any) -> str:
    """Return the log's description of the error that a call raises."""
    try:
        function(*given)
    except Exception as error:
        return describe_error(error)
    raise AssertionError("expected an error, got none")


def test_our_own_errors_are_logged_in_full() -> None:
    """The description of an error of ours is its whole text."""
    assert (
        describe_error(UsageError("window: expected hours, got days")) == "window: expected hours, got days"
    )


def test_other_errors_are_logged_with_their_places_and_no_text() -> None:
    """For other errors, the line has the type and the places, with folders for our files."""

    def broken(_: str) -> None:
        raise ValueError(HIDDEN)

    assert re.fullmatch(r"ValueError at test_logs\.py:\d+", description_of(broken, HIDDEN))
    assert re.fullmatch(
        r"TypeError at gitdailies_server/storage/timestamps\.py:\d+", description_of(to_us, HIDDEN)
    )


def test_what_calls_itself_floods_no_line() -> None:
    """For a recursion of a thousand places only the innermost are logged."""
    ours: dict[str, Any] = {"__name__": "gitdailies_server.again"}
    exec("def again(): again()", ours)
    described = description_of(ours["again"])
    assert described.startswith("RecursionError at ")
    assert 10 < described.count(" by ") < 50
    assert len(described) < 1000


def test_a_line_for_people_has_the_time_the_event_and_its_fields() -> None:
    """Info has no mark, other levels have; why comes first; empty fields are left out; lists have commas."""
    line = text_line(
        None, "info", {"event": "delivery", "source": "pagerduty", "events": ("a", "b"), "to": ""}
    )
    warning = text_line(None, "warning", {"event": "refused", "count": 3, "reason": "wrong key"})

    assert re.fullmatch(rb"\d\d:\d\d:\d\d  delivery  source=pagerduty  events=a,b", line)
    assert warning[8:] == b'  warning: refused  reason="wrong key"  count=3'


def test_a_line_for_people_can_be_neither_forged_nor_made_long() -> None:
    """Control characters and what looks like a field stay inside quotes; keys are hidden; values are cut."""
    hostile = "\x1b[2J\nlevel=info  key=gdk_0123456789abcdef " + "x" * 5000
    line = text_line(None, "info", {"event": hostile, "path": hostile, "nested": {"a": hostile}})

    assert line.isascii()
    assert line.decode().isprintable()
    assert b"0123456789abcdef" not in line
    assert len(line) < 2000
    assert json.loads(line.decode().split("path=")[1].split("  nested=")[0]).startswith("\x1b[2J\n")


# A process that logs from two threads, and says on standard output how many lines were dropped.
PROGRAM = """
import sys, threading, structlog
from gitdailies_server.logging import setup
setup.configure()
def log(name):
    for number in range({lines}):
        structlog.get_logger().info("line", of=name, number=number, pad="x" * 500)
thread = threading.Thread(target=log, args=("b",))
thread.start()
log("a")
thread.join()
setup._OUT.flush(0.05)
print(setup.lines_dropped(), flush=True)
"""


def logging_process(lines: int, standard_error: int) -> tuple[int, int]:
    """Return the exit code of such a process, and how many lines it dropped."""
    program = [sys.executable, "-c", PROGRAM.format(lines=lines)]
    done = subprocess.run(program, stdout=subprocess.PIPE, stderr=standard_error, timeout=60, check=False)
    return done.returncode, int(done.stdout)


def test_every_line_is_written_whole_and_those_of_a_thread_in_order(tmp_path: Path) -> None:
    """A process that ends right after its last line has written all of them."""
    with (tmp_path / "log").open("wb") as log:
        assert logging_process(1000, log.fileno()) == (0, 0)
    entries = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    for name in ("a", "b"):
        assert [entry["number"] for entry in entries if entry["of"] == name] == list(range(1000))


def test_a_reader_that_hangs_delays_nobody() -> None:
    """Without a reader, lines beyond a bound are dropped and counted, and the process ends."""
    reading, writing = os.pipe()
    try:
        code, dropped = logging_process(4000, writing)
    finally:
        os.close(reading)
        os.close(writing)
    assert code == 0
    assert 2000 < dropped < 4000


def test_lines_that_a_full_disk_refuses_are_counted() -> None:
    """Such a line is lost, and the server goes on."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        assert logging_process(100, full.fileno()) == (0, 200)
