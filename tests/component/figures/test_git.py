"""Lead times from a real repository, against `git log` by hand (`git/derivation.md`) and by git itself."""

import json
import random
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_dora.figures.history import ancestry
from gitdailies_dora.figures.history.events import GitCommits, read_history
from gitdailies_dora.figures.history.facts import DeployFacts, derive
from gitdailies_dora.figures.history.repeats import classify
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors.lookup import MirrorLookup
from gitdailies_dora.mirrors.repository import Mirror
from gitdailies_dora.mirrors.rows import RepositoryState
from gitdailies_server.storage.timestamps import to_us

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.figures.asking import deploy
from tests.support.figures.git.events import ANSWERS, BROUGHT, DEPLOYS, HOUR, PERIOD, REPO, WEB_ALONE, deploys
from tests.support.figures.git.repository import Repository
from tests.support.machine import command
from tests.support.processes import eventually

NOW = to_us(datetime.fromisoformat("2026-03-06T00:00:00Z"))
SETTINGS = FigureSettings()


def commits(path: Path, events: list[dict[str, Any]]) -> dict[str, GitCommits]:
    """Ask a repository about events until everything is decided."""
    history = read_history(events, SETTINGS, now=NOW)
    places = ancestry.deploys_to_ask_about(classify(history.deploys, SETTINGS).counting)
    lookup = MirrorLookup(Mirror(path), RepositoryState(REPO, places, {}, {}, {}), {})
    while not (found := lookup.next_facts()).done:
        pass
    assert lookup.fault == ""
    return found.decided.commits


def facts(path: Path, events: list[dict[str, Any]]) -> dict[str, DeployFacts]:
    history = read_history(events, SETTINGS, now=NOW, git_commits=commits(path, events))
    return {found.deploy.id: found for found in derive(history, SETTINGS).deploys}


def hours(found: DeployFacts, shas: Mapping[str, str]) -> Mapping[str, float | None] | str:
    names = {sha: name for name, sha in shas.items()}
    if found.new.unknown:
        return found.new.unknown
    return {
        names[commit.sha]: None if commit.lead_time is None else commit.lead_time / 1e6 / HOUR
        for commit in found.new.commits
    }


def test_each_deploy_brought_what_the_derivation_says(repository: Repository) -> None:
    """Commits and hours of every deploy are those of the table, worked by hand from `git log`."""
    found = facts(repository.path, deploys(repository.shas))
    assert {id_: hours(one, repository.shas) for id_, one in found.items()} == BROUGHT


def test_git_log_lists_the_same(repository: Repository) -> None:
    """`git log` of a deploy's commit, without those of all deploys before it, lists what it brought."""
    by_git = {name for name, _, _, fields in DEPLOYS if "commits" not in fields}
    found = facts(repository.path, deploys(repository.shas))
    for id_, sha, moment, fields in DEPLOYS:
        place = (fields.get("environment"), fields.get("service"))
        before = [
            f"^{repository.shas[other]}"
            for _, other, earlier, more in DEPLOYS
            if (more.get("environment"), more.get("service")) == place and earlier < moment
        ]
        if id_ not in by_git or not before or id_ not in found:  # a repeat brings nothing
            continue
        lines = repository.git("log", "--no-merges", "--format=%H %cI", repository.shas[sha], *before)
        deployed = found[id_].deploy.at
        expected = {}
        for line in lines.splitlines():
            name, made = line.split()
            lead = deployed - to_us(datetime.fromisoformat(made))
            expected[name] = lead if lead >= 0 else None
        assert {c.sha: c.lead_time for c in found[id_].new.commits} == expected, id_


def test_a_commit_may_be_cut(repository: Repository) -> None:
    """A SHA of nine digits is the commit whose SHA begins with them."""
    events = [{**event, "commitSHA": event["commitSHA"][:9]} for event in deploys(repository.shas)]
    found = facts(repository.path, events)
    assert {id_: hours(one, repository.shas) for id_, one in found.items()} == BROUGHT


