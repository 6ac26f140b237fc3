"""`gitdailies scan` of real repositories: figures as of a server, and what it cannot know."""

import json
import os
import random
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gitdailies_cli.commands.scan import deploys as scanned
from gitdailies_cli.commands.scan.deploys import time_of
from gitdailies_cli.main import main
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import content_id
from gitdailies_dora.mirrors.repository import Mirror

from tests.support.dora.running import in_thread
from tests.support.figures.git.fast import Stream, git, seconds
from tests.support.processes import typed

REPO = "larkspur/shop"
DAY, HOUR = 86_400, 3_600
BEGAN = seconds("2026-03-01T00:00:00")
NOW = "2026-06-01T00:00:00Z"


class Scan:
    """Runs the command in this process, in a folder."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._output = output

    def text(self, *given: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["scan", *given])
        out, err = self._output.readouterr()
        assert ended.value.code == code, err
        return err if code else out

    def __call__(self, *given: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(*given, "--now", NOW, "--format", "json"))
        return found


@pytest.fixture
def scan(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Scan:
    monkeypatch.chdir(tmp_path)
    return Scan(tmp_path, capsys)


def quiet_week(path: Path, *, annotated: bool = True) -> dict[int, str]:
    """Two releases: the second has a commit of 30 h and one of 6 h before it."""
    made = Stream()
    one = made.commit(BEGAN)
    two = made.commit(BEGAN + DAY - 30 * HOUR, one)
    three = made.commit(BEGAN + DAY - 6 * HOUR, two)
    made.branch("main", three)
    made.tag("v1.0", one, BEGAN if annotated else None)
    made.tag("v1.1", three, BEGAN + DAY if annotated else None)
    return made.make(path)


def at_random(path: Path, seed: int, deploys: int = 25) -> dict[int, str]:
    """Branches and merges, reverts, hotfixes and releases from everywhere, some of them the same commit."""
    some, made = random.Random(seed), Stream()
    at, heads, every = BEGAN, [made.commit(BEGAN)], []
    every += heads
    for number in range(deploys * 4):
        at += some.randrange(HOUR, 6 * HOUR)
        head = some.randrange(len(heads))
        kind = some.random()
        if kind < 0.15:
            heads.append(made.commit(at, some.choice(every)))
        elif kind < 0.3 and len(heads) > 1:
            other = heads.pop(some.randrange(1, len(heads)))
            message = some.choice(["Merge branch 'hotfix/x' into main", "Merge branch 'topic'"])
            heads[0] = made.commit(at, heads[0], other, message=message)
        else:
            heads[head] = made.commit(at, heads[head], path=some.choice(["api/a", "web/a"]))
        every += heads
        if number % 4 == 3:
            when = some.choice([None, at + some.randrange(HOUR)])
            made.tag(f"v1.{number}", some.choice([*heads, heads[0], some.choice(every)]), when)
    made.branch("main", heads[0])
    shas = made.make(path)
    return reverting(path, shas, at, some)


def reverting(path: Path, shas: dict[int, str], at: int, some: random.Random) -> dict[int, str]:
    """Add releases that undo commits, whose SHAs are known only now."""
    made = "".join(
        f"commit refs/heads/main\ncommitter L <l@example.com> {at + place * 9 * HOUR} +0000\n"
        f"data <<END\nRevert it\n\nThis reverts commit {some.choice([*shas.values()])}.\nEND\n"
        f"{'' if place else 'from refs/heads/main^0' + chr(10)}M 644 inline r\ndata 1\n{place}\n"
        f"reset refs/tags/v2.{place}\nfrom refs/heads/main\n\n"
        for place in range(6)
    )
    git("fast-import", "--quiet", cwd=path, given=made)
    return shas


def incidents(path: Path, seed: int) -> None:
    """Write incidents: some name a cause by time alone, some are open, all are of the repository."""
    some = random.Random(seed)
    lines = []
    for number in range(12):
        began = BEGAN + some.randrange(30 * DAY)
        start = {"kind": "incidentStarted", "repo": REPO, "incidentId": f"I{number}", "time": time_of(began)}
        lines.append({**start, "environment": "production"})
        if number % 5:
            end = {**lines[-1], "kind": "incidentResolved", "time": time_of(began + some.randrange(9 * HOUR))}
            lines.append(end)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def reports(path: Path, shas: dict[int, str], seed: int) -> None:
    """Write deploys as a pipeline kept them: again, back to an old commit, cut, and to two environments."""
    some, at = random.Random(seed), BEGAN + 2 * DAY
    lines = []
    for number in range(30):
        at += some.randrange(1, 12 * HOUR)
        sha = shas[min(len(shas), max(1, number * 3 - some.choice([0, 0, 0, 6])))]
        place = {"environment": some.choice(["production", "staging"]), "time": time_of(at)}
        lines.append({"kind": "deployed", "repo": REPO, "commitSHA": some.choice([sha, sha[:12]]), **place})
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


WAYS = {
    "tags": (),
    "branch": ("--deploys=branch:main",),
    "file": ("--deploys=deploys.ndjson",),
    "glob": ("--deploys=tags:v*",),
}


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("way", WAYS)
def test_the_figures_are_those_of_a_server_that_imported_what_was_found(
    scan: Scan, way: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two lines at the end, pasted into a shell, give a server whose every number is the same."""
    reports(scan.folder / "deploys.ndjson", at_random(scan.folder / "shop.git", seed), seed)
    incidents(scan.folder / "incidents.ndjson", seed)
    asked = ("shop.git", f"--repo={REPO}", "--incidents=incidents.ndjson", *WAYS[way])
    found = scan(*asked, "--days=92")
    assert found["figures"]["deploymentFrequency"]["deploys"] > 10
    assert found["figures"]["changeLeadTime"]["commits"] > 5

    with in_thread(scan.folder / "dora.db") as server:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITDAILIES_WEBHOOK_URL": f"{server.url}/webhooks",
            "GITDAILIES_WEBHOOK_KEY": server.key("sends"),
        }
        for line in found["next"]:
            done = typed(line, scan.folder, environment)
            assert done.returncode == 0, done.stderr
        period = found["period"]
        asked_of = {"repo": REPO, "from": period["from"], "now": NOW}
        answer = server.get(server.key("reads", "read"), "/api/metrics", **asked_of).json()

    for name in ("figures", "definitions", "period", "windowSeconds"):
        assert found[name] == answer[name]


