"""One entry of `messages`: which deliveries it reads, its elements, the state of each, and its message."""

import difflib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.reasons import NO_COMMIT, UNEXPECTED_PAYLOAD, UNKNOWN_TYPE
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import Change, Ignored, Renamed, Unreadable

from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults, Place, below
from gitdailies_sources.language.nearest import located, unfound, unmet
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.messages import deploys, incidents
from gitdailies_sources.messages.fields import EntryFields, missing, needed_text

DEPLOYED, PUSHED, RENAMED, PING = "deployed", "pushed", "renamed", "ping"
STATES = (*incidents.STATES, DEPLOYED, PUSHED, RENAMED)
_PING = "a test of the connection"
# What people write for a state. None of these explains why a word is ignored.
_MEANT = {
    **dict.fromkeys(("open", "opened", "begin", "began", "down", "firing", "triggered", "alert"), "started"),
    **dict.fromkeys(("close", "closed", "end", "ended", "fixed", "recover", "recovered", "up"), "resolved"),
    **dict.fromkeys(("success", "succeeded", "released"), "deployed"),
}
_LONGEST_KEY = 255

Message = Change | Deploy | Push | Ignored


class Entry:
    """A compiled entry. `reads` says whether it is for a delivery, `messages` reads that."""

    def __init__(
        self, name: str, given: Mapping[str, Any], place: Place, faults: Faults, *, platform: str, hint: str
    ) -> None:
        fields = EntryFields(given, place, faults)
        self.name, self._place = name, place
        # A later entry may read the same delivery, too.
        self.goes_on = fields.flag("also")
        self.states: Mapping[str, str] = {
            str(word): str(state) for word, state in (given.get("states") or {}).items()
        }
        self.each = str(given.get("each", ""))
        self.reads = (
            values.any_of(given["when"], (*place, "when"), faults) if "when" in given else lambda _scope: True
        )
        self._root = fields.value("root") if "root" in given else None
        self._each = fields.value("each") if "each" in given else None
        self._held = values.held_back(given, place, faults)
        self._state = fields.needed("state", "a path to the vendor's word")
        self._table = values.Table(self.states)
        self.constant = _constant(given.get("state"))
        self._key = fields.value("key") if "key" in given else None
        self._incident = fields.value("incident")
        for word, meaning in self.states.items():
            meant = _misspelled(meaning)
            if meant:
                expected = "expected a state, or the reason why the word is ignored"
                faults.setdefault(
                    (*place, "states", word), f"{expected}, got {got(meaning)}; did you mean {meant}"
                )
        meanings = set(self.states.values()) | ({self.constant} if self.constant else set())
        if not self.states and self.constant not in STATES:
            faults.setdefault(
                (*place, "states"), "expected a table from the vendor's words to states, got nothing"
            )
        self._change = (
            incidents.compiled(fields, meanings) if meanings.intersection(incidents.STATES) else None
        )
        self._deploy = deploys.compiled(fields, platform, hint) if DEPLOYED in meanings else None
        # What a line of `route` may do for its deploys; None where it has none.
        self.route_use = deploys.route_use(fields) if self._deploy is not None else None
        self._push = deploys.compiled_push(fields) if PUSHED in meanings else None
        self._renamed = (fields.value("former"), fields.value("repo")) if RENAMED in meanings else None
        # Its paths by field. Those of commits start at a commit.
        self._paths: dict[str, dict[Place, str]] = {}
        for where, path in below(faults.paths, place).items():
            if where[len(place)] != "commits":
                self._paths.setdefault(str(where[len(place)]), {})[where] = path
        self.condition = self._paths.pop("when", {})
        self.wanted = below(faults.wanted, (*place, "when"))
        self._only = below(faults.wanted, (*place, "only_if"))
        self._tables = below(faults.tables, place)
        if self.states:
            self._tables[*place, "states"] = (self._state, self._table)

    def messages(self, scope: Scope, delivery: str) -> tuple[Message, ...]:
        """Read a delivery, whose key is *delivery*, or "" if it has none. Raises PayloadError."""
        scope = self._at_root(scope)
        if self._each is None:
            return (self._message(scope, delivery),)
        elements = self._each.raws(scope)
        if not elements:
            if not self._each.is_named(scope):
                missing(self._each, scope, "a list")
            return (Ignored(f"{self._each.where} is empty"),)
        return tuple(
            self._element(scope.at(element), delivery, index) for index, element in enumerate(elements)
        )

    def _at_root(self, scope: Scope) -> Scope:
        return scope if self._root is None else scope.at(self._root.raw(scope))

    def unfound(self, read: Sequence[Scope]) -> dict[Place, str]:
        """Return by place each path that no delivery of *read* has, what a table lacks, and faults."""
        insides = roots = [self._at_root(scope) for scope in read]
        if self._each is not None:
            insides = [scope.at(element) for scope in roots for element in self._each.raws(scope)]
        free = [inside for inside in insides if not any(one.holds(inside) for one in self._held)]
        found: dict[Place, str] = {}
        for name, paths in self._paths.items():
            found |= unfound(paths, {"root": read, "each": roots}.get(name, insides), is_held=not free)
        found |= {} if free else unmet(self._only, insides)
        for place, (value, table) in self._tables.items():
            texts_of = [texts for inside in free if (texts := value.texts(inside))]
            words = {texts[0] for texts in texts_of if not any(map(table.get, texts))}
            state = "a state such as started, resolved or deployed, or why it is ignored"
            meaning = state if place[-1] == "states" else "what it means, or add otherwise"
            if words and place[len(self._place)] not in ("root", "commits"):
                missing = " and ".join(f"{word!a}" for word in sorted(words))
                be, it = ("is", "it") if len(words) == 1 else ("are", "each")
                found[place] = f"{missing} {be} not among them; add {it} with {meaning}"
        all_paths = {place: path for paths in self._paths.values() for place, path in paths.items()}
        for text in filter(None, map(self._fault, free)):
            place, told = located(text, all_paths, self._place)
            found.setdefault(place, told)
        return found

    def _fault(self, scope: Scope) -> str:
        """Return why a message cannot be made, as `where: expected, got`; "" if it can."""
        try:
            made = self._message(scope, "")
        except PayloadError as error:
            return str(error)
        is_old = isinstance(made, (Change, Deploy)) and made.at.year <= 1970
        is_short = isinstance(made, Unreadable) and made.code == NO_COMMIT
        for name, paths in self._paths.items():
            for path in paths.values():
                text = values.compiled(path, (), Faults()).text(scope)
                if is_short and name == "sha" and text is not None:
                    return f"{path}: expected a whole commit, got {got(text)}"
                if is_old and name.endswith("_at") and "1970" in str(text):
                    return f"{path}: expected a day after 1970, got {got(text)}"
        return ""

    def _element(self, scope: Scope, delivery: str, index: int) -> Message:
        """Read one element. One that cannot be read leaves the others alone."""
        key = self._own_key(scope)
        if not key and delivery:
            key = _bounded(f"{delivery} {self._incident.text(scope) or index}")
        try:
            return self._message(scope, key)
        except PayloadError as error:
            assert self._each is not None
            incident = self._incident.text(scope) or ""
            return Unreadable(
                f"{self._each.where}[{index}]: {error}", incident=incident, key=key, code=UNEXPECTED_PAYLOAD
            )

    def _own_key(self, scope: Scope) -> str:
        text = self._key.text(scope) if self._key is not None else None
        return _bounded(text) if text else ""

    def _message(self, scope: Scope, key: str) -> Message:
        key = self._own_key(scope) or key
        word = self._state.text(scope)
        for held in self._held:
            if held.holds(scope):
                return self._ignored(held.reason, word or "", scope, key)
        if word is None:
            missing(self._state, scope, "text")
        state = self._table.get(word) or (self.constant if not self.states else None)
        if state is None:
            reason = f"{word!a} is not among the states of {self.name}"
            return Ignored(reason, word, self._incident.text(scope) or "", key, UNKNOWN_TYPE)
        if state == DEPLOYED and self._deploy is not None:
            return self._deploy(scope, word, key)
        if state == PUSHED and self._push is not None:
            return self._push(scope, word, key)
        if state == RENAMED and self._renamed is not None:
            former, repo = (needed_text(value, scope) for value in self._renamed)
            return Renamed.make(word=word, former=former, repo=repo, key=key)
        if state in incidents.STATES and self._change is not None:
            return self._change(scope, state, word, key)
        return self._ignored(_PING if state == PING else state, word, scope, key)

    def _ignored(self, reason: str, word: str, scope: Scope, key: str) -> Ignored:
        return Ignored(reason, word, self._incident.text(scope) or "", key)


def _misspelled(meaning: str) -> str:
    """Return the state that one word is likely to mean; "" for a state, and for a reason."""
    word = meaning.strip().lower()
    if meaning in (*STATES, PING) or " " in word:
        return ""
    nearest = difflib.get_close_matches(word, (*STATES, PING), n=1, cutoff=0.75)
    return nearest[0] if nearest else _MEANT.get(word, "")


def _constant(given: Any) -> str:
    """Return the state that an entry names itself: `state: {text: started}`."""
    return str(given["text"]) if isinstance(given, Mapping) and "text" in given else ""


def _bounded(key: str) -> str:
    """Return a key that core can hold: a long one, or one with hidden characters, as its hash."""
    if len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable():
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
