"""The stored facts about earlier deploys of a target, for the deploys that are put between them.

Between two stored deploys, the deploys of a step form a group: what is stored before the first of them
holds for all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import (
    Order,
    StoredDeploy,
    TargetKey,
    read_deploys_by_id,
    target_key,
)
from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.derived.update import shas
from gitdailies_dora.derived.update.reports import OtherReports
from gitdailies_dora.derived.update.shas import Lengths
from gitdailies_dora.figures.history.events import HOTFIX, HOUR_US, ROLLBACK, Deploy
from gitdailies_dora.figures.history.lead_time import NewCommits
from gitdailies_dora.figures.history.repeats import CommitState, Repeat, Report, with_reports
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import lookup_many

POSITION = "number, repo, environment, service, at, id"
_SHA_POSITION = "number, repo, environment, service, sha, at, id"

_Key: TypeAlias = tuple[tuple[str, ...], str]
_Keys: TypeAlias = set[_Key]  # targets and SHAs


class Group:
    """Deploys of one target, in order, between two stored ones.

    `latest` is the stored counting deploy before them. `followed` is set if one is stored after them.
    `states` and `before` have facts about commits: in `before`, `ABOVE` is one that is only named as a
    parent. `bare` has the latest deploy that brought something, and its commit if it listed none. `forward`
    and `brought` have the stored deploys that they may remedy. `taken` are the deploys as they count, and
    `new` has the new commits of these.
    """

    def __init__(self, target: TargetKey) -> None:
        self.target = target
        self.deploys: list[Deploy] = []
        self.latest: StoredDeploy | None = None
        self.followed = False
        self.states: dict[str, CommitState] = {}
        self.before: dict[str, int] = {}
        self.bare: tuple[Order, str] | None = None
        self.forward: dict[str, Deploy] = {}
        self.brought: list[tuple[str, Deploy]] = []
        self.taken: list[Deploy | Repeat] = []
        self.new: dict[str, NewCommits] = {}

    def shas(self) -> _Keys:
        """The commits whose earlier deploys decide what those of the group count as."""
        found = {(self.target, deploy.sha) for deploy in self.deploys}
        return found | ({(self.target, self.latest.sha)} if self.latest else set())

    def mentions(self) -> _Keys:
        """The commits that may be new, and what these lead to."""
        listed = {
            sha
            for deploy in self.counting
            for commit in deploy.commits or ()
            for sha in (commit.sha, *(commit.parents or ()))
        }
        return {(self.target, sha) for sha in listed | {deploy.sha for deploy in self.counting}}

    def undone(self) -> _Keys:
        """The commits that those of the group undo."""
        return {(self.target, sha) for deploy in self.counting for sha in deploy.reverts}

    @property
    def counting(self) -> list[Deploy]:
        return [taken for taken in self.taken if not isinstance(taken, Repeat)]


class _Around(NamedTuple):
    """The stored deploys around a position: the last one, the last counting one, and when the next one is."""

    last: str | None
    counting: str | None
    next_at: int | None


def groups_of(session: Session, deploys: Sequence[Deploy]) -> list[Group]:
    """Put deploys into groups, in order; those of one target follow each other."""
    ordered = sorted(deploys, key=lambda deploy: (target_key(deploy.target), deploy.order))
    targets = [
        list(of_target) for _, of_target in groupby(ordered, key=lambda deploy: target_key(deploy.target))
    ]
    found: list[tuple[list[Deploy], _Around]] = []
    mixed: list[Deploy] = []
    for of_target, around in zip(targets, _around(session, [one[0] for one in targets]), strict=True):
        if around.next_at is None or around.next_at > of_target[-1].at:
            found.append((of_target, around))
        else:
            # A stored deploy may lie between any two of them.
            mixed += of_target
    found += [([one], around) for one, around in zip(mixed, _around(session, mixed), strict=True)]
    latest = read_deploys_by_id(
        session, {around.counting for _, around in found if around.counting is not None}
    )
    groups: dict[tuple[TargetKey, str | None], Group] = {}
    for together, around in found:
        target = target_key(together[0].target)
        group = groups.get((target, around.last))
        if group is None:
            group = groups[target, around.last] = Group(target)
            group.latest = None if around.counting is None else latest[around.counting]
            group.followed = around.next_at is not None
        group.deploys += together
    return list(groups.values())


def _around(session: Session, deploys: Sequence[Deploy]) -> list[_Around]:
    rows = [(number, *target_key(one.target), *one.order) for number, one in enumerate(deploys)]
    found = lookup_many(session, POSITION, rows, statements.DEPLOYS_AROUND)
    by_number = {number: _Around(*around) for number, *around in found}
    return [by_number[number] for number in range(len(rows))]


def _matching(
    groups: Sequence[Group], keys: Callable[[Group], _Keys], column: shas.Column, lengths: Lengths
) -> tuple[dict[_Key, list[str]], list[tuple[Group, str]], list[tuple[Any, ...]]]:
    """Return the SHAs that match those of groups, each group with its own, and the rows to look these up."""
    matching = lengths.matching(column, (key for group in groups for key in keys(group)))
    wanted = [
        (group, sha) for group in groups for sha in {other for key in keys(group) for other in matching[key]}
    ]
    rows = [
        (number, *group.target, sha, *group.deploys[0].order) for number, (group, sha) in enumerate(wanted)
    ]
    return matching, wanted, rows


def load_states(session: Session, groups: Sequence[Group], lengths: Lengths) -> None:
    """Load the first deploys of the commits of each group, and which deploys of the same commits exist."""
    matching, wanted, rows = _matching(groups, Group.shas, shas.DEPLOYED, lengths)
    first = {
        number: ids for number, *ids in lookup_many(session, _SHA_POSITION, rows, statements.FIRST_OF_SHA)
    }
    stored = read_deploys_by_id(session, {id_ for ids in first.values() for id_ in ids if id_ is not None})
    states: dict[tuple[int, str], CommitState] = {}
    for number, (group, sha) in enumerate(wanted):
        other, counting, brought = (None if id_ is None else stored[id_] for id_ in first[number])
        # After an unfinished step, this deploy's commit may not be stored as the first. It still counts.
        if brought is None and group.latest is not None and group.latest.own_new and group.latest.sha == sha:
            brought = group.latest
        if other is not None or brought is not None:
            states[id(group), sha] = group.states[sha] = _state(other, counting, brought)
    _load_same(session, groups, matching, states)
    _load_last_hour(session, groups)


def _load_last_hour(session: Session, groups: Sequence[Group]) -> None:
    """Load the reports of the last hour of the commits of each group, where they may decide."""
    asking = [
        group
        for group in groups
        if group.states and (group.target[2] or any(deploy.says for deploy in group.deploys))
    ]
    rows = [
        (number, *group.target, *group.deploys[0].order, group.deploys[0].at - HOUR_US)
        for number, group in enumerate(asking)
    ]
    found = list(lookup_many(session, f"{POSITION}, since", rows, statements.DEPLOYS_SINCE))
    stored = read_deploys_by_id(session, (id_ for _, id_ in found))
    repeated = read_deploys_by_id(session, (one.repeats for one in stored.values() if one.repeats))
    served = [(id_,) for id_, one in stored.items() if one.service]
    unnamed = {id_ for (id_,) in lookup_many(session, "id", served, statements.WITHOUT_SERVICE)}
    # What is repeated may be of this step.
    known = {deploy.id: deploy for group in groups for deploy in group.deploys}
    known |= {id_: one.to_deploy() for id_, one in repeated.items()}
    for number, id_ in sorted(found, key=lambda one: stored[one[1]].order):
        state = asking[number].states.get(stored[id_].sha)
        if state is not None:
            deploy = stored[id_].to_deploy()._replace(unnamed=id_ in unnamed)
            state.note(Report(deploy, known.get(stored[id_].repeats, deploy)))


def _state(
    other: StoredDeploy | None, counting: StoredDeploy | None, brought: StoredDeploy | None
) -> CommitState:
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
    matching: dict[_Key, list[str]],
    states: dict[tuple[int, str], CommitState],
) -> None:
    asked = [
        (deploy, sha, state, group)
        for group in groups
        for deploy in group.deploys
        for sha in matching[group.target, deploy.sha]
        if (state := states.get((id(group), sha))) is not None
    ]
    rows = [
        (
            number,
            *group.target,
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
    runs = read_deploys_by_id(session, {run for *_, run in found if run is not None})
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


def load_reports(
    session: Session,
    groups: Sequence[Group],
    reports: OtherReports,
    settings: FigureSettings,
) -> None:
    """Complete the deploys that count by other reports, of the same groups and stored ones."""
    repeats: dict[str, list[Deploy]] = defaultdict(list)
    for group in groups:
        for taken in group.taken:
            if isinstance(taken, Repeat):
                repeats[taken.of.id].append(taken.deploy)
    rows = [
        (*group.target, one.at, one.at + HOUR_US, one.id)
        for group in groups
        for one in group.counting
        if one.commits is None or one.known or one.target.service
    ]
    columns = "repo, environment, service, since, until, id"
    of = dict(lookup_many(session, columns, rows, statements.REPEATS_BETWEEN))
    bodies = lookup_many(session, "id", [(id_,) for id_ in of], statements.BODIES_BY_ID)
    for repeat in parse_bodies(session, (body for (body,) in bodies), settings, FOREVER).deploys:
        repeats[of[repeat.id]].append(repeat)
    counting = [one for group in groups for one in group.counting]
    late = reports.late(counting)
    for group in groups:
        group.taken = [
            one
            if isinstance(one, Repeat)
            else with_reports(one, repeats.get(one.id, ()), late=one.id in late)
            for one in group.taken
        ]


def load_mentions(session: Session, groups: Sequence[Group], lengths: Lengths) -> None:
    """Load which of the commits that may be new an earlier deploy of the target had."""
    behind = [group for group in groups if group.latest is not None]
    _, wanted, rows = _matching(behind, Group.mentions, shas.MENTIONED, lengths)
    for number, how in lookup_many(session, _SHA_POSITION, rows, statements.COMMIT_BEFORE):
        if how is not None:
            group, sha = wanted[number]
            group.before[sha] = how
    # Only a list may ask for it, and many deploys that bring nothing may lie before.
    followers = [group for group in behind if any(one.commits and not one.known for one in group.counting)]
    places = [(number, *group.target, *group.deploys[0].order) for number, group in enumerate(followers)]
    for number, at, id_, bare in lookup_many(session, POSITION, places, statements.LATEST_BROUGHT):
        if at is not None:
            followers[number].bare = (at, id_), bare


def load_remedies(session: Session, groups: Sequence[Group], lengths: Lengths, window: int) -> None:
    """Load the stored deploys that the deploys of each group may remedy."""
    back = [
        (group, deploy) for group in groups for deploy in group.counting if deploy.type in (ROLLBACK, HOTFIX)
    ]
    rows = [
        (number, *group.target, deploy.sha, *group.deploys[0].order, deploy.at - window)
        for number, (group, deploy) in enumerate(back)
    ]
    latest = lookup_many(session, f"{_SHA_POSITION}, since", rows, statements.LATEST_OTHER)
    others = {number: id_ for number, id_ in latest if id_ is not None}
    _, wanted, rows = _matching(groups, Group.undone, shas.MENTIONED, lengths)
    found = lookup_many(session, _SHA_POSITION, rows, statements.BROUGHT_BEFORE)
    brought = {number: id_ for number, id_ in found if id_ is not None}
    stored = read_deploys_by_id(session, {*others.values(), *brought.values()})
    for number, id_ in others.items():
        back[number][0].forward[id_] = stored[id_].to_deploy()
    for number, id_ in brought.items():
        group, sha = wanted[number]
        group.brought.append((sha, stored[id_].to_deploy()))