def test_a_lead_time_is_that_of_each_new_commit(scan: Scan) -> None:
    """The commits of the second release took 30 h and 6 h. The first has no release before it."""
    quiet_week(scan.folder / "shop.git")
    lead = scan("shop.git", "--days=120")["figures"]["changeLeadTime"]
    assert (lead["median"], lead["commits"], lead["unknownDeploys"]) == (18 * HOUR, 2, 1)


def test_a_lightweight_tag_invents_no_lead_time_of_nothing(scan: Scan) -> None:
    """Its time is that of its commit, which then has no lead time; the sentence says so."""
    quiet_week(scan.folder / "shop.git", annotated=False)
    found = scan("shop.git", "--days=120")
    lead = found["figures"]["changeLeadTime"]
    assert (lead["median"], lead["commits"], lead["unknownCommits"]) == (24 * HOUR, 1, 1)
    assert any(note.startswith("lightweight tags among them: 2;") for note in found["notes"])


def test_without_incidents_no_rate_is_zero(scan: Scan) -> None:
    """A rate of nothing is unknown in the table and null in JSON; with a file of incidents it is known."""
    quiet_week(scan.folder / "shop.git")
    found = scan("shop.git", "--days=120")
    assert found["figures"]["changeFailRate"]["value"] is None
    assert found["figures"]["deploymentReworkRate"]["range"] is None
    assert found["atLeast"] == ["changeFailRate", "deploymentReworkRate"]
    table = scan.text("shop.git", "--now", NOW, "--days=120")
    assert [line.split()[3] for line in table.splitlines() if "rate " in line] == ["unknown", "unknown"]
    assert "incidents: none given, so recovery time is unknown" in table
    assert "both rates are at least those shown, or unknown if none was found" in table

    (scan.folder / "none.csv").write_text("kind,repo,time,incidentId\n")
    assert scan("shop.git", "--days=120", "--incidents=none.csv")["figures"]["changeFailRate"]["value"] == 0


