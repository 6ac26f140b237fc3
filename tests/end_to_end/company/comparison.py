"""What the figures make of a way of reporting, compared with what is true."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from gitdailies_core.values.renames import NO_RENAMES, Renames
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, FREQUENCY, LEAD_TIME, RECOVERY
from gitdailies_dora.figures.answers.selection import Period, Selection
from gitdailies_dora.figures.history import ancestry, incidents, lead_time
from gitdailies_dora.figures.history.events import ROLLBACK, Deploy, GitCommits, History, read_history
from gitdailies_dora.figures.history.facts import DeployFacts, Facts, derive
from gitdailies_dora.figures.history.incidents import Incident
from gitdailies_dora.figures.history.repeats import classify
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors.lookup import MirrorLookup
from gitdailies_dora.mirrors.repository import Mirror
from gitdailies_dora.mirrors.rows import RepositoryState

from tests.end_to_end.company import reporting, truth
from tests.end_to_end.company.reporting import (
    ARGO,
    CSV,
    CURL,
    PATHS,
    PUSHES,
    SHALLOW,
    STEPS,
    WEBHOOK,
    Reported,
    paths_of,
)
from tests.end_to_end.company.truth import DAY, DEPLOY, LATE, Job, Repository
from tests.support.figures.asking import Computed

US = 1_000_000
SETTINGS = FigureSettings(production=("production", "production-*"))
# How far a lead time may be off: the reporters of a job tell of it minutes apart.
FAR = 0.05
# Those that list every commit which a deploy brought.
_LISTING = {reporting.WHOLE, reporting.PATHS, reporting.LATER, reporting.MIRROR}


class Difference(NamedTuple):
    """A number or a fact that differs, and the job with which that begins."""

    figure: str
    expected: str
    got: str
    at: int = 0
    first: str = ""

    def __str__(self) -> str:
        first = f" (first: {self.first})" if self.first else ""
        return f"{self.figure}: expected {self.expected}, got {self.got}{first}"


class Compared(NamedTuple):
    """What differs, the first one first, how far each figure is off, and the figures themselves."""

    differences: tuple[Difference, ...]
    off: Mapping[str, float]
    figures: Mapping[str, Any]


def compare(repository: Repository, told: Reported) -> Compared:
    """Compare the figures of a way with the truth."""
    git = _mirrored(repository, told) if told.mirror else {}
    settings = settings_of(repository)
    history = read_history(told.events, settings, now=truth.ENDED * US, git_commits=git)
    facts = derive(history, settings)
    one = _Comparison(repository, told, history, facts)
    found = sorted(
        [*one.deploys(), *one.lead_times(), *one.incidents(), *one.failures()], key=lambda each: each.at
    )
    figures, differing = one.figures()
    return Compared((*found, *differing), one.off, figures)


def settings_of(repository: Repository) -> FigureSettings:
    """Return the settings of a server that knows the former name of a repository."""
    former = repository.profile.renamed
    renames = Renames(((former, repository.profile.repo),)) if former else NO_RENAMES
    return replace(SETTINGS, renames=renames)


def _mirrored(repository: Repository, told: Reported) -> Mapping[str, GitCommits]:
    """Return what the server's own look into the repository finds."""
    settings = settings_of(repository)
    history = read_history(told.events, settings, now=truth.ENDED * US)
    asked = ancestry.deploys_to_ask_about(classify(history.deploys, settings).counting)
    profile = repository.profile
    paths = {one: tuple(paths_of(one)) for one in profile.services if profile.paths}
    lookup = MirrorLookup(Mirror(repository.path), RepositoryState(profile.repo, asked, {}, {}, {}), paths)
    while True:
        found = lookup.next_facts()
        if found.done:
            return found.decided.commits


