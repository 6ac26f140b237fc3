"""`gitdailies erase`, `backup` and `restore` in a terminal: stores, questions and lines that they print."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from gitdailies_server.storage import migrations
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.databases import KINDS, setting
from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread
from tests.support.processes import run
from tests.support.relay.running import configure

TITLE = "says kim@larkspur.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the store of the DORA server in its default place, and two events."""
    file = tmp_path / "gitdailies-data/dora.db"
    with in_thread(file) as receiver:
        events = [body("deploy", id="d-1"), body("incident-started", id="i-1", title=TITLE)]
        assert receiver.post(receiver.key("ci"), events).status_code == 202
    return tmp_path


def ids(folder: Path, name: str = "gitdailies-data/dora.db") -> list[str]:
    with closing(sqlite3.connect(folder / name)) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM events ORDER BY id")]


def test_nothing_is_erased_without_an_answer(folder: Path) -> None:
    """Without --yes and without anyone to answer, the command says what there is, and ends with code 2."""
    done = run("erase", "--event", "d-1", folder=folder, expected=2)
    assert "to erase: 1 event" in done.stdout
    assert "add --yes" in done.stderr
    assert ids(folder) == ["d-1", "i-1"]


def test_an_event_is_erased(folder: Path) -> None:
    """With --yes it is erased, the output counts by kind, and a second run knows no such event."""
    done = run("erase", "--event", "d-1", "--yes", folder=folder)
    assert done.stdout.endswith("dora.db (the DORA server): erased 1 event\n")
    assert ids(folder) == ["i-1"]
    again = run("erase", "--event", "d-1", "--yes", folder=folder, expected=2)
    assert again.stderr.endswith(" (the DORA server) has the id d-1; nothing was erased\n")


def test_the_store_of_an_earlier_version_is_used(folder: Path) -> None:
    """Where an earlier version made webhooks.db, that is the store, and no new one is made."""
    data = folder / "gitdailies-data"
    for file in data.glob("dora.db*"):
        file.rename(data / file.name.replace("dora", "webhooks"))

    # The default is found when a process starts.
    command = [sys.executable, "-m", "gitdailies_cli", "erase", "--event", "d-1", "--yes"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)

    assert done.stdout.endswith("webhooks.db (the DORA server): erased 1 event\n")
    assert [ids(folder, "gitdailies-data/webhooks.db"), list(data.glob("dora.db*"))] == [["i-1"], []]