def test_a_revert_is_a_failure_of_what_it_undoes_and_both_rates_are_lower_bounds(scan: Scan) -> None:
    """A release whose commit undoes one of an earlier release remedies that release."""
    shas = quiet_week(scan.folder / "shop.git")
    stream = (
        f"commit refs/heads/main\ncommitter L <l@example.com> {BEGAN + 2 * DAY} +0000\ndata <<END\n"
        f"Revert\n\nThis reverts commit {shas[3]}.\nEND\nfrom refs/heads/main^0\nM 644 inline r\ndata 1\nr\n"
        "reset refs/tags/v1.2\nfrom refs/heads/main\n\n"
    )
    git("fast-import", "--quiet", cwd=scan.folder / "shop.git", given=stream)
    figures = scan("shop.git", "--days=120")["figures"]
    assert (figures["changeFailRate"]["failed"], figures["deploymentReworkRate"]["rework"]) == (1, 1)
    markdown = scan.text("shop.git", "--now", NOW, "--days=120", "--format=markdown")
    assert "| change fail rate | at least 1 of 3 failed |" in markdown
    assert "| deployment rework rate | at least 33.3 % |" in markdown


def test_a_repository_without_versions_counts_pushes_and_says_so(scan: Scan) -> None:
    """The branch that is checked out is taken. A commit made right on it has no lead time."""
    made = Stream()
    first = made.commit(BEGAN)
    side = made.commit(BEGAN + HOUR, first)
    merge = made.commit(BEGAN + 9 * HOUR, first, side, message="Merge branch 'side'")
    made.branch("main", made.commit(BEGAN + DAY, merge))
    made.tag("latest", merge)
    made.make(scan.folder / "shop.git")
    found = scan("shop.git", "--days=120")
    lead = found["figures"]["changeLeadTime"]
    assert (lead["median"], lead["commits"], lead["unknownCommits"]) == (8 * HOUR, 1, 1)
    assert found["figures"]["deploymentFrequency"]["deploys"] == 3
    assert found["notes"][0].startswith("no tag looks like a version")
    assert found["notes"][1].startswith("deploys: each push to 'main'")


def test_several_services_have_no_lead_time_until_one_is_chosen(scan: Scan) -> None:
    """Git does not know whose a commit is. One service alone counts all commits, and says so."""
    made = Stream()
    commits = [made.commit(BEGAN, path="api/a")]
    for number in range(1, 9):
        path = "api/a" if number % 2 else "web/a"
        commits.append(made.commit(BEGAN + number * DAY, commits[-1], path=path))
    for number in (1, 5):
        made.tag(f"api/v1.{number}", commits[number], BEGAN + number * DAY + HOUR)
        made.tag(f"web/v1.{number}", commits[number + 1], BEGAN + number * DAY + 30 * HOUR)
    made.branch("main", commits[-1])
    made.make(scan.folder / "shop.git")

    found = scan("shop.git", "--days=120")
    lead = found["figures"]["changeLeadTime"]
    assert (lead["commits"], lead["unknownDeploys"]) == (0, 4)
    assert any("of several services (api, web)" in note for note in found["notes"])
    one = scan("shop.git", "--days=120", "--deploys=tags:api/*")
    assert one["figures"]["changeLeadTime"]["commits"] == 4
    assert "left out: tags that are not api/*, whose commits count in lead times, too: 2" in one["notes"]
    assert one["figures"]["deploymentFrequency"]["deploys"] == 2


def test_a_shallow_clone_has_no_lead_times_and_says_how_to_get_them(scan: Scan) -> None:
    """What is before the cut is not here, so that a list would look like all and be a part."""
    quiet_week(scan.folder / "shop.git")
    url = (scan.folder / "shop.git").as_uri()
    git("clone", "--quiet", "--depth=2", "--branch=v1.1", url, "shallow", cwd=scan.folder)
    found = scan("shallow", "--days=120")
    assert found["figures"]["changeLeadTime"]["commits"] == 0
    unknown = "the clone is shallow, so lead times and reverts are unknown"
    assert f"{unknown}; run git fetch --unshallow" in found["notes"]


