"""Connections: the rights to read the file, and commits on stable storage."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import reason
from gitdailies_server.storage.sqlite import SqliteDatabase, connect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # As on most machines: by default a new file can be read by every user.
    before = os.umask(0o022)
    try:
        return tmp_path / "data"
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened() -> list[str]:
    """The files that this process has open."""
    return [os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()]


def test_only_the_owner_can_read_the_files(folder: Path) -> None:
    """The folder has mode 0700; the file and the files that SQLite creates next to it have 0600."""
    with contextlib.closing(connect(folder / "deep" / "x.db")) as connection:
        connection.execute("CREATE TABLE t (n)")
        found = {path.name: mode(path) for path in (folder / "deep").iterdir()}

    assert found == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert mode(folder / "deep") == 0o700


def test_every_commit_is_synced(folder: Path) -> None:
    """The journal is a write-ahead log and synchronous is FULL, on a file that is new and one that is not."""
    for _ in range(2):
        with contextlib.closing(connect(folder / "x.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert not connection.in_transaction


def test_a_reader_neither_makes_nor_changes_a_file(folder: Path) -> None:
    """Reading only, a missing file is StoreUnavailable and stays missing, and a write is refused."""
    path = folder / "x.db"
    with pytest.raises(StoreUnavailable, match=r"x\.db: cannot open the SQLite file: unable to open"):
        connect(path, read_only=True)
    assert not folder.exists()

    connect(path).close()
    refused = pytest.raises(sqlite3.OperationalError, match="readonly")
    with refused, contextlib.closing(connect(path, read_only=True)) as connection:
        connection.execute("CREATE TABLE t (n)")


@pytest.fixture
def public(folder: Path) -> Iterator[Path]:
    """A folder and a file of one row that every user may read; this user may write neither."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are for its user alone
        path = Path(made) / "public" / "x.db"
        with contextlib.closing(connect(path)) as connection:
            connection.execute("CREATE TABLE t (n)")
            connection.execute("INSERT INTO t VALUES (1)")
        for place, rights in ((path.parent.parent, 0o755), (path.parent, 0o555), (path, 0o444)):
            place.chmod(rights)
        yield path
        path.parent.chmod(0o755)


