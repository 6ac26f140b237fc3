"""What a relay's store knows of a delivery, of an incident or of an event, as lines."""

from collections.abc import Iterator, Mapping

from gitdailies_connection.config.sections.settings import Configuration
from gitdailies_connection.relay import answers
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.reasons import UNMAPPED
from gitdailies_core.values.times import optional_text, text_of

from gitdailies_cli.relay import options, status_text

# The proof of what a person did: `gitdailies_relay.accepting.interpret.BY_HAND`.
_BY_HAND = "by hand"
_REQUEUE = (
    "correct what the reason names, then `gitdailies relay requeue {id}`; "
    "or give it up: `gitdailies relay discard {id} --reason TEXT`"
)
_MAP = (
    "add its line under services, as `gitdailies relay unmapped` prints it, and reload; "
    "then `gitdailies relay replay --unmapped`"
)
_COUNT = "if it should count: edit its line under services, reload, then `gitdailies relay replay --ignored`"


def explanation(settings: Configuration, id_: str) -> answers.Explanation | None:
    """Return what the store knows about *id_*, or None; raises UsageError without a store.

    It is the one answer of `relay explain` and `gitdailies why`.
    """
    from gitdailies_relay.operations import reading, status
    from gitdailies_relay.store import store
    from msgspec import structs

    with store.reading(options.store(settings)) as session:
        found = reading.timelines(session, id_)
        paused = status.paused(session)
    if not found:
        return None
    first, *others = found
    server, _ = options.server_of(settings)
    return answers.Explanation(**structs.asdict(first), others=tuple(others), paused=paused, server=server)


def explanation_lines(found: answers.Explanation) -> Iterator[str]:
    """Show each timeline; a pause or a stopped server may be why an event waits."""
    held_up = status_text.held_up_by(found.paused, found.server)
    for one in (found, *found.others):
        sources = {message.source for message in one.deliveries}
        of_source = status_text.pauses([pause for pause in found.paused if pause.source in sources])
        yield from lines(one, held_up or of_source)


def lines(timeline: answers.IncidentTimeline, held_up_by: str = "") -> Iterator[str]:
    """Show each delivery with its decision, each event with its attempts, then the state of each.

    *held_up_by* is what holds up every event. A waiting event waits for that, and not for its time.
    """
    incident = timeline.incident
    about = "deploys to" if any(one.body["kind"] == DEPLOYED for one in timeline.events) else "incident"
    yield "the delivery names no incident" if incident is None else f"{about} {incident}"
    events = {event.id: event for event in timeline.events}
    last = {d.delivery: d.received_at for d in timeline.deliveries}
    entries = [
        (text_of(d.received_at), 0, list(_delivery(d, events, is_last=d.received_at == last[d.delivery])))
        for d in timeline.deliveries
    ]
    entries += [
        (text_of(attempt.at), 1, [_attempt(event, attempt)])
        for event in timeline.events
        for attempt in event.attempts
    ]
    shown = {id_ for delivery in timeline.deliveries for id_ in delivery.events}
    entries += [
        (
            text_of(event.stored_at),
            0,
            [f"from delivery {event.delivery} about another incident:", _event(event)],
        )
        for event in timeline.events
        if event.id not in shown
    ]
    for at, _, texts in sorted(entries, key=lambda entry: entry[:2]):
        yield f"{at}  {texts[0]}"
        yield from (f"{'':<{len(at)}}  {text}" for text in texts[1:])
    for occurrence in timeline.occurrences:
        yield _occurrence(occurrence)
    for event in timeline.events:
        if event.state != "delivered":
            more = (
                event.reason or _hold(event) or (_due(event, held_up_by) if event.state == "waiting" else "")
            )
            yield f"{event.id}: {event.state}{f', {more}' if more else ''}"
            if event.state == "dead_letter":
                yield f"  what to do: {_REQUEUE.format(id=event.id)}"


