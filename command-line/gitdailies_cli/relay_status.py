"""How a relay stands: what its store tells, and its server, should one run here."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.settings import RelaySettings

from gitdailies_cli import output

_SECONDS = 2.0
# The words for what is kept stand in metrics, too; this is what they mean.
_KEPT = {
    "shape": "not as the vendor's table expects",
    "unmapped": "of a service without a line, see `gitdailies relay unmapped`",
    "unreadable": "no JSON",
}
# Likewise those for attempts and events, which JSON keeps.
WORDS = {"done": "delivered", "again": "to be tried again", "buried": "set aside"}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  to be asked, not to listen on


def server(relay: RelaySettings, place: str) -> dict[str, Any] | None:
    """Return what the relay on this machine says of itself, or None where none uses the store at *place*."""
    if not relay.status.port:
        return None
    host = _EVERYWHERE.get(relay.status.host, relay.status.host)
    connection = http.client.HTTPConnection(host, relay.status.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/status")
        told = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    found = told.get("server") if isinstance(told, dict) else None
    return found if isinstance(found, dict) and found.get("store") == place else None


def pairs(told: Mapping[str, Any], asked: Listen) -> dict[str, Any]:
    """Say it in names and values for a person; the server was *asked* there."""
    last = told["lastAttempt"]
    waiting = str(told["waiting"])
    if told["waiting"]:
        oldest = output.moment(told["oldestWaitingSince"])
        waiting += f", {told['retrying']} of them tried before, the oldest since {oldest}"
    kept = "; ".join(f"{count} {why} ({_KEPT.get(why, why)})" for why, count in told["kept"].items())
    return {
        "server": _server(told["server"], asked),
        "delivery": held(told) or ("delivering" if told["server"] else "not paused"),
        "waiting": waiting,
        "set aside": _with(told["buried"], "`gitdailies relay failed` tells why"),
        "kept": f"{kept}; `gitdailies relay failed` tells why" if kept else "0",
        "last attempt": _attempt(last) if last else "-",
        "store": f"{_size(told['bytes'])}, of that free {_size(told['freeBytes'])}",
    }


def held(told: Mapping[str, Any]) -> str:
    """Say what keeps every event from going out: pauses, or a receiver that fails; "" for nothing."""
    server = told["server"]
    if told["paused"] or server is None or server["circuit"] != "open":
        return pauses(told["paused"])
    why = server.get("circuitReason")
    return f"the receiver fails and is probed{f': {why}' if why else ''}"


def _server(server: Mapping[str, Any] | None, asked: Listen) -> str:
    if server is None:
        return f"none at {asked}, as relay.status says, uses this store"
    said = f"runs, version {server['version']}"
    if server["storeFault"]:
        said += f"; the store cannot be written: {server['storeFault']}"
    if server["reloadFailed"]:
        said += "; gitdailies.yml is faulty, the one before it is in force: `gitdailies check`"
    return said


def _attempt(last: Mapping[str, Any]) -> str:
    verdict = WORDS.get(last["verdict"], last["verdict"])
    return f"{output.moment(last['at'])} {verdict}{f': {reason}' if (reason := last['reason']) else ''}"


def pauses(paused: Sequence[Mapping[str, Any]]) -> str:
    """Say by what, since when and why destinations are paused, or ""."""
    return "; ".join(map(_paused, paused))


def _paused(pause: Mapping[str, Any]) -> str:
    by = "a person" if pause["by"] == "manual" else pause["by"]
    return f"paused by {by} since {output.moment(pause['since'])}: {pause['reason']}"


def _with(count: object, hint: str) -> str:
    return f"{count}, {hint}" if count else "0"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
