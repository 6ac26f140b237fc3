"""Schemas: made once, brought up to date, and refused where they are of a later version."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gitdailies_dora.sql.database
import gitdailies_relay.store.store
import pytest
from gitdailies_connection.published import release
from gitdailies_core.errors import ConfigurationError, StoreUnavailable
from gitdailies_server.storage import migrations, postgresql
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.sqlite import SqliteDatabase
from sqlalchemy import Inspector, inspect
from sqlalchemy.engine.interfaces import ReflectedIndex
from structlog.testing import capture_logs

from tests.support import databases
from tests.support.processes import eventually

STORES = {
    "relay": gitdailies_relay.store.store.MIGRATIONS,
    "the DORA server": gitdailies_dora.sql.database.MIGRATIONS,
}
STEP = """
from alembic import op

revision = "{revision}"
down_revision = {down!r}
oldest = "{oldest}"


def upgrade() -> None:
    op.execute("CREATE TABLE made_{revision} (n INTEGER)")
    op.execute("{then}")
"""


def versions(folder: Path, *steps: str, oldest: Sequence[str] = ()) -> Path:
    """Write revisions 0001, 0002, … each with a last statement, and the *oldest* that may use it."""
    (folder / "versions").mkdir(parents=True)
    for number, then in enumerate(steps, 1):
        down = f"{number - 1:04}" if number > 1 else None
        may_use = oldest[number - 1] if oldest else f"{number:04}"
        text = STEP.format(revision=f"{number:04}", down=down, then=then, oldest=may_use)
        (folder / "versions" / f"{number:04}_step.py").write_text(text)
    return folder


@pytest.fixture(params=databases.KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    with databases.opened(request.param, tmp_path) as database:
        yield database


def tables(database: Database) -> set[str]:
    with contextlib.closing(database.connect()) as session, database.engine(session) as engine:
        return set(inspect(engine).get_table_names())


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(database.connect()) as session:
        return list(session.execute(query).fetchall())


@pytest.mark.parametrize("name", STORES)
def test_both_databases_get_the_same_tables(made: Callable[[], Database], tmp_path: Path, name: str) -> None:
    """The revisions of a server make the same tables, columns, keys and indexes on either database."""
    folder = STORES[name]
    file = SqliteDatabase(tmp_path / "beside.db")
    for database in (made(), file):
        migrations.upgrade(database, folder)

    assert shape(made()) == shape(file)


def shape(database: Database) -> dict[str, object]:
    """Return columns, primary key and indexes of each table."""
    with contextlib.closing(database.connect()) as session, database.engine(session) as engine:
        found = inspect(engine)
        return {
            table: (
                {one["name"]: one["nullable"] for one in found.get_columns(table)},
                found.get_pk_constraint(table)["constrained_columns"],
                {(one["name"], *one["column_names"], bool(one["unique"])) for one in indexes(found, table)},
            )
            for table in found.get_table_names()
        }


def indexes(found: Inspector, table: str) -> list[ReflectedIndex]:
    """Return the indexes but those that only hold a unique constraint, which have names of their own."""
    return [one for one in found.get_indexes(table) if not one.get("duplicates_constraint")]


@pytest.mark.parametrize("name", STORES)
def test_a_second_start_changes_nothing(
    made: Callable[[], Database], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upgrading what is up to date runs no revision at all."""
    migrations.upgrade(made(), STORES[name])
    monkeypatch.setattr(migrations, "run_revisions", None)
    migrations.upgrade(made(), STORES[name])


def test_a_newer_store_is_refused_with_both_versions_named(
    made: Callable[[], Database], tmp_path: Path
) -> None:
    """A schema that this version does not know is left alone, and the message says what to do."""
    newer = versions(tmp_path / "newer", "SELECT 1", "SELECT 1")
    older = versions(tmp_path / "older", "SELECT 1")
    migrations.upgrade(made(), newer)
    with pytest.raises(ConfigurationError) as caught:
        migrations.upgrade(made(), older)

    this = release()
    assert str(caught.value) == (
        f"{made()}: expected a schema up to 0001, which release {this} knows, got 0002; release {this} of "
        f"gitdailies-integrations wrote it: install that one, or restore a backup that {this} wrote"
    )


def test_a_schema_that_was_only_expanded_keeps_its_earlier_servers(
    made: Callable[[], Database], tmp_path: Path
) -> None:
    """They start on it and run on it, until a revision contracts it: then the log says why not."""
    one = versions(tmp_path / "one", "SELECT 1")
    two = versions(tmp_path / "two", *["SELECT 1"] * 2, oldest=("0001", "0001"))
    three = versions(tmp_path / "three", *["SELECT 1"] * 3, oldest=("0001", "0001", "0002"))
    migrations.upgrade(made(), one)
    assert migrations.upgrade(made(), two) == ("0001", "0002")
    with contextlib.closing(made().connect()) as session:
        assert migrations.unfit(session, one) == ""
    assert migrations.upgrade(made(), one) == ("0002", "0002")
    migrations.upgrade(made(), three)
    with contextlib.closing(made().connect()) as session:
        assert migrations.unfit(session, one).startswith("expected a schema up to 0001, which")
        assert migrations.unfit(session, two) == ""
    with pytest.raises(ConfigurationError, match="expected a schema up to 0001"):
        migrations.upgrade(made(), one)