def _due(event: answers.ShownEvent, held_up_by: str) -> str:
    return held_up_by or f"due {f'at {text_of(event.due_at)}' if event.due_at else 'now'}"


def _hold(event: answers.ShownEvent) -> str:
    """Say what a held event waits for; "" for any other."""
    if event.state != "held":
        return ""
    due = optional_text(event.due_at)
    if event.held_for == "push":
        return f"waits for its push until {due}"
    return f"sent at {due} if the incident is still open"


def _delivery(
    message: answers.DecidedMessage, events: Mapping[str, answers.ShownEvent], *, is_last: bool = True
) -> Iterator[str]:
    proof = f", proven by {message.proof}" if message.proof else ""
    proof += f", read by {message.pack}" if message.pack else ""
    word = message.word or "a body"
    if message.proof == _BY_HAND:
        said, proof = word, ""
    else:
        said = f"{message.source} sent {word}"
    yield f"{said} (delivery {message.delivery}{proof}): {message.outcome}"
    if message.reason:
        yield f"  because {message.reason.removeprefix(message.outcome + ': ')}"
    if is_last and message.outcome == UNMAPPED:
        yield f"  what to do: {_MAP}"
    elif is_last and message.reason.startswith("ignored: services has ignore: true"):
        yield f"  what to do: {_COUNT}"
    for id_ in message.events:
        if message.outcome == "repeated" or id_ not in events:
            yield f"  event {id_}"
        else:
            yield _event(events[id_])


def _event(event: answers.ShownEvent) -> str:
    body = event.body
    where = " ".join(str(body[name]) for name in ("repo", "environment", "service") if name in body)
    return f"  {body['kind']} at {body.get('time', 'the moment of the call')} for {where} (event {event.id})"


def _attempt(event: answers.ShownEvent, attempt: answers.SendingAttempt) -> str:
    status = f" {attempt.status}" if attempt.status else ""
    reason = f": {attempt.reason}" if attempt.reason else ""
    return f"sent {event.body['kind']} (event {event.id}):{status} {attempt.verdict}{reason}"


def _occurrence(one: answers.OccurrenceState) -> str:
    where = " ".join(name for name in (one.repo, one.environment, one.service) if name)
    times = f"from {optional_text(one.started_at) or 'an unknown start'}"
    times += f" to {text_of(one.ended_at)}" if one.ended_at else ""
    merged = f", merged into {one.merged_into}" if one.merged_into else ""
    return f"occurrence {one.occurrence} {where or 'without a target'}: {one.state} {times}{merged}"


def delivery_lines(found: answers.ShownDelivery) -> Iterator[str]:
    """Show a delivery: the decision, the body, the events with each attempt and answer, what people did."""
    yield f"delivery {found.id}"
    for message in found.messages:
        first, *more = _delivery(message, {})
        yield f"{text_of(message.received_at)}  {first}"
        yield from more
    stored = found.stored
    if stored is None:
        yield "its body is not stored: the delivery was counted, or is too old"
    else:
        yield f"{stored.state}, {stored.code}: {stored.reason}"
        yield from (f"  {name}: {value}" for name, value in sorted((stored.headers or {}).items()))
        yield ""
        if stored.body:
            yield from stored.body.splitlines()
        if stored.body_base64:
            yield f"not UTF-8, in base64: {stored.body_base64}"
        yield ""
    for event in found.events:
        why = event.reason or _hold(event)
        yield f"{_event(event).strip()}: {event.state}{f', {why}' if why else ''}"
        for attempt in event.attempts:
            yield f"  {text_of(attempt.at)}  {_attempt(event, attempt)}"
            if attempt.answer:
                yield f"    answer: {attempt.answer}"
    for action in found.actions:
        reason = f": {action.reason}" if action.reason else ""
        yield f"{text_of(action.at)}  {action.action} by {action.person}, {action.subject}{reason}"
