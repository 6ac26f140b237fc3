"""The ways in which a company reports: a table of them, and the events that each one makes of a true history.

A way is one phase or several, of equal length. In each phase some reporters tell of each job. The step is the
product's own, with the environment of its platform and a checkout that git reads. Webhooks are the vendors'
forms, signed, and are taken by the relay's own acceptance. Incidents come from four tools in every way.
"""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from gitdailies_connection.config.load import load
from gitdailies_core.ci.deploys.checkout import deploys_in
from gitdailies_core.ci.job.facts import Deploys, Skipped
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_core.ci.reporting.platform import detect
from gitdailies_core.ci.reporting.settings import Settings
from gitdailies_core.events.events import Event
from gitdailies_core.sources.request import Request
from gitdailies_history.files.input_files import ReadResult, find, read_into
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.plan import Plan
from gitdailies_relay.accepting import acceptance, deploys
from gitdailies_relay.accepting.interpret import decode, interpret, prove
from gitdailies_relay.reloader import intake_settings
from gitdailies_relay.store.store import DESTINATION, acceptance_store
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase

from scripts import joiner
from tests.end_to_end.company import truth
from tests.end_to_end.company.truth import MANUAL, NOTHING, RERUN, TAG, Job, Repository
from tests.support.empty_stores import RELAY
from tests.support.json_server import JsonHandler, listening
from tests.support.relay import deliveries
from tests.support.relay import deploys as vendors
from tests.support.relay.deliveries import JSON, Delivery
from tests.support.steps import KEY, ROOT

CSV, CURL, SHALLOW, WHOLE, PATHS, LATER = "csv", "curl", "shallow", "whole", "paths", "later"
WEBHOOK, PUSHES, ARGO, MIRROR = "webhook", "pushes", "argo", "mirror"
# Beside pushes: each comes after the deploy that needs it, twice, and in another order than it was made.
LATE_PUSHES = "late pushes"
STEPS = (SHALLOW, WHOLE, PATHS, LATER)

REPORTERS = {CSV, CURL, *STEPS, WEBHOOK, PUSHES, LATE_PUSHES, ARGO, MIRROR}

# By name: who reports in each phase.
WAYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    way: tuple(map(tuple, phases)) for way, phases in truth.WRITTEN["ways"].items()
}
assert {one for phases in WAYS.values() for phase in phases for one in phase} == REPORTERS


def is_possible(way: str, profile: truth.Profile) -> bool:
    """Whether a repository can be reported in this way."""
    used = {reporter for phase in WAYS[way] for reporter in phase}
    return (
        # The webhook of the copy on GitLab names the copy.
        not (used & {WEBHOOK, PUSHES} and profile.repo == "larkspur/pantry")
        and (PATHS not in used or len(profile.services) > 1)
        and (ARGO not in used or profile.gitops)
    )


class Reported(NamedTuple):
    """The events of one way, each as a store holds it; `jobs` are those that deploys tell of, by id.

    `phases` are the reporters that told of each job, and `since` says when these began. `mirror` is set where
    the server has the repository.
    """

    events: Sequence[Mapping[str, Any]]
    jobs: Mapping[str, Job]
    phases: Mapping[int, tuple[str, ...]]
    since: Mapping[int, int]
    mirror: bool


