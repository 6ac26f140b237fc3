"""Paths: where a value is in a delivery.

    data.id                     names
    "app.example/name".x        a name with dots or spaces, in quotes
    items[0]  items[-1]         an element of a list
    items[*].name               every element; of an object, every value by its name
    items[type=end].at          the elements whose field equals a text, or fits a glob
    items[type=end][-1].at      the last one of them
    items[=Projects-*]          the elements that do so themselves
    {event_type}.incident       a name that is read from another path
    Message!json.AlarmArn       JSON inside a text; `!base64json`: in base64
    header.NAME  query.NAME  form.NAME  body.…  method  path

A path reads None, or an empty list, where there is nothing. It raises nothing.
"""

import re
from collections.abc import Callable, Sequence
from functools import reduce
from operator import attrgetter
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.values import patterns

from gitdailies_sources.language.faults import Mistake
from gitdailies_sources.language.nothing import as_text
from gitdailies_sources.language.scope import Scope

LONGEST = 500
_NAME = re.compile(r"""[^\s.\[\]{}!"'=,;()|&<>*\\]+""")
_INDEX = re.compile(r"-?[0-9]{1,6}")
_HEADER = re.compile(r"[A-Za-z0-9_-]+")
_DECODERS: dict[str, Callable[[Scope, Any], Any]] = {
    "json": Scope.inner_json,
    "base64json": Scope.inner_base64,
}
# What JSONPath, JMESPath, jq and JSON pointers have, and what is here in its place.
_FOREIGN = re.compile(r"[$/?`]|\[[^=\]]*==")
_OWN = (("[?@.", "["), ("[?", "["), ("==", "="), ("`", ""), ("$.", ""), ("$", ""), ("/", "."))
_HOW = 'expected a path like data.id, labels."app name" or items[0].name'

One = Callable[[Any, Scope], Any]
Many = Callable[[Any, Scope], list[Any]]


class Path(NamedTuple):
    """A compiled path. `read` returns a value, or a list of values if it is `many`."""

    text: str
    read: Callable[[Scope], Any]
    many: bool


def compiled(text: str) -> Path:
    """Compile a path; raises Mistake."""
    if len(text) > LONGEST:
        raise Mistake(f"expected a path of at most {LONGEST} characters, got {len(text)}")
    plain = text.strip()
    if not plain:
        raise Mistake(f"{_HOW}, got nothing")
    _refuse_foreign(plain)
    rooted = _rooted(plain)
    if rooted is not None:
        return rooted
    return _walk(plain, _steps(plain), attrgetter("element"))


def _refuse_foreign(text: str) -> None:
    """Raise Mistake for the syntax of another language: as a name, it would be absent in every delivery."""
    # The text of a filter may be an address.
    if _FOREIGN.search(re.sub(r'"[^"]*"|(?<!=)=(?!=)[^\]]*', "", text)):
        own = reduce(lambda written, pair: written.replace(*pair), _OWN, text).lstrip(".")
        # It may be the name of a repository.
        if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+", text):
            own = f"{{text: {text}}} or {own}"
        instead = f"write {own}, or put" if own else "put"
        raise Mistake(f"{_HOW}, got {got(text)}; {instead} a name with such a character in quotes")


class _Step(NamedTuple):
    """A step from a value to one value, or to several."""

    one: One | None = None
    many: Many | None = None
    # For `[0]` and `[-1]`. After a filter it counts the elements that fit.
    place: int | None = None
    is_filter: bool = False


def _rooted(text: str) -> Path | None:
    """Compile a path with a root; None if it has none."""
    if text in ("method", "path"):
        return Path(text, attrgetter(f"request.{text}"), many=False)
    if text == "received":
        raise Mistake("received is a time; use it in started_at, resolved_at, updated_at or deployed_at")
    if text == "body":
        return _walk(text, [], attrgetter("body"))
    if text.startswith(("body.", "body[")):
        return _walk(text, _steps(text[4:].removeprefix(".")), attrgetter("body"))
    root, dot, rest = text.partition(".")
    if root not in ("header", "query", "form") or not dot:
        return None
    name, _, after = rest.partition("!")
    quoted = name[1:-1] if name[:1] == name[-1:] == '"' and len(name) > 2 else ""
    if not quoted and not (_HEADER.fullmatch(name) if root == "header" else _NAME.fullmatch(name)):
        raise Mistake(f"expected {root}.NAME, got {got(text)}")
    steps = _steps("!" + after, start=False) if after else []
    return _walk(text, steps, _of_request(root, quoted or name))


def _of_request(root: str, name: str) -> Callable[[Scope], Any]:
    lower = name.lower()
    if root == "header":
        return lambda scope: scope.request.headers.get(lower)
    if root == "query":
        return lambda scope: scope.request.query.get(name)
    return lambda scope: scope.form.get(name)


def _steps(text: str, *, start: bool = True) -> list[_Step]:
    """Read the steps of a path. With *start* it begins with a name."""
    steps: list[_Step] = []
    # An element that is a list itself has no name.
    at, named = 0, start and not text.startswith("[")
    while at < len(text):
        char = text[at]
        if named:
            step, at = _named(text, at)
            steps.append(step)
            named = False
        elif char == ".":
            at, named = at + 1, True
        elif char == "[":
            step, at = _bracket(text, at)
            if step.place is not None and steps and steps[-1].is_filter:
                step = _Step(one=_of_matching(steps.pop(), step.place))
            steps.append(step)
        elif char == "!":
            step, at = _decoder(text, at)
            steps.append(step)
        else:
            raise Mistake(_about(text, char))
    if named:
        raise Mistake(f"{_HOW}, got {got(text)}, which ends with a dot")
    return steps


