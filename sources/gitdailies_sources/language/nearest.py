"""What a path that found nothing may have meant, and what the delivery has instead."""

import difflib
import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from gitdailies_core.error_text import got

from gitdailies_sources.language import paths
from gitdailies_sources.language.faults import Mistake, Place
from gitdailies_sources.language.scope import Scope

_IN_TEMPLATE = re.compile(r"\$\{([^{}]*)\}")
_IN_BRACES = re.compile(r"\{([\w.-]+)\}")
_PLAIN = re.compile(r"""[^\s."\[{!]+(?:\.[^\s."\[{!]+)*""")
_NOTHING, _MEANT = "found nothing", "; did you mean "
# A path below one of these may lead to nothing where all is well, and to an object.
_CONDITIONS = ("when", "then", "skip_if", "only_if")
_OBJECTS = ("root", "each", "tags")
# No text is a list, and one text for all deliveries makes them one.
_NO_TEXTS = ("root", "each", "incident", "key")
# Words of other languages for "this field exists".
_ANY = ("exists", "exist", "not_null", "notnull", "not null", "nonempty", "any", "true", "yes")
_ZONED = "zone: Europe/Berlin}, with its own zone"
_ROUTE = "or write route: PATH, and route: {NAME: {repo: OWNER/NAME}} in its source in gitdailies.yml"
# By what a fault says: what to write.
_REMEDIES = (
    (r"in the form .*, got '?\d+'?$", "write the path alone: the size of a number since 1970 shows its unit"),
    ("in the form", "correct the format, or write the path alone for a time with its zone"),
    ("has no zone", f"write {{path: …, {_ZONED}"),
    ("expected a time.*, got [^n]", f'write {{path: …, format: "%d.%m.%Y %H:%M", {_ZONED}'),
    ("owner/name|expected a repository", f"correct the path of repo, {_ROUTE}"),
    ("a whole commit", "name the field that has all of it"),
    ("", "correct the path"),
)


def hint(text: str, scope: Scope) -> str:
    """Return `; did you mean X` for a path that found nothing, or "".

    *text* is a path, a template, or several paths with "or" between them.
    """
    told = (_told(path, scope) for path in _IN_TEMPLATE.findall(text) or text.split(" or "))
    return next((one.removeprefix(_NOTHING) for one in told if _MEANT in one), "")


def unfound(
    found: Mapping[Place, str], scopes: Sequence[Scope], *, is_held: bool = False
) -> dict[Place, str]:
    """Return by place what none of several deliveries has, of the paths *found* in a pack, and what to do.

    A path of a condition is named where the condition *is_held* to blame, and else where it is nearly
    right. One alternative of `first_of` is enough.
    """
    missing: dict[Place, str] = {}
    for place, text in found.items():
        needed = is_held or "skip_if" in place or not set(place).intersection(_CONDITIONS)
        texts = [_absent(text, place, scope) for scope in scopes]
        if texts and all(texts) and (needed or _MEANT in texts[0]):
            missing[place] = texts[0]
    there = {_field(place) for place in found if place not in missing}
    return {place: text for place, text in missing.items() if _field(place) not in there}


def unmet(
    wanted: Mapping[Place, tuple[Any, Any, Any]], scopes: Sequence[Scope], *, is_held: bool = True
) -> dict[Place, str]:
    """Return by place each condition that none of several deliveries meets, and what to write."""
    found: dict[Place, str] = {}
    for place, (text, value, holds) in wanted.items():
        there = [raw for scope in scopes if (raw := value.raw(scope)) is not None]
        is_any = str(text).lower() in _ANY
        if there and (is_held or is_any) and not any(map(holds, scopes)):
            remedy = "for any value write present" if is_any else "correct the path, or the text"
            found[place] = f"no delivery has {got(text)} there, got {got(there[0])}; {remedy}"
    return found


def located(text: str, paths_of: Mapping[Place, str], otherwise: Place) -> tuple[Place, str]:
    """Return the place of what *text* (`where: expected, got`) is about, and *text* with a remedy."""
    where, _, fault = text.partition(": ")
    places = [place for place, path in paths_of.items() if path in where.split(" or ")]
    # A path of a time may be read by other fields, too.
    places.sort(key=_is_time, reverse="expected a time" in fault)
    remedy = next(one for pattern, one in _REMEDIES if re.search(pattern, fault))
    return next(iter(places), otherwise), f"{text}; {remedy}"


def _is_time(place: Place) -> bool:
    return any(str(step).endswith("_at") for step in place)


def _field(place: Place) -> Place:
    return place[: place.index("first_of")] if "first_of" in place else place


def _absent(text: str, place: Place, scope: Scope) -> str:
    """Return what to do about a path or a template at a *place*, if a delivery lacks its text; else ""."""
    for path in _IN_TEMPLATE.findall(text) or [text]:
        told = _told(path, scope)
        is_condition = bool(set(place).intersection(_CONDITIONS))
        if told and (_NOTHING in told or not (is_condition or set(place).intersection(_OBJECTS))):
            is_time = _is_time(place)
            itself = "received" if is_time else f"{{text: {path}}} if this word itself is meant"
            field = place[2] if place[0] == "messages" else place[0]
            may_be_text = path.isidentifier() and field not in _NO_TEXTS
            has_other = (is_time or may_be_text) and not is_condition and _MEANT not in told
            return f"{path}: {told}{f', or write {itself}' if has_other else ''}"
    return ""


def _told(path: str, scope: Scope) -> str:
    """Return what is wrong with a path, up to its first bracket; "" if its field exists."""
    try:
        read = paths.compiled(path).read(scope)
    except Mistake:  # It is a constant, or a part of a template.
        return ""
    if read not in (None, []) and not isinstance(read, dict):
        return ""
    braced = _IN_BRACES.fullmatch(path)
    if braced is not None and read is None and not _told(braced[1], scope):
        return f"{_NOTHING}; it reads the field that {braced[1]} names; write {braced[1]} or ${path}"
    plain = _PLAIN.match(path.lower() if path.startswith("header.") else path)
    names = plain[0].split(".") if plain is not None else []
    roots: dict[str, Any] = {
        "header": dict(scope.request.headers),
        "query": dict(scope.request.query),
        "form": scope.form,
        "body": scope.body,
    }
    is_rooted = path == "body" or path.startswith(("body.", "body[", "header.", "query.", "form."))
    there: Any = roots if is_rooted else scope.element
    for number, name in enumerate(names):
        before = ".".join(names[:number])
        if there is None:
            return ""
        if not isinstance(there, dict):
            return f"{_NOTHING}, since {before or 'the message'} is {got(there)}; correct the path"
        if name not in there:
            # A field that is further away is another one: `created` for `closed`, `started` for `state`.
            first = list(islice(there, 1000))
            folded = {_folded(one): one for one in first}
            near = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.85)
            if near:
                start = len(before) + 1 if before else 0
                return f"{_NOTHING}{_MEANT}{path[:start]}{folded[near[0]]}{path[start + len(name) :]}"
            fields = textwrap.shorten(", ".join(map(str, first[:50])), 200, placeholder=" …") or "no field"
            given = f"give it with --{before}, or " if before in ("header", "query") else ""
            return f"{_NOTHING}; {before or 'the message'} has {fields}; {given}correct the path"
        there = there[name]
    if not isinstance(there, dict) or not there or plain is None or plain[0] != path:
        return ""
    name = next((one for one in ("name", "id") if one in there), next(iter(there)))
    return f"it is an object, and no text; write {path}.{name}, or another of its fields"


def _folded(name: Any) -> str:
    return str(name).casefold().replace("_", "").replace("-", "")
