"""An OpenAPI document (3.0 or 3.1) as far as a sender needs it: references, operations, forms of a body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

# Deeper than any body is; it ends a reference that leads back to itself.
_DEEPEST = 40
_MOST_VARIANTS = 200


@dataclass
class Variant:
    """One form of the body: an object, with all that `allOf` brings together."""

    name: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    closed: bool = False
    words: tuple[str, ...] = ()


@dataclass
class Api:
    """A document; `unfollowed` gathers references that lead out of it or nowhere."""

    document: Mapping[str, Any]
    unfollowed: set[str] = field(default_factory=set)

    def follow(self, node: Any) -> dict[str, Any]:
        """Return the object that *node* is or refers to; an empty one where there is none."""
        for _ in range(_DEEPEST):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            # In 3.1 other keywords may stand beside $ref; they add to what it names.
            beside = {name: value for name, value in node.items() if name != "$ref"}
            target = self._target(reference)
            node = {"allOf": [target, beside]} if target and beside.keys() - {"description"} else target
        return {}

    def paths(self) -> dict[str, Any]:
        """Return the path items by path, each with what its server puts before it."""
        items = self.follow(self.document.get("paths"))
        prefix = _server_path(self.document)
        return {prefix + path: self.follow(item) for path, item in items.items() if isinstance(path, str)}

    def header_names(
        self, item: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> Iterator[tuple[str, bool]]:
        """Yield the headers that an operation names, and whether it needs them: keys first."""
        schemes = self.follow(self.follow(self.document.get("components")).get("securitySchemes"))
        security = operation.get("security", self.document.get("security"))
        for requirement in security if isinstance(security, list) else []:
            for name in self.follow(requirement):
                scheme = self.follow(schemes.get(name))
                if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
                    yield str(scheme.get("name")), True
                elif scheme.get("type") in ("http", "oauth2", "openIdConnect"):
                    yield "Authorization", True
        for holder in (item, operation):
            parameters = holder.get("parameters")
            for parameter in map(self.follow, parameters if isinstance(parameters, list) else []):
                if parameter.get("in") == "header":
                    yield str(parameter.get("name")), parameter.get("required") is True

    def variants(self, schema: Any) -> list[Variant]:
        """Return every form that a body may take; a list of them counts as the form of its items."""
        found: list[Variant] = []
        self._gather(schema, Variant(), found, 0)
        return found

    def _gather(self, schema: Any, outer: Variant, found: list[Variant], depth: int) -> None:
        if depth > _DEEPEST or len(found) >= _MOST_VARIANTS:
            return
        name = _name(schema) or outer.name
        node = self.follow(schema)
        if "items" in node and node.get("type") in ("array", ["array"]):
            self._gather(node["items"], outer, found, depth + 1)
            return
        base = self._merged(node, Variant(name, dict(outer.properties), set(outer.required), outer.closed), 0)
        branches = [
            one
            for part in (node, *self._parts(node, 0))
            for word in ("oneOf", "anyOf")
            for one in items_of(part.get(word))
        ]
        discriminator = self.follow(node.get("discriminator"))
        mapping = self.follow(discriminator.get("mapping"))
        if not branches and not depth:
            # The form of inheritance: the children name their parent, which lists them only here.
            branches = [{"$ref": _reference(target)} for target in mapping.values()]
        if not branches:
            found.append(base)
            return
        for branch in branches:
            before = len(found)
            self._gather(branch, base, found, depth + 1)
            reference = branch.get("$ref") if isinstance(branch, dict) else None
            for variant in found[before:]:
                if discriminator:
                    _discriminate(variant, discriminator.get("propertyName"), mapping, reference)

    def _merged(self, node: Mapping[str, Any], into: Variant, depth: int) -> Variant:
        into.properties.update(self.follow(node.get("properties")))
        into.required.update(name for name in items_of(node.get("required")) if isinstance(name, str))
        into.closed |= node.get("additionalProperties") is False or node.get("unevaluatedProperties") is False
        if not depth:
            for part in self._parts(node, 0):
                self._merged(part, into, 1)
        return into

    def _parts(self, node: Mapping[str, Any], depth: int) -> list[dict[str, Any]]:
        """Return all that `allOf` brings in, however deep."""
        if depth > _DEEPEST:
            return []
        parts = [self.follow(part) for part in items_of(node.get("allOf"))[:_MOST_VARIANTS]]
        return parts + [inner for part in parts for inner in self._parts(part, depth + 1)]

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


def words_of(api: Api, schema: Any) -> tuple[str, ...]:
    """Return the values that a property may have, where the document lists them."""
    node = api.follow(schema)
    if isinstance(node.get("const"), str):
        return (node["const"],)
    listed = [one for one in items_of(node.get("enum")) if isinstance(one, str)]
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in items_of(node.get(word)):
            # Where the branch is a number or null, it adds nothing.
            if isinstance(branch, dict) and not {"oneOf", "anyOf", "allOf"} & branch.keys():
                listed += words_of(api, branch)
    return tuple(dict.fromkeys(listed))


def _discriminate(variant: Variant, name: Any, mapping: Mapping[str, Any], reference: Any) -> None:
    """Note the words that lead to this variant: those mapped to it, else the name of its schema."""
    if not isinstance(name, str):
        return
    words = [word for word, target in mapping.items() if reference is not None and _same(target, reference)]
    own = _name({"$ref": reference}) if isinstance(reference, str) else ""
    variant.words = tuple(words) or ((own,) if own else ())
    variant.properties.setdefault(name, {"type": "string"})


def _same(target: Any, reference: Any) -> bool:
    return bool(_reference(target) == reference)


def _reference(target: Any) -> Any:
    # A mapping may give the bare name of a schema.
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
    """Return a list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else []
