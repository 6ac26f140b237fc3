"""The dialect: the names that a receiver uses on the wire, and how configuration changes them.

`VERIFIED` lists the names that GitDailies itself is known to use. One public client shows the
header, `deployed`, `repo`, `branch`, `commitSHA` and `environment`. The documentation shows
`time`. The names for incidents are not public, so every other name is this project's best
guess.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.receivers import KEY_HEADER, OURS, RECEIVERS, taken

VERIFIED: frozenset[str] = frozenset(
    {KEY_HEADER, "kind", "deployed", "repo", "branch", "commitSHA", "environment", "time"}
)


@dataclass(frozen=True)
class Dialect:
    """How an event is written for one receiver. Build it with `make`."""

    receiver: str
    kinds: Mapping[str, str]
    names: Mapping[str, str]
    path: str | None

    @classmethod
    def make(
        cls,
        *,
        receiver: str = OURS,
        kinds: Mapping[str, str] | None = None,
        rename: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        add: Iterable[str] = (),
        path: str | None = None,
    ) -> "Dialect":
        """Build a dialect for the receiver `ours` (all fields) or `documented` (documented fields).

        *kinds* and *rename* map our kinds and fields to the receiver's names. *drop* leaves
        fields out, *add* sends further ones to a documented receiver. *path* replaces the path of
        the address. Raises ConfigurationError for a kind or field that does not exist.
        """
        if receiver not in RECEIVERS:
            raise ConfigurationError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        known = {field.name: field for kind in KINDS for field in kind.fields}
        words = {kind.word: kind.word for kind in KINDS}
        for given, allowed, where in (
            (kinds or {}, words, "dialect.kinds"),
            (rename or {}, {"kind": None, **known}, "dialect.rename"),
            (drop, known, "dialect.drop"),
            (add, known, "dialect.add"),
        ):
            for name in given:
                if name not in allowed:
                    raise ConfigurationError(
                        f"{where}: expected one of {', '.join(sorted(allowed))}, got {got(name)}"
                    )
        by_default = frozenset().union(*(taken(kind, receiver) for kind in KINDS))
        sent = {name for name in known if name in by_default | set(add) and name not in set(drop)}
        names = {name: name for name in ("kind", *sent)}
        names.update({ours: theirs for ours, theirs in (rename or {}).items() if ours in names})
        if len(set(names.values())) != len(names):
            raise ConfigurationError(
                "dialect.rename: expected a different name for each field, got one twice"
            )
        return cls(receiver, {**words, **(kinds or {})}, names, path)

    def write(self, event: Event) -> dict[str, Any]:
        """Return *event* as the JSON object for this receiver."""
        body: dict[str, Any] = {}
        for name, value in {**event.values, "kind": self.kinds.get(event.kind, event.kind)}.items():
            if name in self.names:
                body[self.names[name]] = value
        if self.receiver == OURS:
            body.update({name: value for name, value in event.extra.items() if name not in body})
        return body

    def dump(self, event: Event) -> bytes:
        """Return *event* as a request body: compact JSON in UTF-8."""
        return json.dumps(self.write(event), ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def takes_lists(self) -> bool:
        """Whether several events may go in one request."""
        return self.receiver == OURS
