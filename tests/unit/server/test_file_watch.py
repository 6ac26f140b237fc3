"""A store's file that is deleted or replaced under a server is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.file_watch import FileWatch
from gitdailies_server.storage.sqlite import SqliteDatabase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "relay.db"
    path.write_bytes(b"")
    path.with_name("relay.db-wal").write_bytes(b"")
    return path


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"")
    other.rename(path)


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name(f"{path.parent.name}-elsewhere"))


@pytest.mark.parametrize("name", ["relay.db", "relay.db-wal"])
@pytest.mark.parametrize("change", [delete, replace, move_folder])
def test_what_happens_to_the_file_or_its_log_is_noticed(
    name: str, change: Callable[[Path], None], path: Path
) -> None:
    """The text names the file."""
    watch = FileWatch(path)
    watch.opened()
    assert watch.moved() == ""
    change(path.with_name(name))
    assert path.with_name(name if change is not move_folder else "relay.db").as_posix() in watch.moved()


def test_a_new_connection_may_have_another_log(path: Path) -> None:
    """SQLite deletes its log when the last connection closes, and makes another for the next one."""
    watch = FileWatch(path)
    watch.opened()
    assert watch.moved() == ""
    replace(path.with_name("relay.db-wal"))
    watch.closed()
    watch.opened()
    assert watch.moved() == ""


def test_a_log_of_a_command_is_not_the_writers(path: Path) -> None:
    """A command that ends just before the writer opens the file takes its log with it."""
    watch = FileWatch(path)
    assert watch.moved() == ""
    delete(path.with_name("relay.db-wal"))
    assert watch.moved() == ""


def test_a_watched_file_is_never_made_anew(tmp_path: Path) -> None:
    """Once a server has the file, no connection makes an empty one in its place; after `unlock` one may."""
    database = SqliteDatabase(tmp_path / "relay.db")
    database.connect().close()
    database.watch()
    database.path.unlink()
    for read_only in (False, True):
        with pytest.raises(StoreUnavailable, match="was deleted while the server runs"):
            database.connect(read_only=read_only)
    assert not database.path.exists()
    database.unlock()
    database.connect().close()
    assert database.path.exists()
