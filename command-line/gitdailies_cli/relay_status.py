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
    found = status.get("server") if isinstance(status, dict) else None
    return found if isinstance(found, dict) and found.get("store") == location else None


def pairs(status: Mapping[str, Any], address: Listen) -> dict[str, Any]:
    """Return a status as names and values for a person. *address* is where a server was asked."""
    last = status["lastAttempt"]
    waiting = str(status["waiting"])
    if status["waiting"]:
        oldest = output.moment(status["oldestWaitingSince"])
        waiting += f", {status['retrying']} of them tried before, the oldest since {oldest}"
    quarantined = "; ".join(f"{count} {code}" for code, count in status["quarantined"].items())
    return {
        "server": _server(status["server"], address),
        "delivery": held_up_by(status) or ("delivering" if status["server"] else "not paused"),
        "waiting": waiting,
        "dead letters": _with_hint(status["deadLetters"]),
        "quarantined": _with_hint(quarantined),
        "last attempt": _attempt(last) if last else "-",
        "store": f"{_size(status['bytes'])}, {_size(status['freeBytes'])} free",
    }


def held_up_by(status: Mapping[str, Any]) -> str:
    """Say what holds up every event: pauses, or a receiver that fails; "" for nothing."""
    server = status["server"]
    if status["paused"] or server is None or server["circuit"] != "open":
        return pauses(status["paused"])
    reason = server.get("circuitReason")
    return f"the receiver fails and is probed{f': {reason}' if reason else ''}"


def _server(server: Mapping[str, Any] | None, address: Listen) -> str:
    if server is None:
        return f"no server at {address} (relay.status) uses this store"
    text = f"runs, version {server['version']}"
    if server["storeFault"]:
        text += f"; the store cannot be written: {server['storeFault']}"
    if server["reloadFailed"]:
        text += "; gitdailies.yml has errors, still using the previous one; run `gitdailies check`"
    return text


def _attempt(last: Mapping[str, Any]) -> str:
    reason = f": {last['reason']}" if last["reason"] else ""
    return f"{output.moment(last['at'])} {last['verdict']}{reason}"


def pauses(paused: Sequence[Mapping[str, Any]]) -> str:
    """Say by what, since when and why destinations are paused, or ""."""
    return "; ".join(map(_paused, paused))


def _paused(pause: Mapping[str, Any]) -> str:
    by = "a person" if pause["by"] == "manual" else pause["by"]
    return f"paused by {by} since {output.moment(pause['since'])}: {pause['reason']}"


def _with_hint(count: object) -> str:
    return f"{count}; `gitdailies relay failed` shows the reasons" if count else "0"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
