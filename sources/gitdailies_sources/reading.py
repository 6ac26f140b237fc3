"""Read packs and mappings, with the place of each fault; write them, with the origin of each line."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import yaml
from gitdailies_connection.config import timezones
from gitdailies_connection.config.document import schema_errors
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_core.errors import MappingError
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_sources.language.faults import Faults, Place
from gitdailies_sources.proofs.signatures import PRESETS
from gitdailies_sources.source_pack import SourcePack

# The part of a mapping for one message that is about the source. A title there is the message's.
_HEAD = ("proof", "class", "otherwise", "no_commit_hint")
# The name of that message, by which an override knows it.
INCIDENT, DEPLOY = "incident", "deploy"
# What people write for what the language does without, and what to write in its place.
_SINCE_1970 = "write the path alone: the size of a number since 1970 shows its unit"
_INSTEAD = {
    **dict.fromkeys(("unit", "units", "milliseconds", "seconds", "ms", "epoch", "unix"), _SINCE_1970),
    **dict.fromkeys(("upper", "lower", "lowercase"), "write the path alone: words are compared without case"),
    **dict.fromkeys(("value", "literal", "constant"), "write {text: …}"),
    **dict.fromkeys(("default", "any_of", "coalesce"), "write {first_of: [PATH, {text: …}]}"),
    "tz": "write zone",
}
# The width at which a flow mapping is written on lines of its own.
_WIDEST = 100


def pack(
    document: Document, schema: Mapping[str, Any], *, name: str = "", package: str = "", override: Any = None
) -> SourcePack:
    """Compile a pack's document. If it is in a *package*, it has the *name* of its folder.

    Raises MappingError. Its places are those of the document, or of *override* after the name override.
    """
    _raise(_described(document, schema))
    given = document.value
    if package and given["name"] != name:
        raise MappingError({("name",): f"expected {name}, the name of the folder, got {given['name']}"})
    merged = given if override is None else _overridden(given, override, schema)
    faults = Faults()
    examples = f"{package}.packs.{name}" if package else ""
    compiled = SourcePack(given["name"], merged, {}, faults, examples=examples)
    _raise({_moved(place, override): text for place, text in faults.items()})
    return compiled


def mapping(given: Any, schema: Mapping[str, Any], *, name: str) -> SourcePack:
    """Compile a user's mapping. Raises MappingError, whose places are those inside the mapping.

    A mapping with a proof alone proves deliveries and reads none, for a source with `capture`.
    """
    written = Document("", given, {})
    if isinstance(given, Mapping) and set(given) == {"proof"}:
        given = {**given, "messages": {}}
        node = {**schema["$defs"]["proof"], "$defs": schema["$defs"]}
        found = _described(Document("", given["proof"], {}), node)
        _raise({("proof", *place): text for place, text in found.items()})
        return _compiled_mapping(name, given, {}, written)
    single = isinstance(given, Mapping) and "messages" not in given
    node = {**schema["$defs"]["single" if single else "mapping"], "$defs": schema["$defs"]}
    _raise(_described(written, node))
    places: dict[str, Place] = {}
    if single:
        fields = {key: value for key, value in given.items() if key not in _HEAD}
        entry = DEPLOY if "sha" in fields else INCIDENT
        kind = {"class": DEPLOY} if entry == DEPLOY else {}
        given = {**kind, **{key: given[key] for key in _HEAD if key in given}, "messages": {entry: fields}}
        places = {entry: ()}
    return _compiled_mapping(name, given, places, written)


def _compiled_mapping(
    name: str, given: Mapping[str, Any], places: Mapping[str, Place], written: Document
) -> SourcePack:
    faults = Faults()
    compiled = SourcePack(name, given, places, faults, examples="")
    _raise({place: text + _zone_hint(place, written) for place, text in faults.items()})
    return compiled


def _zone_hint(place: Place, document: Document) -> str:
    """Return the zone that was meant, which the language cannot list: it reads no files."""
    value = document.value_at(place)
    return timezones.meant(value) if place[-1:] == ("zone",) and isinstance(value, str) else ""


def merged(given: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pack's document with single fields replaced. A table of states is replaced word by word."""
    result = deepcopy(dict(given))
    for entry, fields in override.items():
        own = result["messages"][entry]
        for name, value in fields.items():
            own[name] = {**own.get(name, {}), **value} if name == "states" else value
    return result