def _about(text: str, char: str) -> str:
    if "{" in text:
        return f"{_HOW}, got {got(text)}; write ${{…}} for each value in a text"
    if char.isspace():
        return f'expected a path, got {got(text)}; put a name with spaces in quotes, or write {{text: "…"}}'
    return f"{_HOW}, got {got(text)}"


def _named(text: str, at: int) -> tuple[_Step, int]:
    if text[at] == '"':
        end = text.find('"', at + 1)
        if end <= at + 1:
            raise Mistake(f"expected a name in quotes, got {got(text)}")
        return _field(text[at + 1 : end]), end + 1
    if text[at] == "{":
        end = closing(text, at, "{", "}")
        inner = compiled(text[at + 1 : end])
        return _Step(one=_from(inner)), end + 1
    match = _NAME.match(text, at)
    if match is None:
        raise Mistake(_about(text, text[at]))
    return _field(match[0]), match.end()


def _field(name: str) -> _Step:
    return _Step(one=lambda value, _scope: value.get(name) if isinstance(value, dict) else None)


def _from(inner: Path) -> One:
    def read(value: Any, scope: Scope) -> Any:
        try:
            name = scope.names[inner.text]
        except KeyError:
            name = scope.names[inner.text] = first_text(inner, scope)
        return value.get(name) if name is not None and isinstance(value, dict) else None

    return read


def _bracket(text: str, at: int) -> tuple[_Step, int]:
    end = closing(text, at, "[", "]")
    inside = text[at + 1 : end].strip()
    if inside == "*":
        return _Step(many=_every), end + 1
    if _INDEX.fullmatch(inside):
        return _Step(one=_at(int(inside)), place=int(inside)), end + 1
    equals = _outside_quotes(inside, "=")
    if equals < 0:
        raise Mistake(f"expected [0], [-1], [*] or [field=text], got {got(text[at : end + 1])}")
    wanted = inside[equals + 1 :].strip()
    if wanted[:1] == wanted[-1:] == '"' and len(wanted) > 1:
        wanted = wanted[1:-1]
    before = inside[:equals].strip()
    return _Step(many=_where(_steps(before) if before else [], wanted), is_filter=True), end + 1


def _every(value: Any, scope: Scope) -> list[Any]:  # noqa: ARG001  a step's signature
    if isinstance(value, dict):
        return [value[name] for name in sorted(value)]
    return value if isinstance(value, list) else []


def _at(index: int) -> One:
    def read(value: Any, scope: Scope) -> Any:  # noqa: ARG001  a step's signature
        return value[index] if isinstance(value, list) and -len(value) <= index < len(value) else None

    return read


def _of_matching(filtering: _Step, index: int) -> One:
    """Return the step to one of the elements that fit a filter."""
    matching, pick = filtering.many, _at(index)
    assert matching is not None, "a filter leads to several"
    return lambda value, scope: pick(matching(value, scope), scope)


def _where(steps: Sequence[_Step], wanted: str) -> Many:
    read = _single(steps)
    if read is None:
        raise Mistake("expected a path to one value before =, got one to several")

    glob = patterns.pattern(wanted.strip().lower()) if patterns.is_pattern(wanted) else None

    def matching(value: Any, scope: Scope) -> list[Any]:
        if not isinstance(value, list):
            return []
        if glob is None:
            return [item for item in value if as_text(read(item, scope)) == wanted]
        texts = ((item, as_text(read(item, scope))) for item in value)
        return [item for item, text in texts if text is not None and glob.match(text.lower())]

    return matching


def _decoder(text: str, at: int) -> tuple[_Step, int]:
    match = _NAME.match(text, at + 1)
    decode = _DECODERS.get(match[0]) if match else None
    if match is None or decode is None:
        raise Mistake(f"expected !json or !base64json, got {got(text[at:])}")
    return _Step(one=lambda value, scope: decode(scope, value)), match.end()


def closing(text: str, at: int, opening: str, closing: str) -> int:
    """Return where the bracket at *at* closes."""
    depth, quoted = 0, False
    for index in range(at, len(text)):
        char = text[index]
        if char == '"':
            quoted = not quoted
        elif not quoted and char == opening:
            depth += 1
        elif not quoted and char == closing:
            depth -= 1
            if not depth:
                return index
    raise Mistake(f"expected {closing} for {opening}, got none in {got(text)}")


def _outside_quotes(text: str, wanted: str) -> int:
    quoted = False
    for index, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == wanted and not quoted:
            return index
    return -1


def _single(steps: Sequence[_Step]) -> One | None:
    """Return a function for steps to one value; None if one of them leads to several."""
    ones = [step.one for step in steps if step.one is not None]
    if len(ones) < len(steps):
        return None

    def read(value: Any, scope: Scope) -> Any:
        for one in ones:
            if value is None:
                return None
            value = one(value, scope)
        return value

    return read


def _walk(text: str, steps: Sequence[_Step], start: Callable[[Scope], Any]) -> Path:
    single = _single(steps)
    if single is not None:
        return Path(text, lambda scope: single(start(scope), scope), many=False)

    def read(scope: Scope) -> list[Any]:
        values = [start(scope)]
        for step in steps:
            if step.one is not None:
                one = step.one
                values = [found for value in values if (found := one(value, scope)) is not None]
            elif step.many is not None:
                many = step.many
                values = [found for value in values for found in many(value, scope)]
        return values

    return Path(text, read, many=True)


def first_text(path: Path, scope: Scope) -> str | None:
    """Return the first text at *path*."""
    found = path.read(scope)
    if not isinstance(found, list):
        return as_text(found)
    return next((text for value in found if (text := as_text(value)) is not None), None)