@contextlib.contextmanager
def as_stranger() -> Iterator[None]:
    """Run as a user who is bound by file rights, as root is not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def rows(path: Path) -> list[tuple[int]]:
    with as_stranger(), contextlib.closing(connect(path, read_only=True)) as connection:
        found: list[tuple[int]] = connection.execute("SELECT n FROM t").fetchall()
        return found


def test_who_may_read_the_file_alone_reads_it_while_no_server_is_on(public: Path) -> None:
    """It writes neither the file nor its folder, and creates no file next to it."""
    assert rows(public) == [(1,)]
    assert [path.name for path in public.parent.iterdir()] == ["x.db"]


def test_who_may_read_log_and_index_reads_what_was_committed_last(public: Path) -> None:
    """While a server has the file open, a reader who may write nothing sees its last commit."""
    serve = "import sys; from pathlib import Path; from gitdailies_server.storage.sqlite import connect; "
    serve += "c = connect(Path(sys.argv[1])); c.execute('INSERT INTO t VALUES (2)'); "
    serve += "print(flush=True); sys.stdin.read()"
    public.parent.chmod(0o755)
    public.chmod(0o644)
    # Of another process: within one SQLite shares what it has open.
    with subprocess.Popen(
        [sys.executable, "-c", serve, str(public)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        public.parent.chmod(0o555)
        for path in public.parent.iterdir():
            path.chmod(0o444)
        assert rows(public) == [(1,), (2,)]
        server.communicate()


@pytest.mark.parametrize("closed", ["x.db", "x.db-wal", "."])
def test_a_file_closed_to_this_user_names_who_may_read_it(public: Path, closed: str) -> None:
    """If a file, a log or a folder is closed to this user, the error says what to do."""
    public.parent.chmod(0o755)
    (public.parent / "x.db-wal").write_bytes(b"left by a server that was killed")
    public.parent.chmod(0o555)
    (public.parent / closed).chmod(0)
    with pytest.raises(StoreUnavailable, match="; run this as the user who owns the file"):
        rows(public)


@pytest.mark.parametrize("name", ["a folder", "a file that is no database", "below a file"])
def test_what_cannot_be_opened_is_named(folder: Path, name: str) -> None:
    """StoreUnavailable names file and reason, in lower case."""
    folder.mkdir()
    (folder / "a folder").mkdir()
    (folder / "a file that is no database").write_bytes(b"not a database at all" * 1000)
    path = folder / "a file that is no database" / "x.db" if name == "below a file" else folder / name

    with pytest.raises(StoreUnavailable) as caught:
        connect(path).close()
    # While the error lasts, and with it all that its frames hold.
    assert not [file for file in opened() if file.startswith(str(folder))]
    expected = {
        "a folder": "unable to open database file",
        "a file that is no database": "file is not a database",
        "below a file": "file exists",
    }
    assert str(caught.value) == f"{path}: cannot open the SQLite file: {expected[name]}"


def test_a_reason_is_one_line_in_lower_case() -> None:
    """The system's and SQLite's reasons are in lower case; an error without text gives its type."""
    assert reason(OSError(28, "No space left on device")) == "no space left on device"
    assert reason(sqlite3.OperationalError("database or disk is full")) == "database or disk is full"
    assert reason(KeyError()) == "keyerror"


@pytest.mark.parametrize("page", [4096, 8192])
def test_a_log_is_copied_back_after_as_many_bytes_whatever_a_page_has(folder: Path, page: int) -> None:
    """Whatever page size a file was made with, its log grows to 8 MiB."""
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / "x.db")) as made:
        made.execute(f"PRAGMA page_size={page}")
        made.execute("CREATE TABLE t (n)")
        made.commit()

    with contextlib.closing(connect(folder / "x.db")) as connection:
        (pages,) = connection.execute("PRAGMA wal_autocheckpoint").fetchone()
        assert connection.execute("PRAGMA page_size").fetchone() == (page,)
        assert pages * page == 8 * 1024 * 1024


# Three processes open one new file in the same moment, forty times; each that fails says why.
OPEN_TOGETHER = """
import os, sys, time
from pathlib import Path
from gitdailies_server.storage.sqlite import connect
for number in range(40):
    at, children = time.time() + 0.02, []
    for _ in range(3):
        children.append(os.fork())
        if not children[-1]:
            while time.time() < at:
                pass
            try:
                connect(Path(sys.argv[1]) / f"{number}.db").execute("SELECT 1")
            except Exception as error:
                print(error, flush=True)
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)
"""


def test_processes_that_open_a_new_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite does not wait while another process turns the new file to its log; we do."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN_TOGETHER, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert len(list(tmp_path.glob("*.db"))) == 40


@pytest.mark.parametrize("page", [4096, 8192])
def test_a_file_shrinks_by_what_is_asked_whatever_a_page_has(folder: Path, page: int) -> None:
    """With two mebibytes free, the file shrinks by the half a mebibyte that was asked for."""
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / "x.db", isolation_level=None)) as made:
        made.execute(f"PRAGMA page_size={page}")
        made.execute("PRAGMA auto_vacuum=INCREMENTAL")
        made.execute("CREATE TABLE t (n)")
        made.execute("INSERT INTO t VALUES (zeroblob(2097152))")
        made.execute("DELETE FROM t")

    database = SqliteDatabase(folder / "x.db")
    with contextlib.closing(database.connect()) as session:
        before = database.size(session)
        database.shrink(session, 524288)
        after = database.size(session)
    assert before.bytes - after.bytes == before.free_bytes - after.free_bytes == 524288
