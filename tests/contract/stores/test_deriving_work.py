"""The work of deriving grows with the number of deploys alone, whatever their commits look like."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gitdailies_core.events.events import Event
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.update.advance import advance
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.contract.stores.test_derived import LATE, SETTINGS, add_event
from tests.support.empty_stores import DORA
from tests.support.forms import short_and_long

# SQLite counts its own instructions in units of this many: a measure that no other process changes.
UNIT = 1000
AT_ONCE = 125

chance = random.Random(1)
SHAS: dict[str, Callable[[int], str]] = {
    "all zeros": lambda _: "0" * 40,
    "the same first digits": lambda _: f"{'0' * 7}{chance.getrandbits(132):033x}",
    "two in turn": lambda number: "ab"[number % 2] * 40,
    "some cut to seven digits": lambda number: f"{chance.getrandbits(160):040x}"[: 7 if number % 3 else 40],
}


def at_random(_: int) -> str:
    return f"{chance.getrandbits(160):040x}"


# Who reports a deploy, and which service it names.
REPORTS: dict[str, Callable[[int], tuple[str, str | None]]] = {
    "each of two services": lambda number: ("step", "ab"[number % 2]),
    "a step with a service and a webhook without": lambda number: (("step", "a"), ("relay", None))[
        number % 2
    ],
    "a service that is named once": lambda number: ("step", None if number else "a"),
    "two services, and many that name none": lambda number: (
        f"by {number % 3}",
        "ab"[number % 2] if number < 9 else None,
    ),
}


def work(
    folder: Path,
    count: int,
    sha: Callable[[int], str],
    report: Callable[[int], tuple[str, str | None]] = lambda _: ("step", None),
) -> tuple[int, int]:
    """Return the work of deriving the first and the second half of *count* deploys, in order of time."""
    path = folder / f"{count}-{chance.random()}.db"
    DORA.put(path)
    create_key(path, "ci")
    done = 0

    def step() -> int:
        nonlocal done
        done += 1
        return 0

    with closing(SqliteDatabase(path).connect()) as session:
        assert rows.reset(session, SETTINGS, 1)
        session.execute("BEGIN")
        for number, body in enumerate(deploys(count, sha)):
            reporter, service = report(number)
            given = {**body, "reporter": reporter, **({"service": service} if service else {})}
            add_event(session, given, LATE)
        session.execute("COMMIT")
        session.set_progress_handler(step, UNIT)
        halves = []
        for _ in range(2):
            before = done
            session.execute("BEGIN")
            for _ in range(count // 2 // AT_ONCE):
                assert advance(session, SETTINGS, LATE, AT_ONCE).events == AT_ONCE
            session.execute("COMMIT")
            halves.append(done - before)
    return halves[0], halves[1]


def deploys(count: int, sha: Callable[[int], str]) -> Iterator[dict[str, object]]:
    """Deploys of one repository, one every five minutes, each naming another run."""
    for number in range(count):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number)
        yield Event.from_wire(
            {
                "kind": "deployed",
                "id": f"d{number}",
                "repo": "larkspur/shop",
                "commitSHA": sha(number),
                "run": f"ci:{number}",
                "time": at.isoformat(),
                "commitTime": (at - timedelta(hours=1)).isoformat(),
            }
        ).to_wire()


@short_and_long("count", short=1000, long=20_000)
def test_work_is_linear_whatever_the_commits(tmp_path: Path, count: int) -> None:
    """The second half takes as much work as the first, and no more than twice that of random commits."""
    _, usual = work(tmp_path, count, at_random)
    for name, sha in SHAS.items():
        first, second = work(tmp_path, count, sha)
        assert second < 1.6 * first, (name, first, second)
        assert second < 2 * usual, (name, second, usual)


@pytest.mark.parametrize("name", REPORTS)
def test_work_is_linear_whoever_reports(tmp_path: Path, name: str) -> None:
    """Services that some reports name and others take make no step look at all of them."""
    for sha in (at_random, SHAS["all zeros"], lambda number: f"{number // 2 % 7:040x}"):
        first, second = work(tmp_path, 1000, sha, REPORTS[name])
        assert second < 1.6 * first, (name, first, second)


def test_the_measure_shows_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every earlier deploy of a commit read, the second half would take much more work."""
    scan = statements.SAME_OF_SHA.replace("d.counts = 1", "d.counts + 0 = 1")
    monkeypatch.setattr(statements, "SAME_OF_SHA", scan)
    first, second = work(tmp_path, 2000, SHAS["all zeros"])
    assert second > 1.6 * first
