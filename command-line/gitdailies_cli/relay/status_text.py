"""The status of a relay, for people: what its store holds, and what its server says if one runs here."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.settings import RelaySettings

from gitdailies_cli import output

_SECONDS = 2.0
# Addresses to listen on, and those to reach the same server at.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  this is not listened on


def server(relay: RelaySettings, location: str) -> dict[str, Any] | None:
    """Return what the relay on this machine says of itself; None where none uses the store at *location*."""
    found = (answer(relay) or {}).get("server")
    return found if isinstance(found, dict) and found.get("store") == location else None


def answer(relay: RelaySettings) -> dict[str, Any] | None:
    """Return the status of the relay on this machine, None where none answers."""
    if not relay.status.port:
        return None
    host = _EVERYWHERE.get(relay.status.host, relay.status.host)
    connection = http.client.HTTPConnection(host, relay.status.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/status")
        status = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return status if isinstance(status, dict) else None


def pairs(status: Mapping[str, Any], address: Listen) -> dict[str, Any]:
    """Return a status as names and values for a person. *address* is where a server was asked."""
    last = status["lastAttempt"]
    waiting = str(status["waiting"])
    if status["waiting"]:
        oldest = output.moment(status["oldestWaitingSince"])
        waiting += f", {status['retrying']} of them tried before, the oldest since {oldest}"
    if status["refused"]:
        waiting += f"; {status['refused']} refused so far: dead letters once it is sure that others are taken"
    starts = status["held"] - status["waitingForPush"]
    if starts:
        waiting += f"; {starts} more held, as their source's hold says"
    if status["waitingForPush"]:
        waiting += f"; {output.counted(status['waitingForPush'], 'deploy')} held for late pushes"
    quarantined = "; ".join(f"{count} {code}" for code, count in status["quarantined"].items())
    return {
        "server": _server(status["server"], address),
        "delivery": _delivery(status),
        "receiver": _receiver(status),
        "waiting": waiting,
        "dead letters": _with_hint(status["deadLetters"]),
        "quarantined": _with_hint(quarantined),
        "open incidents": _open(status),
        "last attempt": _attempt(last) if last else "-",
        "store": f"{_size(status['bytes'])}, {_size(status['freeBytes'])} free",
    }


def _open(status: Mapping[str, Any]) -> str:
    if not status["openIncidents"]:
        return "0"
    since = output.moment(status["oldestOpenIncidentSince"])
    return f"{status['openIncidents']}, the oldest since {since}; `gitdailies relay incidents` lists them"


def sources(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return a row for each source: when its last delivery came, and whether it is silent for too long."""
    return [
        (name, output.moment(health["lastDelivery"]) or "never", _silence(health))
        for name, health in found.items()
    ]


def _silence(health: Mapping[str, Any]) -> str:
    if not health["silent"]:
        return ""
    hours = health["usualSilenceSeconds"] / 3600
    return f"silent for longer than usual, which is at most {hours:.1f} h; look at the vendor's webhook"


def held_up_by(status: Mapping[str, Any]) -> str:
    """Say what holds up every event: pauses, or a receiver that fails; "" for nothing."""
    server = status["server"]
    # The pause of one source holds up no other one.
    whole = [one for one in status["paused"] if one["source"] is None]
    if whole or server is None or server["circuit"] != "open":
        return pauses(whole)
    reason = server.get("circuitReason")
    return f"the receiver fails and is probed{f': {reason}' if reason else ''}"


def _server(server: Mapping[str, Any] | None, address: Listen) -> str:
    if server is None:
        return f"no server at {address} (relay.status) uses this store"
    text = f"runs, version {server['version']}"
    if server["storeFault"]:
        text += f"; the store cannot be written: {server['storeFault']}"
    if server["reloadFailed"]:
        text += (
            "; the last reload of gitdailies.yml failed, so the previous one is used; "
            "run `gitdailies check`, then send SIGHUP again"
        )
    return text


def _delivery(status: Mapping[str, Any]) -> str:
    text = held_up_by(status) or ("delivering" if status["server"] else "not paused")
    return "; ".join([text, *(_paused(one) for one in status["paused"] if one["source"])])


def _receiver(status: Mapping[str, Any]) -> str:
    known, server = status["receiver"], status["server"]
    # A server of an earlier version does not say what its receiver is.
    kind = (server or {}).get("receiver") or (known["kind"] if known else "")
    if not kind:
        return "-"
    if known is not None and known["kind"] == kind:
        return f"{kind}, since {output.moment(known['since'])}"
    if (server or {}).get("receiverIsSure"):
        return f"{kind}, as gitdailies.yml says"
    return f"{kind} fields are sent, until it says what it is"


def _attempt(last: Mapping[str, Any]) -> str:
    reason = f": {last['reason']}" if last["reason"] else ""
    return f"{output.moment(last['at'])} {last['verdict']}{reason}"


def pauses(paused: Sequence[Mapping[str, Any]]) -> str:
    """Say by what, since when and why destinations are paused, or ""."""
    return "; ".join(map(_paused, paused))


def _paused(pause: Mapping[str, Any]) -> str:
    by = "a person" if pause["by"] == "manual" else pause["by"]
    what = f"{pause['source']} " if pause["source"] else ""
    return f"{what}paused by {by} since {output.moment(pause['since'])}: {pause['reason']}"


def _with_hint(count: object) -> str:
    return f"{count}; `gitdailies relay failed` shows the reasons" if count else "0"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
