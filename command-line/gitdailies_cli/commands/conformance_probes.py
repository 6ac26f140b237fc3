"""What a receiver of events has to answer: one table of probes, each with what would be a fault.

Pure: `conformance` sends them. Every probe is an event of a repository of its own, so that what it
leaves behind can be told from real events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitdailies_core.events.events import KINDS

REPO = "gitdailies-conformance/probe"
_SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
WRONG_KEY = "gdk_0000000000000000000000000000000000000000"

# What the answer must be; "taken" is any 2xx, "refused" any 4xx that is no matter of the key.
TAKEN, REFUSED, NO_KEY = "taken", "refused", "no key"
_WORDS = {TAKEN: "2xx", REFUSED: "4xx that says what is wrong", NO_KEY: "401 or 403"}


@dataclass(frozen=True)
class Reply:
    """What came back: status, media type, body as JSON (or None where it is none)."""

    status: int
    media_type: str
    value: Any


@dataclass(frozen=True)
class Probe:
    """A request, what its answer must be, and what else is a fault of the answer (or "").

    *ours* ones are asked only of a receiver that says that it is like ours.
    """

    name: str
    body: bytes
    expects: str
    why: str
    ours: bool = False
    key: str | None = None  # other than the real one
    suffix: str = ""
    event_id: str = ""
    also: Callable[[Reply], str] = field(default=lambda _: "")

    def fault(self, reply: Reply) -> str:
        """Say what is wrong with the answer, or ""."""
        if reply.status >= 500:
            return f"expected {_WORDS[self.expects]}, got {reply.status}: a fault of the receiver"
        right = {
            TAKEN: 200 <= reply.status < 300,
            REFUSED: 400 <= reply.status < 500 and reply.status not in (401, 403, 404, 405, 429),
            NO_KEY: reply.status in (401, 403),
        }[self.expects]
        if not right:
            return f"expected {_WORDS[self.expects]}, got {reply.status}"
        return self.also(reply)


def probes(run: str) -> list[Probe]:
    """Return all of them, in the order to send; *run* makes the ids of this run its own."""
    deploy = {"kind": "deployed", "repo": REPO, "branch": "main", "commitSHA": _SHA}
    known = {**deploy, "id": f"{run}-known", "time": "2026-03-04T08:55:12Z"}
    found = [
        Probe("no key", _json(deploy), NO_KEY, "whoever has no key must not send", key=""),
        Probe("wrong key", _json(deploy), NO_KEY, "a key is compared", key=WRONG_KEY),
        Probe("the public client's body", _json(deploy), TAKEN, "kind, repo, branch, commitSHA"),
        Probe(
            "with environment",
            _json({**deploy, "environment": "production"}),
            TAKEN,
            "the same and environment",
        ),
    ]
    found += [
        Probe(kind.word, _json(_example(kind.example, f"{run}-{kind.word}")), TAKEN, kind.title)
        for kind in KINDS
    ]
    found += [
        Probe("not JSON", b"{", REFUSED, "what cannot be read is not taken"),
        Probe("no event", _json("deployed"), REFUSED, "an event is an object"),
        Probe(
            "unknown kind",
            _json({**deploy, "kind": "exploded"}),
            REFUSED,
            "kinds are known",
            also=_names("kind"),
        ),
        Probe(
            "no repository", _json({**deploy, "repo": None}), REFUSED, "repo is required", also=_names("repo")
        ),
        Probe(
            "repository of one part",
            _json({**deploy, "repo": "probe"}),
            REFUSED,
            "repo is owner/name",
            also=_names("repo"),
        ),
        Probe(
            "time that is none", _json({**deploy, "time": "noon"}), REFUSED, "RFC 3339", also=_names("time")
        ),
        Probe(
            "with id", _json(known), TAKEN, "an event with id", True, also=_says("created", f"{run}-known")
        ),
        Probe(
            "the same again",
            _json(known),
            TAKEN,
            "a repeat counts once",
            True,
            also=_says("unchanged", f"{run}-known"),
        ),
        Probe(
            "same id, other content",
            _json({**known, "branch": "other"}),
            REFUSED,
            "an id names one event",
            True,
            also=lambda reply: "" if reply.status == 409 else f"expected 409, got {reply.status}",
        ),
        Probe(
            "id as Idempotency-Key",
            _json(deploy),
            TAKEN,
            "the header names the event too",
            True,
            event_id=f"{run}-header",
            also=_says("created", f"{run}-header"),
        ),
        Probe("unknown field", _json({**deploy, "x-probe": 1}), TAKEN, "kept and named", True, also=_unknown),
        Probe(
            "validate",
            _json({**deploy, "id": f"{run}-valid"}),
            TAKEN,
            "checks and stores nothing",
            True,
            suffix="?validate=true",
            also=_says("valid", f"{run}-valid"),
        ),
        Probe(
            "sent after validate",
            _json({**deploy, "id": f"{run}-valid"}),
            TAKEN,
            "what was only validated is new",
            True,
            also=_says("created", f"{run}-valid"),
        ),
        Probe(
            "a list with one fault",
            _json([{**deploy, "id": f"{run}-list"}, {"kind": "deployed"}]),
            TAKEN,
            "each has its result",
            True,
            also=_partly,
        ),
        Probe("ping", b"", TAKEN, "proves key and path", True, suffix="/ping"),
        Probe("ping with a wrong key", b"", NO_KEY, "proves the key", True, key=WRONG_KEY, suffix="/ping"),
        Probe(
            "key in the address",
            _json(deploy),
            REFUSED,
            "addresses are written down",
            True,
            suffix=f"?webhook-key={WRONG_KEY}",
        ),
        Probe("one of 2 MiB", _json({**deploy, "x": "x" * 2**21}), REFUSED, "bodies are bounded", True),
    ]
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _example(example: Mapping[str, Any], id_: str) -> dict[str, Any]:
    return {**example, "repo": REPO, "id": id_}


def _names(name: str) -> Callable[[Reply], str]:
    def fault(reply: Reply) -> str:
        said = json.dumps(reply.value) if reply.value is not None else ""
        return "" if name in said else f"expected an answer that names {name}, got one that does not"

    return fault


def _says(status: str, id_: str) -> Callable[[Reply], str]:
    def fault(reply: Reply) -> str:
        value = reply.value if isinstance(reply.value, dict) else {}
        told = (value.get("status"), value.get("id"))
        return (
            ""
            if told == (status, id_)
            else f"expected status {status} and the id that was sent, got {told[0]}"
        )

    return fault


def _partly(reply: Reply) -> str:
    results = reply.value.get("results") if isinstance(reply.value, dict) else None
    if reply.status != 207 or not isinstance(results, list) or len(results) != 2:
        return f"expected 207 with two results, got {reply.status}"
    told = [result.get("status") if isinstance(result, dict) else None for result in results]
    return "" if told == ["created", "invalid"] else f"expected created and invalid, got {told}"


def _unknown(reply: Reply) -> str:
    named = reply.value.get("unknown") if isinstance(reply.value, dict) else None
    return "" if named == ["x-probe"] else "expected the unknown field named in `unknown`, got it not"