@pytest.mark.parametrize("holder", ["another that migrates", "a backup"])
def test_a_start_waits_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    """While one migrates, or reads a table that a revision changes, a start says so and waits."""
    one = versions(tmp_path / "one", "SELECT 1")
    two = versions(tmp_path / "two", "SELECT 1", "ALTER TABLE made_0001 ADD COLUMN a INTEGER")
    monkeypatch.setattr(postgresql, "_EACH_TRANSACTION", ("SET LOCAL lock_timeout = '50ms'",))
    with databases.opened("postgresql", tmp_path) as made, capture_logs() as log:
        migrations.upgrade(made(), one)
        start = threading.Thread(target=migrations.upgrade, args=(made(), two))
        with contextlib.ExitStack() as held:
            session = held.enter_context(contextlib.closing(made().connect()))
            if holder == "a backup":
                made().begin_reading(session)
                session.execute("SELECT 1 FROM made_0001")
            else:
                held.enter_context(made().engine(session))
            start.start()
            eventually(lambda: len(log) > 2)
        start.join(30)
        assert log[0]["event"] == "schema waits for another process"
        assert "made_0002" in tables(made())


def test_what_needs_no_revision_waits_for_a_backup_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that starts while a backup reads its deliveries does not end."""
    monkeypatch.setattr(postgresql, "_EACH_TRANSACTION", ("SET LOCAL lock_timeout = '50ms'",))
    migrate = gitdailies_relay.store.store.migrate
    with databases.opened("postgresql", tmp_path) as made, capture_logs() as log:
        migrate(made())
        with contextlib.closing(made().connect()) as session:
            session.execute("DROP TABLE source_fields")
            session.execute("ALTER TABLE deliveries DROP COLUMN pack")
            made().begin_reading(session)
            session.execute("SELECT 1 FROM deliveries")
            start = threading.Thread(target=migrate, args=(made(),))
            start.start()
            eventually(lambda: len(log) > 2)
        start.join(30)
        assert "source_fields" in tables(made())


def test_the_release_of_a_store_is_the_one_that_wrote_its_schema(
    made: Callable[[], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each upgrade notes the release that runs it; a store from before this was noted has none."""
    two = versions(tmp_path / "two", "SELECT 1", "SELECT 1")
    migrations.upgrade(made(), versions(tmp_path / "one", "SELECT 1"))
    with contextlib.closing(made().connect()) as session:
        session.execute("ALTER TABLE alembic_version DROP COLUMN release")
        assert migrations.schema_of(session).release == ""
    monkeypatch.setattr(migrations, "release", lambda: "9.8.7")
    migrations.upgrade(made(), two)
    with contextlib.closing(made().connect()) as session:
        assert migrations.schema_of(session) == ("0002", "9.8.7", "0002")
    monkeypatch.undo()
    with pytest.raises(
        ConfigurationError, match=r"got 0002; release 9\.8\.7 of gitdailies-integrations wrote it"
    ):
        migrations.upgrade(made(), tmp_path / "one")


@pytest.mark.parametrize("name", STORES)
def test_the_store_of_another_server_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    """Whichever revision either has, the message says what it is, and nothing of the other's is made."""
    prepare = {
        "relay": gitdailies_relay.store.store.migrate,
        "the DORA server": gitdailies_dora.sql.database.migrate,
    }
    database = SqliteDatabase(tmp_path / "x.db")
    prepare.pop(name)(database)
    before = tables(database)
    (other,) = prepare.values()
    with pytest.raises(ConfigurationError, match=r"x\.db: this store belongs to another kind of server"):
        other(database)

    assert tables(database) == before


def test_a_step_that_fails_leaves_the_one_before(made: Callable[[], Database], tmp_path: Path) -> None:
    """A revision that breaks in the middle is undone whole; the next start goes on from the one before."""
    broken = versions(tmp_path / "broken", "SELECT 1", "SELECT missing FROM made_0002", "SELECT 1")
    with pytest.raises(StoreUnavailable, match=r": cannot bring its schema up to date: .*missing"):
        migrations.upgrade(made(), broken)
    assert tables(made()) == {"alembic_version", "made_0001"}
    mended = versions(tmp_path / "mended", "SELECT 1", "SELECT 1", "SELECT 1")
    migrations.upgrade(made(), mended)
    assert tables(made()) == {"alembic_version", "made_0001", "made_0002", "made_0003"}


def test_processes_that_start_at_once_make_one_schema(made: Callable[[], Database], tmp_path: Path) -> None:
    """Of several that find an empty database, one makes the schema, and the others find it."""
    counted = "SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000"
    slow = f"WITH RECURSIVE n(i) AS ({counted}) SELECT sum(i) FROM n"
    steps = versions(tmp_path / "steps", slow, "SELECT 1")
    faults: list[BaseException] = []
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        try:
            migrations.upgrade(made(), steps)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (faults, tables(made())) == ([], {"alembic_version", "made_0001", "made_0002"})
