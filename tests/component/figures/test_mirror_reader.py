"""A server and its mirrors: missing commits, late fetches, deleted events, and log lines."""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors import worker
from gitdailies_dora.mirrors.worker import MirrorWorker

from tests.component.figures.test_git import answered, why
from tests.support.dora.running import in_thread
from tests.support.figures.git.events import ANSWERS, HOUR, REPO, deploys
from tests.support.figures.git.repository import Repository
from tests.support.loops import in_loop
from tests.support.processes import eventually


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(worker, "LONGEST_SECONDS", 0.1)


@pytest.fixture
def mirror(repository: Repository, tmp_path: Path) -> Path:
    """A mirror with the history up to c2, the commit of the first deploy."""
    path = tmp_path / "mirror.git"
    repository.git("clone", "--quiet", "--bare", "--single-branch", ".", str(path))
    repository.git(f"--git-dir={path}", "update-ref", "refs/heads/main", repository.shas["c2"])
    repository.git(f"--git-dir={path}", "reflog", "expire", "--expire=all", "--all")
    repository.git(f"--git-dir={path}", "gc", "--quiet", "--prune=now")
    return path


def fetch(repository: Repository, mirror: Path, *names: str) -> None:
    for name in names:
        at = ("fetch", "--quiet", str(repository.path), f"{repository.shas[name]}:refs/kept/{name}")
        repository.git(f"--git-dir={mirror}", *at)


def until(expected: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask until a verdict is the expected word, a minute at most."""
    return eventually(lambda: verdict if (verdict := ask())["word"] == expected else {})


@pytest.mark.usefixtures("quick")
def test_a_mirror_that_catches_up_resolves_unknown_deploys(
    repository: Repository, mirror: Path, tmp_path: Path
) -> None:
    """Deploys of commits that are not fetched yet are unknown, with the reason, until they are fetched."""
    with in_thread(tmp_path / "w.db", mirrors={REPO: mirror}) as receiver:
        key = receiver.key("all", "deployed", "read")
        for event in deploys(repository.shas):
            assert receiver.post(key, event).status_code == 202
        missing = until("not-in-mirror", lambda: why(receiver, key, "d02"))
        assert (missing["counts"], missing["reason"]) == (
            False,
            "unknown, since the mirror of its repository lacks its commit: not fetched yet, or never pushed",
        )
        # All but the branch of e3. By its time, c5 is older than that deploy, and may have come with it.
        fetch(repository, mirror, "c6")
        numbers = ANSWERS["production"][1]
        assert answered(receiver, key, {}, numbers) == pytest.approx(numbers)
        assert why(receiver, key, "e3", environment="staging")["word"] == "not-in-mirror"
        assert why(receiver, key, "e4", environment="staging")["word"] == "earlier-not-in-mirror"
        fetch(repository, mirror, "w2")
        for question, numbers in ANSWERS.values():
            assert answered(receiver, key, question, numbers) == pytest.approx(numbers)


@pytest.mark.usefixtures("quick")
def test_a_missing_mirror_is_logged_once(repository: Repository, mirror: Path, tmp_path: Path) -> None:
    """A server starts without its mirror, names it in the log and in the verdict, and reads it later."""
    later = tmp_path / "later.git"
    with in_thread(tmp_path / "w.db", mirrors={REPO: later}) as receiver:
        key = receiver.key("all", "deployed", "read")
        assert receiver.post(key, deploys(repository.shas)).status_code == 202
        until("mirror-unreadable", lambda: why(receiver, key, "d02"))
        time.sleep(0.5)  # several looks
        fetch(repository, mirror, "c6", "w2")
        shutil.move(mirror, later)
        numbers = ANSWERS["production"][1]
        assert answered(receiver, key, {}, numbers) == pytest.approx(numbers)
    (unreadable,) = receiver.logged("mirror cannot be read")
    assert len(receiver.logged("mirror can be read again")) == 1
    assert f"{later}: expected a git repository that this user can read" in unreadable["reason"]


def test_an_unreadable_mirror_is_logged_before_a_deploy_needs_it(tmp_path: Path) -> None:
    """A worker that starts names an unreadable mirror in the log, with nothing in its store yet."""
    with in_thread(tmp_path / "w.db", mirrors={REPO: tmp_path / "none.git"}) as receiver:
        (logged,) = eventually(lambda: receiver.logged("mirror cannot be read"))
    assert logged["repo"] == REPO
    assert f"{tmp_path}/none.git: expected a git repository that this user can read" in logged["reason"]


def test_deleted_events_leave_no_trace(repository: Repository, tmp_path: Path) -> None:
    """After deletions, lead times are those of the remaining events, and unneeded facts are deleted."""
    events = deploys(repository.shas)
    spare = [
        {**events[0], "id": f"x{n}", "commitSHA": repository.shas[name], "time": f"2026-03-{at}:00Z"}
        for n, (name, at) in enumerate((("p2", "02T20:00"), ("c1", "04T11:00"), ("c4", "04T15:30")))
    ]
    every = [*events, *spare]
    random.Random(7).shuffle(every)
    with in_thread(tmp_path / "w.db", mirrors={REPO: repository.path}) as receiver:
        key = receiver.key("all", "deployed", "read", "delete")
        assert receiver.post(key, every).status_code == 202
        # x0 brings p1 and p2, 9 and 8 hours old, before d02 does. x1 removes q1, which is not new with d05.
        # x2 brings c4 before d07 does; its time is still after the deploy.
        with_spare = (3.5 * HOUR, 27.7 * HOUR, 10, 1, 1)
        assert answered(receiver, key, {}, with_spare) == pytest.approx(with_spare)
        assert why(receiver, key, "d02")["reason"] == "1 new commit with a lead time"
        for event in spare:
            assert receiver.delete(key, event["id"]).status_code == 200
        for question, numbers in ANSWERS.values():
            assert answered(receiver, key, question, numbers) == pytest.approx(numbers)
        assert why(receiver, key, "d02")["reason"] == "3 new commits with a lead time"
    with closing(sqlite3.connect(tmp_path / "w.db")) as store:
        counts = [store.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    assert counts == [10, 13, 14]


TABLES = ("git_commits", "git_pairs", "git_deploys")


def test_lookups_grow_rarer_until_other_commits_are_missing() -> None:
    """A mirror is read after 5 seconds, then twice as late each time, up to 5 minutes; others start again."""
    mirrors = MirrorWorker(None, {}, FigureSettings(), None, None)

    class Lookup:
        fault = ""

        def __init__(self, *missing: str) -> None:
            self.missing = frozenset(missing)

    def pauses(lookup: Any, times: int) -> Iterator[float]:
        for _ in range(times):
            yield mirrors._pause("a/b", lookup)

    assert [*pauses(Lookup("1"), 8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert [*pauses(Lookup("1", "2"), 2)] == [5, 10]
    assert [*pauses(Lookup(), 1)] == [600]
    assert [*pauses(Lookup("1"), 1)] == [5]


@in_loop
async def test_a_worker_that_is_woken_as_it_is_stopped_ends() -> None:
    """An event may arrive in the moment of a reload, which waits for the end of the worker."""
    mirrors = MirrorWorker(Mock(), {REPO: Path("none.git")}, FigureSettings(), Mock(), Mock())
    mirrors.start()
    await asyncio.sleep(0.1)
    mirrors.changed(*mirrors._due)
    assert (await asyncio.wait([asyncio.create_task(mirrors.stop())], timeout=5))[0]
