"""What a receiver of events has to answer: one table of probes, each with the faults to look for.

Pure: `conformance` sends them. All events that are stored belong to a repository and an environment of their
own, so that they count in no figure of production.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitdailies_core.events.events import KINDS

REPO, ENVIRONMENT = "gitdailies-conformance/probe", "conformance"
_DEPLOY = {
    "kind": "deployed",
    "repo": REPO,
    "branch": "main",
    "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
    "environment": ENVIRONMENT,
}
WRONG_KEY = "gdk_0000000000000000000000000000000000000000"

# The expected answer: "taken" is any 2xx, "refused" any 4xx that is not about the key.
TAKEN, REFUSED, NO_KEY = "taken", "refused", "no key"
_WORDS = {TAKEN: "2xx", REFUSED: "4xx that says what is wrong", NO_KEY: "401 or 403"}


@dataclass(frozen=True)
class Reply:
    """An answer: status, media type, and body as JSON, or None if it is not JSON."""

    status: int
    media_type: str
    value: Any


@dataclass(frozen=True)
class Probe:
    """A request and the answer it must get; `also` returns another fault of the answer, or "".

    Probes with *ours* are sent only to a receiver that says it is like ours.
    """

    name: str
    body: bytes
    expects: str
    why: str
    ours: bool = False
    key: str | None = None  # used instead of the real key
    suffix: str = ""
    event_id: str = ""
    also: Callable[[Reply], str] = field(default=lambda _: "")

    def fault(self, reply: Reply) -> str:
        """Return what is wrong with the answer, or ""."""
        if reply.status >= 500:
            return f"expected {_WORDS[self.expects]}, got {reply.status}, an error of the receiver"
        right = {
            TAKEN: 200 <= reply.status < 300,
            REFUSED: 400 <= reply.status < 500 and reply.status not in (401, 403, 404, 405, 429),
            NO_KEY: reply.status in (401, 403),
        }[self.expects]
        if not right:
            return f"expected {_WORDS[self.expects]}, got {reply.status}"
        return self.also(reply)


def stored_ids(reply: Reply) -> list[str]:
    """Return the ids of the events that a receiver like ours says it stored."""
    value = reply.value if isinstance(reply.value, dict) else {}
    results = value.get("results") if isinstance(value.get("results"), list) else [value]
    found = [one for one in results or () if isinstance(one, dict) and one.get("status") == "created"]
    return [one["id"] for one in found if isinstance(one.get("id"), str)]


def probes(run: str) -> list[Probe]:
    """Return all probes, in the order to send them; *run* makes the ids of this run unique."""
    return [*_key_probes(), *_kind_probes(run), *_fault_probes(), *_id_probes(run), *_own_probes(run)]


def _key_probes() -> list[Probe]:
    return [
        Probe("no key", _json(_DEPLOY), NO_KEY, "sending needs a key", key=""),
        Probe("wrong key", _json(_DEPLOY), NO_KEY, "the key is checked", key=WRONG_KEY),
    ]


def _kind_probes(run: str) -> list[Probe]:
    nowhere = {name: value for name, value in _DEPLOY.items() if name != "environment"}
    return [
        Probe(
            "the public client's body", _json(_DEPLOY), TAKEN, "kind, repo, branch, commitSHA, environment"
        ),
        # It would count as production, so it is only checked.
        Probe(
            "without environment",
            _json(nowhere),
            TAKEN,
            "the same without environment",
            True,
            suffix="?validate=true",
        ),
        *(
            Probe(kind.word, _json(_example(kind.example, f"{run}-{kind.word}")), TAKEN, kind.title)
            for kind in KINDS
        ),
    ]


def _fault_probes() -> list[Probe]:
    """Events with one wrong field each; the answer must name the field."""
    wrong = (
        ("unknown kind", "kind", "exploded", "only known kinds are accepted"),
        ("no repository", "repo", None, "repo is required"),
        ("repository of one part", "repo", "probe", "repo is owner/name"),
        ("time that is none", "time", "noon", "time is in the form of RFC 3339"),
    )
    return [
        Probe("not JSON", b"{", REFUSED, "a body must be JSON"),
        Probe("no event", _json("deployed"), REFUSED, "an event is an object"),
        *(
            Probe(name, _json({**_DEPLOY, field_name: value}), REFUSED, why, also=_names(field_name))
            for name, field_name, value, why in wrong
        ),
    ]


def _id_probes(run: str) -> list[Probe]:
    """Probes for a receiver like ours: an event counts once by its id."""
    known = {**_DEPLOY, "id": f"{run}-known", "time": "2026-03-04T08:55:12Z"}
    other = {**known, "branch": "other"}
    return [
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
            _json(other),
            REFUSED,
            "an id names one event",
            True,
            also=_conflict,
        ),
        Probe(
            "id as Idempotency-Key",
            _json(_DEPLOY),
            TAKEN,
            "the header may hold the id too",
            True,
            event_id=f"{run}-header",
            also=_says("created", f"{run}-header"),
        ),
    ]


def _own_probes(run: str) -> list[Probe]:
    """Probes for what only a receiver like ours has: validation, lists, ping, unknown fields, limits."""
    valid = _json({**_DEPLOY, "id": f"{run}-valid"})
    partly_wrong = _json([{**_DEPLOY, "id": f"{run}-list"}, {"kind": "deployed"}])
    return [
        Probe(
            "unknown field",
            _json({**_DEPLOY, "x-probe": 1}),
            TAKEN,
            "stored, and named in the answer",
            True,
            also=_unknown,
        ),
        Probe(
            "validate",
            valid,
            TAKEN,
            "checks and stores nothing",
            True,
            suffix="?validate=true",
            also=_says("valid", f"{run}-valid"),
        ),
        Probe(
            "sent after validate",
            valid,
            TAKEN,
            "a validated event is still new",
            True,
            also=_says("created", f"{run}-valid"),
        ),
        Probe("a list with one fault", partly_wrong, TAKEN, "each event has its result", True, also=_partly),
        Probe("ping", b"", TAKEN, "tests key and path", True, suffix="/ping"),
        Probe("ping with a wrong key", b"", NO_KEY, "tests the key", True, key=WRONG_KEY, suffix="/ping"),
        Probe(
            "key in the address",
            _json(_DEPLOY),
            REFUSED,
            "addresses end up in logs",
            True,
            suffix=f"?webhook-key={WRONG_KEY}",
        ),
        Probe("one of 2 MiB", _json({**_DEPLOY, "x": "x" * 2**21}), REFUSED, "the size is limited", True),
    ]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _example(example: Mapping[str, Any], id_: str) -> dict[str, Any]:
    return {**example, "repo": REPO, "environment": ENVIRONMENT, "id": id_}


def _names(name: str) -> Callable[[Reply], str]:
    def fault(reply: Reply) -> str:
        text = json.dumps(reply.value) if reply.value is not None else ""
        return "" if name in text else f"the answer must name the field {name}"

    return fault


def _says(status: str, id_: str) -> Callable[[Reply], str]:
    def fault(reply: Reply) -> str:
        value = reply.value if isinstance(reply.value, dict) else {}
        found = (value.get("status"), value.get("id"))
        return "" if found == (status, id_) else f"expected status {status} and the sent id, got {found[0]}"

    return fault


def _conflict(reply: Reply) -> str:
    return "" if reply.status == 409 else f"expected 409, got {reply.status}"


def _partly(reply: Reply) -> str:
    results = reply.value.get("results") if isinstance(reply.value, dict) else None
    if reply.status != 207 or not isinstance(results, list) or len(results) != 2:
        return f"expected 207 with two results, got {reply.status}"
    found = [result.get("status") if isinstance(result, dict) else None for result in results]
    return "" if found == ["created", "invalid"] else f"expected created and invalid, got {found}"


def _unknown(reply: Reply) -> str:
    named = reply.value.get("unknown") if isinstance(reply.value, dict) else None
    return "" if named == ["x-probe"] else "the answer must name the unknown field in `unknown`"