def reported(repository: Repository, way: str, folder: Path, *, really: int = 0) -> Reported:
    """Report a repository. After each change, the step of *really* jobs runs as the platform runs it."""
    phases = WAYS[way]
    each = -(-len(repository.jobs) // len(phases))
    told = _Reporting(repository, folder)
    phase_of: dict[int, tuple[str, ...]] = {}
    since_of: dict[int, int] = {}
    since = 0
    for number, phase in enumerate(phases):
        jobs = repository.jobs[number * each : (number + 1) * each]
        phase_of.update({job.number: phase for job in jobs})
        since_of.update({job.number: since for job in jobs})
        if PUSHES in phase:
            told.pushes(since, jobs[-1].at, late=LATE_PUSHES in phase)
        for index, job in enumerate(jobs):
            for reporter in phase:
                told.job(reporter, job, really=index < really)
        since = jobs[-1].at
    told.incidents()
    return Reported(told.events(), told.jobs, phase_of, since_of, any(MIRROR in phase for phase in phases))


@dataclass
class _Reporting:
    """What was told so far: events, and deliveries that the relay has yet to take."""

    repository: Repository
    folder: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    _sent: list[dict[str, Any]] = field(default_factory=list)
    _rows: list[dict[str, str]] = field(default_factory=list)
    _deliveries: list[tuple[int, int, Delivery, Job | None]] = field(default_factory=list)

    def job(self, reporter: str, job: Job, *, really: bool) -> None:
        """Let a reporter tell of a job, if it does."""
        if reporter == CSV:
            self._row(job)
        elif reporter == CURL:
            self._event(job.at, job, id=f"by-hand-{job.number}", **_documented(self.repository, job))
        elif reporter in STEPS:
            self._step(reporter, job, really=really)
        elif reporter == WEBHOOK:
            self._webhook(job)
        elif reporter == ARGO and job.counts:
            # A sync that changes nothing is no deploy. It comes a moment after the pipeline.
            at, repo = job.at + 100, self.repository.name_at(job.at)
            self._deliver(at, vendors.argocd(repo, job.sha, history=job.number, at=_time(at)), job)

    def _row(self, job: Job) -> None:
        """Write a row, as people do: for each deploy, not for each job that ran."""
        if (job.attempt > 1 and not job.counts) or job.kind == truth.LATE:
            return
        row = {"kind": "deployed", "time": _time(job.at).isoformat(), **_documented(self.repository, job)}
        self._rows.append(row)

    def _step(self, reporter: str, job: Job, *, really: bool) -> None:
        # As the last lines of the job, or in a job of its own that follows.
        at = job.at + 90 if reporter == LATER else job.at - 20
        event = _step_event(self.repository, job, reporter, self.folder)
        if really:
            assert _ran(self.repository, job, reporter, self.folder) == event
        self._event(at, job, **event)
        if self.repository.profile.forked:
            _is_skipped_or_preview(self.repository, job, self.folder)

    def _event(self, at: int, job: Job, **values: Any) -> None:
        event = Event.from_wire({"kind": "deployed", **values})
        self._sent.append(event.replace(time=_time(at)).to_wire())
        self.jobs.setdefault(self._sent[-1]["id"], job)

    def _webhook(self, job: Job) -> None:
        for delivery in _deliveries_of(self.repository, job):
            self._deliver(job.at + 3, delivery, job)

    def pushes(self, since: int, until: int, *, late: bool) -> None:
        """Let the repository's webhook tell the pushes of a span."""
        gitlab = self.repository.profile.platform == "gitlab"
        tell = vendors.gitlab_push if gitlab else vendors.push
        for push in self.repository.pushes:
            if since <= push.at < until:
                commits = [(commit.sha, _time(commit.at)) for commit in push.commits]
                name = self.repository.name_at(push.at)
                messages = [commit.message for commit in push.commits]
                files = [commit.path or "README.md" for commit in push.commits]
                told = tell(name, push.before, commits, branch=push.branch, messages=messages, files=files)
                if late:
                    self._deliver_late(push, told)
                else:
                    self._deliver(push.at + 2, told)

    def _deliver_late(self, push: truth.Push, told: Delivery) -> None:
        deployed = min(job.at for job in self.repository.jobs if job.at > push.at)
        for seconds in (60, 300):
            self._deliver(deployed + seconds + push.at % 200, told)

    def incidents(self) -> None:
        for one in self.repository.incidents:
            for at, delivery in zip((one.began, one.ended), _incident(self.repository, one), strict=True):
                self._deliver(at + 5, delivery)

    def _deliver(self, at: int, delivery: Delivery, job: Job | None = None) -> None:
        self._deliveries.append((at, len(self._deliveries), delivery, job))

    def events(self) -> list[Mapping[str, Any]]:
        """Return all events. Of two with one id the server keeps the first."""
        found = [*self._imported(), *self._sent, *self._relayed()]
        return list({event["id"]: event for event in reversed(found)}.values())

    def _imported(self) -> Iterator[dict[str, Any]]:
        if not self._rows:
            return
        file = self.folder / "deploys.csv"
        with file.open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, ("kind", "time", "repo", "service", "environment", "commitSHA"))
            writer.writeheader()
            writer.writerows(self._rows)
        by_time = {(job.at, job.service, job.environment): job for job in self.repository.jobs}
        with Plan(self.folder / "plan.db") as plan:
            options = ReadOptions(latest=_time(truth.ENDED))
            faults = list(
                read_into(plan, find(str(file), None, self.folder), options, ReadResult(), lambda _: None)
            )
            assert [*faults, *plan.settle()] == []
            for entry in plan.entries():
                body = json.loads(entry.body)
                at = int(datetime.fromisoformat(body["time"]).timestamp())
                self.jobs[body["id"]] = by_time[at, body.get("service", ""), body["environment"]]
                yield body

    def _relayed(self) -> list[dict[str, Any]]:
        """Let the relay take all deliveries in the order of time, and return its events."""
        database = SqliteDatabase(self.folder / "relay.db")
        database.path.unlink(missing_ok=True)
        RELAY.put(database.path)
        settings = intake_settings(load(_configured(self.folder)), {}, {})
        with transaction(database) as session:
            store = acceptance_store(database, session)
            for at, number, delivery, job in sorted(self._deliveries, key=lambda one: one[:2]):
                name, now = delivery.source, at * 1_000_000
                source, secrets = settings.sources[name], settings.secrets[name].current
                adapter = settings.adapters[name]
                headers = {key.lower(): text for key, text in delivery.headers.items()}
                request = Request(headers, delivery.body, decode, _time(at), "POST", f"/hooks/{name}")
                proof = prove(request, source, adapter, secrets)
                interpretation = interpret(request, source, adapter, settings.routes, proof, secrets=secrets)
                taken = acceptance.Delivery(f"d{number:06}", now, DESTINATION, interpretation)
                (accepted,) = acceptance.accept(store, [taken])
                assert not accepted.quarantine_code, accepted
                self.jobs.update((id_, job) for id_ in accepted.events if job and id_ not in self.jobs)
                deploys.settle(store, [self.repository.profile.repo], now)
            deploys.settle(store, [self.repository.profile.repo], 10**18)
            rows = session.execute("SELECT body FROM events ORDER BY seq").fetchall()
        return [orjson.loads(body) for (body,) in rows]


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _documented(repository: Repository, job: Job) -> dict[str, str]:
    """Return the fields that a person fills in."""
    named = {"repo": repository.name_at(job.at), "service": job.service, "environment": job.environment}
    return {**{name: text for name, text in named.items() if text}, "commitSHA": job.sha}


