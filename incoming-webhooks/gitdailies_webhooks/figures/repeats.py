"""Which deploys count, and which ones only repeat another; and deploys that go back without saying so.

The deploys of a place are read in the order of time and id. What was read before decides about the next
one, so that one `PlaceState` a place is all that is kept. A deploy that does not say rollback or hotfix
is, the first that fits:

1. a repeat (`SAME_COMMIT`), if its commit is that of the latest counting deploy of the place;
2. a repeat (`SAME_RUN`), if an earlier counting deploy of its commit has its run and attempt;
3. a repeat (`LATER_WAVE`), if its commit counted here, but was never deployed to this exact environment;
   or (`OTHER_REPORTER`), if it comes within an hour of the first deploy of its commit, and its reporter
   differs from that of every earlier one of its commit;
4. a rollback, if its commit counted here for the first time before the commit that it replaces;
5. a deploy that brings nothing new, if its commit counted here before: it goes forward again;
6. else a deploy.

One that says rollback or hotfix is a repeat only by the second rule, and only of one that says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gitdailies_webhooks.figures.commits import CommitMap, same_commit
from gitdailies_webhooks.figures.events import ROLLBACK, Deploy, Place
from gitdailies_webhooks.figures.settings import FigureSettings

# The rule by which a deploy is a repeat.
SAME_COMMIT, SAME_RUN = "same-commit", "same-run"
LATER_WAVE, OTHER_REPORTER = "later-wave", "other-reporter"

HOUR_US = 3_600_000_000


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


@dataclass(slots=True)
class CommitState:
    """What is known of one commit in a place, by one SHA of it.

    `counted` is its first counting deploy, and `first` its first deploy, counting or repeat, as its
    `environments` and `reporters` are. `runs` holds, by run and attempt, its first counting deploy for
    each word that deploys say.
    """

    first: Deploy
    counted: Deploy | None = None
    environments: set[str | None] = field(default_factory=set)
    reporters: set[str | None] = field(default_factory=set)
    runs: dict[tuple[str, str], dict[str, Deploy]] = field(default_factory=dict)


class PlaceState:
    """What the deploys of one place so far decide about the next one.

    It holds the latest counting deploy, and a `CommitState` for each SHA that was deployed.
    """

    def __init__(self, *, count_same_commit: bool) -> None:
        self._count_same_commit = count_same_commit
        self._latest: Deploy | None = None
        self._commits: CommitMap[CommitState] = CommitMap()

    @classmethod
    def resumed(
        cls, latest: Deploy | None, commits: CommitMap[CommitState], *, count_same_commit: bool
    ) -> PlaceState:
        """Return the state after earlier deploys: the latest counting one, and what is known of commits."""
        state = cls(count_same_commit=count_same_commit)
        state._latest, state._commits = latest, commits
        return state

    def take(self, deploy: Deploy) -> Deploy | Repeat:
        """Return the next deploy of the place as it counts, or as a repeat."""
        states = self._commits.find(deploy.sha)
        taken = self._judge(deploy, states)
        own = self._commits.exact(deploy.sha)
        if not own:
            self._commits.add(deploy.sha, CommitState(deploy))
        state = self._commits.exact(deploy.sha)[0]
        state.environments.add(deploy.exact)
        state.reporters.add(deploy.reporter)
        if isinstance(taken, Deploy):
            self._latest = taken
            state.counted = state.counted or taken
            if deploy.run is not None:
                state.runs.setdefault((deploy.run, deploy.attempt), {}).setdefault(deploy.says, taken)
        return taken

    def _judge(self, deploy: Deploy, states: list[CommitState]) -> Deploy | Repeat:
        same_run = _same_run(deploy, states)
        if deploy.says:
            return Repeat(deploy, SAME_RUN, same_run) if same_run is not None else deploy
        latest = self._latest
        if (
            latest is not None
            and same_commit(deploy.sha, latest.sha)
            and not self._is_another(deploy, latest)
        ):
            return Repeat(deploy, SAME_COMMIT, latest)
        if same_run is not None:
            return Repeat(deploy, SAME_RUN, same_run)
        counted = min((s.counted for s in states if s.counted is not None), key=_order, default=None)
        if latest is None or counted is None:
            return deploy
        if not any(deploy.exact in state.environments for state in states):
            return Repeat(deploy, LATER_WAVE, counted)
        first = min((state.first for state in states), key=_order)
        reported = any(deploy.reporter in state.reporters for state in states)
        if deploy.at - first.at <= HOUR_US and not reported:
            return Repeat(deploy, OTHER_REPORTER, first)
        replaced = min(
            (s.counted for s in self._commits.find(latest.sha) if s.counted is not None), key=_order
        )
        if _order(counted) < _order(replaced):
            return deploy._replace(type=ROLLBACK, known=True)
        return deploy._replace(known=True)

    def _is_another(self, deploy: Deploy, latest: Deploy) -> bool:
        """Whether a deploy of the commit that is there counts, since it is known to be of another run."""
        named = deploy.run is not None and latest.run is not None
        return self._count_same_commit and named and deploy.run != latest.run


def classify(deploys: Iterable[Deploy], settings: FigureSettings) -> Classified:
    """Tell the counting deploys from the repeats; *deploys* are in order."""
    places: dict[Place, PlaceState] = {}
    counting: list[Deploy] = []
    repeats: dict[str, Repeat] = {}
    for deploy in deploys:
        state = places.get(deploy.place)
        if state is None:
            state = places[deploy.place] = PlaceState(count_same_commit=settings.count_same_commit)
        taken = state.take(deploy)
        if isinstance(taken, Repeat):
            repeats[deploy.id] = taken
        else:
            counting.append(taken)
    return Classified(tuple(counting), repeats)


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
    return min(found, key=_order, default=None)


def _order(deploy: Deploy) -> tuple[int, str]:
    return deploy.order
