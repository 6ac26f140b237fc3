"""The OpenAPI document as the page `/docs` shows it: operations, models, and types in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Schema: TypeAlias = Mapping[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_REFERENCE = "#/components/schemas/"
_MOST_WORDS = 12
# The limits that a schema may have, as people say them.
_LIMITS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} items"),
)


class TypePart(NamedTuple):
    """A piece of the name of a type; *model* is the model that it links to, or ""."""

    text: str
    model: str = ""


class FieldRow(NamedTuple):
    """A parameter, or a field of a model; *where* is `query`, `path` or `header` for a parameter."""

    name: str
    type: list[TypePart]
    required: bool
    about: Markup
    limits: str
    where: str = ""


class AnswerRow(NamedTuple):
    """An answer to an operation: its status, what it means, and the types of its body."""

    status: str
    about: Markup
    bodies: list[tuple[str, list[TypePart]]]


class Example(NamedTuple):
    """An example of a body, as JSON."""

    title: str
    text: str


class Operation(NamedTuple):
    """One request that programs can send."""

    anchor: str
    method: str
    path: str
    summary: str
    about: Markup
    needs_key: bool
    parameters: list[FieldRow]
    body: list[TypePart]
    examples: list[Example]
    answers: list[AnswerRow]
    command: str


class Model(NamedTuple):
    """A named model: its fields, or the alternatives that it may be."""

    name: str
    about: Markup
    fields: list[FieldRow]
    type: list[TypePart]


def operations(document: Schema, origin: str) -> list[Operation]:
    """Return the operations in the order of the document; *origin* is the address of the server."""
    return [
        _operation(document, path, method, item[method], origin)
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]


def models(document: Schema) -> list[Model]:
    """Return the models, sorted by name."""
    schemas = document.get("components", {}).get("schemas", {})
    return [_model(name, schemas[name]) for name in sorted(schemas, key=str.casefold)]


def markdown(text: str) -> Markup:
    """Return Markdown as HTML; HTML inside it stays text."""
    return Markup(_markdown().render(text))  # noqa: S704  the renderer escapes it


def type_of(schema: Schema) -> list[TypePart]:
    """Return the name of a schema's type, with links to models."""
    return list(_type(schema))


def _operation(document: Schema, path: str, method: str, found: Schema, origin: str) -> Operation:
    content = found.get("requestBody", {}).get("content", {})
    body: Schema = next(iter(content.values()), {})
    needs_key = bool(found.get("security", document.get("security")))
    parameters = [_parameter(one) for one in found.get("parameters", ())]
    return Operation(
        anchor=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found.get("summary", path),
        about=markdown(found.get("description", "")),
        needs_key=needs_key,
        parameters=parameters,
        body=type_of(body["schema"]) if "schema" in body else [],
        examples=[
            Example(one.get("summary", name), _json(one["value"]))
            for name, one in body.get("examples", {}).items()
        ],
        answers=[_answer(status, one) for status, one in found.get("responses", {}).items()],
        command=_command(method, f"{origin}{path}", body, needs_key=needs_key),
    )


def _parameter(found: Schema) -> FieldRow:
    schema = found.get("schema", {})
    return FieldRow(
        name=found["name"],
        type=type_of(schema),
        required=found.get("required", False),
        about=markdown(found.get("description", "")),
        limits=_limits(schema),
        where=found["in"],
    )


def _answer(status: str, found: Schema) -> AnswerRow:
    bodies = [
        (media, type_of(content["schema"]))
        for media, content in found.get("content", {}).items()
        if "schema" in content
    ]
    return AnswerRow(status, markdown(_sentence(found.get("description", ""))), bodies)


def _model(name: str, schema: Schema) -> Model:
    required = schema.get("required", ())
    fields = [
        FieldRow(field, type_of(value), field in required, markdown(_about(value)), _limits(value))
        for field, value in schema.get("properties", {}).items()
    ]
    return Model(name, markdown(schema.get("description", "")), fields, [] if fields else type_of(schema))


def _sentence(text: str) -> str:
    return f"{text}." if text and text[-1] not in ".!?`|" else text


def _about(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _type(schema: Schema) -> Iterator[TypePart]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        yield TypePart(name, name)
    elif "const" in schema:
        yield TypePart(json.dumps(schema["const"]))
    elif "enum" in schema:
        yield from _words(schema["enum"])
    elif "oneOf" in schema or "anyOf" in schema:
        yield from _joined(schema.get("oneOf") or schema["anyOf"])
    elif schema.get("type") == "array":
        yield TypePart("list of ")
        yield from _type(schema.get("items", {}))
    elif isinstance(schema.get("type"), list):
        yield from _joined([{**schema, "type": one} for one in schema["type"]])
    elif schema.get("type") == "object":
        values = schema.get("additionalProperties")
        yield TypePart("object")
        if isinstance(values, Mapping):
            yield TypePart(" with values: ")
            yield from _type(values)
    elif schema.get("format") == "date-time":
        yield TypePart("time")
    else:
        yield TypePart(str(schema.get("type", "any value")))


def _words(values: Sequence[Any]) -> Iterator[TypePart]:
    shown = [json.dumps(value) for value in values[:_MOST_WORDS]]
    more = [f"{len(values) - _MOST_WORDS} more"] if len(values) > _MOST_WORDS else []
    yield TypePart(" or ".join([", ".join([*shown, *more][:-1]), [*shown, *more][-1]]).removeprefix(" or "))


def _joined(schemas: Sequence[Schema]) -> Iterator[TypePart]:
    """Yield the types with "or" between them; an empty text means no value, as null does."""
    plain = [one for one in schemas if one.get("maxLength") != 0 and one.get("type") != "null"]
    for number, one in enumerate(plain):
        if number:
            yield TypePart(" or ")
        yield from _type(one)
    if len(plain) < len(schemas):
        yield TypePart(" or null" if plain else "null")


def _limits(schema: Schema) -> str:
    for one in schema.get("anyOf", ()):
        if one.get("type") not in (None, "null"):
            schema = {**one, **schema}
    words = [text.format(f"{schema[name]:,}") for name, text in _LIMITS if name in schema]
    if "default" in schema:
        words.append(f"default {json.dumps(schema['default'])}")
    return ", ".join(words)


def _command(method: str, address: str, body: Schema, *, needs_key: bool) -> str:
    """Return a curl command for a terminal; the key is in a variable, so that no history has it."""
    lines = ["curl --silent --show-error"]
    if method != "get":
        lines[0] += f" --request {method.upper()}"
    if needs_key and method == "get":
        lines.append('--header "Authorization: Bearer $GITDAILIES_TOKEN"')
    elif needs_key:
        lines.append('--header "webhook-key: $GITDAILIES_WEBHOOK_KEY"')
    example = next(iter(body.get("examples", {}).values()), None)
    if example is not None:
        lines.append('--header "Content-Type: application/json"')
        text = _json(example["value"]).replace("'", "'\\''").replace("\n", "\n  ")
        lines.append(f"--data '{text}'")
    lines.append(f"'{address}'")
    return " \\\n  ".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@cache
def _markdown() -> MarkdownIt:
    # Imported when the page is first asked for. Without HTML: what a document says is text.
    from markdown_it import MarkdownIt

    return MarkdownIt("js-default")
