"""Values, and conditions of values.

A value is a path, a template, the first of several, a constant, or a table.

data.id                                         a path
"${repository.full_name}#${issue.number}"       a template; a part that is absent makes all of it absent
{first_of: [data.mitigated_at, data.resolved_at]}
{text: production}
{path: data.tier, map: {prod-*: production}, otherwise: same}
{path: tags, prefix: "service:"}                what follows a prefix, of the texts that have it
{path: subject.id, last_part: "/"}              what follows the last separator
{path: url, after: job}                         in an address, each part that follows the part `job`, decoded
{join: [owner, name], with: "/"}                all texts of several values; absent if one of these is
{commit: message}                               the commit that a text holds
{cut: message, from: start, length: size}       a part of a text
{when: {build.tag: present}, then: build.tag}   a value where a condition holds

Conditions decide which deliveries and elements an entry reads, and which are held back with a reason. All
paths of one mapping must hold.

{labels.severity: [critical, page]}         one of several texts, without case; globs allowed
{issue.pull_request: absent}                present, or absent
{event_type: {not: test}}                   anything else, also nothing
{revision: {same_as: previous.revision}}    the same as another value, also where both are nothing
{image: {holds: commit}}                    a text with a whole commit in it
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from gitdailies_core.error_text import got
from gitdailies_core.sources.images import commit_in
from gitdailies_core.values import patterns

from gitdailies_sources.language import paths
from gitdailies_sources.language.faults import Faults, Mistake, Place
from gitdailies_sources.language.nothing import as_text, is_nothing
from gitdailies_sources.language.scope import Scope

SAME = "same"
PRESENT, ABSENT, BECAUSE = "present", "absent", "because"
# What templates of other languages have, as in `{{ title }}`.
_FOREIGN_TEMPLATE = re.compile(r"\$?\{\{[\s.]*([^{}]*?)\s*\}\}")
_HOW = "expected a path, a template, or one of {first_of: …}, {text: …}, {path: …, map: …}"
T = TypeVar("T")


class Table(Generic[T]):
    """A table by word, without case and outer spaces. Keys may be globs; an exact key goes first."""

    __slots__ = ("_exact", "_globs")

    def __init__(self, entries: Mapping[str, T]) -> None:
        named = {key.strip().lower(): value for key, value in entries.items()}
        self._exact = {key: value for key, value in named.items() if not patterns.is_pattern(key)}
        self._globs = [(patterns.pattern(key), named[key]) for key in named if patterns.is_pattern(key)]

    def get(self, word: str) -> T | None:
        """Return the value of *word*; of several globs that fit, the first."""
        word = word.strip().lower()
        found = self._exact.get(word)
        if found is not None or not self._globs:
            return found
        return next((value for glob, value in self._globs if glob.match(word)), None)


class Value(NamedTuple):
    """A compiled value.

    `raws` returns the values that were found, unchanged, the best one first. It is empty if none was found.
    `where` is how a message names it.
    """

    where: str
    raws: Callable[[Scope], Sequence[Any]]
    # Whether the delivery has a list, even an empty one.
    lists: Callable[[Scope], bool] | None = None

    def raw(self, scope: Scope) -> Any:
        """Return the first value that was found, or None."""
        found = self.raws(scope)
        return found[0] if found else None

    def is_named(self, scope: Scope) -> bool:
        """Whether there is a list, also an empty one."""
        return self.lists is not None and self.lists(scope)

    def text(self, scope: Scope) -> str | None:
        """Return the first text, or None."""
        for value in self.raws(scope):
            text = as_text(value)
            if text is not None:
                return text
        return None

    def texts(self, scope: Scope) -> list[str]:
        """Return every text once, in order."""
        raws = self.raws(scope)
        if not raws:
            return []
        found = (as_text(value) for value in raws)
        return list(dict.fromkeys(text for text in found if text is not None))


def compiled(given: Any, place: Place, faults: Faults) -> Value:
    """Compile a value. A fault is added to *faults*, and the value then is always absent."""
    try:
        found = _compiled(given, place, faults)
    except Mistake as mistake:
        faults.setdefault(place, str(mistake))
        return NOTHING
    if isinstance(given, str):
        faults.paths[place] = found.where
    return found


def _compiled(given: Any, place: Place, faults: Faults) -> Value:
    if isinstance(given, str):
        own = _FOREIGN_TEMPLATE.sub(r"${\1}", given)
        if own != given:
            raise Mistake(f"expected a path or a template, got {got(given)}; write {own}")
        return _template(given) if "${" in given else _path(given)
    if not isinstance(given, Mapping):
        hint = "; put it in quotes" if given is None or isinstance(given, (bool, int, float)) else ""
        hint = "; write {first_of: […]} for alternatives" if isinstance(given, list) else hint
        raise Mistake(f"{_HOW}, got {got(given)}{hint}")
    if "first_of" in given:
        parts = [
            compiled(one, (*place, "first_of", index), faults) for index, one in enumerate(given["first_of"])
        ]
        return Value(
            " or ".join(part.where for part in parts),
            lambda scope: next((found for part in parts if (found := part.raws(scope))), ()),
        )
    if "text" in given:
        constant = [as_text(given["text"]) or str(given["text"])]
        return Value(got(given["text"]), lambda _scope: constant)
    if "when" in given:
        holds = any_of(given["when"], (*place, "when"), faults)
        then = compiled(given["then"], (*place, "then"), faults)
        return Value(then.where, lambda scope: then.raws(scope) if holds(scope) else ())
    if "commit" in given:
        return _changed(compiled(given["commit"], (*place, "commit"), faults), commit_in)
    if "join" in given:
        parts = [compiled(one, (*place, "join", index), faults) for index, one in enumerate(given["join"])]
        return Value(" or ".join(part.where for part in parts), _joined(parts, given["with"]))
    if "cut" in given:
        start, length = (compiled(given[name], (*place, name), faults) for name in ("from", "length"))
        return _part(compiled(given["cut"], (*place, "cut"), faults), start, length)
    if "path" not in given:
        raise Mistake(f"{_HOW}, got an object without path")
    return _changed_path(given, place, faults)


def _changed_path(given: Mapping[str, Any], place: Place, faults: Faults) -> Value:
    inner = compiled(given["path"], (*place, "path"), faults)
    if "prefix" in given:
        inner = _prefixed(inner, str(given["prefix"]))
    if "last_part" in given:
        separator = str(given["last_part"])
        inner = _changed(inner, lambda text: text.rstrip(separator).rpartition(separator)[2] or None)
    if "after" in given:
        inner = _following(inner, given["after"])
    return _mapped(inner, given, place, faults) if "map" in given else inner


def _following(inner: Value, word: str) -> Value:
    def raws(scope: Scope) -> Sequence[Any]:
        parts = iter("/".join(inner.texts(scope)).split("/"))
        # A part is a name or a word, never both: a folder may be named like the word.
        return [unquote(name) for part in parts if part == word and (name := next(parts, ""))]

    return Value(inner.where, raws)


def _joined(parts: Sequence[Value], separator: str) -> Callable[[Scope], Sequence[Any]]:
    def raws(scope: Scope) -> Sequence[Any]:
        found = [[text for raw in part.raws(scope) if (text := as_text(raw))] for part in parts]
        return (separator.join(text for texts in found for text in texts),) if all(found) else ()

    return raws


def _changed(inner: Value, change: Callable[[str], str | None]) -> Value:
    """Return the texts of a value, each changed; one that becomes None is left out."""

    def raws(scope: Scope) -> Sequence[Any]:
        return [found for text in inner.texts(scope) if (found := change(text)) is not None]

    return Value(inner.where, raws)


def _prefixed(inner: Value, prefix: str) -> Value:
    """Return what follows a prefix, in a list of tags, or in a text that lists them.

    A text lists tags with commas, or with spaces between those that have the prefix.
    """
    small = prefix.lower()

    def raws(scope: Scope) -> Sequence[Any]:
        found: list[str] = []
        for raw in inner.raws(scope):
            text = as_text(raw)
            if text is not None and small in text.lower():
                found += _tagged(text, small)
        return found

    return Value(inner.where, raws)


def _tagged(text: str, prefix: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    tags = (tag for part in parts for tag in ([part] if part.lower().startswith(prefix) else part.split()))
    return [rest for tag in tags if tag.lower().startswith(prefix) and (rest := tag[len(prefix) :].strip())]


def _part(text: Value, start: Value, length: Value) -> Value:
    def raws(scope: Scope) -> Sequence[Any]:
        # A text keeps its outer spaces here, because the numbers count them.
        whole, first, size = text.raw(scope), start.raw(scope), length.raw(scope)
        numbers = type(first) is int and type(size) is int
        if not isinstance(whole, str) or not numbers or first < 0 or size <= 0:
            return ()
        found = whole[first : first + size]
        return () if is_nothing(found) else (found,)

    return Value(text.where, raws)


def _path(text: str) -> Value:
    path = paths.compiled(text)
    read = path.read
    if path.many:
        return Value(path.text, lambda scope: _flat(read(scope)), lambda _scope: True)

    def raws(scope: Scope) -> Sequence[Any]:
        value = read(scope)
        if value is None:
            return ()
        if isinstance(value, list):
            return _flat(value)
        return () if is_nothing(value) else (value,)

    return Value(path.text, raws, lambda scope: isinstance(read(scope), list))


def _flat(values: Sequence[Any]) -> list[Any]:
    """Return the values that say something; of a list among them, its elements."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list):
            found += [one for one in value if not is_nothing(one)]
        elif not is_nothing(value):
            found.append(value)
    return found


