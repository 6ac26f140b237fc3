"""The status of a relay, for people: what its store holds, and what its server says if one runs here."""

import http.client
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.sections.settings import RelaySettings
from gitdailies_connection.relay import answers
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.values.times import optional_text

from gitdailies_cli import output

_SECONDS = 5.0
Value = TypeVar("Value", bound=answers.RelayAnswer)


class Served(answers.RelayAnswer, frozen=True):
    """What a relay's status says also while its store cannot be read."""

    server: answers.ServerState


class Silent(GitDailiesError):
    """A server took the question and did not answer in time."""


def answer(relay: RelaySettings, wanted: type[Value]) -> Value | None:
    """Return the status of the relay on this machine, None where none answers; raises Silent."""
    if not relay.status.port:
        return None
    address = relay.status.local()
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/status")
        return msgspec.json.decode(connection.getresponse().read(), type=wanted)
    except TimeoutError:
        raise Silent(f"{address} (relay.status) did not answer within {_SECONDS:g} s") from None
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def moment(at: datetime | None) -> str:
    """Format a time for people, to the second; "" for None."""
    return output.time_for_people(optional_text(at))


def pairs(status: answers.RelayStatus, address: Listen, silent: str = "") -> dict[str, str]:
    """Return a status as names and values for a person.

    *address* is where a server was asked; *silent* says that it did not answer in time.
    """
    waiting = str(status.waiting)
    if status.waiting:
        oldest = moment(status.oldest_waiting_since)
        waiting += f", {status.retrying} of them tried before, the oldest since {oldest}"
    if status.refused:
        waiting += f"; {status.refused} refused so far: dead letters once it is sure that others are taken"
    starts = status.held - status.waiting_for_push
    if starts:
        waiting += f"; {starts} more held, as their source's hold says"
    if status.waiting_for_push:
        waiting += f"; {output.counted(status.waiting_for_push, 'deploy')} held for late pushes"
    quarantined = "; ".join(f"{count} {code}" for code, count in status.quarantined.items())
    return {
        "server": silent or _server(status.server, address),
        "delivery": _delivery(status),
        "receiver": _receiver(status),
        "waiting": waiting,
        "dead letters": _with_hint(status.dead_letters),
        "quarantined": _with_hint(quarantined),
        "open incidents": _open(status),
        "last attempt": _attempt(status.last_attempt) if status.last_attempt else "-",
        "store": f"{_size(status.bytes)}; {_size(status.free_bytes)} of it can be used again",
    }


def _open(status: answers.RelayStatus) -> str:
    if not status.open_incidents:
        return "0"
    since = moment(status.oldest_open_incident_since)
    return f"{status.open_incidents}, the oldest since {since}; `gitdailies relay incidents` lists them"


def sources(found: Mapping[str, answers.SourceHealth]) -> list[tuple[str, str, str]]:
    """Return a row for each source: when its last delivery came, and what is wrong with it."""
    return [(name, moment(health.last_delivery) or "never", _wrong(health)) for name, health in found.items()]


def _wrong(health: answers.SourceHealth) -> str:
    if not health.silent:
        return f"sends no {', no '.join(health.missing)} any more" if health.missing else ""
    hours = (health.usual_silence_seconds or 0) / 3600
    return f"silent for longer than usual, which is at most {hours:.1f} h; look at the vendor's webhook"


def held_up_by(paused: Sequence[answers.PausedDelivery], server: answers.ServerState | None) -> str:
    """Say what holds up every event: pauses, or a receiver that fails; "" for nothing."""
    # The pause of one source holds up no other one.
    whole = [one for one in paused if one.source is None]
    if whole or server is None or server.circuit != "open":
        return pauses(whole)
    return f"the receiver fails and is probed{f': {server.circuit_reason}' if server.circuit_reason else ''}"


def _server(server: answers.ServerState | None, address: Listen) -> str:
    if server is None:
        return f"no server at {address} (relay.status) uses this store"
    text = f"runs, version {server.version}"
    if server.store_fault:
        text += f"; the store cannot be written: {server.store_fault}"
    if server.reload_failed:
        text += (
            "; the last reload of gitdailies.yml failed, so the previous one is used; "
            "run `gitdailies check`, then `gitdailies reload`"
        )
    return text


def _delivery(status: answers.RelayStatus) -> str:
    text = held_up_by(status.paused, status.server) or ("delivering" if status.server else "not paused")
    return "; ".join([text, *(_paused(one) for one in status.paused if one.source)])


def _receiver(status: answers.RelayStatus) -> str:
    known, server = status.receiver, status.server
    kind = server.receiver if server else known.kind if known else ""
    if not kind:
        return "-"
    if known is not None and known.kind == kind:
        return f"{kind}, since {moment(known.since)}"
    if server is not None and server.receiver_is_sure:
        return f"{kind}, as gitdailies.yml says"
    return f"{kind} fields are sent, until it says what it is"


def _attempt(last: answers.SendingAttempt) -> str:
    return f"{moment(last.at)} {last.verdict}{f': {last.reason}' if last.reason else ''}"


def pauses(paused: Sequence[answers.PausedDelivery]) -> str:
    """Say by what, since when and why destinations are paused, or ""."""
    return "; ".join(map(_paused, paused))


def _paused(pause: answers.PausedDelivery) -> str:
    by = "a person" if pause.by == "manual" else pause.by
    what = f"{pause.source} " if pause.source else ""
    return f"{what}paused by {by} since {moment(pause.since)}: {pause.reason}"


def _with_hint(count: object) -> str:
    return f"{count}; `gitdailies relay failed` shows the reasons" if count else "0"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
