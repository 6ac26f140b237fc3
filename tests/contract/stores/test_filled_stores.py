"""Stores that an earlier version filled with figures: upgraded, they count as a new store of their events.

`earlier/0012.json` holds the statements by which the last version of that revision had filled its store,
with their values: the worked history with its last events not derived yet, and the week of the mirror with
what git said of it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_dora.sql.database import MIGRATIONS, migrate, transaction
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database

from tests.component.figures.test_git import PERIOD, lead_times
from tests.component.figures.test_reload import BERLIN, figures, settled, until
from tests.contract.stores.test_migrations import shape
from tests.support import released_stores
from tests.support.databases import KINDS
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.figures.git.events import ANSWERS, REPO
from tests.support.figures.git.repository import week

EARLIER = Path(__file__).parent / "earlier"
REVISIONS = [path.stem for path in sorted(EARLIER.glob("*.json"))]
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\)")
LATER = {
    "kind": "deployed",
    "id": "later",
    "repo": "larkspur/shop",
    "environment": "production",
    "commitSHA": "9d4c1b7a20e6",
    "time": "2026-04-05T10:00:00Z",
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def statements(revision: str) -> Iterator[tuple[str, list[list[Any]]]]:
    for statement, rows in json.loads((EARLIER / f"{revision}.json").read_text("utf-8")).items():
        yield statement, [[_value(one) for one in row] for row in rows]


def _value(cell: Any) -> Any:
    return bytes.fromhex(cell["hex"]) if isinstance(cell, dict) else cell


def filled(database: Database, revision: str, folder: Path) -> list[dict[str, Any]]:
    """Make a store as *revision* left it; return its events in the order of arrival."""
    (folder / "versions").mkdir(parents=True)
    for script in (MIGRATIONS / "versions").glob("*.py"):
        if script.name[:4] <= revision:
            shutil.copy(script, folder / "versions")
    migrations.upgrade(database, folder)
    with closing(database.connect()) as session:
        database.begin(session)
        for statement, rows in statements(revision):
            if inserted := _INSERT.match(statement):
                columns = inserted[2].split(", ")
                released_stores.make_table(database, session, inserted[1], columns, rows)
            session.executemany(statement, rows)
        bodies = session.execute("SELECT body FROM events ORDER BY seq").fetchall()
        database.commit(session)
    return [json.loads(body) for (body,) in bodies]


def all_answers(receiver: Receiver, key: str) -> list[dict[str, Any]]:
    """Return the answers to all questions of the worked history and of the week, without their `asOf`."""
    week_ = [
        receiver.get(key, "/api/metrics", **PERIOD, **asked, repo=REPO).json()
        for asked, _ in ANSWERS.values()
    ]
    return [{**one, "asOf": ""} for one in [*figures(receiver, key), *week_]]


def commits(database: Database) -> list[Any]:
    with transaction(database) as session:
        return sorted(session.execute("SELECT * FROM figures_commits").fetchall())


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgraded_store_has_the_tables_of_a_new_one(
    revision: str, database: Callable[[], Database], tmp_path: Path
) -> None:
    """Whatever tables of derived rows a revision had, none of them is left, nor a column of them."""
    filled(database(), revision, tmp_path / "earlier")
    for store in (database(), new_store(tmp_path)):
        migrate(store)
    assert shape(database()) == shape(new_store(tmp_path))


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgraded_store_counts_as_a_new_one(
    revision: str, database: Callable[[], Database], tmp_path: Path
) -> None:
    """Rows and figures after the upgrade, and after one more event, are those of a new store of the events.

    What git said survives: the upgraded store's mirror is gone.
    """
    mirror = week(tmp_path / "work").path
    events = filled(database(), revision, tmp_path / "earlier")
    with (
        in_thread(database(), settings=BERLIN, mirrors={REPO: tmp_path / "gone.git"}) as upgraded,
        in_thread(tmp_path / "new.db", settings=BERLIN, mirrors={REPO: mirror}) as new,
    ):
        keys = [one.key("all", "send", "read") for one in (upgraded, new)]
        assert new.post(keys[1], events).status_code == 202
        for more in ([], [LATER]):
            for one, key in zip((upgraded, new), keys, strict=True):
                assert not more or one.post(key, more).status_code == 202
            # The mirror of the new store is read a moment later.
            until(lambda: settled(database(), BERLIN) == settled(new_store(tmp_path), BERLIN))
            assert commits(database()) == commits(new_store(tmp_path))
            found = all_answers(upgraded, keys[0])
            assert found == all_answers(new, keys[1])
            weeks = [lead_times(one) for one in found[-len(ANSWERS) :]]
            # These stores name web as a service of production. So it is the service of every deploy there.
            assert weeks[-1] == pytest.approx(ANSWERS["staging"][1])


def test_what_git_said_moves_to_its_new_table(database: Callable[[], Database], tmp_path: Path) -> None:
    """Revision 0018 renames `git_told` to `git_deploys` without the loss of a row."""
    filled(database(), "0012", tmp_path / "earlier")
    (before,) = (rows for statement, rows in statements("0012") if " git_told " in statement)
    with transaction(database()) as session:
        after = session.execute("SELECT id, repo, at, unknown, commits FROM git_deploys").fetchall()
    assert len(before) == 13
    assert sorted(map(list, after)) == sorted(before)


def new_store(folder: Path) -> Database:
    return at(f"sqlite:{folder}/new.db")


def test_every_revision_has_its_filled_store() -> None:
    """Each revision before the last is upgraded from a store that it filled."""
    assert migrations.revisions(MIGRATIONS)[:-1] == REVISIONS