def _overridden(given: Mapping[str, Any], override: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(override, Mapping):
        raise MappingError(
            {("override",): "expected names of messages with their fields, got something else"}
        )
    faults: dict[Place, str] = {}
    known = given["messages"]
    entry_node = schema["$defs"]["entry"]
    node = {**entry_node, "required": [], "$defs": schema["$defs"]}
    for entry, fields in override.items():
        if entry not in known:
            faults["override", entry] = (
                f"expected one of {', '.join(known)}, got another name{did_you_mean(entry, known)}"
            )
            continue
        found = _described(Document("", fields, {}), node)
        faults.update({("override", entry, *place): text for place, text in found.items()})
    _raise(faults)
    return merged(given, override)


def _moved(place: Place, override: Any) -> Place:
    """Return the place of a fault: one in an overridden field is that of the override."""
    if isinstance(override, Mapping) and len(place) > 2 and place[0] == "messages":
        fields = override.get(place[1])
        if isinstance(fields, Mapping) and place[2] in fields:
            return ("override", *place[1:])
    return place


def _described(document: Document, node: Mapping[str, Any]) -> dict[Place, str]:
    """Return the schema's faults. YAML reads true, null and numbers as themselves, so names need quotes."""
    return {
        place: text + _hint(place, document.value_at(place), text)
        for place, text in schema_errors.described(document, node).items()
    }


def _hint(place: Place, value: Any, text: str) -> str:
    if text.startswith("expected a path") and isinstance(value, (bool, int, float)):
        return "; put it in quotes"
    if text.startswith("expected a path") and isinstance(value, list):
        return "; write {first_of: […]} for alternatives"
    if place[-1:] == ("proof",) and isinstance(value, str):
        return did_you_mean(value, PRESETS)
    name = str(next(iter(value), "")) if isinstance(value, Mapping) else str(place[-1]) if place else ""
    instead = _INSTEAD.get(name.lower(), "") if "got" in text else ""
    return f"; {instead}" if instead else did_you_mean(name, re.findall(r"\{(\w+): …", text))


def _raise(faults: Mapping[Place, str]) -> None:
    if faults:
        raise MappingError(dict(faults))


def with_origins(given: Mapping[str, Any], origins: Mapping[Place, str]) -> Iterator[str]:
    """Yield the lines of a pack's document, each with its origin.

    *given* is merged with an override. *origins* has `file:line` by place; that of a field of the
    override begins with the name override in the place of messages.
    """

    def origin(place: Place) -> str:
        if len(place) > 2 and place[0] == "messages":
            moved = ("override", *place[1:])
            if moved in origins:
                return origins[moved]
        while place and place not in origins:
            place = place[:-1]
        return origins.get(place, "")

    def lines(value: Mapping[str, Any], place: Place, indent: str) -> Iterator[str]:
        for key, inner in value.items():
            here = (*place, key)
            shown = _flow(inner)
            name = _flow(str(key))
            too_wide = len(shown) > _WIDEST - len(indent) - len(name)
            is_outer = here[0] == "messages" and len(here) <= 2
            if isinstance(inner, Mapping) and inner and (too_wide or is_outer):
                yield f"{indent}{name}:  # {origin(here)}"
                yield from lines(inner, here, indent + "  ")
            elif key == "setup":
                yield f"{indent}{name}: …  # {origin(here)}"
            else:
                yield f"{indent}{name}: {shown}  # {origin(here)}"

    return lines(given, (), "")


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1_000_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
