"""The page of the API: the OpenAPI document, rendered by the server, with types in words."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from markupsafe import Markup, escape
from starlette.responses import Response

from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import EVERYONE, Page, Site, pretty

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Schema: TypeAlias = Mapping[str, Any]

DOCS = "/docs"
_METHODS = ("get", "put", "post", "delete", "options")
_REFERENCE = "#/components/schemas/"
_MOST_WORDS = 12
# The limits that a schema may have, as people say them.
_LIMITS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} items"),
)


class ReferencePage:
    """The page of one document. It is open to everyone, as the document is."""

    def __init__(self, site: Site, document: Schema) -> None:
        self._site = site
        self._document = document

    def pages(self) -> list[Page]:
        return [Page(DOCS, self.show, needs=EVERYONE)]

    async def show(self, visit: Visit) -> Response:
        """Show every operation and every model."""
        models = self._document["components"]["schemas"]
        return self._site.render(
            visit,
            "reference.html",
            info=self._document["info"],
            operations=operations(self._document, visit.origin),
            models={name: models[name] for name in sorted(models, key=str.casefold)},
            markdown=markdown,
            type_of=type_of,
            limits=limits,
        )


def operations(document: Schema, origin: str) -> list[Schema]:
    """Return the operations in the order of the document, each with its method, path, body and a command.

    *origin* is the address of the server.
    """
    made: list[Schema] = []
    for path, item in document["paths"].items():
        for method in (one for one in _METHODS if one in item):
            found = item[method]
            body: Schema = next(iter(found.get("requestBody", {}).get("content", {}).values()), {})
            needs_key = bool(found.get("security", document.get("security")))
            command = _command(method, f"{origin}{path}", body, needs_key=needs_key)
            more = {"path": path, "body": body, "needs_key": needs_key, "command": command}
            made.append({**found, "method": method.upper(), **more})
    return made


def markdown(text: str) -> Markup:
    """Return Markdown as HTML; HTML inside it stays text."""
    return Markup(_markdown().render(text))  # noqa: S704  the renderer escapes it


def type_of(schema: Schema) -> Markup:
    """Return the name of a schema's type, with links to models."""
    if "$ref" in schema:
        return Markup('<a href="#model-{0}">{0}</a>').format(schema["$ref"].removeprefix(_REFERENCE))
    if "const" in schema:
        return escape(json.dumps(schema["const"]))
    if "enum" in schema:
        return escape(_words(schema["enum"]))
    if several := schema.get("oneOf") or schema.get("anyOf"):
        return _joined(several)
    kind = schema.get("type", "any value")
    if isinstance(kind, list):
        return _joined([{**schema, "type": one} for one in kind])
    if kind == "array":
        return Markup("list of ") + type_of(schema.get("items", {}))
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping):
        return Markup("object with values: ") + type_of(values)
    return escape("time" if schema.get("format") == "date-time" else kind)


def _words(values: Sequence[Any]) -> str:
    shown = [json.dumps(value) for value in values[:_MOST_WORDS]]
    more = [f"{len(values) - _MOST_WORDS} more"] if len(values) > _MOST_WORDS else []
    return " or ".join([", ".join([*shown, *more][:-1]), [*shown, *more][-1]]).removeprefix(" or ")


def _joined(schemas: Sequence[Schema]) -> Markup:
    """Return the types with "or" between them; an empty text means no value, as null does."""
    plain = [one for one in schemas if one.get("maxLength") != 0 and one.get("type") != "null"]
    null = ["null"] if len(plain) < len(schemas) else []
    return Markup(" or ").join([*map(type_of, plain), *null])


def limits(schema: Schema) -> str:
    """Return the limits and the default of a value, or ""."""
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
        text = pretty(example["value"]).replace("'", "'\\''").replace("\n", "\n  ")
        lines.append(f"--data '{text}'")
    lines.append(f"'{address}'")
    return " \\\n  ".join(lines)


@cache
def _markdown() -> "MarkdownIt":
    # Imported when the page is first asked for. Without HTML: what a document says is text.
    from markdown_it import MarkdownIt

    return MarkdownIt("js-default")