# ---- The step


def _step_event(repository: Repository, job: Job, reporter: str, folder: Path) -> dict[str, Any]:
    """Return what the step sends for a job, by the code of the step, in a checkout that git reads."""
    key = (repository.path, job.number, WHOLE if reporter == LATER else reporter)
    if key not in _STEP_EVENTS:
        checkout = _Checkout(folder / "checkout", repository).at(job.sha, _depth(repository, reporter))
        environ, payload = _job_of(repository, job, reporter, checkout)
        platform = detect(PLATFORMS, environ)
        settings = Settings.make(platform.inputs(environ))
        found = deploys_in(str(checkout), platform, environ=environ, event=payload, inputs=settings.inputs)
        assert isinstance(found, Deploys)
        (event,) = found.events
        _STEP_EVENTS[key] = json.loads(json.dumps(dict(event)))
    return _STEP_EVENTS[key]


# They are the same in every way.
_STEP_EVENTS: dict[tuple[Path, int, str], dict[str, Any]] = {}


def _depth(repository: Repository, reporter: str) -> int:
    """How deep the checkout is: the platform's usual one, or 0 for all of it. Jenkins' is whole."""
    usual = {"github": 1, "gitlab": 20, "jenkins": 1}
    return usual[repository.profile.platform] if reporter == SHALLOW else 0


