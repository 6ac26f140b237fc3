"""What is stored of the earlier deploys of a place, for the deploys that are put between them.

Between two stored deploys, the deploys of a step form a group: what is stored before the first of them
holds for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.update import shas
from gitdailies_webhooks.derived.update.outcomes import Outcome, PlaceKey, place_key, read_outcomes
from gitdailies_webhooks.derived.update.shas import Lengths
from gitdailies_webhooks.figures.events import HOTFIX, ROLLBACK, Deploy
from gitdailies_webhooks.figures.lead_time import NewCommits
from gitdailies_webhooks.figures.repeats import HOUR_US, CommitState, Repeat
from gitdailies_webhooks.sql.bulk import lookup_many

POSITION = "number, repo, environment, service, at, id"
_SHA_POSITION = "number, repo, environment, service, sha, at, id"


class Group:
    """Deploys of one place, in order, between two stored ones.

    `latest` is the stored counting deploy before them. `followed` is set if one is stored after them.
    `states` and `before` have what is stored of commits. `forward` and `brought` have the stored deploys
    that they may remedy. `taken` are the deploys as they count.
    """

    def __init__(self, place: PlaceKey) -> None:
        self.place = place
        self.deploys: list[Deploy] = []
        self.latest: Outcome | None = None
        self.followed = False
        self.states: dict[str, CommitState] = {}
        self.before: set[str] = set()
        self.forward: dict[str, Deploy] = {}
        self.brought: list[tuple[str, Deploy]] = []
        self.taken: list[tuple[Deploy, NewCommits | Repeat]] = []

    def shas(self) -> set[tuple[PlaceKey, str]]:
        """The commits whose earlier deploys decide what those of the group count as."""
        found = {(self.place, deploy.sha) for deploy in self.deploys}
        return found | ({(self.place, self.latest.sha)} if self.latest else set())

    def mentions(self) -> set[tuple[PlaceKey, str]]:
        """The commits that may be new."""
        listed = {commit.sha for deploy in self.deploys for commit in deploy.commits or ()}
        return {(self.place, sha) for sha in listed | {deploy.sha for deploy in self.deploys}}


class _Around(NamedTuple):
    """The stored deploys around a position: the last one, the last counting one, and when the next one is."""

    last: str | None
    counting: str | None
    next_at: int | None


def groups_of(session: Session, deploys: Sequence[Deploy]) -> list[Group]:
    """Put deploys into groups, in order; those of one place follow each other."""
    ordered = sorted(deploys, key=lambda deploy: (place_key(deploy.place), deploy.order))
    places = [list(of_place) for _, of_place in groupby(ordered, key=lambda deploy: place_key(deploy.place))]
    found: list[tuple[list[Deploy], _Around]] = []
    mixed: list[Deploy] = []
    for of_place, around in zip(places, _around(session, [one[0] for one in places]), strict=True):
        if around.next_at is None or around.next_at > of_place[-1].at:
            found.append((of_place, around))
        else:
            # A stored deploy may lie between any two of them.
            mixed += of_place
    found += [([one], around) for one, around in zip(mixed, _around(session, mixed), strict=True)]
    latest = read_outcomes(session, {around.counting for _, around in found if around.counting is not None})
    groups: dict[tuple[PlaceKey, str | None], Group] = {}
    for together, around in found:
        place = place_key(together[0].place)
        group = groups.get((place, around.last))
        if group is None:
            group = groups[place, around.last] = Group(place)
            group.latest = None if around.counting is None else latest[around.counting]
            group.followed = around.next_at is not None
        group.deploys += together
    return list(groups.values())


def _around(session: Session, deploys: Sequence[Deploy]) -> list[_Around]:
    rows = [(number, *place_key(one.place), *one.order) for number, one in enumerate(deploys)]
    found = lookup_many(session, POSITION, rows, statements.DEPLOYS_AROUND)
    by_number = {number: _Around(*around) for number, *around in found}
    return [by_number[number] for number in range(len(rows))]


def load_states(session: Session, groups: Sequence[Group], lengths: Lengths) -> None:
    """Load what is known of the commits of each group: their first deploys, and which of the same exist."""
    matching = lengths.matching(shas.DEPLOYED, (key for group in groups for key in group.shas()))
    wanted = [
        (group, sha) for group in groups for sha in {other for key in group.shas() for other in matching[key]}
    ]
    rows = [
        (number, *group.place, sha, *group.deploys[0].order) for number, (group, sha) in enumerate(wanted)
    ]
    first = {
        number: ids for number, *ids in lookup_many(session, _SHA_POSITION, rows, statements.FIRST_OF_SHA)
    }
    stored = read_outcomes(session, {id_ for ids in first.values() for id_ in ids if id_ is not None})
    states: dict[tuple[int, str], CommitState] = {}
    for number, (group, sha) in enumerate(wanted):
        other, counting, brought = (None if id_ is None else stored[id_] for id_ in first[number])
        # Of one that a step has left over, the commit is not the first any more, and yet it counts.
        if brought is None and group.latest is not None and group.latest.own_new and group.latest.sha == sha:
            brought = group.latest
        if other is not None or brought is not None:
            states[id(group), sha] = group.states[sha] = _state(other, counting, brought)
    _load_same(session, groups, matching, states)


def _state(other: Outcome | None, counting: Outcome | None, brought: Outcome | None) -> CommitState:
    """Return the first deploys of a commit: the deploy that brought it, and others."""
    first = min((one for one in (other, brought) if one is not None), key=lambda one: one.order)
    both = (one for one in (counting, brought) if one is not None)
    counted = min(both, key=lambda one: one.order, default=None)
    state = CommitState(first.to_deploy(), None if counted is None else counted.to_deploy())
    if brought is not None:
        state.environments.add(brought.exact or None)
        state.reporters.add(brought.reporter or None)
    return state


def _load_same(
    session: Session,
    groups: Sequence[Group],
    matching: dict[tuple[tuple[str, ...], str], list[str]],
    states: dict[tuple[int, str], CommitState],
) -> None:
    asked = [
        (deploy, sha, state, group)
        for group in groups
        for deploy in group.deploys
        for sha in matching[group.place, deploy.sha]
        if (state := states.get((id(group), sha))) is not None
    ]
    rows = [
        (
            number,
            *group.place,
            sha,
            *group.deploys[0].order,
            deploy.exact or "",
            deploy.reporter or "",
            int(deploy.at - state.first.at <= HOUR_US),
            deploy.run or "",
            deploy.attempt,
            deploy.says,
        )
        for number, (deploy, sha, state, group) in enumerate(asked)
    ]
    columns = f"{_SHA_POSITION}, exact, reporter, asked, run, attempt, says"
    found = list(lookup_many(session, columns, rows, statements.SAME_OF_SHA))
    runs = read_outcomes(session, {run for *_, run in found if run is not None})
    for number, exact, reporter, run in found:
        deploy, _, state, _ = asked[number]
        if exact is not None:
            state.environments.add(deploy.exact)
        if reporter is not None:
            state.reporters.add(deploy.reporter)
        if run is not None and deploy.run is not None:
            earlier = runs[run].to_deploy()
            of_run = state.runs.setdefault((deploy.run, deploy.attempt), {})
            known = of_run.get(earlier.says)
            of_run[earlier.says] = earlier if known is None or earlier.order < known.order else known


def load_mentions(session: Session, groups: Sequence[Group], lengths: Lengths) -> None:
    """Load which of the commits that may be new an earlier deploy of the place had."""
    matching = lengths.matching(shas.MENTIONED, (key for group in groups for key in group.mentions()))
    wanted = [
        (group, sha)
        for group in groups
        if group.latest is not None
        for sha in {other for key in group.mentions() for other in matching[key]}
    ]
    rows = [
        (number, *group.place, sha, *group.deploys[0].order) for number, (group, sha) in enumerate(wanted)
    ]
    for number, there in lookup_many(session, _SHA_POSITION, rows, statements.COMMIT_BEFORE):
        if there is not None:
            group, sha = wanted[number]
            group.before.add(sha)


def load_remedies(session: Session, groups: Sequence[Group], lengths: Lengths, window: int) -> None:
    """Load the stored deploys that the deploys of each group may remedy."""
    back = [
        (group, deploy)
        for group in groups
        for deploy, result in group.taken
        if not isinstance(result, Repeat) and deploy.type in (ROLLBACK, HOTFIX)
    ]
    rows: list[tuple[Any, ...]] = [
        (number, *group.place, deploy.sha, *group.deploys[0].order, deploy.at - window)
        for number, (group, deploy) in enumerate(back)
    ]
    latest = lookup_many(session, f"{_SHA_POSITION}, since", rows, statements.LATEST_OTHER)
    others = {number: id_ for number, id_ in latest if id_ is not None}
    undone = {
        (group.place, sha)
        for group in groups
        for deploy, result in group.taken
        if not isinstance(result, Repeat)
        for sha in deploy.reverts
    }
    matching = lengths.matching(shas.MENTIONED, undone)
    wanted = [
        (group, sha)
        for group in groups
        for sha in {
            other
            for deploy, result in group.taken
            if not isinstance(result, Repeat)
            for reverted in deploy.reverts
            for other in matching[group.place, reverted]
        }
    ]
    rows = [
        (number, *group.place, sha, *group.deploys[0].order) for number, (group, sha) in enumerate(wanted)
    ]
    found = lookup_many(session, _SHA_POSITION, rows, statements.BROUGHT_BEFORE)
    brought = {number: id_ for number, id_ in found if id_ is not None}
    stored = read_outcomes(session, {*others.values(), *brought.values()})
    for number, id_ in others.items():
        back[number][0].forward[id_] = stored[id_].to_deploy()
    for number, id_ in brought.items():
        group, sha = wanted[number]
        group.brought.append((sha, stored[id_].to_deploy()))