def _mapped(inner: Value, given: Mapping[str, Any], place: Place, faults: Faults) -> Value:
    table: Table[str] = Table({str(word): str(text) for word, text in given["map"].items()})
    otherwise = given.get("otherwise")
    if otherwise is None:
        faults.tables[*place, "map"] = (inner, table)

    def raws(scope: Scope) -> Sequence[Any]:
        found = []
        for word in inner.texts(scope):
            text = table.get(word)
            if text is None:
                text = word if otherwise == SAME else otherwise
            if text is not None:
                found.append(text)
        # `otherwise` is for words that the table does not have, not for a missing field.
        return found

    return Value(inner.where, raws)


def _template(text: str) -> Value:
    parts: list[str | paths.Path] = []
    at = 0
    while True:
        start = text.find("${", at)
        if start < 0:
            parts.append(text[at:])
            break
        parts.append(text[at:start])
        end = paths.closing(text, start + 1, "{", "}")
        parts.append(paths.compiled(text[start + 2 : end]))
        at = end + 1

    def raws(scope: Scope) -> Sequence[Any]:
        written = []
        for part in parts:
            found = part if isinstance(part, str) else paths.first_text(part, scope)
            if found is None:
                return ()
            written.append(found)
        return ("".join(written),)

    return Value(text, raws)


