"""The group-commit writer: shared commits, items that fail alone, and the results."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage import group_commit
from gitdailies_server.storage.group_commit import MOST_A_BATCH, GroupWriter
from gitdailies_server.storage.sqlite import SqliteDatabase, connect

from tests.unit.server.test_http_connection import until


class Diary(SqliteDatabase):
    """Applies items to a table of texts; an item may be a function, and is then called."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.batches: list[int] = []
        self.opened = 0
        self.fault: Exception | None = None
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE lines (text TEXT UNIQUE)")
        connection.close()

    def connect(self, *, read_only: bool = False, for_intake: bool = False) -> sqlite3.Connection:
        self.opened += 1
        if self.fault:
            raise self.fault
        return connect(self.path)

    def apply(self, connection: Any, items: Sequence[Any]) -> list[Any]:
        self.batches.append(len(items))
        return [item(connection) if callable(item) else self.write(connection, item) for item in items]

    def write(self, connection: sqlite3.Connection, text: str) -> str:
        connection.execute("INSERT INTO lines VALUES (?)", (text,))
        return f"wrote {text}"

    def lines(self) -> list[str]:
        connection = sqlite3.connect(self.path)
        try:
            return [text for (text,) in connection.execute("SELECT text FROM lines ORDER BY rowid")]
        finally:
            connection.close()


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary.db")


@contextlib.asynccontextmanager
async def writing(diary: Diary) -> AsyncIterator[GroupWriter[Any, Any]]:
    writer: GroupWriter[Any, Any] = GroupWriter(database=diary, apply=diary.apply)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


async def settled(*futures: asyncio.Future[Any]) -> list[Any]:
    return await asyncio.gather(*futures, return_exceptions=True)


def waiting(go: threading.Event) -> Callable[[sqlite3.Connection], str]:
    """Make an item that holds the writer, so that what comes after it shares the next commit."""

    def item(_connection: sqlite3.Connection) -> str:
        assert go.wait(10)
        return "waited"

    return item


async def test_what_arrives_during_a_commit_shares_the_next(diary: Diary) -> None:
    """Three hundred items behind a slow one are two commits, in the order of their arrival."""
    names = [f"{number:03}" for number in range(300)]
    async with writing(diary) as writer:
        go = threading.Event()
        first = writer.put(waiting(go))
        await until(lambda: diary.batches == [1])
        rest = [writer.put(name) for name in names]
        go.set()
        assert await settled(first, *rest) == ["waited", *(f"wrote {name}" for name in names)]
    assert diary.batches == [1, MOST_A_BATCH, 300 - MOST_A_BATCH]
    assert diary.lines() == names