class _Checkout:
    """A checkout whose HEAD is moved at will. It has the objects of the repository, and no files."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self._folder, self._repository = folder / repository.path.stem, repository
        self._git = self._folder / ".git"
        if not self._git.exists():
            for name in ("refs/heads", "objects/info"):
                (self._git / name).mkdir(parents=True)
            (self._git / "objects/info/alternates").write_text(f"{repository.path.resolve()}/objects\n")
            (self._git / "config").write_text(f'[remote "origin"]\n\turl = {_origin(repository)}\n')

    def at(self, sha: str, depth: int) -> Path:
        (self._git / "HEAD").write_text(sha + "\n")
        shallow = self._git / "shallow"
        shallow.unlink(missing_ok=True)
        if depth:
            shallow.write_text("".join(f"{one}\n" for one in self._ends(sha, depth)))
        return self._folder

    def _ends(self, sha: str, depth: int) -> list[str]:
        """Return the commits at which a clone of this depth ends."""
        level, seen = {sha}, {sha}
        for _ in range(depth - 1):
            level = {above for one in level for above in self._repository.commits[one].parents} - seen
            seen |= level
        return sorted(one for one in level if self._repository.commits[one].parents)


def _origin(repository: Repository) -> str:
    host = "gitlab.com" if repository.profile.platform == "gitlab" else "github.com"
    former = repository.profile.renamed
    name = former if former.startswith("mirrors/") else repository.profile.repo
    return f"https://{host}/{name}.git"


def _job_of(
    repository: Repository, job: Job, reporter: str, checkout: Path
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Return the variables of a job, and the payload of its event where the platform has one."""
    profile = repository.profile
    inputs = {"service": job.service}
    if reporter == PATHS:
        inputs["paths"] = "\n".join(paths_of(job.service))
    if profile.platform == "jenkins":
        return {**_jenkins(repository, job), **_inputs("GITDAILIES_", environment=job.environment)}, None
    if profile.platform == "gitlab":
        former = profile.renamed
        if former:
            inputs |= {"repo": profile.repo, "sha": job.sha}
        environ = {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": former or profile.repo,
            "CI_COMMIT_SHA": job.sha,
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_BEFORE_SHA": repository.pushes[job.pushed].before,
            "CI_PIPELINE_ID": str(job.run),
            "CI_PIPELINE_SOURCE": "push",
            "CI_JOB_ID": str(_gitlab_job(job)),
            "CI_JOB_STATUS": "running",
            "CI_ENVIRONMENT_NAME": job.environment,
            "CI_ENVIRONMENT_TIER": "production",
            "CI_PROJECT_DIR": str(checkout),
        }
        return {**environ, **_inputs("INPUT_", **inputs)}, None
    started = _started(repository, job)
    ref = f"refs/tags/{job.version}" if started == TAG else "refs/heads/main"
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": repository.name_at(job.at),
        "GITHUB_EVENT_NAME": "workflow_dispatch" if started == MANUAL else "push",
        "GITHUB_REF": ref,
        "GITHUB_SHA": job.head,
        "GITHUB_RUN_ID": str(job.run),
        "GITHUB_RUN_ATTEMPT": str(job.attempt),
        "GITHUB_WORKSPACE": str(checkout),
    }
    return {**environ, **_inputs("INPUT_", environment=job.environment, **inputs)}, _payload(
        repository, job, ref
    )


def _inputs(prefix: str, **texts: str) -> dict[str, str]:
    return {f"{prefix}{name.upper()}": text for name, text in texts.items() if text}


def _started(repository: Repository, job: Job) -> str:
    """What started the first attempt of a run."""
    return repository.profile.starts if job.trigger == RERUN else job.trigger


def _payload(repository: Repository, job: Job, ref: str) -> dict[str, Any]:
    """Return GitHub's payload of the push, of the tag or of the button."""
    started, push = _started(repository, job), repository.pushes[job.pushed]
    if started == MANUAL:
        return {"ref": ref, "inputs": {"version": job.version}}
    listed = [
        {"id": one.sha, "timestamp": _time(one.at).isoformat(), "message": one.message}
        for one in push.commits
    ]
    return {
        "ref": ref,
        "before": NOTHING if started == TAG else push.before,
        "after": job.sha,
        "created": started == TAG,
        "forced": False,
        "commits": [] if started == TAG else listed,
        "head_commit": listed[-1],
    }


