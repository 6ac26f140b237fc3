"""Stores as a release left them: filled by its own servers, kept as JSON, and made again in either database.

    python -m tests.support.released_stores 0.1.0                 of the version that is installed
    python -m tests.support.released_stores 534af8b PATH          of another checkout at PATH

It writes `tests/contract/stores/released/NAME.json`, which `tests/contract/stores/test_released_stores.py`
finds by itself. Run it once for each release, and never change a file that it wrote.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests
from gitdailies_relay.store.source_fields import add_missing
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session

from tests.support.figures.asking import worked
from tests.support.processes import eventually, run, running
from tests.support.relay.deliveries import ENDED_AT, SECRETS, Delivery, pagerduty, squadcast

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/contract/stores/released"
CONFIGURATION = Path(__file__).with_suffix(".yml").read_text()


def deliveries() -> list[Delivery]:
    """What the relay took while it could deliver: incidents that ended, one that is open, others."""
    return [
        pagerduty("incident.triggered", "DONE", event="01DONE1"),
        pagerduty("incident.resolved", "DONE", event="01DONE2", at=ENDED_AT),
        pagerduty("incident.triggered", "OPEN", event="01OPEN1", service="ledger"),
        pagerduty("incident.triggered", "UNMAPPED", event="01UNMAPPED1", service="nobody-knows"),
        pagerduty("incident.acknowledged", "OPEN", event="01OPEN2", service="ledger"),
        squadcast("v2.incident.triggered", "SQ1"),
        squadcast("v2.incident.resolved", "SQ1"),
    ]


def waiting() -> list[Delivery]:
    """What it took while the receiver was down."""
    return [pagerduty("incident.triggered", "WAITS", event="01WAITS1")]


def fill(folder: Path, path: Mapping[str, str]) -> dict[str, Any]:
    """Run both servers with the environment *path* and fill their stores; return what a test needs."""
    for name, text in SECRETS.items():
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    store = ("--store", "sqlite:dora.db")
    with running("dora", "--listen", "127.0.0.1:0", *store, folder=folder, environ=path) as receiver:
        made = run(
            "keys", "create", "all", "--allow", "send", "--allow", "read", "--quiet", *store,
            folder=folder, environ=path,
        )  # fmt: skip
        key = made.stdout.strip()
        (folder / "webhook-key").write_text(key + "\n")
        (folder / "webhook-key").chmod(0o600)
        (folder / "gitdailies.yml").write_text(CONFIGURATION.replace("URL", f"{receiver.address}/webhooks"))
        headers = {"webhook-key": key}
        answer = requests.post(f"{receiver.address}/webhooks", headers=headers, json=worked(), timeout=60)
        assert answer.status_code == 202, answer.text
        session = requests.Session()
        session.headers.update(headers)
        with running("relay", folder=folder, environ=path) as relay:
            given = [*deliveries(), *waiting()]
            for one in given[:-1]:
                assert one.post(relay.address).status_code in (200, 202)
            count = len(worked()) + 6
            url = f"{receiver.address}/api/events?limit=1000"
            eventually(lambda: len(session.get(url, timeout=60).json()["events"]) == count)
            # So that the store holds derived rows.
            session.get(f"{receiver.address}/api/metrics", timeout=60).raise_for_status()
            receiver.terminate()
            assert given[-1].post(relay.address).status_code == 202
    return {"key": key, "deliveries": [[one.source, one.body.decode(), one.headers] for one in given]}


def sent(released: Mapping[str, Any]) -> list[Delivery]:
    """Return the deliveries again, byte for byte."""
    return [Delivery(source, body.encode(), headers) for source, body, headers in released["deliveries"]]


def dump(file: Path) -> dict[str, Any]:
    """Return every row of a store, with the revision of its schema."""
    with closing(sqlite3.connect(file)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                " ORDER BY name"
            )
        ]
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = {}
        for name in names:
            cursor = connection.execute(f"SELECT * FROM {name}")
            rows = [[_written(cell) for cell in row] for row in cursor.fetchall()]
            if rows and name != "alembic_version":
                tables[name] = {"columns": [column[0] for column in cursor.description], "rows": rows}
    return {"revision": revision, "tables": tables}


def load(database: Database, folder: Path, stored: Mapping[str, Any], scratch: Path) -> None:
    """Make a store of an earlier revision, with the rows of *stored*; *folder* has the migrations."""
    (scratch / "versions").mkdir(parents=True)
    for script in (folder / "versions").glob("*.py"):
        if script.name[:4] <= stored["revision"]:
            shutil.copy(script, scratch / "versions")
    migrations.upgrade(database, scratch)
    tables = stored["tables"]
    if "pack" in tables.get("deliveries", {"columns": ()})["columns"]:
        add_missing(database)
    with closing(database.connect()) as session:
        database.begin(session)
        # Events refer to keys.
        for name in sorted(tables, key=lambda name: (name not in ("keys", "people"), name)):
            columns, rows = tables[name]["columns"], tables[name]["rows"]
            make_table(database, session, name, columns, rows)
            session.execute(f"DELETE FROM {name}")  # a row that a revision put in
            session.executemany(
                f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})",
                [[_read(cell) for cell in row] for row in rows],
            )
            if not database.is_local and columns[0] in ("seq", "id") and isinstance(rows[0][0], int):
                sequence = f"pg_get_serial_sequence('{name}', '{columns[0]}')"
                session.execute(f"SELECT setval({sequence}, max({columns[0]})) FROM {name}")
        database.commit(session)


def make_table(
    database: Database, session: Session, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Make a table of derived rows as an earlier revision had it, which today's revisions only drop."""
    if database.has_table(session, name):
        return
    types: list[str] = []
    for cells in zip(*rows, strict=True):
        whole = any(isinstance(_read(cell), int) for cell in cells)
        binary = any(isinstance(_read(cell), bytes) for cell in cells)
        types.append("BIGINT" if whole else "BYTEA" if binary else "TEXT")
    made = (f"{column} {type_}" for column, type_ in zip(columns, types, strict=True))
    session.execute(f"CREATE TABLE {name} ({', '.join(made)})")


def rows(stored: Mapping[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of *stored* as objects."""
    found = stored["tables"].get(table, {"columns": [], "rows": []})
    for row in found["rows"]:
        yield dict(zip(found["columns"], map(_read, row), strict=True))


def _written(cell: Any) -> Any:
    return {"hex": cell.hex()} if isinstance(cell, bytes) else cell


def _read(cell: Any) -> Any:
    return bytes.fromhex(cell["hex"]) if isinstance(cell, dict) else cell


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main(name: str, checkout: str = "") -> None:
    rooms = sorted({path.parent.parent for path in Path(checkout).glob("*/gitdailies_*/__init__.py")})
    path = {"PYTHONPATH": os.pathsep.join(map(str, rooms))} if checkout else {}
    with _folder() as folder:
        known = fill(folder, path)
        found = {**known, "relay": dump(folder / "relay.db"), "dora": dump(folder / "dora.db")}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
