"""Which deploys count, and which ones only repeat another; and deploys that go back without saying so.

The deploys of a target are read in the order of time and id. What was read before decides about the next
one, so that one `TargetState` a target is all that is kept. A deploy that does not say rollback or hotfix
is, the first that fits:

1. a repeat (`SAME_COMMIT`), if its commit is that of the latest counting deploy of the target;
2. a repeat (`SAME_RUN`), if an earlier counting deploy of its commit has its run and attempt;
3. a repeat (`LATER_WAVE`), if its commit counted here, but was never deployed to this exact environment;
   or (`OTHER_REPORTER`), if it comes within an hour of the first deploy of its commit, and its reporter
   differs from that of every earlier one of its commit;
4. a repeat (`OTHER_REPORTER`), if it comes within an hour of another reporter's report of its commit, and
   one of the two names no service itself;
5. late, if the sixth rule would make it a rollback, its commit first counted in its repository and
   environment at most two hours before, and a push or a tag started its run, as it says or another report of
   that run: a slow job, which brings nothing new and remedies nothing;
6. a rollback, if its commit counted here for the first time before the commit that it replaces;
7. a deploy that brings nothing new, if its commit counted here before: it goes forward again;
8. else a deploy.

One that says rollback or hotfix is a repeat by the second rule of one that says the same, by the fourth, or
(`OTHER_REPORTER`) of another reporter's report within the hour that is 5, 6 or 7. That one then counts as a
rollback or hotfix.

A deploy that lists no commits takes the list of the first of its repeats within the hour that has one: a
webhook often comes before the step. An empty list of a repeat says that there was nothing to repeat.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history.commits import CommitMap, same_commit
from gitdailies_dora.figures.history.events import DEPLOY, HOUR_US, ROLLBACK, Deploy, History
from gitdailies_dora.figures.history.services import of_one_deploy, only_services, with_services
from gitdailies_dora.figures.history.settings import FigureSettings

# The rule by which a deploy is a repeat.
SAME_COMMIT, SAME_RUN = "same-commit", "same-run"
LATER_WAVE, OTHER_REPORTER = "later-wave", "other-reporter"

# A job of a push may end this long after the first one of its commit, and still be no rollback.
LATE_US = 2 * HOUR_US
# What reports up to this long before a deploy, and an hour after it, say about its run and its commit.
DAY_US = 24 * HOUR_US
OF_A_COMMIT = frozenset({"push", "tag"})


class Repeat(NamedTuple):
    """A deploy that is in no figure: the rule that says so, and the deploy that it repeats."""

    deploy: Deploy
    rule: str
    of: Deploy


class Classified(NamedTuple):
    """The counting deploys in order, and the repeats by id.

    A counting deploy that goes back without saying so has the type rollback. One whose commit was here
    before is `known`.
    """

    counting: tuple[Deploy, ...]
    repeats: dict[str, Repeat]


class Report(NamedTuple):
    """A deploy, and the counting one that it is or repeats."""

    deploy: Deploy
    counts_as: Deploy


@dataclass(slots=True)
class CommitState:
    """Facts about one commit in a target, by one SHA of it.

    `counted` is its first counting deploy, and `first` its first deploy, counting or repeat, as its
    `environments` and `reporters` are. `runs` holds, by run and attempt, its first counting deploy for
    each word that deploys say. `reports` are those of the last hour, in order.
    """

    first: Deploy
    counted: Deploy | None = None
    environments: set[str | None] = field(default_factory=set)
    reporters: set[str | None] = field(default_factory=set)
    runs: dict[tuple[str, str], dict[str, Deploy]] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)

    def note(self, report: Report) -> None:
        """Note a report, the last one so far, for those of the next hour."""
        while self.reports and report.deploy.at - self.reports[0].deploy.at > HOUR_US:
            self.reports.pop(0)
        self.reports.append(report)


class TargetState:
    """What the deploys of one target so far decide about the next one.

    It holds the latest counting deploy, and a `CommitState` for each SHA that was deployed.
    """

    def __init__(
        self, latest: Deploy | None, commits: CommitMap[CommitState], *, count_same_commit: bool
    ) -> None:
        self._count_same_commit = count_same_commit
        self._latest = latest
        self._commits = commits

    def take(self, deploy: Deploy) -> Deploy | Repeat:
        """Return the next deploy of the target as it counts, or as a repeat."""
        states = self._commits.find(deploy.sha)
        taken = self._judge(deploy, states)
        own = self._commits.exact(deploy.sha)
        if not own:
            self._commits.add(deploy.sha, CommitState(deploy))
        state = self._commits.exact(deploy.sha)[0]
        state.environments.add(deploy.exact)
        state.reporters.add(deploy.reporter)
        counts_as = taken if isinstance(taken, Deploy) else taken.of
        if counts_as.known or deploy.target.service is not None:
            state.note(Report(deploy, counts_as))
        if isinstance(taken, Deploy):
            self._latest = taken
            state.counted = state.counted or taken
            if deploy.run is not None:
                state.runs.setdefault((deploy.run, deploy.attempt), {}).setdefault(deploy.says, taken)
        return taken

    def _judge(self, deploy: Deploy, states: list[CommitState]) -> Deploy | Repeat:
        same_run = _same_run(deploy, states)
        if deploy.says:
            if same_run is not None:
                return Repeat(deploy, SAME_RUN, same_run)
            other = _of_other_reporter(deploy, states)
            return deploy if other is None else Repeat(deploy, OTHER_REPORTER, other)
        latest = self._latest
        if (
            latest is not None
            and same_commit(deploy.sha, latest.sha)
            and not self._is_another(deploy, latest)
        ):
            return Repeat(deploy, SAME_COMMIT, latest)
        if same_run is not None:
            return Repeat(deploy, SAME_RUN, same_run)
        counted = min(
            (s.counted for s in states if s.counted is not None), key=attrgetter("order"), default=None
        )
        if latest is None or counted is None:
            return deploy
        if not any(deploy.exact in state.environments for state in states):
            return Repeat(deploy, LATER_WAVE, counted)
        first = min((state.first for state in states), key=attrgetter("order"))
        reported = any(deploy.reporter in state.reporters for state in states)
        if deploy.at - first.at <= HOUR_US and not reported:
            return Repeat(deploy, OTHER_REPORTER, counted)
        other = None if deploy.target.service is None else _of_other_reporter(deploy, states)
        if other is not None:
            return Repeat(deploy, OTHER_REPORTER, other)
        replaced = min(
            (s.counted for s in self._commits.find(latest.sha) if s.counted is not None),
            key=attrgetter("order"),
        )
        if counted.order < replaced.order:
            return deploy._replace(type=ROLLBACK, known=True, back_to=counted.at)
        return deploy._replace(known=True)

    def _is_another(self, deploy: Deploy, latest: Deploy) -> bool:
        """Whether a deploy of the commit that is there counts, since it is known to be of another run."""
        named = deploy.run is not None and latest.run is not None
        return self._count_same_commit and named and deploy.run != latest.run


def classify(deploys: Iterable[Deploy], settings: FigureSettings) -> Classified:
    """Tell the counting deploys from the repeats; *deploys* are in order."""
    same = settings.count_same_commit
    targets: dict[DeployTarget, TargetState] = defaultdict(
        lambda: TargetState(None, CommitMap(), count_same_commit=same)
    )
    counting: list[Deploy] = []
    repeats: dict[str, Repeat] = {}
    for deploy in deploys:
        taken = targets[deploy.target].take(deploy)
        if isinstance(taken, Repeat):
            repeats[deploy.id] = taken
        else:
            counting.append(taken)
    return Classified(tuple(counting), repeats)


def classify_history(history: History, settings: FigureSettings) -> Classified:
    """Tell the counting deploys of a history from the repeats, and complete them by other reports."""
    every = [*history.deploys, *history.later]
    if history.named:
        named = [one for one in every if one.target.service is not None]
        every = with_services(every, named, only_services(history.named))
    found = classify(every, settings)
    later = {deploy.id for deploy in history.later}
    repeats: dict[str, list[Deploy]] = defaultdict(list)
    for repeat in found.repeats.values():
        repeats[repeat.of.id].append(repeat.deploy)
    return Classified(
        tuple(
            with_reports(one, repeats.get(one.id, ()), late=_late(one, every))
            for one in found.counting
            if one.id not in later
        ),
        {id_: repeat for id_, repeat in found.repeats.items() if id_ not in later},
    )


def _late(deploy: Deploy, every: Sequence[Deploy]) -> bool:
    if not may_be_late(deploy):
        return False
    since, until = (
        bisect_left(every, deploy.at + span, key=attrgetter("at")) for span in (-DAY_US, HOUR_US + 1)
    )
    return is_late(deploy, every[since:until])


def is_late(deploy: Deploy, around: Iterable[Deploy]) -> bool:
    """Whether a deploy that may be late is: a push or a tag started its run, as a report of this run says.

    *around* are the reports from a day before it to an hour after it. The first one of its commit in its
    repository and environment is two hours old at most.
    """
    here = [one for one in around if one.target.repo == deploy.target.repo]
    of_run = [one for one in here if deploy.run and one.run == deploy.run and one.attempt == deploy.attempt]
    return any(one.trigger in OF_A_COMMIT for one in (deploy, *of_run)) and not any(
        one.at < deploy.at - LATE_US
        and one.target.environment == deploy.target.environment
        and same_commit(one.sha, deploy.sha)
        for one in here
    )


def with_reports(deploy: Deploy, repeats: Iterable[Deploy], *, late: bool) -> Deploy:
    """Complete a deploy that counts by its repeats within the hour: a list, and what they say that it is.

    *late* says that it is a slow job.
    """
    soon = sorted((one for one in repeats if one.at - deploy.at <= HOUR_US), key=attrgetter("order"))
    first = next((one for one in soon if one.commits), None)
    if deploy.commits is None and first is not None:
        deploy = deploy._replace(
            commits=first.commits, exact_list=first.exact_list, of_any_service=first.of_any_service
        )
    said = "" if deploy.says else next((one.says for one in soon if one.says), "")
    return deploy._replace(type=said or DEPLOY) if said or late else deploy


def may_be_late(deploy: Deploy) -> bool:
    """Whether a deploy goes back without saying so, to a commit that came a short time ago."""
    return deploy.back_to is not None and deploy.at - deploy.back_to <= LATE_US


def _same_run(deploy: Deploy, states: Iterable[CommitState]) -> Deploy | None:
    """Return the first counting deploy of its commit with its run and attempt, or None.

    For a deploy that says rollback or hotfix, it is one that says the same.
    """
    if deploy.run is None:
        return None
    found = [
        earlier
        for state in states
        for says, earlier in state.runs.get((deploy.run, deploy.attempt), {}).items()
        if deploy.says in ("", says)
    ]
    return min(found, key=attrgetter("order"), default=None)


def _of_other_reporter(deploy: Deploy, states: Iterable[CommitState]) -> Deploy | None:
    """Return what another report of the same deploy counts as, or None.

    It is the earliest one, if one of the two names no service; or, for a deploy that says rollback or hotfix,
    the latest one that brings nothing new.
    """
    near = [one for state in states for one in state.reports if of_one_deploy(deploy, one.deploy)]
    known = [one for one in near if one.counts_as.known and one.counts_as.id == one.deploy.id]
    mixed = [one for one in near if one.deploy.unnamed != deploy.unnamed]
    if deploy.says and known:
        return max(known, key=lambda one: one.deploy.order).counts_as
    return min(mixed, key=lambda one: one.deploy.order).counts_as if mixed else None
