"""Rows of deploys: what each one counts as, what it brought, and which deploys it remedies.

The deploys of a step are removed and put back in order, each with the stored facts about the earlier deploys
of its target (`earlier`). The scans themselves are those of `figures`, and begin where a group begins.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import (
    ABOVE,
    DeployChange,
    Order,
    StoredDeploy,
    TargetKey,
    first_named,
    read_deploys_by_id,
)
from gitdailies_dora.derived.update import earlier
from gitdailies_dora.derived.update.packed_weeks import unpack
from gitdailies_dora.derived.update.reports import OtherReports
from gitdailies_dora.derived.update.shas import Lengths
from gitdailies_dora.figures.history.commits import CommitMap
from gitdailies_dora.figures.history.corrections import NONE, Corrections
from gitdailies_dora.figures.history.corrections import outcome as outcome_of
from gitdailies_dora.figures.history.corrections import rework as said_of_rework
from gitdailies_dora.figures.history.events import HOUR_US, Deploy
from gitdailies_dora.figures.history.lead_time import NewCommits, TargetCommits, is_several, several_services
from gitdailies_dora.figures.history.remedies import TargetRemedies, rework_of
from gitdailies_dora.figures.history.repeats import CommitState, Repeat, TargetState
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import insert_many, lookup_many

# Before every deploy, and behind it.
_NEVER, _LAST = (-(2**63), ""), (2**63 - 1, "")


class Replaced(NamedTuple):
    """What a step changed: what others can see of deploys, and the sides of it with later deploys behind.

    `again` are deploys that reports of the step may complete, that may take another service, or whose
    repository has several services from another moment on.
    """

    changes: list[DeployChange]
    late: list[StoredDeploy]
    again: set[str]


class _Written(NamedTuple):
    """A deploy of a step as it is to be stored."""

    outcome: StoredDeploy
    taken: Deploy
    result: NewCommits | Repeat
    remedied: tuple[tuple[str, str], ...]


def replace_deploys(  # noqa: PLR0917  each is a part of one step
    session: Session,
    stored: Iterable[str],
    deploys: Sequence[Deploy],
    reports: OtherReports,
    lengths: Lengths,
    settings: FigureSettings,
    corrections: Corrections = NONE,
) -> Replaced:
    """Remove the rows of the deploys with the ids *stored*, and put *deploys* in."""
    old = read_deploys_by_id(session, stored)
    deploys = reports.with_services(deploys, old)
    places = {(one.repo, one.environment) for one in old.values()} | {one.target[:2] for one in deploys}
    services = reports.services(places)
    naming = {one.repo for one in old.values() if one.service}
    naming |= {one.target.repo for one in deploys if one.target.service}
    several = several_services((), first_named(session, naming))
    remedied = _remove(session, old)
    groups = earlier.groups_of(session, deploys)
    late = _late(session, groups, old.values())
    written = _derive(session, groups, reports, lengths, settings)
    lengths.note((one.outcome.repo, sha) for one in written for sha in _named(one.outcome))
    _insert(session, written, corrections)
    touched = [*old.values(), *(one.outcome for one in written)]
    kept = {one.outcome.id for one in written if one.outcome.id in old}
    remedied |= {id_ for one in written for id_, _ in one.remedied} | kept
    ids = [(id_,) for id_ in sorted(remedied)]
    session.executemany(statements.SET_REMEDIED, ids)
    changed = lookup_many(session, "id", ids, statements.TIMES_OF_DEPLOYS)
    # A neighbor within the hour may have fixed the same incident.
    times = [*((one.environment, one.at) for one in touched), *changed]
    unpack(session, ((where, at - HOUR_US, at + HOUR_US) for where, at in times))
    new = {one.outcome.id: one.outcome for one in written}
    changes = [DeployChange(old.get(id_), new.get(id_)) for id_ in {**old, **new}]
    changes = [change for change in changes if change.old != change.new]
    late_sides = [side for change in changes for side in change.sides if side.key in late]
    again = takers(session, touched) | reports.moved(services, changes)
    again |= reports.going_back([side for change in changes for side in change.sides])
    again |= _shifted(session, several, several_services((), first_named(session, naming)))
    return Replaced(changes, late_sides, again)


def takers(session: Session, sides: Iterable[StoredDeploy]) -> set[str]:
    """Return the deploys that one of these repeats completes or completed."""
    repeated: dict[str, int] = {}
    for side in sides:
        if side.repeats:
            repeated[side.repeats] = min(repeated.get(side.repeats, side.at), side.at)
    stored = read_deploys_by_id(session, repeated).values()
    return {one.id for one in stored if repeated[one.id] - one.at <= HOUR_US}


def _shifted(session: Session, before: Mapping[str, Order], after: Mapping[str, Order]) -> set[str]:
    """Return the deploys that listed commits between two moments since when repositories have services.

    A mirror and pushes know the commits of a repository, and not whose they are. So the deploys that take
    their commits from these are derived again when that moment changes.
    """
    found: set[str] = set()
    for repo in before.keys() | after.keys():
        old, new = before.get(repo, _LAST), after.get(repo, _LAST)
        if old != new:
            ends = (*min(old, new), *max(old, new))
            found |= {id_ for (id_,) in session.execute(statements.LISTING_BETWEEN, (repo, *ends)).fetchall()}
    return found


def _named(outcome: StoredDeploy) -> Iterator[str]:
    yield outcome.sha
    yield from outcome.listed
    yield from outcome.reverts.split()


def _remove(session: Session, old: dict[str, StoredDeploy]) -> set[str]:
    """Delete the rows of deploys; return the ids of those that they remedied."""
    ids = [(id_,) for id_ in old]
    remedies = list(lookup_many(session, "id", ids, statements.REMEDIES_BY))
    session.executemany(statements.DELETE_DEPLOY, ids)
    commits: list[tuple[Any, ...]] = []
    reverts: list[tuple[Any, ...]] = []
    for one in old.values():
        where, order = (one.repo, one.environment), (one.service, *one.order)
        commits += ((*where, sha, *order) for sha in one.commits)
        reverts += ((*where, sha, *order) for sha in one.reverts.split())
    session.executemany(statements.DELETE_COMMIT, commits)
    session.executemany(statements.DELETE_REVERT, reverts)
    session.executemany(statements.DELETE_REMEDY, [(deploy, at, by) for deploy, at, by, _ in remedies])
    return {deploy for deploy, *_ in remedies}


def _late(
    session: Session, groups: Sequence[earlier.Group], old: Iterable[StoredDeploy]
) -> set[tuple[TargetKey, Order]]:
    """Return the positions that later deploys of the same target follow."""
    late = {(group.target, deploy.order) for group in groups if group.followed for deploy in group.deploys}
    where = [one.key for one in old]
    rows = [(number, *target, *order) for number, (target, order) in enumerate(where)]
    found = lookup_many(session, earlier.POSITION, rows, statements.DEPLOYS_AFTER)
    return late | {where[number] for number, later, _ in found if later is not None}


def _derive(
    session: Session,
    groups: Sequence[earlier.Group],
    reports: OtherReports,
    lengths: Lengths,
    settings: FigureSettings,
) -> list[_Written]:
    earlier.load_states(session, groups, lengths)
    _classify(groups, settings)
    earlier.load_reports(session, groups, reports, settings)
    earlier.load_mentions(session, groups, lengths)
    every = [deploy for group in groups for deploy in group.deploys]
    repos = {
        deploy.target.repo
        for group in groups
        for deploy in group.counting
        if deploy.of_any_service or (deploy.reverts and deploy.commits)
    }
    _compare(groups, several_services(every, first_named(session, repos)))
    earlier.load_remedies(session, groups, lengths, settings.window_us)
    return list(_written(groups, settings.window_us))


def _classify(groups: Sequence[earlier.Group], settings: FigureSettings) -> None:
    """Take the deploys of each group; *groups* are in order, and those of one target follow each other."""
    target, latest = None, None
    states: CommitMap[CommitState] = CommitMap()
    for group in groups:
        if group.target != target:
            target, latest, states = group.target, None, CommitMap()
        for sha, stored in group.states.items():
            _merge(states, sha, stored)
        if group.latest is not None and (latest is None or group.latest.order > latest.order):
            latest = group.latest.to_deploy()
        state = TargetState(latest, states, count_same_commit=settings.count_same_commit)
        for deploy in group.deploys:
            taken = state.take(deploy)
            group.taken.append(taken)
            latest = latest if isinstance(taken, Repeat) else taken


def _compare(groups: Sequence[earlier.Group], several: Mapping[str, Order]) -> None:
    """Find the new commits of the deploys of each group that count."""
    target = None
    commits, brought_by = TargetCommits(), _NEVER
    for group in groups:
        if group.target != target:
            target, commits, brought_by = group.target, TargetCommits(), _NEVER
        for sha, how in group.before.items():
            (commits.above if how == ABOVE else commits.deployed).add(sha)
        if group.bare is not None and group.bare[0] > brought_by:
            brought_by, commits.bare = group.bare
        commits.any = commits.any or group.latest is not None
        for taken in group.taken:
            if not isinstance(taken, Repeat):
                new = commits.take(taken, several=is_several(taken, several))
                group.new[taken.id] = new
                brought_by = brought_by if new.brought_nothing else taken.order


def _merge(states: CommitMap[CommitState], sha: str, stored: CommitState) -> None:
    """Add the stored facts about a commit to those that earlier groups found."""
    known = states.exact(sha)
    if not known:
        states.add(sha, stored)
        return
    state = known[0]
    state.first = min(state.first, stored.first, key=attrgetter("order"))
    counted = [one for one in (state.counted, stored.counted) if one is not None]
    state.counted = min(counted, key=attrgetter("order"), default=None)
    state.environments |= stored.environments
    state.reporters |= stored.reporters
    reports = {report.deploy.id: report for report in (*state.reports, *stored.reports)}
    state.reports = sorted(reports.values(), key=lambda report: report.deploy.order)
    for run, found in stored.runs.items():
        of_run = state.runs.setdefault(run, {})
        for says, deploy in found.items():
            of_run[says] = min(of_run.get(says, deploy), deploy, key=attrgetter("order"))


def _written(groups: Sequence[earlier.Group], window: int) -> Iterator[_Written]:
    """Yield the deploys of *groups* as they are to be stored, with what they remedy."""
    target = None
    remedies = TargetRemedies(window)
    for group in groups:
        if group.target != target:
            target, remedies = group.target, TargetRemedies(window)
        remedies.add_earlier(group.forward.values(), group.brought)
        for taken in group.taken:
            if isinstance(taken, Repeat):
                outcome = StoredDeploy.of(taken.deploy, None, taken.of.id)
                yield _Written(outcome, taken.deploy, taken, ())
                continue
            new = group.new[taken.id]
            found = remedies.take(taken, new)
            remedied = tuple((remedy.deploy.id, remedy.reverts) for remedy in found)
            outcome = StoredDeploy.of(taken, new)._replace(undoes=any(sha for _, sha in remedied))
            yield _Written(outcome, taken, new, remedied)


def _insert(session: Session, written: Sequence[_Written], corrections: Corrections) -> None:
    rows = [(*_deploy_values(one, corrections), outcome_of(corrections, one.outcome.id)) for one in written]
    insert_many(session, "figures_deploys", statements.DEPLOY_COLUMNS, rows)
    commits: list[tuple[Any, ...]] = []
    reverts: list[tuple[Any, ...]] = []
    remedies: list[tuple[Any, ...]] = []
    for one in written:
        outcome = one.outcome
        where, order = (outcome.repo, outcome.environment), (outcome.service, *outcome.order)
        commits += (
            (*where, sha, *order, int(sha == outcome.sha), how) for sha, how in outcome.commits.items()
        )
        reverts += ((*where, sha, *order) for sha in outcome.reverts.split())
        remedies += ((id_, outcome.at, outcome.id, sha) for id_, sha in one.remedied)
    insert_many(session, "figures_commits", statements.COMMIT_COLUMNS, commits)
    insert_many(session, "figures_reverts", statements.REVERT_COLUMNS, reverts)
    insert_many(session, "figures_remedies", statements.REMEDY_COLUMNS, remedies)


def _deploy_values(one: _Written, corrections: Corrections) -> tuple[Any, ...]:
    outcome, result = one.outcome, one.result
    rule, repeats, unknown, unknown_commits, leads = "", "", "", 0, ""
    if isinstance(result, Repeat):
        rule, repeats = result.rule, result.of.id
    else:
        unknown, unknown_commits = result.unknown, result.unknown_commits
        leads = ",".join(map(str, result.lead_times))
    return (
        *outcome[:11],
        int(outcome.counts),
        rule,
        repeats,
        outcome.type,
        int(one.taken.known),
        rework_of(one.taken, any(sha for _, sha in one.remedied), said_of_rework(corrections, outcome.id)),
        unknown,
        unknown_commits,
        leads,
        int(outcome.own_new),
        outcome.mentions,
        outcome.reverts,
        None,
    )
