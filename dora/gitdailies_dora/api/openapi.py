"""The OpenAPI 3.1 document, made of the table of operations, the classes of the answers, and core's kinds."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.kind import Field, Kind
from gitdailies_core.events.receivers import KEY_HEADER, OURS
from gitdailies_core.events.schema import DRAFT, kind_schema
from msgspec import Struct

from gitdailies_dora.api.endpoint import Endpoint, Form, Parameter, endpoints_of
from gitdailies_dora.api.event_details import DetailsApi
from gitdailies_dora.api.events import EventApi
from gitdailies_dora.api.figures import FiguresApi
from gitdailies_dora.api.review import ReviewApi
from gitdailies_dora.derived.read.answers import STORED_EVENT
from gitdailies_dora.events import intake
from gitdailies_dora.events.problem import MEDIA_TYPE, OF_SERVER, PROBLEMS, ProblemDetails
from gitdailies_dora.operations.readiness import Alive, ServerState

VERSION = "1.0.0"
# What readers ask for.
READING = (FiguresApi, ReviewApi, DetailsApi)
# What a request for any path may be answered with.
_EVERYWHERE = ("key-in-url", "fault", "unavailable", *OF_SERVER.values())
_REFERENCE = "#/components/schemas/"
_TIME = {"type": "string", "format": "date-time"}


class OpenApiDocument(Struct, frozen=True, kw_only=True):
    """OpenAPI 3.1."""

    openapi: str


_OF_SERVER = (
    Endpoint("GET", "/healthz", "alive", "Show that the server runs.", {200: (Alive,)}, public=True),
    Endpoint(
        "GET",
        "/readyz",
        "ready",
        "Show whether events can be stored now.",
        {200: (ServerState,), 503: (ServerState,)},
        public=True,
    ),
    Endpoint(
        "GET",
        "/openapi.json",
        "document",
        "This reference, as an OpenAPI document.",
        {200: (OpenApiDocument,)},
        public=True,
    ),
)

# A part of the document, which is JSON.
Json: TypeAlias = dict[str, Any]


@cache
def document() -> Json:
    """Return the document, which nobody changes: it is made once.

    `info.x-gitdailies-receiver` shows senders that all our fields are accepted.
    """
    table = [*(one for group in (EventApi, *READING) for _, one in endpoints_of(group)), *_OF_SERVER]
    paths: dict[str, Json] = {}
    for one in table:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DRAFT,
        "info": {
            "title": "GitDailies DORA server",
            "version": VERSION,
            "description": "Accepts deploys and incidents, counts each once, and lists them. "
            "Unknown fields are stored with an event, and the response names them. "
            "Since such a field may be the environment, a deploy or a start that has one needs "
            "`environment`, `reporter` or `source`. Without all three, it is refused.",
            "x-gitdailies-receiver": OURS,
        },
        "servers": [{"url": "/", "description": "the server that this document comes from"}],
        "security": [{"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": KEY_HEADER,
                    "description": "A webhook key; it never belongs in the address.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The same key, or the read token of a person.",
                },
            },
            "schemas": {**_events(), **_classes(table)},
        },
    }


def _operation(one: Endpoint) -> Json:
    summary, _, description = one.about.partition("\n\n")
    found: Json = {"operationId": one.name, "summary": summary.rstrip(".")}
    if description:
        found["description"] = description
    if one.public:
        found["security"] = []
    if one.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in one.parameters]
    if one.body is not None and one.example is not None:
        examples = {"example": {"summary": found["summary"], "value": dict(one.example)}}
        found["requestBody"] = _body(_ref(one.body.__name__), examples)
    elif one.name == "send":
        several = {"type": "array", "items": _ref("Event"), "maxItems": intake.MOST_EVENTS}
        examples = {kind.word: {"summary": kind.title, "value": dict(kind.example)} for kind in KINDS}
        found["requestBody"] = _body({"oneOf": [_ref("Event"), several]}, examples)
    responses = _problems(one.problems)
    for status, forms in one.answers.items():
        about = [form.__doc__ or "" for form in forms if not isinstance(form, str)]
        answer: Json = {"description": " Or: ".join(about) or HTTPStatus(status).phrase}
        if forms:
            answer["content"] = {**_content(forms), **responses.get(str(status), {}).get("content", {})}
        responses[str(status)] = answer
    return {**found, "responses": dict(sorted(responses.items()))}


def _parameter(one: Parameter) -> Json:
    schema = {"type": "string", "enum": [kind.word for kind in KINDS]} if one.name == "kind" else one.schema
    found: Json = {"name": one.name, "in": one.place, "description": one.about, "schema": dict(schema)}
    if one.place == "path" or one.name == "WebHook-Request-Origin":
        found["required"] = True
    return found


def _body(schema: Json, examples: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}


def _content(forms: Iterable[Form]) -> Json:
    names = [form.__name__ for form in forms if not isinstance(form, str)]
    content = {form: {"schema": {"type": "string"}} for form in forms if isinstance(form, str)}
    if not names:
        return content
    schema = _ref(names[0]) if len(names) == 1 else {"oneOf": [_ref(name) for name in names]}
    return {"application/json": {"schema": schema}, **content}


def _problems(words: tuple[str, ...]) -> Json:
    """Return the responses for these problems and for those of every path, by status."""
    by_status: dict[str, list[str]] = {}
    for word in (*words, *_EVERYWHERE):
        by_status.setdefault(str(PROBLEMS[word].status), []).append(word)
    return {
        status: {
            "description": "; ".join(f"`{word}`: {PROBLEMS[word].title}" for word in sorted(found)),
            "content": {MEDIA_TYPE: {"schema": _ref(ProblemDetails.__name__)}},
        }
        for status, found in by_status.items()
    }


def _classes(table: Iterable[Endpoint]) -> Json:
    """Return the schemas of the bodies and answers, and of all classes inside them, by their names."""
    forms = [form for one in table for answer in (*one.answers.values(), (one.body,)) for form in answer]
    types = [form for form in forms if form is not None and not isinstance(form, str)]
    found = msgspec.json.schema_components(
        dict.fromkeys([*types, ProblemDetails]), ref_template=_REFERENCE + "{name}"
    )[1]
    omitting = {cls.__name__ for cls in _subclasses(Struct) if cls.__struct_config__.omit_defaults}
    for name, schema in found.items():
        # A field with a default is in every answer, unless its class leaves defaults out.
        if name not in omitting:
            schema["required"] += [field for field, of in schema["properties"].items() if "default" in of]
        for of in schema["properties"].values():
            of.pop("default", None)
            if "enum" in of:  # null is among the words, where it may be null
                of.pop("anyOf", None)
    return found


def _subclasses(base: type[Struct]) -> Iterator[type[Struct]]:
    for one in base.__subclasses__():
        yield one
        yield from _subclasses(one)


def _events() -> Json:
    """Return the schemas of events, as they are sent and as they are stored, each under a name."""
    found: Json = {}
    for kind in KINDS:
        for name, schema in ((kind.word, kind_schema(kind)), (_stored_name(kind), _stored(kind))):
            found[name] = schema
            for field, value in schema["properties"].items():
                for one in value.get("anyOf", [value]):
                    # A generator of clients makes a class of each model that has a name.
                    if "properties" in one.get("items", {}):
                        item = f"{name[:1].upper()}{name[1:]}{field.capitalize()}Item"
                        found[item], one["items"] = one["items"], _ref(item)
    return {
        **found,
        "Event": _one_of({kind.word: kind.word for kind in KINDS}),
        STORED_EVENT: {
            "description": "An event with all its fields, with id and time.",
            **_one_of({kind.word: _stored_name(kind) for kind in KINDS}),
        },
    }


def _ref(name: str) -> Json:
    return {"$ref": _REFERENCE + name}


def _one_of(names: Mapping[str, str]) -> Json:
    """Return the schema of an event of any kind; `kind` says which."""
    return {
        "oneOf": [_ref(name) for name in names.values()],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {word: _REFERENCE + name for word, name in names.items()},
        },
    }


def _stored_name(kind: Kind) -> str:
    return f"Stored{kind.word[:1].upper()}{kind.word[1:]}"


def _stored(kind: Kind) -> Json:
    """Return the schema of a stored event: one flat object, which generators of clients understand."""
    fields = {field.name: {**_value(field), "description": field.about} for field in kind.fields}
    required = [field.name for field in kind.fields if field.required]
    always = [name for name in ("id", "time") if name in fields]
    return {
        "title": f"{kind.title}, stored",
        "type": "object",
        "required": ["kind", *required, *always, intake.RECEIVED_AT],
        "properties": {
            "kind": {"const": kind.word},
            **fields,
            intake.RECEIVED_AT: {**_TIME, "readOnly": True},
        },
    }


def _value(field: Field) -> Json:
    # Without the patterns: they are for what is sent, and a store may have events of an earlier version.
    if field.type.form == "time":
        return dict(_TIME)
    if field.type.form == "reverts":
        return {"type": "array", "items": {"type": "string"}}
    if field.type.form == "commits":
        parents = {"type": "array", "items": {"type": "string"}}
        commit = {
            "sha": {"type": "string"},
            "time": _TIME,
            "parents": parents,
            "outside": {"type": "boolean"},
        }
        return {"type": "array", "items": {"type": "object", "required": ["sha"], "properties": commit}}
    return {"type": "string", "enum": list(field.type.words)} if field.type.words else {"type": "string"}
