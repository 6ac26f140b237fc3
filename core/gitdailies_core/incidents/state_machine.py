"""The state machine of incidents: which occurrence a change starts or ends, and which events follow.

A decision has two halves. `matching` and `merges` find the records that a change is about, and
the functions below say what it is to each of them: an input. TABLE says what follows: the next
state of the record, the event to send, the reason for none. `_step` looks it up; no record
changes in any other way. docs/incidents.md shows the table and a diagram of it.

The rules behind the inputs:

* A vendor that names occurrences (by their start, or by a key) tells them apart itself. For one
  that does not, only time does. Such an occurrence is named by its start; the first one of an
  incident whose id no other incident will have is named without a time.
* An end whose start was not seen sends both, where the payload tells the start and the start
  must have counted. Where not, it is noted; if its start comes late, both are sent then.
* An occurrence stays where it was counted, even if its service, a route or a filter has changed
  since: its end counts there, and a start that comes again counts nowhere else.
* An end that names an occurrence already over, while a later one is open, ends the later one.
* A held start is sent, with its own time, when a later change is wanted and has a target.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gitdailies_core import reasons
from gitdailies_core.incidents import matching, merges
from gitdailies_core.incidents.decision import Draft
from gitdailies_core.incidents.records import (
    ABSENT,
    CLOSED,
    HELD,
    MERGED,
    NOTED,
    NOWHERE,
    OPEN,
    RELEASED,
    REPEATED,
    Decision,
    Occurrence,
    Records,
)
from gitdailies_core.incidents.transitions import (
    CLOSE,
    EARLY_END,
    END,
    LATE_MERGE,
    LONE_MERGE,
    MERGE,
    REFUSAL,
    RELEASE,
    REOPENED,
    SPARE_END,
    START,
    START_AGAIN,
    START_BEFORE,
    START_WITHIN,
    TABLE,
    TARGET_ENDED,
    UNWANTED_END,
    UNWANTED_START,
    UNWANTED_UPDATE,
    UPDATE,
)
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

# The name of the one record in state repeated that a target may have.
_AGAIN = "again"
_OVER = frozenset({CLOSED, RELEASED})


def decide(
    *, source: str, change: Change, targets: Sequence[DeployTarget], refusal: Reason | None, records: Records
) -> Decision:
    """Decide what *change* causes.

    *targets* come from routing, none where it found no route. *refusal* says why the change is
    not wanted (a filter, a missing route), None if it is.
    """
    if not targets and refusal is None:
        refusal = Reason(reasons.UNMAPPED, "no route says where it counts")
    draft = Draft(source, change, records, refusal)
    known = draft.known(change.incident)
    if change.again_at is not None and (change.is_reopened or matching.starts_again(change, known)):
        # Nothing names the later occurrence, so only time tells.
        again_at = change.again_at
        change = draft.change = replace(
            change,
            at=again_at,
            started_at=again_at,
            occurrence=None,
            first_occurrence=None if change.is_reopened else change.first_occurrence,
        )
    if change.state == STARTED:
        _start(draft, targets, known)
    elif change.state == RESOLVED:
        _end(draft, targets, known)
    else:
        _update(draft, targets, known)
    # Not an end alone: a late start, or a held one, may bring the end that others wait for.
    if change.state == RESOLVED or not _OVER.isdisjoint([r.state for r in draft.changed.values()]):
        _end_waiting(draft, change.incident)
    return draft.decision()


def close(*, change: Change, source: str, records: Records) -> Decision:
    """Close by hand the open occurrences of an incident, at each of its targets.

    *change* is an end that a person made. The events have the ids that the vendor's end would give
    them, so that each counts once, whichever comes first.
    """
    draft = Draft(source, change, records)
    for record in draft.known(change.incident):
        if record.state in (OPEN, MERGED):
            _close(draft, record, CLOSE, max(change.at, record.ended_at or change.at), record.merged_into)
    _end_waiting(draft, change.incident)
    return draft.decision()


def _step(draft: Draft, record: Occurrence, given: str, **fields: Any) -> Occurrence:
    """Do what the table says about *record* and the input *given*; return the record as it is then.

    *fields* replace those of a record that does not stay as it is.
    """
    state, event, event_resolution, reason = TABLE[record.row, given]
    after = record
    if state is not None:
        after = record._replace(state=CLOSED if state == NOTED else state, **fields)
        if after != record:
            draft.changed[after.key] = after
    if event:
        draft.send(event, after, event_resolution)
    if reason is REFUSAL:
        assert draft.refusal is not None, (record, given)
        draft.reasons.append(draft.refusal)
    elif reason is not None:
        code, template = reason
        draft.reasons.append(Reason(code, template.format(it=after, change=draft.change)))
    return after


def _start(draft: Draft, targets: Sequence[DeployTarget], known: Sequence[Occurrence]) -> None:
    change = draft.change
    name = change.occurrence or matching.first_name(change, known, NOWHERE) or text_of(change.at)
    began = Occurrence(change.incident, NOWHERE, name, ABSENT, change.at)
    if draft.refusal:
        _hold(draft, began, known)
    elif known:
        _release(draft, targets, [began, *matching.unsent_starts(change, known)], known)
    else:  # as nearly always: nothing can be met or released
        for target in targets:
            _step(draft, Occurrence(change.incident, target, name, ABSENT, change.at), START)


def _hold(draft: Draft, began: Occurrence, known: Sequence[Occurrence]) -> None:
    """Remember a start that is not wanted, unless its occurrence is known already."""
    change, at = draft.change, began.started_at or draft.change.at
    about = [r for r in known if matching.concerns(change, r) and r.state not in (RELEASED, REPEATED)]
    same = next((r for r in about if r.name == began.name), None)
    if same is None and change.occurrence is None:
        same = next((r for r in about if matching.covers(r, at)), None)
    for note in matching.notes(change):
        record = same or began._replace(target=note)
        held = _step(draft, record, UNWANTED_START, started_at=min(at, record.started_at or at))
        end = None if same else matching.known_end(change, held, known)
        if end:
            _step(draft, held, END, ended_at=end.ended_at, resolution=end.resolution)


def _release(
    draft: Draft, targets: Sequence[DeployTarget], starts: Sequence[Occurrence], known: Sequence[Occurrence]
) -> list[Occurrence]:
    """Send the earliest of *starts* to every target where it is new; return the open occurrences."""
    change = draft.change
    began = min(starts, key=lambda r: r.started_at or change.at)
    sent = []
    for target in targets:
        name = matching.first_name(change, known, target) or began.name
        record = Occurrence(began.incident, target, name, ABSENT, began.started_at)
        found, given = _met(change, record, targets, known)
        if found is record:
            sent.append(_open(draft, record, known))
            continue
        _step(draft, found, given)
        if given == START and found.state == OPEN and (change.occurrence is None or change.again_at):
            _remember_again(draft, found, known)
    if sent:
        for note in starts:
            if note.state == HELD and note in known:
                _step(draft, note, RELEASE)
    return [record for record in sent if record.state == OPEN]


def _met(
    change: Change, record: Occurrence, targets: Sequence[DeployTarget], known: Sequence[Occurrence]
) -> tuple[Occurrence, str]:
    """Return the record that a start meets, *record* itself if none, and the input.

    It is one at its own target, or one elsewhere under which it was counted already.
    """
    sent = [r for r in known if r.state != REPEATED]
    here = [r for r in sent if r.target == record.target]
    found = _met_of(here, change, record, known)
    if found is None:
        elsewhere = [r for r in sent if r.target != record.target and not r.is_note]
        met = [m for r in elsewhere if (m := _met_of([r], change, record, known)) is not None]
        counted = matching.moved(change, record.target, targets, [r for r, _ in met])
        found = next((m for m in met if m[0] in counted), None)
    return found or (record, START)


def _met_of(
    here: Sequence[Occurrence], change: Change, record: Occurrence, known: Sequence[Occurrence]
) -> tuple[Occurrence, str] | None:
    """Return the record of *here* for the same occurrence as the start *record*, and the input."""
    at, unnamed = record.started_at or change.at, change.occurrence is None
    for found in here:
        if found.name == record.name or (unnamed and found.state != CLOSED and matching.covers(found, at)):
            return found, START
    end = matching.known_end(change, record, known) if unnamed and here else None
    for found in here if unnamed else ():
        if matching.covers(found, at):
            return found, START_WITHIN
        if found.started_at and at < found.started_at and end is None:
            return found, START_BEFORE
    return None


def _remember_again(draft: Draft, found: Occurrence, known: Sequence[Occurrence]) -> None:
    """Remember a start after that of an open occurrence, should it be later than all before it."""
    at = draft.change.again_at or draft.change.at
    again = matching.repeated(known, found.target)
    if all(r.started_at and r.started_at < at for r in (found, *again)):
        record = next(iter(again), Occurrence(found.incident, found.target, _AGAIN, ABSENT))
        _step(draft, record, START_AGAIN, started_at=at)


def _open(draft: Draft, record: Occurrence, known: Sequence[Occurrence]) -> Occurrence:
    """Send a start, and what a late one learns from other records: that it is over, or merged."""
    for waiting, at in merges.overtaken(record, known):
        _close(draft, waiting, REOPENED, at, waiting.merged_into)
    opened = _step(draft, record, START)
    end = matching.known_end(draft.change, record, known)
    if end is None or end.ended_at is None:
        return opened
    return _end_open(draft, opened, end.ended_at, end.merged_into, end.resolution)


def _end(draft: Draft, targets: Sequence[DeployTarget], known: Sequence[Occurrence]) -> None:
    change, into = draft.change, merges.target_of(draft.change)
    ended = matching.ended(change, known)
    for record in ended:
        _end_open(draft, record, change.at, into, change.resolution)
    for record in ended:
        _start_again(draft, record, known)
    if not ended:
        _end_unopened(draft, targets, known)
    for record in matching.possibly_ended(change, known):
        if record.state == HELD and matching.concerns(change, record) and record.key not in draft.changed:
            _step(draft, record, END, ended_at=change.at, merged_into=into, resolution=change.resolution)


def _end_open(
    draft: Draft, record: Occurrence, at: datetime, into: str | None, resolution: str | None
) -> Occurrence:
    """End an open occurrence; *into* is what it was merged into, "" where that is not known.

    *resolution* says how it ended, where that is no recovery.
    """
    if into is None:
        return _close(draft, record, END, at, None, resolution)
    if not merges.can_end(draft, record, into, at):
        return _close(draft, record, LONE_MERGE, at, into)
    target = draft.known(into)
    if merges.is_over(target):
        return _close(draft, record, LATE_MERGE, merges.last_end(target, at), into)
    return _step(draft, record, MERGE, ended_at=at, merged_into=into)


def _close(
    draft: Draft,
    record: Occurrence,
    given: str,
    at: datetime,
    into: str | None,
    resolution: str | None = None,
) -> Occurrence:
    """Send an end, which is never before its start."""
    ended_at = max(at, record.started_at or at)
    return _step(draft, record, given, ended_at=ended_at, merged_into=into, resolution=resolution)


def _start_again(draft: Draft, closed: Occurrence, known: Sequence[Occurrence]) -> None:
    """Send the start that was taken for a second one until this end came between the two."""
    for record in matching.repeated(known, closed.target):
        if record.started_at is not None and record.started_at > draft.change.at:
            name, of_incident = text_of(record.started_at), draft.known(record.incident)
            # An end may close several occurrences of a target; what began since begins once.
            if not any(r.name == name and r.target == record.target for r in of_incident):
                _step(draft, record, END, name=name)


def _end_unopened(draft: Draft, targets: Sequence[DeployTarget], known: Sequence[Occurrence]) -> None:
    """Take an end for which nothing is open: a second one, a late one, or one that came early."""
    change = draft.change
    over = matching.ended_before(change, targets, known)
    starts = matching.unsent_starts(change, known)
    name = change.occurrence or text_of(change.started_at or change.at)
    is_later = bool(starts) and change.occurrence is not None and all(r.name != name for r in starts)
    if change.started_at is not None and not is_later and not change.needs_start:
        # The record that it would have if it was held.
        starts.append(Occurrence(change.incident, NOWHERE, name, HELD, change.started_at))
    if over and not matching.began_after(starts, over, known):
        _step(draft, over[-1], END)
        if all(r.state == CLOSED and r.ended_at and r.ended_at < change.at for r in over):
            spare = Occurrence(change.incident, NOWHERE, text_of(change.at), ABSENT)
            _note_end(draft, spare, SPARE_END, known)
    elif starts and not draft.refusal:
        for record in _release(draft, targets, starts, known):
            _end_open(draft, record, change.at, merges.target_of(change), change.resolution)
    else:
        bare = Occurrence(change.incident, NOWHERE, change.occurrence or text_of(change.at), ABSENT)
        given = UNWANTED_END if draft.refusal else EARLY_END
        _note_end(draft, starts[0] if starts else bare, given, known)


def _note_end(draft: Draft, record: Occurrence, given: str, known: Sequence[Occurrence]) -> None:
    """Note an end for which no event was sent, at each service that the change speaks for."""
    change = draft.change
    for note in matching.notes(change):
        at_note = record._replace(target=note, state=ABSENT)
        found = next((r for r in known if r.key == at_note.key), at_note)
        into = merges.target_of(change)
        _step(draft, found, given, ended_at=change.at, merged_into=into, resolution=change.resolution)


def _update(draft: Draft, targets: Sequence[DeployTarget], known: Sequence[Occurrence]) -> None:
    change = draft.change
    starts = matching.unsent_starts(change, known)
    if starts and draft.refusal:
        _step(draft, starts[0], UNWANTED_UPDATE)
    elif starts:
        _release(draft, targets, starts, known)
    latest = known[-1] if known else Occurrence(change.incident, NOWHERE, text_of(change.at), ABSENT)
    _step(draft, latest, UPDATE)


def _end_waiting(draft: Draft, incident: str) -> None:
    """End the incidents merged into *incident* if that is over, and those merged into them."""
    over = [incident]
    for one in over:  # which grows on the way
        waiting = draft.waiting(one)
        known = draft.known(one) if waiting else []
        if merges.is_over(known):
            for record in waiting:
                # One that ended without a recovery recovers nothing that was merged into it either.
                how = next((r.resolution for r in reversed(known) if r.resolution), None)
                _close(draft, record, TARGET_ENDED, merges.last_end(known, record.ended_at), one, how)
                over.append(record.incident)
