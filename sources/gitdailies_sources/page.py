"""What a pack is, for people: its page, and its document with the origin of each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from gitdailies_sources.language.faults import Place
from gitdailies_sources.messages.entries import STATES

# The width at which a flow mapping is written on lines of its own.
_WIDEST = 100


def summary(given: Mapping[str, Any]) -> dict[str, str]:
    """Return name, title, class and verified."""
    return {key: str(given.get(key, "")) for key in ("name", "title", "class", "verified")}


def page(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a pack's page, in Markdown."""
    yield f"# {given.get('title', given['name'])}"
    yield ""
    yield f"Source pack `{given['name']}`, class {given.get('class')}, verified: {given.get('verified')}."
    docs = given.get("docs") or []
    for address in [docs] if isinstance(docs, str) else docs:
        yield f"Written from {address}"
    yield ""
    yield "## Proof"
    yield ""
    proofs = given["proof"] if isinstance(given["proof"], list) else [given["proof"]]
    for number, proof in enumerate(proofs):
        yield f"* {'' if not number else 'or '}{_proof(proof)}"
    yield ""
    yield "## Words"
    yield ""
    yield "| message | word | means |"
    yield "| --- | --- | --- |"
    for name, entry in given["messages"].items():
        for word, meaning in (entry.get("states") or {}).items():
            yield f"| {name} | `{word}` | {'**' + meaning + '**' if meaning in STATES else meaning} |"
    for title, text in (
        ("Set up", given.get("setup")),
        ("If the relay does not answer", given.get("on_failure")),
    ):
        if text:
            yield ""
            yield f"## {title}"
            yield ""
            yield from str(text).rstrip().splitlines()
    limits = given.get("limits") or []
    if limits:
        yield ""
        yield "## Limits"
        yield ""
        yield from (f"* {limit}" for limit in limits)


def _proof(proof: Any) -> str:
    if isinstance(proof, str):
        return f"a signature in the form of `{proof}`"
    kind, about = next(iter(proof.items()))
    about = about if isinstance(about, Mapping) else {"": about}
    if kind == "hmac":
        return f"a signature (HMAC-{about.get('algorithm', 'sha256')}) in the header `{about['header']}`"
    if kind == "token":
        return f"a token in the header `{about['header']}`"
    if kind == "basic":
        return "a password" + (f" of the user `{about['user']}`" if about.get("user") else "")
    if kind == "query":
        return f"a token in the query, as `{about['']}`"
    if kind == "field":
        return f"a token in the field `{about['']}`"
    if kind == "jws":
        return f"a signed token in the header `{about['header']}`"
    if kind == "sns":
        return "Amazon's certificate; the source names its topics under `allowed`"
    return "a token in a header that the source names with `header`"


def effective(given: Mapping[str, Any], origins: Mapping[Place, str]) -> Iterator[str]:
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