def _jenkins(repository: Repository, job: Job) -> dict[str, str]:
    build, before = _build(job), [one for one in repository.jobs if one.at < job.at]
    return {
        "JENKINS_URL": "https://ci.larkspur.example/",
        "JOB_NAME": "freight/main",
        "BUILD_TAG": f"jenkins-freight-main-{build}",
        "BUILD_URL": f"https://ci.larkspur.example/job/freight/job/main/{build}/",
        "BRANCH_NAME": "main",
        "GIT_COMMIT": job.sha,
        "GIT_URL": _origin(repository),
        **({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": before[-1].sha} if before else {}),
    }


def _build(job: Job) -> int:
    """Jenkins numbers builds. One that is built again is another."""
    return job.run if job.attempt == 1 else 100 * job.run + job.attempt


def _gitlab_job(job: Job) -> int:
    return 1000 * job.run + job.attempt


def _is_skipped_or_preview(repository: Repository, job: Job, folder: Path) -> None:
    """Check that the step of a fork's pull request, beside this job, counts nothing for production."""
    checkout = _Checkout(folder / "checkout", repository).at(job.sha, 1)
    environ, _ = _job_of(repository, job, SHALLOW, checkout)
    environ |= {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "INPUT_ENVIRONMENT": "",
    }
    head = {"sha": job.sha, "ref": "main", "repo": {"full_name": "contributor/garden", "fork": True}}
    payload = {"action": "opened", "number": 7, "pull_request": {"number": 7, "state": "open", "head": head}}
    platform = detect(PLATFORMS, environ)
    settings = Settings.make(platform.inputs(environ))
    found = deploys_in(str(checkout), platform, environ=environ, event=payload, inputs=settings.inputs)
    assert isinstance(found, Skipped) or found.events[0]["environment"] == "preview"


class _Capturing(JsonHandler):
    """Takes events as the DORA server does, and keeps them."""

    taken: list[dict[str, Any]]

    def reply(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        self.taken.append(event)
        self.send_json(202, {"id": event["id"], "status": "stored"})


def _ran(repository: Repository, job: Job, reporter: str, folder: Path) -> dict[str, Any]:
    """Run the published step in a real checkout, as the platform does, and return what it sent."""
    checkout = folder / "really" / f"{repository.path.stem}-{job.number}-{reporter}"
    if checkout.exists():
        return _RAN[checkout]
    checkout.mkdir(parents=True)
    depth = _depth(repository, reporter)

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=checkout, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    only = [f"--depth={depth}"] if depth else []
    git("fetch", "--quiet", "--no-tags", *only, f"file://{repository.path.resolve()}", job.sha)
    git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    git("remote", "add", "origin", _origin(repository))
    environ, payload = _job_of(repository, job, reporter, checkout)
    if payload is not None:
        (checkout / ".git/event.json").write_text(json.dumps(payload))
        environ["GITHUB_EVENT_PATH"] = str(checkout / ".git/event.json")
        environ["GITHUB_OUTPUT"] = environ["GITHUB_STEP_SUMMARY"] = str(checkout / ".git/out")
    taken: list[dict[str, Any]] = []
    with listening(_Capturing, taken=taken) as address:
        known = {"GITDAILIES_WEBHOOK_URL": f"{address}/webhooks", "GITDAILIES_WEBHOOK_KEY": KEY}
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / joiner.STEP)],
            cwd=checkout,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", **environ, **known},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr, len(taken)) == (0, "", 1), done.stdout
    _RAN[checkout] = {name: value for name, value in taken[0].items() if name != "kind"}
    return _RAN[checkout]


_RAN: dict[Path, dict[str, Any]] = {}


# ---- Webhooks


def _deliveries_of(repository: Repository, job: Job) -> Iterable[Delivery]:
    """Yield what the platform's webhook tells of a job."""
    profile, at, repo = repository.profile, _time(job.at), repository.name_at(job.at)
    if profile.platform == "gitlab":
        number, retries = _gitlab_job(job), job.attempt - 1
        for name in ("build.success.production", "deployment.success"):
            before = repository.pushes[job.pushed].before
            yield vendors.gitlab(
                name, repo, job.sha, job=number, pipeline=job.run, at=at, retries=retries, before=before
            )
    elif profile.platform == "jenkins":
        yield _of_jenkins(repository, job)
    elif _started(repository, job) == MANUAL:
        # A deployment by the API names the deployed commit. Of the run itself it would be that of main.
        number = 50_000 + job.number
        yield vendors.deployment_status(
            repo, job.sha, deployment=number, at=at, ref=job.version, environment=job.environment
        )
    else:
        yield vendors.deployment_status(
            repo,
            job.sha,
            run=job.run,
            attempt=job.attempt,
            deployment=50_000 + job.number,
            at=at,
            ref=job.version if profile.starts == TAG else "main",
            environment=job.environment,
            workflow=f".github/workflows/{job.service or 'deploy'}.yml",
        )
    if profile.forked:
        yield vendors.deployment_status(
            repo, job.sha, run=9_000_000 + job.number, at=at, environment="pr-7", transient=True
        )


def _of_jenkins(repository: Repository, job: Job) -> Delivery:
    body = json.loads(deliveries.example("jenkins", "finalized.success.multibranch"))
    build = _build(job)
    body.update(name="main", display_name="main", url="job/freight/job/main/")
    body["build"].update(
        full_url=f"https://ci.larkspur.example/job/freight/job/main/{build}/",
        number=build,
        timestamp=job.at * 1000,
        url=f"job/freight/job/main/{build}/",
    )
    body["build"]["scm"].update(url=_origin(repository), branch="main", commit=job.sha)
    return _tokened("jenkins", body)


# ---- Incidents


def _incident(repository: Repository, one: truth.Incident) -> tuple[Delivery, Delivery]:
    """Return what the tool tells of an incident: its start and its end."""
    began, ended = _time(one.began).isoformat(), _time(one.ended).isoformat()
    name = f"{repository.path.stem}-{one.number}"
    if one.tool == "pagerduty":
        said = {"created_at": began, "service": one.service}
        return (
            deliveries.pagerduty("incident.triggered", name, at=began, **said),
            deliveries.pagerduty("incident.resolved", name, at=ended, **said),
        )
    if one.tool == "datadog":
        known = {"aggreg_key": name, "cycle_key": name, "monitor_id": str(one.number), "service": one.service}
        known |= {"scope": f"service:{one.service}", "tags": f"service:{one.service}"}
        return (
            deliveries.datadog("monitor-triggered", date_ms=str(one.began * 1000), **known),
            deliveries.datadog("monitor-recovered", date_ms=str(one.ended * 1000), **known),
        )
    return _by_opsgenie(one, name) if one.tool == "opsgenie" else _by_alertmanager(one, name, began, ended)


def _by_opsgenie(one: truth.Incident, name: str) -> tuple[Delivery, Delivery]:
    found = []
    for word, at in (("Create", one.began), ("Close", one.ended)):
        body = json.loads(deliveries.example("opsgenie", word))
        body["alert"].update(
            alertId=name,
            entity=one.service,
            alias=name,
            tags=[],
            createdAt=one.began * 1000,
            updatedAt=at * 10**9,
        )
        found.append(_tokened("opsgenie", body))
    return found[0], found[1]


def _by_alertmanager(one: truth.Incident, name: str, began: str, ended: str) -> tuple[Delivery, Delivery]:
    found = []
    for status, ends in (("firing", "0001-01-01T00:00:00Z"), ("resolved", ended)):
        body = json.loads(deliveries.example("alertmanager", f"group.{status}"))
        alert = body["alerts"][0]
        labels = {"alertname": "HighErrorRate", "service": one.service, "severity": "critical"}
        alert.update(status=status, fingerprint=name, labels=labels, startsAt=began, endsAt=ends)
        body.update(status=status, alerts=[alert])
        raw = json.dumps(body).encode()
        headers = {"content-type": JSON, "authorization": f"Bearer {_TOKEN}"}
        found.append(Delivery("alertmanager", raw, headers))
    return found[0], found[1]


_TOKEN = "company-planted-1f7c"


def _tokened(source: str, body: Any) -> Delivery:
    headers = {"content-type": JSON, deliveries.TOKEN_HEADER: _TOKEN}
    return Delivery(source, json.dumps(body).encode(), headers)


def paths_of(service: str) -> list[str]:
    """Return the globs of a service of a monorepo."""
    return [f"services/{service}/**", "shared/**"]


def _configured(folder: Path) -> Path:
    """Write gitdailies.yml with a line for each name that an incident tool has, and return it."""
    file = folder / "gitdailies.yml"
    if not file.exists():
        for name, text in {**deliveries.SECRETS, **vendors.SECRETS, "company-token": _TOKEN}.items():
            (folder / name).write_text(text + "\n")
            (folder / name).chmod(0o600)
        lines = {
            name: f"  {json.dumps(name)}: {{repo: {profile.repo}, environment: production}}"
            for profile in truth.PROFILES.values()
            for tool in truth.TOOLS
            for name in truth.names_of(profile, tool).values()
        }
        sources = Path(__file__).with_name("gitdailies.yml").read_text()
        known = re.sub(r"PATHS_(\w+)", lambda found: json.dumps(paths_of(found[1])), sources)
        file.write_text(known + "\n".join(lines.values()) + "\n")
    return file
