"""The parts of an OpenAPI document (3.0 or 3.1) that a sender needs: references, operations, body forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

# Deeper than any body; it stops a reference that leads back to itself.
_DEEPEST = 40
_MOST_VARIANTS = 200
_EITHER = ("oneOf", "anyOf")
# Without it, schemas with two references to themselves at every level would take forever.
_MOST_STEPS = 50_000


@dataclass
class Variant:
    """One form of the body: an object, with everything that `allOf` combines."""

    properties: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    closed: bool = False
    words: tuple[str, ...] = ()


@dataclass
class Api:
    """A document; `unfollowed` collects references that lead out of it or nowhere."""

    document: Mapping[str, Any]
    unfollowed: set[str] = field(default_factory=set)
    steps_left: int = _MOST_STEPS

    def follow(self, node: Any) -> dict[str, Any]:
        """Return the object that *node* is or refers to; an empty one if there is none."""
        self.steps_left -= 1
        for _ in range(_DEEPEST):
            if not isinstance(node, dict) or self.steps_left < 0:
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            # In 3.1 an object may have other keywords next to $ref; both apply.
            siblings = {name: value for name, value in node.items() if name != "$ref"}
            target = self._target(reference)
            node = {"allOf": [target, siblings]} if target and siblings.keys() - {"description"} else target
        return {}

    def paths(self) -> dict[str, Any]:
        """Return the path items by path, with the path of the server as prefix."""
        items = self.follow(self.document.get("paths"))
        prefix = _server_path(self.document)
        return {prefix + path: self.follow(item) for path, item in items.items() if isinstance(path, str)}

    def header_names(
        self, item: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> Iterator[tuple[str, bool]]:
        """Yield the headers of an operation and whether it requires them, keys first."""
        security = operation.get("security", self.document.get("security"))
        requirements = security if isinstance(security, list) else []
        # One requirement of the list is enough, so only what is in each of them is needed.
        chosen = [list(self._security_headers(self.follow(one))) for one in requirements]
        for name in dict.fromkeys(name for names in chosen for name in names):
            yield name, all(name in names for names in chosen)
        for holder in (item, operation):
            parameters = holder.get("parameters")
            for parameter in map(self.follow, parameters if isinstance(parameters, list) else []):
                if parameter.get("in") == "header":
                    yield str(parameter.get("name")), parameter.get("required") is True

    def _security_headers(self, requirement: Mapping[str, Any]) -> Iterator[str]:
        schemes = self.follow(self.follow(self.document.get("components")).get("securitySchemes"))
        for name in requirement:
            scheme = self.follow(schemes.get(name))
            if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
                yield str(scheme.get("name"))
            elif scheme.get("type") in ("http", "oauth2", "openIdConnect"):
                yield "Authorization"

    def variants(self, schema: Any) -> list[Variant]:
        """Return every form of a body; a list counts as the form of its items."""
        found: list[Variant] = []
        self._gather(schema, Variant(), found, ())
        return found

    def _gather(self, schema: Any, outer: Variant, found: list[Variant], within: tuple[int, ...]) -> None:
        node = self.follow(schema)
        if id(node) in within or len(within) > _DEEPEST or len(found) >= _MOST_VARIANTS:
            return
        within = (*within, id(node))
        if "items" in node and node.get("type") in ("array", ["array"]):
            self._gather(node["items"], outer, found, within)
            return
        parts = [*self._parts(node), node]
        base = self._merged(parts, outer)
        branches = [one for part in parts for word in _EITHER for one in items_of(part.get(word))]
        discriminator = self.follow(node.get("discriminator"))
        mapping = self.follow(discriminator.get("mapping"))
        if not branches:
            # Inheritance: the children refer to their parent, which lists them only in this mapping.
            branches = [{"$ref": _reference(target)} for target in mapping.values()]
        first = len(found)
        for branch in branches:
            before = len(found)
            self._gather(branch, base, found, within)
            reference = branch.get("$ref") if isinstance(branch, dict) else None
            for variant in found[before:]:
                _discriminate(variant, discriminator.get("propertyName"), mapping, reference)
        if len(found) == first:
            found.append(base)

    def _merged(self, parts: Iterable[Mapping[str, Any]], outer: Variant) -> Variant:
        into = Variant(dict(outer.properties), set(outer.required), outer.closed)
        for part in parts:
            into.properties.update(self.follow(part.get("properties")))
            into.required.update(one for one in items_of(part.get("required")) if isinstance(one, str))
            into.closed |= False in (part.get("additionalProperties"), part.get("unevaluatedProperties"))
        return into

    def _parts(self, node: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return all parts of `allOf` at any depth, each once."""
        found: dict[int, dict[str, Any]] = {}
        waiting = list(items_of(node.get("allOf")))
        while waiting:
            part = self.follow(waiting.pop(0))
            if part and part is not node and id(part) not in found:
                found[id(part)] = part
                waiting = [*items_of(part.get("allOf")), *waiting]
        return list(found.values())

    def _target(self, reference: str) -> Any:
        node: Any = self.document
        if reference.startswith("#"):
            for step in reference.removeprefix("#").split("/")[1:]:
                step = unquote(step).replace("~1", "/").replace("~0", "~")
                if isinstance(node, list) and step.isdigit() and int(step) < len(node):
                    node = node[int(step)]
                elif isinstance(node, dict) and step in node:
                    node = node[step]
                else:
                    break
            else:
                return node
        self.unfollowed.add(reference)
        return None


def words_of(api: Api, schema: Any, depth: int = 0) -> tuple[str, ...]:
    """Return the values that the document lists for a property."""
    node = api.follow(schema)
    if isinstance(node.get("const"), str):
        return (node["const"],)
    listed = [one for one in items_of(node.get("enum")) if isinstance(one, str)]
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in items_of(node.get(word)):
            if depth < _DEEPEST:
                listed += words_of(api, branch, depth + 1)
    return tuple(dict.fromkeys(listed))


def _discriminate(variant: Variant, name: Any, mapping: Mapping[str, Any], reference: Any) -> None:
    """Set the words that select this variant: those mapped to it, else the name of its schema."""
    if not isinstance(name, str):
        return
    words = [word for word, to in mapping.items() if reference is not None and _reference(to) == reference]
    own = _name({"$ref": reference}) if isinstance(reference, str) else ""
    variant.words = tuple(words) or ((own,) if own else ())
    variant.properties.setdefault(name, {"type": "string"})


def _reference(target: Any) -> Any:
    # A mapping may have only the name of a schema.
    if isinstance(target, str) and "/" not in target:
        return f"#/components/schemas/{target}"
    return target


def _server_path(document: Mapping[str, Any]) -> str:
    servers = items_of(document.get("servers"))
    url = servers[0].get("url") if servers and isinstance(servers[0], dict) else None
    try:
        return urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
    except ValueError:
        return ""


def _name(schema: Any) -> str:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""


def items_of(value: Any) -> list[Any]:
    """Return a list unchanged, and an empty list for anything else."""
    return value if isinstance(value, list) else []