def test_a_release_of_the_future_is_left_out_and_said(scan: Scan) -> None:
    """No event may be later than now. A wrong clock is named, and no figure has it."""
    made = Stream()
    one = made.commit(BEGAN)
    made.tag("v1.0", one, BEGAN)
    made.tag("v1.1", made.commit(seconds("2999-01-01T00:00:00"), one))
    made.branch("main", one)
    made.make(scan.folder / "shop.git")
    found = scan("shop.git", "--days=120")
    assert found["figures"]["deploymentFrequency"]["deploys"] == 1
    assert "left out: deploys with a time in the future, or with none: 1" in found["notes"]


def test_a_list_that_no_event_holds_is_left_out_and_said(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of it would give a wrong lead time."""
    quiet_week(scan.folder / "shop.git")
    monkeypatch.setattr(scanned, "MOST_COMMITS", 2)
    found = scan("shop.git", "--days=120")
    lead = found["figures"]["changeLeadTime"]
    assert (lead["commits"], lead["unknownDeploys"]) == (0, 2)
    assert any("commits, whose lead time is therefore unknown: 1;" in note for note in found["notes"])


def test_rows_of_other_repositories_and_commits_that_are_not_here_are_said(scan: Scan) -> None:
    """Events of others count nowhere. A deploy of an unknown commit counts, without a lead time."""
    quiet_week(scan.folder / "shop.git")
    row = {"kind": "deployed", "commitSHA": "f" * 40, "time": "2026-05-01T00:00:00Z"}
    rows = [{**row, "repo": REPO}, {**row, "repo": "larkspur/other"}]
    (scan.folder / "d.ndjson").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    found = scan("shop.git", "--deploys=d.ndjson", f"--repo={REPO}")
    assert found["figures"]["deploymentFrequency"]["deploys"] == 1
    assert "left out: events of other repositories: 1" in found["notes"]
    assert "deploys of commits that are not here, whose lead time is therefore unknown: 1" in found["notes"]


def test_a_deploy_that_gets_its_commits_gets_another_id(scan: Scan) -> None:
    """A server that has the row without commits takes the one with them, too, as a repeat."""
    quiet_week(scan.folder / "shop.git")
    made = scan.text("shop.git", "--deploys=branch:main", "--format=events").splitlines()[-1]
    row = {"kind": "deployed", "repo": REPO, "commitSHA": json.loads(made)["commitSHA"]}
    row["time"] = "2026-05-01T00:00:00Z"
    (scan.folder / "d.ndjson").write_text(json.dumps(row))
    (found,) = scan.text("shop.git", "--deploys=d.ndjson", "--format=events").splitlines()
    assert json.loads(found)["commits"]
    assert json.loads(found)["id"] != content_id(Event.from_wire(row).digest())


def test_a_period_without_deploys_names_the_last_one(scan: Scan) -> None:
    """No deploys is no figure, and the sentence says where to look."""
    quiet_week(scan.folder / "shop.git")
    found = scan("shop.git", "--days=7")
    assert found["figures"]["changeFailRate"]["value"] is None
    last = "the last one was at 2026-03-02T00:00:00Z: choose an earlier --since"
    assert f"no deploys in the period, {last}" in found["notes"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "shop.git --deploys=branch:mian",
            "expected branch:NAME of a branch that is here, got 'mian'; did you mean main",
        ),
        ("shop.git --deploys=tags:live-*", "expected tags like live-*, got none of 2"),
        ("shop.git --deploys=no.csv", "no.csv: expected a file to read, got: no such file or directory"),
        ("shop.git --incidents=bad.csv", "bad.csv:2: time: expected"),
        ("shop.git --since=yesterday", "--since: expected a date like 2026-03-04"),
        ("shop.git --repo=shop", "repo: expected a repository like 'larkspur/checkout-api', got 'shop'"),
        ("nothing", "expected a git repository, got none here or above"),
        ("empty", "expected a repository with commits, got an empty one"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_it(scan: Scan, given: str, sentence: str) -> None:
    """A wrong folder, choice, file or date is named with what was expected."""
    quiet_week(scan.folder / "shop.git")
    (scan.folder / "nothing").mkdir()
    git("init", "--quiet", "empty", cwd=scan.folder)
    (scan.folder / "bad.csv").write_text("kind,repo,time,incidentId\nincidentStarted,a/b,soon,I1\n")
    assert sentence in scan.text(*given.split(), code=2)


def test_a_work_tree_a_folder_in_it_and_a_linked_work_tree_are_one_repository(scan: Scan) -> None:
    """PATH may be anywhere in a checkout; the remote names the repository."""
    quiet_week(scan.folder / "shop.git")
    git("clone", "--quiet", "shop.git", "work", cwd=scan.folder)
    git("remote", "set-url", "origin", "git@github.com:larkspur/shop.git", cwd=scan.folder / "work")
    git("worktree", "add", "--quiet", "../linked", "v1.0", cwd=scan.folder / "work")
    (scan.folder / "work" / "inner").mkdir()
    found = [scan(path, "--days=120") for path in ("work", "work/inner", "linked")]
    assert {one["filter"]["repo"] for one in found} == {REPO}
    assert found[0]["figures"] == found[1]["figures"] == found[2]["figures"]


def test_git_s_variables_and_names_in_a_repository_run_and_choose_nothing(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook's GIT_DIR, programs in the repository's configuration and hostile names have no effect."""
    shas = quiet_week(scan.folder / "shop.git")
    expected = scan("shop.git", "--days=120")
    bare, ran = scan.folder / "shop.git", scan.folder / "ran"
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.hooksPath"):
        git("config", name, f"touch {ran}", cwd=bare)
    for name in ("--upload-pack=touch", "$(touch ran)", "-x;touch ran", "v9.9 \u202e"):
        with (bare / "packed-refs").open("a") as file:
            file.write(f"{shas[1]} refs/tags/{name}\n")
    git("init", "--quiet", "--bare", "other.git", cwd=scan.folder)
    monkeypatch.setenv("GIT_DIR", str(scan.folder / "other.git"))
    found = scan("shop.git", "--days=120")
    assert found["figures"] == expected["figures"]
    assert not ran.exists()
    assert not (scan.folder / "ran").exists()


def test_many_deploys_take_no_more_calls_of_git_than_two(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for each deploy would make a repository of a thousand releases slow."""
    quiet_week(scan.folder / "shop.git")
    at_random(scan.folder / "large.git", 1, deploys=100)
    calls: list[tuple[str, ...]] = []
    ask: Callable[..., str] = Mirror.ask

    def counted(mirror: Mirror, *given: str, **more: str) -> str:
        calls.append(given)
        return ask(mirror, *given, **more)

    monkeypatch.setattr(Mirror, "ask", counted)
    scan("shop.git", "--days=120")
    few = len(calls)
    assert scan("large.git", "--days=120")["figures"]["deploymentFrequency"]["deploys"] > 50
    assert len(calls) == 2 * few <= 12


def test_a_git_that_is_missing_is_said(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is nothing to read, and the sentence says to install it."""
    quiet_week(scan.folder / "shop.git")
    monkeypatch.setenv("PATH", str(scan.folder))
    assert "install git" in scan.text("shop.git", code=1)
    shutil.rmtree(scan.folder / "shop.git")


PAGE = Path(__file__).resolve().parents[3] / "docs/do/scan-a-repository.md"


def test_the_example_of_the_page_prints_what_the_page_shows(scan: Scan) -> None:
    """The file and the line of the page, in a repository of five releases, give the shown answer."""
    text = PAGE.read_text("utf-8")
    (rows,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    (scan.folder / "incidents.csv").write_text(rows)
    made = Stream()
    last = made.commit(seconds("2026-02-01T09:00:00"))
    for week in range(5):
        at = seconds("2026-03-01T09:00:00") + 7 * week * DAY
        last = made.commit(at - 5 * HOUR, made.commit(at - 3 * DAY, last))
        made.tag(f"v1.{week}", last, at)
    made.branch("main", last)
    made.make(scan.folder / "checkout-api")
    first, second, _ = re.findall(
        r"^gitdailies (\w+ .*)$", "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)), re.MULTILINE
    )
    printed = scan.text(*shlex.split(first)[1:])
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert shown in printed
    assert len(scan.text(*shlex.split(second.partition(" > ")[0])[1:]).splitlines()) == 7