def test_the_text_is_read_from_standard_input_and_never_printed(folder: Path) -> None:
    """`--person -` keeps the text out of the list of processes; no output repeats it."""
    done = run("erase", "--person", "-", "--yes", "--json", folder=folder, given="kim@larkspur.example\n")
    assert "kim" not in done.stdout + done.stderr
    (store,) = json.loads(done.stdout)["stores"]
    assert store["counts"] == {"event": 1}
    files = [folder / "gitdailies-data" / name for name in ("dora.db", "dora.db-wal")]
    assert [file.name for file in files if file.exists() and b"kim@" in file.read_bytes()] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to erase by one of --event, --repo, --before and --person"),
        (("--event", "x", "--before", "2026-01-01"), "by one of --event"),
        (("--before", "2999-01-01"), "--before: expected a time in the past"),
        (("--before", "soon"), "--before: expected a time like"),
        (("--repo", " "), "--repo: expected a name like"),
        (("--event", "x", "--inside-words"), "--inside-words: use it with --person"),
        (("--person", "ab"), "--person: expected at least 3 characters"),
        (("--event", "x", "--store", "sqlite:none.db"), "is not a store of a relay or of the DORA server"),
    ],
)
def test_wrong_usage_names_the_remedy(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """Each wrong choice ends with code 2 and says what is expected."""
    assert message in run("erase", *arguments, folder=folder, expected=2).stderr


def test_a_repository_is_erased(folder: Path) -> None:
    """All its events go, given by the name in any case, and those of others stay."""
    with in_thread(folder / "gitdailies-data/dora.db") as receiver:
        receiver.post(receiver.key("more"), body("deploy", id="other", repo="larkspur/other"))
    done = run("erase", "--repo", "Larkspur/Other", "--yes", folder=folder)
    assert "erased 1 event" in done.stdout
    assert ids(folder) == ["d-1", "i-1"]


def test_a_dry_run_shows_places_with_the_mark(folder: Path) -> None:
    """A person sees what will be left of a text before they erase it, and other words than they meant."""
    shown = run("erase", "--person", "kim", "--dry-run", folder=folder).stdout
    assert re.search(r"^  events\.body: .*says \[erased\]@larkspur\.example", shown, re.MULTILINE)
    run("erase", "--person", "lark", "--dry-run", folder=folder)
    assert "to erase: nothing" in run("erase", "--person", "larks", "--dry-run", folder=folder).stdout
    inside = run("erase", "--person", "larks", "--inside-words", "--dry-run", folder=folder).stdout
    assert "kim@[erased]pur.example" in inside


def test_both_stores_are_found(folder: Path) -> None:
    """With a gitdailies.yml, the relay's store is erased from as well; a backup has to name one."""
    from gitdailies_relay.store.store import migrate

    configure(folder)
    migrate(SqliteDatabase(folder / "relay.db"))
    printed = run("erase", "--before", "2030-01-01T00:00:00Z", "--dry-run", folder=folder, expected=2).stderr
    assert "in the past" in printed
    printed = run("erase", "--person", "kim@larkspur.example", "--dry-run", folder=folder).stdout
    assert ["(the DORA server)" in printed, "(relay): to erase: nothing" in printed] == [True, True]
    assert "--store: name one of" in run("backup", "copy.db", folder=folder, expected=2).stderr


def test_a_backup_is_private_whole_and_restored_by_its_kind(folder: Path) -> None:
    """A copy is readable by its owner alone. It is restored after a question; the earlier store is kept."""
    run("backup", "copy.db", folder=folder)
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
    assert "this file exists" in run("backup", "copy.db", folder=folder, expected=2).stderr
    run("erase", "--event", "d-1", "--yes", folder=folder)

    assert "add --yes" in run("restore", "copy.db", folder=folder, expected=2).stderr
    assert ids(folder) == ["i-1"]
    printed = run("restore", "copy.db", "--yes", folder=folder).stdout
    assert "(the DORA server): restored, 2 events" in printed
    assert ids(folder) == ["d-1", "i-1"]
    assert ids(folder, "gitdailies-data/dora.db.before-restore") == ["i-1"]


def test_a_restore_waits_for_no_server_and_takes_no_other_file(folder: Path) -> None:
    """A running server, a damaged file and a newer store are refused, and nothing changes."""
    run("backup", "copy.db", folder=folder)
    file = folder / "gitdailies-data/dora.db"
    with in_thread(file):
        assert (
            "another server uses this file"
            in run("restore", "copy.db", "--yes", folder=folder, expected=2).stderr
        )
    (folder / "damaged.db").write_bytes((folder / "copy.db").read_bytes()[:5000])
    assert "damaged.db: " in run("restore", "damaged.db", "--yes", folder=folder, expected=2).stderr
    with closing(sqlite3.connect(folder / "copy.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9999'")
        connection.execute("UPDATE alembic_version SET release = '9.9.9'")
        connection.commit()
    refused = run("restore", "copy.db", "--yes", folder=folder, expected=2).stderr
    assert "got 9999; release 9.9.9 of gitdailies-integrations wrote it" in refused
    assert migrations.release() in refused
    assert ids(folder) == ["d-1", "i-1"]


def test_postgresql_is_named_with_the_line_to_run(folder: Path) -> None:
    """For a PostgreSQL database the command prints the line of pg_restore, without a password."""
    run("backup", "copy.db", folder=folder)
    store = "postgresql://kim:secret@db.example/dora"
    done = run("restore", "copy.db", "--yes", "--store", store, folder=folder, expected=2)
    assert "pg_restore --dbname=postgresql://kim@db.example/dora" in done.stderr
    assert "\ngitdailies restore --restored --store=postgresql://kim@db.example/dora" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    for given in ("postgresql://kim:p[x@db.example/dora", "postgresql://db.example/dora?user=kim&password=p"):
        done = run("restore", "copy.db", "--yes", "--store", given, folder=folder, expected=2)
        assert "pg_restore --dbname=postgresql://kim@db.example/dora " in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_is_brought_up_to_date_before_its_server_starts(kind: str, tmp_path: Path) -> None:
    """It says what it did for each server; a file that is not there yet is left to the server."""
    with setting(kind, tables=None) as place:
        configure(tmp_path, store=place)
        given = ("--store", place) if kind == "postgresql" else ("--config", "gitdailies.yml")
        first = run("migrate", *given, folder=tmp_path).stdout.splitlines()
        again = run("migrate", *given, "--only", "relay", folder=tmp_path).stdout
    about = dict(line.partition(" (")[2].split(": ", 1) for line in first)
    if kind == "postgresql":
        made = "its schema was missing, and is now {}"
        assert about == {"relay)": made.format("0007"), "the DORA server)": made.format("0018")}
    else:  # the file of the relay is made with its tables
        assert about["the DORA server)"] == "no store yet; its server creates it"
    assert again.endswith("(relay): its schema is up to date, 0007\n")
