"""Compare a receiver's OpenAPI document with our dialect: pure, one line for each difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED, KINDS
from gitdailies_core.events.kind import Kind
from gitdailies_core.events.receivers import DOCUMENTED, ID_HEADER, KEY_HEADER

from gitdailies_connection.check.openapi_field import faults
from gitdailies_connection.check.openapi_schema import Api, Variant, words_of

# We send these with every request, whether the document names them or not.
_SENT_HEADERS = frozenset(
    {
        KEY_HEADER,
        ID_HEADER.lower(),
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
    }
)
# Stems of the words that other systems use for the start and the end of an incident.
_STEMS = {
    INCIDENT_STARTED: ("start", "open", "trigger", "creat", "begin", "began", "detect"),
    INCIDENT_RESOLVED: ("resol", "clos", "end", "recover", "finish", "restor", "fix"),
}
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def differences(
    document: Any, dialect: Dialect, *, path: str | None = None, table: tuple[Kind, ...] = KINDS
) -> list[str]:
    """Return every difference between *document* and what we send in *dialect*.

    *path* is the path of the receiver's address, used if the dialect sets none. Each line is
    `where: what we send, what the document has`, with the setting that removes the difference.
    """
    version = document.get("openapi") if isinstance(document, Mapping) else None
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        found = document.get("swagger") if isinstance(document, Mapping) else None
        what = (
            f"swagger {got(found)}" if found else got(version if isinstance(document, Mapping) else document)
        )
        return [f"document: expected OpenAPI 3.0 or 3.1, got {what}"]
    api = Api(document)
    lines = list(_compared(api, dialect, dialect.path or path, table))
    outside = [f"document: {one!a} cannot be resolved inside it" for one in sorted(api.unfollowed)]
    if api.steps_left < 0:
        outside.append("document: too complex to compare completely")
    return [_printable(line) for line in (*dict.fromkeys(lines), *outside)]


def _compared(api: Api, dialect: Dialect, path: str | None, table: tuple[Kind, ...]) -> Iterator[str]:
    paths = api.paths()
    posts = [name for name, item in paths.items() if "post" in item]
    if path is not None and path in paths and path not in posts:
        methods = ", ".join(sorted(name.upper() for name in paths[path].keys() & _METHODS)) or "no method"
        yield f"path {path}: we send POST, the document has {methods}"
    elif path is not None and path not in paths:
        yield f"path: we send to {path}, the document has {_listed(posts, 'no POST')}{_set_path(path, posts)}"
    if path not in posts:
        closest = difflib.get_close_matches(path or "/webhooks", posts, n=1, cutoff=0.0)
        if not closest:
            return
        path = closest[0]
    item = paths[path]
    operation = api.follow(item["post"])
    yield from _headers(api.header_names(item, operation))
    content = api.follow(api.follow(operation.get("requestBody")).get("content"))
    media = [name for name in content if "json" in name.lower() or name in ("*/*", "application/*")]
    if not media:
        yield f"body: we send application/json, the document has {_listed(content, 'no body')}"
        return
    schema = api.follow(content[media[0]]).get("schema")
    if not dialect.takes_lists and api.follow(schema).get("type") == "array":
        yield "body: we send one event, the document has a list"
    yield from _kinds(api, dialect, api.variants(schema), table)


def _headers(named: Iterable[tuple[str, bool]]) -> Iterator[str]:
    headers = dict(named)
    others = [name for name, needed in headers.items() if needed and name.lower() not in _SENT_HEADERS]
    if KEY_HEADER not in {name.lower() for name in headers}:
        yield f"header: we send the key as {KEY_HEADER}, the document has {_listed(headers, 'no header')}"
        return
    for name in others:
        yield f"header {name}: needed by the document, not sent by us"


def _kinds(api: Api, dialect: Dialect, variants: list[Variant], table: tuple[Kind, ...]) -> Iterator[str]:
    name = dialect.names["kind"]
    if not any(name in variant.properties for variant in variants):
        other = _kind_field(api, variants)
        hint = f", perhaps as {other}; set dialect.rename: {{kind: {other}}}" if other else ""
        yield f"kind: we send the field {name}, the document does not have it{hint}"
        name = other or name
    by_word: dict[str, Variant] = {}
    for variant in variants:
        for word in words_of(api, variant.properties.get(name)) or variant.words:
            by_word.setdefault(word, variant)
    ours = {kind.word: dialect.kinds[kind.word] for kind in table}
    free = [word for word in by_word if word not in ours.values()]
    for kind in table:
        word = ours[kind.word]
        # Without a list of words, the document accepts any word and does not distinguish the forms.
        found = by_word.get(word) if by_word else (variants[0] if len(variants) == 1 else None)
        if found is None and by_word:
            stems = _STEMS.get(kind.word, ())
            likely = [other for other in free if any(stem in other.lower() for stem in stems)]
            closest = _closest(word, likely or free, 0.5)
            hint = f"; set dialect.kinds: {{{kind.word}: {closest}}}" if closest else ""
            yield f"kind {kind.word}: we send {word}, the document has {_listed(by_word, 'no word')}{hint}"
            if closest:
                free.remove(closest)
                found = by_word[closest]
        elif found is None:
            yield f"kind {kind.word}: the document does not say which of its {len(variants)} forms it has"
        if found is not None:
            yield from _fields(api, dialect, kind, found, name)
    for word in free:
        yield f"kind {word}: in the document, not sent by us"


def _fields(api: Api, dialect: Dialect, kind: Kind, variant: Variant, kind_name: str) -> Iterator[str]:
    sent = {dialect.names[field.name]: field for field in kind.fields if field.name in dialect.names}
    free = [name for name in variant.properties if name not in sent and name != kind_name]
    suggested: set[str] = set()
    for name, field in sent.items():
        where = f"{kind.word}.{name}"
        if name not in variant.properties:
            closest = _closest(name, free, 0.6)
            if closest:
                free.remove(closest)
                suggested.add(closest)
            closed = ", which takes no other" if variant.closed else ""
            remedy = (
                f"dialect.rename: {{{field.name}: {closest}}}" if closest else f"dialect.drop: [{field.name}]"
            )
            there = f"perhaps as {closest}; " if closest else ""
            yield f"{where}: sent by us, not in the document{closed}; {there}set {remedy}"
        else:
            for fault in faults(api, variant.properties[name], kind, field):
                yield f"{where}: {fault}"
        if name in variant.required and not field.required:
            yield f"{where}: required by the document, sent by us only where it is known"
    for name in sorted(variant.required - sent.keys() - suggested - {kind_name}):
        own = kind.field(name)
        addable = own is not None and dialect.receiver == DOCUMENTED
        remedy = f"; set dialect.add: [{name}]" if addable else ""
        yield f"{kind.word}.{name}: required by the document, not sent by us{remedy}"


def _kind_field(api: Api, variants: list[Variant]) -> str | None:
    """Find the field that distinguishes the forms: one whose words the document lists."""
    candidates = {
        name: None
        for variant in variants
        for name, schema in variant.properties.items()
        if words_of(api, schema) or (variant.words and name in variant.required)
    }
    ranked = sorted(candidates, key=lambda name: -_closeness(name, ("kind", "type", "eventType", "event")))
    return ranked[0] if ranked else None


def _closeness(name: str, names: Iterable[str]) -> float:
    return max(difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio() for other in names)


def _closest(name: str, names: list[str], cutoff: float) -> str | None:
    """Return the name most similar to *name*, ignoring case and punctuation, or None."""

    def simplified(text: str) -> str:
        return "".join(one for one in text.lower() if one.isalnum())

    def likeness(other: str) -> float:
        one, two = simplified(name), simplified(other)
        # `sha` may mean commitSHA, though they share few letters.
        within = min(len(one), len(two)) >= 3 and (one in two or two in one)
        return max(difflib.SequenceMatcher(None, one, two).ratio(), 0.6 if within else 0.0)

    best = max(names, key=likeness, default=None)
    return best if best is not None and likeness(best) >= cutoff else None


def _printable(line: str) -> str:
    # Names come from the document. They must not forge a line or control a terminal.
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def _set_path(path: str, posts: list[str]) -> str:
    closest = difflib.get_close_matches(path, posts, n=1, cutoff=0.0)
    return f"; set dialect.path: {closest[0]}" if closest else ""


def _listed(names: Iterable[str], none: str) -> str:
    listed = [str(name) for name in names]
    return ", ".join(listed[:20]) + (f" and {len(listed) - 20} more" if len(listed) > 20 else "") or none