NOTHING = Value("nothing", lambda _scope: ())


Check = Callable[[Scope], bool]


class Held(NamedTuple):
    """A condition that holds something back, and why."""

    holds: Check
    reason: str


def any_of(given: Any, place: Place, faults: Faults) -> Check:
    """Compile `when`: one mapping, or a list. One mapping of a list must hold."""
    if isinstance(given, Mapping):
        return _mapping(given, place, faults)
    checks = [_mapping(one, (*place, index), faults) for index, one in enumerate(given)]
    return lambda scope: any(check(scope) for check in checks)


def held_back(given: Mapping[str, Any], place: Place, faults: Faults) -> tuple[Held, ...]:
    """Compile `skip_if` and `only_if` of *given*: what holds, and what does not hold, is ignored."""
    return tuple(
        _held(one, (*place, name, index), faults, when=when)
        for name, when in (("skip_if", True), ("only_if", False))
        for index, one in enumerate(given.get(name) or ())
    )


def _held(given: Mapping[str, Any], place: Place, faults: Faults, *, when: bool) -> Held:
    check = _mapping(given, place, faults)
    if BECAUSE not in given:
        faults.setdefault((*place, BECAUSE), "expected the reason why it is not counted, got nothing")
    return Held(check if when else lambda scope: not check(scope), str(given.get(BECAUSE, "")))


def _mapping(given: Mapping[str, Any], place: Place, faults: Faults) -> Check:
    checks = []
    for path, wanted in given.items():
        if path == BECAUSE:
            continue
        try:
            checks.append(_check(path, wanted, (*place, path), faults))
        except Mistake as mistake:
            faults.setdefault((*place, path), str(mistake))
    if not checks and not faults:
        faults.setdefault(place, "expected at least one path with the text that it must have, got none")
    if len(checks) == 1:
        return checks[0]
    return lambda scope: all(check(scope) for check in checks)


def _check(path: str, wanted: Any, place: Place, faults: Faults) -> Check:
    value = compiled(path, place, faults)
    raws = value.raws
    if isinstance(wanted, Mapping):
        if "same_as" in wanted:
            other = compiled(wanted["same_as"], (*place, "same_as"), faults)
            return lambda scope: list(raws(scope)) == list(other.raws(scope))
        if "holds" in wanted:
            return lambda scope: any(commit_in(as_text(raw) or "") for raw in raws(scope))
        if set(wanted) != {"not"}:
            raise Mistake("expected a text, a list of texts, present, absent or {not: …}, got another object")
        inner = _check(path, wanted["not"], place, faults)
        # It holds where this text is not.
        faults.wanted.pop(place, None)
        return lambda scope: not inner(scope)
    if wanted == PRESENT:
        return lambda scope: bool(raws(scope))
    if wanted == ABSENT:
        return lambda scope: not raws(scope)
    check = _one_of(raws, wanted if isinstance(wanted, list) else [wanted])
    faults.wanted[place] = (wanted, value, check)
    return check


def _one_of(raws: Callable[[Scope], Sequence[Any]], wanted: Sequence[Any]) -> Check:
    texts = [_wanted(one) for one in wanted]
    if not texts:
        raise Mistake("expected at least one text, got an empty list")
    exact = frozenset(text for text in texts if not patterns.is_pattern(text))
    globs = [patterns.pattern(text) for text in texts if patterns.is_pattern(text)]

    def check(scope: Scope) -> bool:
        for raw in raws(scope):
            text = as_text(raw)
            if text is None:
                continue
            text = text.lower()
            if text in exact or any(glob.match(text) for glob in globs):
                return True
        return False

    return check


def _wanted(value: Any) -> str:
    text = None if value is None else as_text(value)
    if text is None and isinstance(value, str):
        text = value.strip()
    if text is None:
        raise Mistake(f"expected a text, a number, true or false, got {got(value)}; write absent for nothing")
    return text.lower()
