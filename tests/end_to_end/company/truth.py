"""The company: repositories whose whole history is known, made by chance from a seed.

A repository is three months of work, or less. On each weekday commits land on main: directly, squashed, or by
a merge of a branch. Some evenings main is released. A release may fail: then an incident begins, and a
rollback or a revert follows. Jobs are run again, go on to other regions, or are slow. Incidents that no
deploy caused begin at any time.

What is true is known because it was made so. `Job.of` says which deploy a job is a part of, `Job.brought`
is what git's ancestry says, and `Incident.cause` is the job that caused it. Nothing here uses the product.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MINUTE, HOUR, DAY = 60, 3600, 86400
# A Monday, at midnight, and how many days follow. Seconds since 1970, as everywhere here.
BEGAN, DAYS = 1_772_409_600, 91
ENDED = BEGAN + (DAYS + 3) * DAY
NOTHING = "0" * 40
DEPLOY, ROLLBACK, LATE = "deploy", "rollback", "late"
PUSH, TAG, MANUAL, RERUN = "push", "tag", "manual", "rerun"


class Profile(NamedTuple):
    """How a repository is worked on.

    lands      how changes come to main; one is chosen each time
    branch     the days that a branch is worked on, at most
    services   each has a folder and a workflow of its own
    regions    the environments that a release goes to, one after the other
    release    the part of the weekdays that end with a release
    fails      the part of the releases that fail, and `reverts` the part of these that a revert mends
    again      the part of the jobs that run again, and `slow` the part of the releases with a slow job
    starts     what starts a release
    paths      gitdailies.yml has the paths of its services
    """

    repo: str
    platform: str = "github"
    lands: tuple[str, ...] = ("direct", "squash", "merge")
    branch: float = 1.5
    services: tuple[str, ...] = ("",)
    regions: tuple[str, ...] = ("production",)
    release: float = 0.5
    fails: float = 0.2
    reverts: float = 0.3
    again: float = 0.1
    slow: float = 0.0
    starts: str = PUSH
    renamed: str = ""
    gitops: bool = False
    forked: bool = False
    paths: bool = False


def _profile(name: str, special: Mapping[str, Any]) -> Profile:
    own: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in special.items()
    }
    return Profile(f"larkspur/{name}", **own)


WRITTEN = yaml.safe_load(Path(__file__).with_name("company.yml").read_text())
PROFILES = {name: _profile(name, special) for name, special in WRITTEN["profiles"].items()}


class Commit(NamedTuple):
    sha: str
    at: int
    parents: tuple[str, ...]
    path: str
    message: str


class Push(NamedTuple):
    """A push to a branch: what was there before, and what it brought, oldest first."""

    at: int
    branch: str
    before: str
    commits: tuple[Commit, ...]


class Job(NamedTuple):
    """A job that ended well *at* a moment, and deployed *sha*.

    of       the job by which this deploy was made first; its own number, unless it only repeats that one
    kind     what the deploy is: deploy, rollback, or late, a slow second job of a commit that was there
    head     the commit that the run itself is of, which is another one where an input names the deployed one
    pushed   the push that started the run, in `Repository.pushes`
    brought  the commits that came with this deploy, without merges; `own` are those of its service
    undoes   the job whose deploy it mends, by going back or by a revert
    """

    number: int
    of: int
    kind: str
    service: str
    environment: str
    sha: str
    head: str
    at: int
    run: int
    attempt: int
    trigger: str
    pushed: int
    version: str
    brought: tuple[Commit, ...] = ()
    undoes: int | None = None

    @property
    def counts(self) -> bool:
        return self.of == self.number

    @property
    def own(self) -> tuple[Commit, ...]:
        """What it brought of its service: its folder, and what all of them share."""
        folders = (f"services/{self.service}/", "shared/")
        return tuple(one for one in self.brought if not self.service or one.path.startswith(folders))


class Incident(NamedTuple):
    """An incident as its tool knows it; `cause` is the job that caused it, or None."""

    number: int
    tool: str
    service: str
    began: int
    ended: int
    cause: int | None


class Repository(NamedTuple):
    profile: Profile
    path: Path
    commits: Mapping[str, Commit]
    pushes: tuple[Push, ...]
    jobs: tuple[Job, ...]
    incidents: tuple[Incident, ...]

    def name_at(self, at: int) -> str:
        """The name that the platform has for it."""
        former, halfway = self.profile.renamed, BEGAN + DAYS * DAY // 2
        return former if former.startswith("larkspur/") and at < halfway else self.profile.repo


TOOLS = ("pagerduty", "datadog", "opsgenie", "alertmanager")


def names_of(profile: Profile, tool: str) -> Mapping[str, str]:
    """Return what an incident tool calls each service. In a monorepo all tools use the deploys' names."""
    stem = profile.repo.partition("/")[2]
    forms = {
        "pagerduty": f"Larkspur {stem.title()} (prod)",
        "datadog": f"{stem}-svc",
        "opsgenie": f"{stem}/front",
        "alertmanager": f"{stem}-http",
    }
    return {service: service.title() if service else forms[tool] for service in profile.services}