async def test_a_commit_that_hangs_is_a_fault_and_fills_no_memory(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age of the oldest item is known; in time it is a fault, and then new items are refused."""
    monkeypatch.setattr(group_commit, "ANSWER_SECONDS", 0.05)
    async with writing(diary) as writer:
        go = threading.Event()
        assert (writer.waiting_seconds, writer.fault) == (0, "")
        first, second = writer.put(waiting(go)), writer.put("second")
        await until(lambda: writer.fault != "")
        assert writer.waiting_seconds >= 0.05
        await until(lambda: writer.waiting_seconds >= 0.1)
        with pytest.raises(StoreUnavailable, match="has not ended"):
            writer.put("refused")
        go.set()
        assert await settled(first, second) == ["waited", "wrote second"]
        await until(lambda: (writer.waiting_seconds, writer.fault) == (0, ""))
    assert diary.lines() == ["second"]


async def test_one_bad_item_does_not_spoil_the_others(diary: Diary) -> None:
    """In a batch an item that breaks a constraint and one with a bug fail; the others are written."""

    def bug(_connection: sqlite3.Connection) -> None:
        raise KeyError("planted")

    async with writing(diary) as writer:
        go = threading.Event()
        items: list[Any] = [waiting(go), "a", bug, "b", "a", "c"]
        futures = [writer.put(item) for item in items]
        go.set()
        _, *results = await settled(*futures)
        kinds = [result if isinstance(result, str) else type(result) for result in results]
        assert kinds == ["wrote a", KeyError, "wrote b", sqlite3.IntegrityError, "wrote c"]
        assert writer.fault == ""
    assert diary.lines() == ["a", "b", "c"]


async def test_a_bad_item_is_written_by_no_half(diary: Diary) -> None:
    """The changes of a failed item are undone."""

    def half(connection: sqlite3.Connection) -> None:
        diary.write(connection, "half")
        raise KeyError("planted")

    async with writing(diary) as writer:
        (result,) = await settled(writer.put(half))
        assert isinstance(result, KeyError)
        await writer.put("whole")
    assert diary.lines() == ["whole"]


FAULTS = [
    sqlite3.OperationalError("database or disk is full"),
    sqlite3.OperationalError("disk I/O error"),
    sqlite3.DatabaseError("database disk image is malformed"),
    sqlite3.DatabaseError("file is not a database"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_of_the_database_fails_the_batch_and_passes(diary: Diary, fault: Exception) -> None:
    """Every item of the batch is StoreUnavailable with the reason; the next one finds a new connection."""

    def broken(_connection: sqlite3.Connection) -> None:
        raise fault

    async with writing(diary) as writer:
        await writer.put("before")
        go = threading.Event()
        first = writer.put(waiting(go))
        await until(lambda: len(diary.batches) == 2)
        futures = [writer.put("with it"), writer.put(broken)]
        go.set()
        await first
        for result in await settled(*futures):
            assert isinstance(result, StoreUnavailable)
            assert str(result).startswith("store: cannot commit: ")
            assert writer.fault in str(result)
        assert writer.fault
        assert await writer.put("after") == "wrote after"
        assert writer.fault == ""
    assert diary.lines() == ["before", "after"]
    assert diary.opened == 2


async def test_a_database_that_cannot_be_opened_is_tried_again(diary: Diary) -> None:
    """While opening fails, items are StoreUnavailable; once it works, they are written."""
    diary.fault = StoreUnavailable("diary.db: cannot open the SQLite file: permission denied")
    async with writing(diary) as writer:
        for _ in range(2):
            (result,) = await settled(writer.put("a"))
            assert isinstance(result, StoreUnavailable)
            assert "permission denied" in str(result)
        diary.fault = None
        assert await writer.put("a") == "wrote a"


async def test_stop_writes_what_was_handed_over(diary: Diary) -> None:
    """Items put before stop are written and answered, and later ones are refused."""
    async with writing(diary) as writer:
        go = threading.Event()
        futures = [writer.put(waiting(go)), *(writer.put(f"{n:03}") for n in range(600))]
        stopping = asyncio.create_task(writer.stop())
        await asyncio.sleep(0)
        go.set()
        await stopping
        assert len(await settled(*futures)) == 601
        with pytest.raises(StoreUnavailable, match="the writer is stopped"):
            writer.put("late")
    assert diary.lines() == [f"{n:03}" for n in range(600)]


async def test_a_caller_that_went_away_harms_nobody(diary: Diary) -> None:
    """An item whose future was cancelled is written like the others, and their results come."""
    async with writing(diary) as writer:
        go = threading.Event()
        futures = [writer.put(waiting(go)), writer.put("gone"), writer.put("there")]
        futures[1].cancel()
        go.set()
        assert await futures[2] == "wrote there"
    assert diary.lines() == ["gone", "there"]


async def test_a_fault_of_a_caller_holds_up_no_other(diary: Diary) -> None:
    """A callback that raises has its fault reported. The others are called, and more is written."""
    faults: list[str] = []
    outcomes: list[Any] = []

    def fail(_: Any) -> None:
        raise RuntimeError("a fault of the caller")

    async with writing(diary) as writer:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(str(context["exception"])))
        writer.put_then("a", fail)
        writer.put_then("b", outcomes.append)
        await until(lambda: len(outcomes) == 1)
        assert await writer.put("c") == "wrote c"
    assert outcomes == ["wrote b"]
    assert faults == ["a fault of the caller"]
    assert diary.lines() == ["a", "b", "c"]
