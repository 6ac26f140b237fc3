"""Rows of deploys: what each one counts as, what it brought, and which deploys it remedies.

The deploys of a step are removed and put back in order, each with what is stored of the earlier deploys
of its place (`earlier`). The scans themselves are those of `figures`, and begin where a group begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.update.earlier import (
    POSITION,
    Group,
    groups_of,
    load_mentions,
    load_remedies,
    load_states,
)
from gitdailies_webhooks.derived.update.outcomes import (
    Change,
    Order,
    Outcome,
    PlaceKey,
    read_outcomes,
)
from gitdailies_webhooks.derived.update.packed_weeks import unpack
from gitdailies_webhooks.derived.update.shas import Lengths
from gitdailies_webhooks.figures.commits import CommitMap, CommitSet
from gitdailies_webhooks.figures.corrections import NONE, Corrections
from gitdailies_webhooks.figures.corrections import outcome as outcome_of
from gitdailies_webhooks.figures.events import Deploy
from gitdailies_webhooks.figures.lead_time import NewCommits, new_commits_of
from gitdailies_webhooks.figures.remedies import PlaceRemedies
from gitdailies_webhooks.figures.repeats import CommitState, PlaceState, Repeat
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.sql.bulk import execute_many, insert_many, lookup_many


class Replaced(NamedTuple):
    """What a step changed: what others can see of deploys, and the sides of it with later deploys behind."""

    changes: list[Change]
    late: list[Outcome]


class _Written(NamedTuple):
    """A deploy of a step as it is to be stored."""

    outcome: Outcome
    taken: Deploy
    result: NewCommits | Repeat
    remedied: tuple[tuple[str, str], ...]


def replace_deploys(
    session: Session,
    stored: Iterable[str],
    deploys: Sequence[Deploy],
    lengths: Lengths,
    settings: FigureSettings,
    corrections: Corrections = NONE,
) -> Replaced:
    """Remove the rows of the deploys with the ids *stored*, and put *deploys* in."""
    old = read_outcomes(session, stored)
    remedied = _remove(session, old)
    groups = groups_of(session, deploys)
    late = _late(session, groups, old.values())
    written = _derive(session, groups, lengths, settings)
    lengths.note((one.outcome.repo, sha) for one in written for sha in _named(one.outcome))
    _insert(session, written, corrections)
    touched = [*old.values(), *(one.outcome for one in written)]
    again = {one.outcome.id for one in written if one.outcome.id in old}
    remedied |= {id_ for one in written for id_, _ in one.remedied} | again
    ids = [(id_,) for id_ in sorted(remedied)]
    execute_many(session, statements.SET_REMEDIED, ids)
    changed = lookup_many(session, "id", ids, statements.TIMES_OF_DEPLOYS)
    unpack(session, [*((one.environment, one.at) for one in touched), *changed])
    new = {one.outcome.id: one.outcome for one in written}
    changes = [Change(old.get(id_), new.get(id_)) for id_ in {**old, **new}]
    changes = [change for change in changes if change.old != change.new]
    return Replaced(changes, [side for change in changes for side in change.sides if side.key in late])


def _named(outcome: Outcome) -> Iterator[str]:
    yield outcome.sha
    yield from outcome.listed
    yield from outcome.reverts.split()


def _remove(session: Session, old: dict[str, Outcome]) -> set[str]:
    """Delete the rows of deploys; return the ids of those that they remedied."""
    ids = [(id_,) for id_ in old]
    remedies = list(lookup_many(session, "id", ids, statements.REMEDIES_BY))
    execute_many(session, statements.DELETE_DEPLOY, ids)
    commits = [
        (one.repo, one.environment, sha, one.service, *one.order)
        for one in old.values()
        for sha in one.commits
    ]
    execute_many(session, statements.DELETE_COMMIT, commits)
    reverts = [
        (one.repo, one.environment, sha, one.service, *one.order)
        for one in old.values()
        for sha in one.reverts.split()
    ]
    execute_many(session, statements.DELETE_REVERT, reverts)
    execute_many(session, statements.DELETE_REMEDY, [(deploy, at, by) for deploy, at, by, _ in remedies])
    return {deploy for deploy, *_ in remedies}


def _late(session: Session, groups: Sequence[Group], old: Iterable[Outcome]) -> set[tuple[PlaceKey, Order]]:
    """Return where deploys are or were that the place has later ones of, beside those of this step."""
    late = {(group.place, deploy.order) for group in groups if group.followed for deploy in group.deploys}
    where = [one.key for one in old]
    rows = [(number, *place, *order) for number, (place, order) in enumerate(where)]
    found = lookup_many(session, POSITION, rows, statements.DEPLOYS_AFTER)
    return late | {where[number] for number, later, _ in found if later is not None}


def _derive(
    session: Session, groups: Sequence[Group], lengths: Lengths, settings: FigureSettings
) -> list[_Written]:
    load_states(session, groups, lengths)
    load_mentions(session, groups, lengths)
    _classify(groups, settings)
    load_remedies(session, groups, lengths, settings.window_us)
    return list(_written(groups, settings.window_us))


def _classify(groups: Sequence[Group], settings: FigureSettings) -> None:
    """Take the deploys of each group; *groups* are in order, and those of one place follow each other."""
    place, latest = None, None
    states: CommitMap[CommitState] = CommitMap()
    before = CommitSet()
    for group in groups:
        if group.place != place:
            place, latest, states, before = group.place, None, CommitMap(), CommitSet()
        for sha, stored in group.states.items():
            _merge(states, sha, stored)
        for sha in group.before:
            before.add(sha)
        if group.latest is not None and (latest is None or group.latest.order > latest.order):
            latest = group.latest.to_deploy()
        state = PlaceState.resumed(latest, states, count_same_commit=settings.count_same_commit)
        for deploy in group.deploys:
            taken = state.take(deploy)
            if isinstance(taken, Repeat):
                group.taken.append((deploy, taken))
                continue
            group.taken.append((taken, new_commits_of(taken, None if latest is None else before)))
            latest = taken
            for commit in taken.commits or ():
                before.add(commit.sha)
            before.add(taken.sha)


def _merge(states: CommitMap[CommitState], sha: str, stored: CommitState) -> None:
    """Add what is stored of a commit to what groups before have made known of it."""
    known = states.exact(sha)
    if not known:
        states.add(sha, stored)
        return
    state = known[0]
    state.first = min(state.first, stored.first, key=_order)
    counted = [one for one in (state.counted, stored.counted) if one is not None]
    state.counted = min(counted, key=_order, default=None)
    state.environments |= stored.environments
    state.reporters |= stored.reporters
    for run, found in stored.runs.items():
        of_run = state.runs.setdefault(run, {})
        for says, deploy in found.items():
            of_run[says] = min(of_run.get(says, deploy), deploy, key=_order)


def _order(deploy: Deploy) -> tuple[int, str]:
    return deploy.order


def _written(groups: Sequence[Group], window: int) -> Iterator[_Written]:
    """Yield the deploys of *groups* as they are to be stored, with what they remedy."""
    place = None
    remedies = PlaceRemedies(window)
    for group in groups:
        if group.place != place:
            place, remedies = group.place, PlaceRemedies(window)
        remedies.add_earlier(group.forward.values(), group.brought)
        for deploy, result in group.taken:
            if isinstance(result, Repeat):
                yield _Written(Outcome.of(deploy, None), deploy, result, ())
                continue
            found = remedies.take(deploy, result)
            remedied = tuple((remedy.deploy.id, remedy.reverts) for remedy in found)
            yield _Written(Outcome.of(deploy, result), deploy, result, remedied)


def _insert(session: Session, written: Sequence[_Written], corrections: Corrections) -> None:
    rows = [(*_deploy_values(one), outcome_of(corrections, one.outcome.id)) for one in written]
    insert_many(session, "figures_deploys", statements.DEPLOY_COLUMNS, rows)
    commits: list[tuple[Any, ...]] = []
    reverts: list[tuple[Any, ...]] = []
    remedies: list[tuple[Any, ...]] = []
    for one in written:
        outcome = one.outcome
        where, order = (outcome.repo, outcome.environment), (outcome.service, *outcome.order)
        commits += (
            (*where, sha, *order, int(sha == outcome.sha), int(brought))
            for sha, brought in outcome.commits.items()
        )
        reverts += ((*where, sha, *order) for sha in outcome.reverts.split())
        remedies += ((id_, outcome.at, outcome.id, sha) for id_, sha in one.remedied)
    insert_many(session, "figures_commits", statements.COMMIT_COLUMNS, commits)
    insert_many(session, "figures_reverts", statements.REVERT_COLUMNS, reverts)
    insert_many(session, "figures_remedies", statements.REMEDY_COLUMNS, remedies)


def _deploy_values(one: _Written) -> tuple[Any, ...]:
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
        int(one.taken.rework),
        unknown,
        unknown_commits,
        leads,
        int(outcome.own_new),
        outcome.mentions,
        outcome.reverts,
        None,
    )