def ancestors(commits: Mapping[str, Commit], sha: str) -> set[str]:
    """Return a commit and all that are reachable from it."""
    found, waiting = set(), [sha]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += commits[one].parents
    return found


def make(name: str, folder: Path, days: int = DAYS) -> Repository:
    """Make a repository of the company in *folder*, with its git repository."""
    profile, path = PROFILES[name], folder / f"{name}-{days}.git"
    odds = random.Random(f"{name} 1")
    with _importing(path) as git:
        work = _Work(profile, git, odds)
        for day in range(days):
            if day % 7 < 5:
                work.weekday(BEGAN + day * DAY)
        work.unrelated(days)
        git.name("main", work.tip)
    jobs = _with_brought(work.jobs, git.commits)
    return Repository(profile, path, git.commits, tuple(work.pushes), jobs, tuple(work.incidents))


class _Work:
    """The work on a repository, as far as it went."""

    def __init__(self, profile: Profile, git: _Git, odds: random.Random) -> None:
        self.profile, self.git, self.odds = profile, git, odds
        self.pushes: list[Push] = []
        self.jobs: list[Job] = []
        self.incidents: list[Incident] = []
        self.runs, self.slow = 1000, 0
        self.good: dict[str, Job] = {}  # by service: the latest deploy that did not fail
        self.changed: set[str] = set()
        root = git.commit((), BEGAN - 3 * DAY, "README.md", "Begin")
        self.tip = root.sha
        self.tips = [(root.at, root.sha)]
        self.pushes.append(Push(root.at + MINUTE, "main", NOTHING, (root,)))

    def weekday(self, midnight: int) -> None:
        for at in sorted(midnight + self.odds.randrange(8 * HOUR, 13 * HOUR) for _ in range(self._few(3))):
            self.land(at, self.odds.choice(self.profile.lands))
        evening = midnight + self.odds.randrange(15 * HOUR, 16 * HOUR)
        is_live = bool(self.jobs) and self.jobs[-1].sha == self._chosen(evening)
        if self.odds.random() < self.profile.release and not is_live:
            self.release(evening)

    def land(
        self, at: int, how: str, service: str | None = None, *, message: str = "", path: str = ""
    ) -> Commit:
        """Bring a change to main, and push it."""
        service = self.odds.choice(self.profile.services) if service is None else service
        self.changed.add(service)
        before, own = self.tip, list[Commit]()
        if how != "direct":
            own = self._branch(at, service)
        if how == "merge":
            landed = self.git.commit(
                (self.tip, own[-1].sha), at, "", f"Merge pull request #{len(self.pushes)}"
            )
        else:
            path = path or self._path(service)
            landed = self.git.commit((self.tip,), at, path, message or "Weigh parcels")
        self._moved(landed, before)
        return landed

    def _branch(self, until: int, service: str) -> list[Commit]:
        """Work on a branch, which now and then merges main, and push it."""
        begun = until - int(self.odds.uniform(0.05, self.profile.branch) * DAY)
        base = next((sha for at, sha in reversed(self.tips) if at <= begun), self.tips[0][1])
        count = self._few(4)
        found: list[Commit] = []
        for at in sorted(self.odds.randrange(begun, until) for _ in range(count)):
            parent = found[-1].sha if found else base
            found.append(self.git.commit((parent,), at, self._path(service), "Weigh parcels"))
            newest = next((sha for moment, sha in reversed(self.tips) if moment <= at), base)
            if self.profile.branch > 5 and newest not in self.git.above(found[-1].sha):
                found.append(
                    self.git.commit((found[-1].sha, newest), at + 1, "", "Merge branch 'main' into b")
                )
        self.pushes.append(Push(until - MINUTE, f"b{len(self.pushes)}", NOTHING, tuple(found)))
        return found

    def _moved(self, landed: Commit, before: str) -> None:
        self.tip = landed.sha
        self.tips.append((landed.at, landed.sha))
        new = self.git.above(landed.sha) - self.git.above(before)
        commits = sorted(
            (self.git.commits[sha] for sha in new), key=lambda one: (one.at, one.sha == landed.sha)
        )
        self.pushes.append(Push(landed.at + MINUTE, "main", before, tuple(commits)))

    def release(self, at: int) -> None:
        """Deploy main, and see what comes of it."""
        changed = [one for one in self.profile.services if one in self.changed or one not in self.good]
        self.changed.clear()
        odds, slow = self.odds, self.odds.random() < self.profile.slow
        self.slow += slow
        if slow and self.slow % 2:
            # Its job takes so long that a later commit is deployed first.
            overtaken = self._run(self.land(at - 2 * HOUR, "direct").sha, at, PUSH)
            self.land(at - 90 * MINUTE, "direct")
            done = [self._deploy(one, at, DEPLOY, self._start(at)) for one in changed]
            self._deploy(changed[0], at + 25 * MINUTE, DEPLOY, overtaken)
        else:
            done = [
                self._deploy(one, at + 6 * MINUTE * number, DEPLOY, self._start(at))
                for number, one in enumerate(changed)
            ]
            if slow:
                self._second_job(done[0], at)
        if slow or odds.random() >= self.profile.fails or not all(job.service in self.good for job in done):
            for job in done:
                self.good[job.service] = job
                if not slow and odds.random() < self.profile.again:
                    self._again(job, job.at + odds.randrange(8, 35) * MINUTE)
            return
        failed = odds.choice(done)
        for job in done:
            if job is not failed:
                self.good[job.service] = job
        self._fail(failed, at)
        if len(done) > 1 and self.changed.isdisjoint({failed.service}):
            # Its workflow starts for every push, so it is deployed with the revert of another service.
            other = next(job for job in done if job is not failed)
            self.good[other.service] = self._deploy(other.service, at + 150 * MINUTE, DEPLOY, self._start(at))

    def _second_job(self, job: Job, at: int) -> None:
        """Deploy a commit again by another, slower job of its push, after the next one was deployed."""
        again = self._run(job.sha, at, PUSH)
        self.land(at + 5 * MINUTE, "direct", job.service)
        self._deploy(job.service, at + 70 * MINUTE, DEPLOY, self._start(at + 10 * MINUTE))
        self._deploy(job.service, at + 95 * MINUTE, LATE, again)

    def _fail(self, failed: Job, at: int) -> None:
        began = failed.at + self.odds.randrange(10, 60) * MINUTE
        guilty = self._guilty(failed)
        if guilty and self.odds.random() < self.profile.reverts:
            text = f'Revert "Weigh parcels"\n\nThis reverts commit {guilty.sha}.\n'
            self.land(at + 80 * MINUTE, "direct", failed.service, message=text, path=guilty.path)
            mended = self._deploy(
                failed.service, at + 145 * MINUTE, DEPLOY, self._start(at + 82 * MINUTE), failed
            )
            self.good[failed.service] = mended
            self.changed.discard(failed.service)
        else:
            mended = self._go_back(failed, at + self.odds.randrange(75, 110) * MINUTE)
            self.changed.add(failed.service)
        self._incident(failed.service, began, mended.at + 5 * MINUTE, failed)

    def _guilty(self, job: Job) -> Commit | None:
        """Return the newest commit that a deploy brought to its own service alone."""
        folder = f"services/{job.service}/" if job.service else "src/"
        before = (one for one in self.jobs if one.service == job.service and one.of != job.of)
        there = frozenset[str]().union(*(self.git.above(one.sha) for one in before))
        new = (self.git.commits[sha] for sha in self.git.above(job.sha) - there)
        own = (one for one in new if one.path.startswith(folder))
        return max(own, key=lambda one: one.at, default=None)

    def _go_back(self, failed: Job, at: int) -> Job:
        """Deploy the commit that was there before, by the means of the platform."""
        good, self.runs = self.good[failed.service], self.runs + 1
        if self.profile.starts == MANUAL or self.profile.platform == "jenkins":
            run = good._replace(run=self.runs, attempt=1, trigger=MANUAL, head=self.tip)
        else:
            run = good._replace(attempt=self._attempts(good.run) + 1, trigger=RERUN)
        return self._deploy(failed.service, at, ROLLBACK, run, failed)

    def _again(self, job: Job, at: int) -> None:
        attempt = self._attempts(job.run) + 1
        again = job._replace(number=len(self.jobs), attempt=attempt, trigger=RERUN, at=at)
        self.jobs.append(again)

    def _attempts(self, run: int) -> int:
        return max(job.attempt for job in self.jobs if job.run == run)

    def _start(self, at: int) -> Job:
        return self._run(self._chosen(at), at, self.profile.starts)

    def _chosen(self, at: int) -> str:
        """Return what main is now, or, where an input names it, what it was some hours before."""
        if self.profile.starts != MANUAL:
            return self.tip
        return next((sha for moment, sha in reversed(self.tips) if moment < at - 4 * HOUR), self.tip)

    def _run(self, sha: str, at: int, trigger: str) -> Job:
        self.runs += 1
        pushed = next(
            n for n, one in enumerate(self.pushes) if one.branch == "main" and one.commits[-1].sha == sha
        )
        head, version = self.tip if trigger == MANUAL else sha, f"v1.{self.runs}.0"
        if trigger != PUSH:
            self.git.name(version, sha, "tags")
        return Job(0, 0, DEPLOY, "", "", sha, head, at, self.runs, 1, trigger, pushed, version)

    def _deploy(self, service: str, at: int, kind: str, run: Job, undoes: Job | None = None) -> Job:
        """Add the jobs of a deploy, one for each region, and return the first."""
        first = len(self.jobs)
        for number, region in enumerate(self.profile.regions):
            job = run._replace(
                number=first + number, of=first, kind=kind, service=service, environment=region
            )
            own = None if undoes is None else undoes.number
            self.jobs.append(job._replace(at=at + number * 12 * MINUTE, undoes=own))
        return self.jobs[first]

    def _incident(self, service: str, began: int, ended: int, cause: Job | None) -> None:
        number = len(self.incidents)
        tool = TOOLS[number % len(TOOLS)]
        name = names_of(self.profile, tool)[service]
        self.incidents.append(Incident(number, tool, name, began, ended, cause and cause.number))

    def unrelated(self, days: int) -> None:
        """Let incidents begin that no deploy caused: on some Sundays, and in some nights."""
        for week in range(0, days // 7, 3):
            for day, hour in ((6, 3), (2, 23)):
                began = BEGAN + (7 * week + day) * DAY + self.odds.randrange(hour * HOUR, hour * HOUR + HOUR)
                self._incident(self.odds.choice(self.profile.services), began, began + 40 * MINUTE, None)

    def _path(self, service: str) -> str:
        folder = (
            "shared" if service and self.odds.random() < 0.1 else f"services/{service}" if service else "src"
        )
        return f"{folder}/part-{len(self.git.commits)}.py"

    def _few(self, most: int) -> int:
        return self.odds.randrange(1, most + 1)


def _with_brought(jobs: Iterable[Job], commits: Mapping[str, Commit]) -> tuple[Job, ...]:
    """Add to each job what its deploy brought to its service, by ancestry."""
    there: dict[str, set[str]] = {}
    found: dict[int, Job] = {}
    for job in sorted(jobs, key=lambda one: (one.at, one.number)):
        before = there.setdefault(job.service, set())
        reached = ancestors(commits, job.sha)
        new = [commits[sha] for sha in reached - before]
        before |= reached
        brought = sorted((one for one in new if len(one.parents) < 2), key=lambda one: one.at)
        found[job.number] = job._replace(brought=tuple(brought) if job.counts else ())
    return tuple(found.values())


class _Git:
    """Commits that `git fast-import` writes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.commits: dict[str, Commit] = {}
        self._marks: dict[str, int] = {}
        self._process = process
        self._above: dict[str, frozenset[str]] = {}

    def commit(self, parents: tuple[str, ...], at: int, path: str, message: str) -> Commit:
        mark = len(self.commits) + 1
        text = message.encode()
        lines = [
            b"reset refs/heads/work",
            b"commit refs/heads/work\nmark :%d\ncommitter Lark <lark@larkspur.example> %d +0000" % (mark, at),
            b"data %d\n%s" % (len(text), text),
            *(
                b"%s :%d" % (word, self._marks[sha])
                for word, sha in zip((b"from", b"merge"), parents, strict=False)
            ),
        ]
        # A merge has the files of both sides; what it merged is written once more.
        new = [] if path else [self.commits[sha] for sha in self.above(parents[1]) - self.above(parents[0])]
        files = {one.path: self._marks[one.sha] for one in new if one.path} or {path: mark}
        for name, content in files.items():
            lines.append(b"M 100644 inline %s\ndata 6\n%06d" % (name.encode(), content))
        self._write(b"\n".join(lines) + b"\n\nget-mark :%d\n" % mark)
        sha = self._process.stdout.readline().decode().strip()
        self.commits[sha], self._marks[sha] = Commit(sha, at, parents, path, message), mark
        return self.commits[sha]

    def name(self, name: str, sha: str, kind: str = "heads") -> None:
        self._write(f"reset refs/{kind}/{name}\nfrom :{self._marks[sha]}\n\n".encode())

    def above(self, sha: str) -> frozenset[str]:
        """Return a commit and all before it."""
        if sha not in self._above:
            self._above[sha] = frozenset(ancestors(self.commits, sha))
        return self._above[sha]

    def _write(self, text: bytes) -> None:
        self._process.stdin.write(text)
        self._process.stdin.flush()


@contextmanager
def _importing(path: Path) -> Iterator[_Git]:
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": os.devnull}
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], env=environ, check=True
    )
    # Jobs fetch single commits, as platforms do.
    with (path / "config").open("a") as file:
        file.write("[uploadpack]\n\tallowAnySHA1InWant = true\n")
    command = ["git", "-C", str(path), "fast-import", "--quiet", "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as process:
        yield _Git(process)
        process.stdin.close()
        assert process.wait(60) == 0
