"""The file gives back the space that retention frees: it is as large as the rows stored now need."""

import sqlite3
from pathlib import Path

import pytest
from gitdailies_relay.store import retention
from gitdailies_relay.store.retention import SPARE_BYTES, STEP_BYTES, bytes_to_give_back
from gitdailies_server.storage.database import Size, transaction
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure, in_thread

MIB = 2**20


@pytest.mark.parametrize(
    ("size", "step"),
    [
        (Size(8 * MIB, 0), 0),
        (Size(8 * MIB, SPARE_BYTES), 0),
        (Size(8 * MIB, SPARE_BYTES + 8192), 8192),
        (Size(50 * MIB, 20 * MIB), STEP_BYTES),
        (Size(500 * MIB, 50 * MIB), 0),
        (Size(500 * MIB, 51 * MIB), STEP_BYTES),
    ],
)
def test_a_tenth_or_four_mebibytes_stay_free(size: Size, step: int) -> None:
    """Space is given back in steps of a mebibyte, and what is likely to be needed again is not."""
    assert bytes_to_give_back(size) == step


def grow(file: Path, mebibytes: int) -> None:
    """Make the file larger by bodies older than the retention time."""
    with transaction(SqliteDatabase(file)) as session:
        for number in range(mebibytes):
            row = (f"old-{number}", 1, "pagerduty", "unexpected_payload", "", "", bytes(MIB))
            session.execute(
                "INSERT INTO quarantine (delivery, received_at, source, code, reason, content_type, body)"
                " VALUES (?,?,?,?,?,?,?)",
                row,
            )


def test_the_file_shrinks_while_deliveries_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 26 MiB went the file is back under 8, and every delivery in between was stored."""
    monkeypatch.setattr(retention, "_PRUNE_SECONDS", 0.2)
    configuration = configure(tmp_path)
    grow(tmp_path / "relay.db", 26)
    assert (tmp_path / "relay.db").stat().st_size > 26 * MIB
    with in_thread(configuration) as relay:
        posted: list[int] = []

        def small() -> bool:
            posted.append(pagerduty("incident.triggered", f"Q{len(posted)}").post(relay.url).status_code)
            return bool(relay.status()["bytes"] < 8 * MIB)

        eventually(small)
        assert set(posted) == {202}
        # What was given back leaves the file itself with the next checkpoint.
        with sqlite3.connect(relay.store) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        assert relay.store.stat().st_size < 8 * MIB
    with sqlite3.connect(relay.store) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