@pytest.mark.parametrize("kind", PAGE_KINDS)
def test_a_server_reads_its_mirror(kind: str, address: str, repository: Repository, tmp_path: Path) -> None:
    """Deploys that arrive in any order have the lead times of the derivation, read from a bare mirror."""
    repository.git("clone", "--quiet", "--mirror", ".", str(tmp_path / "mirror.git"))
    events = deploys(repository.shas)
    random.Random(kind).shuffle(events)
    with in_thread(at(address), mirrors={REPO.upper(): tmp_path / "mirror.git"}) as receiver:
        key = receiver.key("all", "deployed", "read")
        for event in events:
            assert receiver.post(key, event).status_code == 202
        for question, numbers in ANSWERS.values():
            assert answered(receiver, key, question, numbers) == pytest.approx(numbers)
        verdict = why(receiver, key, "d02")
    assert verdict["reason"] == "3 new commits with a lead time"
    # The commits stay in the store until a server names no mirror for the repository.
    options = [f"--{name}={text}" for name, text in PERIOD.items()]
    ran = command("metrics", "--store", address, "--json", *options, cwd=tmp_path)
    assert lead_times(json.loads(ran.stdout)) == pytest.approx(ANSWERS["production"][1])
    with in_thread(at(address)) as receiver:
        key, web = receiver.key("again", "read"), ANSWERS["web"][0]
        assert answered(receiver, key, web, WEB_ALONE) == pytest.approx(WEB_ALONE)


@pytest.mark.parametrize("pushed", [False, True], ids=["no list", "pushes"])
@pytest.mark.parametrize("kind", PAGE_KINDS)
def test_a_service_has_the_lead_times_of_its_paths(
    kind: str, address: str, tmp_path: Path, pushed: bool
) -> None:
    """A mirror tells whose commits they are once gitdailies.yml has the paths, and again when they change.

    So it does where pushes came before the paths.
    """
    began = 1_772_614_800  # 4 March 2026, 09:00 UTC
    lines = [
        f"commit refs/heads/main\ncommitter A <a@b.c> {began + 3600 * hour} +0000\ndata 0\n"
        f"M 100644 inline {file}\ndata 0\n"
        for hour, file in enumerate(("api/a", "api/b", "web/a", "api/c", "docs/a"))
    ]
    mirror = tmp_path / "mirror.git"
    git = ["git", f"--git-dir={mirror}"]
    subprocess.run(["git", "init", "--quiet", "--bare", mirror], check=True)
    subprocess.run([*git, "fast-import", "--quiet"], input="".join(lines).encode(), check=True)
    listed = [*git, "rev-list", "--reverse", "main"]
    shas = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()

    def told(*new: str) -> dict[str, Any]:
        """What the relay adds to a deploy, from pushes."""
        commits = [{"sha": one, "time": "2026-03-04T09:00:00Z"} for one in reversed(new)]
        return {"reporter": "relay/github", "commits": commits} if pushed else {}

    events = [
        deploy(f"{service}-{sha[:7]}", f"{time}:00:00", sha, repo=REPO, service=service, **told(*new))
        for sha, time, new in ((shas[0], "04T10", shas[:1]), (shas[-1], "04T14", shas[1:]))
        for service in ("Api", "web")
    ]
    last = f"Api-{shas[-1][:7]}"
    with in_thread(at(address), mirrors={REPO: mirror}) as receiver:
        key = receiver.key("all", "deployed", "read")
        assert receiver.post(key, events).status_code == 202
        eventually(lambda: why(receiver, key, last)["word"] == "no-paths")
        for paths, hours_of in (
            ({"api": ("api",), "web": ("web/**",)}, {"api": (4, 2), "web": (3,)}),
            ({"api": ("docs/*",), "web": ("api/**", "!api/b")}, {"api": (1,), "web": (2,)}),
        ):
            receiver.reload(DoraSettings(mirrors={REPO: mirror}, service_paths={REPO: paths}))
            for service, found in hours_of.items():
                middle = sum(found) / len(found) * HOUR
                numbers = (middle, pytest.approx(max(found) * HOUR, rel=0.1), len(found), 1, 0)
                assert answered(receiver, key, {"service": service}, numbers) == numbers
        receiver.reload(DoraSettings(mirrors={REPO: mirror}))
        eventually(lambda: why(receiver, key, last)["word"] == "no-paths")


def answered(
    receiver: Receiver, key: str, question: Mapping[str, str], numbers: tuple[Any, ...]
) -> tuple[float, ...]:
    """Ask until the answer is the expected one, for ten seconds at most; return the last answer."""
    for _ in range(100):
        got = lead_times(receiver.get(key, "/api/metrics", **PERIOD, **question).json())
        if got == pytest.approx(numbers):
            break
        time.sleep(0.1)
    return got


def lead_times(answer: Mapping[str, Any]) -> tuple[float, ...]:
    figure = answer["figures"]["changeLeadTime"]
    return tuple(figure[name] for name in ("median", "p90", "commits", "unknownDeploys", "unknownCommits"))


def why(receiver: Receiver, key: str, id_: str, **question: str) -> dict[str, Any]:
    (event,) = receiver.get(key, "/api/metrics/why", id=id_, **PERIOD, **question).json()["events"]
    return next(verdict for verdict in event["verdicts"] if verdict["figure"] == "changeLeadTime")