class _Comparison:
    """One way of one repository: what is expected of it, and what the figures say."""

    def __init__(self, repository: Repository, told: Reported, history: History, facts: Facts) -> None:
        self.repository, self.told, self.history, self.facts = repository, told, history, facts
        self.by_number = {job.number: job for job in repository.jobs}
        self.off: dict[str, float] = defaultdict(float)
        reported = {job.of for job in told.jobs.values()}
        # A list by hand has no slow second job.
        self.expected = [job for job in repository.jobs if job.counts and job.number in reported]
        self.found: dict[int, list[DeployFacts]] = defaultdict(list)
        for one in facts.deploys:
            self.found[self._job(one.deploy).of].append(one)
        # Late jobs that count as rollbacks, because no reporter tells what started them.
        self.untold: set[int] = set()

    def _job(self, deploy: Deploy) -> Job:
        return self.told.jobs[deploy.id]

    def _name(self, job: Job) -> str:
        at = datetime.fromtimestamp(job.at, UTC).isoformat()
        service = f" of {job.service}" if job.service else ""
        return f"{job.kind} {job.number}{service} {job.sha[:7]} at {at}, run {job.run}.{job.attempt}"

    def deploys(self) -> Iterator[Difference]:
        """Each deploy counts once, as what it is, and nothing else repeats it."""
        for job in self.repository.jobs:
            by_hand = (
                self.told.phases[job.number] == (CSV,) or reporting.MIRROR in self.told.phases[job.number]
            )
            if job.counts and job not in self.expected and not (by_hand and job.kind == LATE):
                yield Difference("deploys", "a report", "none", job.at, self._name(job))
        for job in self.expected:
            found = self.found[job.number]
            if len(found) != 1:
                yield Difference("deploys", "1", str(len(found)), job.at, self._name(job))
                continue
            got = ROLLBACK if found[0].deploy.type == ROLLBACK else DEPLOY
            expected = DEPLOY if job.kind == LATE else job.kind
            if got == expected:
                continue
            if job.kind == LATE and not self._tells_trigger(job):
                self.untold.add(job.number)
                self.off["late jobs taken for rollbacks"] += 1 / len(self.expected)
                continue
            yield Difference("kind", expected, got, job.at, self._name(job))
        for repeat in self.facts.repeats.values():
            job, of = self._job(repeat.deploy), self._job(repeat.of)
            if job.of != of.of:
                yield Difference(
                    "repeat", f"of {job.of}", f"of {of.of} by {repeat.rule}", job.at, self._name(job)
                )

    def _tells_trigger(self, job: Job) -> bool:
        """Whether a reporter of the job says that a push started it."""
        reporters = set(self.told.phases[job.number])
        if self.repository.profile.platform == "gitlab":
            # The step cannot tell a slow job from the button that rolls back.
            reporters -= set(STEPS)
        return bool(reporters & {WEBHOOK, *STEPS})

    def _is_known(self, job: Job) -> bool:
        """Whether the reporters of a job list all that it brought."""
        before = [one for one in self.expected if one.service == job.service and one.at < job.at]
        if not before:
            return False
        phase = self.told.phases[job.number]
        profile = self.repository.profile
        if len(profile.services) > 1 and phase[0] not in STEPS and not profile.paths:
            # Pushes and a mirror tell no service. Of two lists, that of the first report counts.
            return False
        if SHALLOW in phase:
            return False
        forward = [one for one in before if one.kind == DEPLOY][-1]
        if {CSV, CURL}.issuperset(self.told.phases[forward.number]) and forward.sha not in truth.ancestors(
            self.repository.commits, job.sha
        ):
            # A later commit was deployed before, and nothing tells what it brought.
            return False
        if _LISTING & set(phase):
            return True
        # Pushes lead back to the deploy before, if both were told.
        last = before[-1]
        told = self.told.phases[last.number] == phase
        pushed = self.repository.pushes[last.pushed].at >= self.told.since[job.number]
        return PUSHES in phase and bool({WEBHOOK, ARGO} & set(phase)) and told and pushed

    def _new(self, job: Job) -> tuple[truth.Commit, ...]:
        """Return what the list of a deploy says that it brought, if it says all."""
        told = {
            reporter
            for one in self.repository.jobs
            if one.of == job.number
            for reporter in self.told.phases[one.number]
        }
        return job.brought if told & set(STEPS) - {PATHS} and self._is_untold(job) else job.own

    def _is_untold(self, job: Job) -> bool:
        """Whether the list of a deploy lacks what is outside its service."""
        listed = [commit for one in self.found[job.number][:1] for commit in one.deploy.commits or ()]
        return not listed or any(commit.outside is None for commit in listed)

    def lead_times(self) -> Iterator[Difference]:
        """The lead times of each deploy are right, or unknown where nothing lists its commits."""
        unknown = 0
        for job in self.expected:
            for one in self.found[job.number][:1]:
                new, expected = one.new, [job.at - commit.at for commit in self._new(job)]
                got = [each / US for each in new.lead_times]
                right = f"{len(expected)} commits, median {_hours(expected)}"
                if new.unknown:
                    unknown += 1
                    first = not any(e.service == job.service and e.at < job.at for e in self.expected)
                    lists = one.deploy.commits is not None
                    if self._is_known(job):
                        yield Difference(
                            "lead time", right, f"unknown: {new.unknown}", job.at, self._name(job)
                        )
                    elif (new.unknown == lead_time.NO_PREDECESSOR) != first or (
                        new.unknown == lead_time.NO_COMMITS and lists
                    ):
                        yield Difference("reason", "a true one", new.unknown, job.at, self._name(job))
                elif bool(expected) != bool(got) or new.unknown_commits:
                    nothing = (
                        f"{len(got)} commits, {new.unknown_commits} without a time, median {_hours(got)}"
                    )
                    yield Difference("lead time", right, nothing, job.at, self._name(job))
                elif expected:
                    off = abs(median(got) / median(expected) - 1)
                    self.off["lead time of a deploy"] = max(self.off["lead time of a deploy"], off)
                    if off > FAR:
                        wrong = f"{len(got)} commits, median {_hours(got)}"
                        yield Difference("lead time", right, wrong, job.at, self._name(job))
        self.off["deploys of an unknown lead time"] = unknown / len(self.expected)

    def incidents(self) -> Iterator[Difference]:
        """Each incident is attributed to the deploy that caused it, or to none for a true reason."""
        found = {round(one.occurrence.began_at / US): one for one in self.facts.incidents}
        for incident in self.repository.incidents:
            one = found.pop(incident.began, None)
            name = f"{incident.tool} {incident.number} of {incident.service!r}"
            if one is None:
                yield Difference("incident", "one", "none", incident.began, name)
                continue
            got = None if one.link.deploy is None else self._job(one.link.deploy).of
            if got == incident.cause and (got is not None or self._is_quiet(incident)):
                continue
            if incident.cause is None and got is not None and one.link.how == incidents.BY_TIME:
                # It may have been that deploy, for all that anybody can see.
                self.off["incidents linked by chance"] += 1 / len(self.repository.incidents)
                if self._latest(incident) == got:
                    continue
            expected = "none" if incident.cause is None else self._name(self.by_number[incident.cause])
            said = _linked(one, None if got is None else self._name(self.by_number[got]))
            yield Difference("incident", expected, said, incident.began, name)
        for one in found.values():
            yield Difference("incident", "none", _linked(one, None), one.occurrence.began_at // US)

    def _latest(self, incident: truth.Incident) -> int | None:
        """Return the deploy that was the latest when an incident began, of its service where it has one."""
        service = incident.service.lower() if len(self.repository.profile.services) > 1 else ""
        before = [
            job.number
            for job in self.expected
            if job.service == service and 0 <= incident.began - job.at < DAY
        ]
        return max(before, key=lambda number: self.by_number[number].at, default=None)

    def _is_quiet(self, incident: truth.Incident) -> bool:
        return self._latest(incident) is None

    def failures(self) -> Iterator[Difference]:
        """Deploys with an incident of theirs, and those that were undone, failed; no others did."""
        caused = {one.cause for one in self.repository.incidents if one.cause is not None}
        undone = {job.undoes for job in self.expected if job.undoes is not None}
        by_chance = {self._latest(one) for one in self.repository.incidents if one.cause is None}
        for job in self.expected:
            for one in self.found[job.number][:1]:
                failed = job.number in caused | undone
                if one.failed == failed or (one.failed and job.number in by_chance):
                    continue
                if one.failed and {self._job(each).of for each in one.remedied_by} & self.untold:
                    continue
                expected, got = ("failed" if fails else "not failed" for fails in (failed, one.failed))
                yield Difference("failure", expected, got, job.at, self._name(job))
        for job in self.expected:
            if job.undoes is None or job.undoes not in self.found:
                continue
            for one in self.found[job.number][:1]:
                remedied = {self._job(each.deploy).of for each in self.facts.remedied.get(one.deploy.id, ())}
                # A mirror knows commits, and not what they say. A list that tells no service does not say
                # whose commits were undone.
                lists = (
                    self._is_known(job)
                    and self._is_known(self.by_number[job.undoes])
                    and not self.told.mirror
                    and not (len(self.repository.profile.services) > 1 and self._is_untold(job))
                )
                knows = job.kind == truth.ROLLBACK or lists
                if knows and job.undoes not in remedied:
                    right = f"of {self._name(self.by_number[job.undoes])}"
                    yield Difference("remedy", right, f"of {sorted(remedied)}", job.at, self._name(job))

    def figures(self) -> tuple[Mapping[str, Any], tuple[Difference, ...]]:
        """The five figures of the whole time agree with the truth about the deploys that are known."""
        period = Period((truth.BEGAN - DAY) * US, None, truth.ENDED * US, UTC)
        settings = settings_of(self.repository)
        selection = Selection.make(period, settings, repo=self.repository.profile.repo)
        got = Computed(self.history, self.facts, selection, settings).figures()
        known = [
            job.at - commit.at
            for job in self.expected
            for one in self.found[job.number][:1]
            if not one.new.unknown
            for commit in self._new(job)
        ]
        causes = {
            one.cause: one.ended - one.began for one in self.repository.incidents if one.cause is not None
        }
        expected: dict[tuple[str, str], float | None] = {
            (FREQUENCY, "deploys"): len(self.expected),
            (LEAD_TIME, "median"): median(known) if known else None,
        }
        differing = []
        for (figure, name), right in expected.items():
            wrong = got[figure][name]
            off = 0.0 if wrong == right else abs((wrong or 0) / right - 1) if right else 1.0
            self.off[f"{figure} {name}"] = off
            if off > (FAR if figure == LEAD_TIME else 0):
                differing.append(Difference(f"{figure}.{name}", str(right), str(wrong), truth.ENDED))
        # An incident that came by chance on top may only add to what failed.
        failed = got[FAIL_RATE]["failed"] + got[FAIL_RATE]["failedPending"]
        if failed < len(causes):
            differing.append(
                Difference(f"{FAIL_RATE}.failed", f"{len(causes)} or more", str(failed), truth.ENDED)
            )
        recovered = got[RECOVERY]["recovered"]
        if recovered < len(causes):
            differing.append(
                Difference(f"{RECOVERY}.recovered", str(len(causes)), str(recovered), truth.ENDED)
            )
        return got, tuple(differing)


def _hours(seconds: Sequence[float]) -> str:
    return f"{median(seconds) / 3600:.2f} h" if seconds else "of none"


def _linked(incident: Incident, deploy: str | None) -> str:
    return f"{incident.link.how}" if deploy is None else f"{deploy}, {incident.link.how}"
