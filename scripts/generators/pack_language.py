"""docs/pack-language.md: every key of the language of source packs, from its schema, each with an example.

An example is written in the schema, or else is the shortest one of the packs.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from gitdailies_sources import shipped

PAGE = "docs/pack-language.md"
PACKS = "sources/gitdailies_sources/packs"
_HEAD = """# The language of source packs

**For:** people who write a pack or a mapping. **At the end:** you have found the key that you need.

Begin with [your own tool in ten minutes](sources.md). Each key has an example, with a link to its pack.
A **bold** one is required. A key without a named form takes what its example shows, or
[a value](#values).

A `mapping` in `gitdailies.yml` takes {}; or, instead of `messages`, the fields of one message."""
# Each example of a key, by its node: the text and the pack.
Found = dict[int, list[tuple[str, str]]]


def texts(root: Path) -> Mapping[str, str]:
    """Return the page. Raises ValueError for a key without a description or an example."""
    schema, found = shipped.schema(), Found()
    for file in sorted(root.glob(f"{PACKS}/*/source.yaml")):
        _collect(yaml.safe_load(file.read_text("utf-8")), schema, file.parent.name, found)
    parts = [_HEAD.format(", ".join(f"`{key}`" for key in schema["$defs"]["mapping"]["properties"]))]
    for node in (schema, *schema["$defs"].values()):
        if "x-heading" not in node:
            continue
        parts.append(f"## {node['x-heading']}\n\n{node['description']}")
        if "x-words" in node:
            parts.append("\n".join(f"* `{one}`: {meaning}" for one, meaning in node["x-words"].items()))
            # Otherwise the next list would be a part of this one.
            parts += ["Keys:"] * any(_keys(node))
        lines = [(key, _line(key, inner, found, needed)) for key, inner, needed in _keys(node)]
        for title, names in node.get("x-parts", {"": ()}).items():
            listed = [line for key, line in lines if not names or key.partition(".")[0] in names]
            parts += [f"### {title}"] * bool(title) + ["\n".join(listed)] * bool(listed)
    return {PAGE: "\n\n".join(parts) + "\n"}


def _keys(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield each key of a definition, its node and whether it is required; those inside it after a dot."""
    for form in (node, *node.get("anyOf", ())):
        for name, inner in form.get("properties", {}).items():
            yield above + name, inner, name in node.get("required", ())
            yield from _keys(inner, f"{above}{name}.")


def _line(key: str, node: Mapping[str, Any], found: Found, needed: bool) -> str:
    written = [(_pair(key.rpartition(".")[2], one), "") for one in node.get("examples", ())]
    examples = written or found.get(id(node), [])
    if not examples or "description" not in node:
        raise ValueError(f"pack.schema.json: expected a description and an example of {key}")
    text, pack = min(examples, key=lambda one: (len(one[0].split()), len(one[0]), one))
    shown = f"[`{text}`](../{PACKS}/{pack}/README.md)" if pack else f"`{text}`"
    full = _resolved(node)
    form = node.get("x-link") or full.get("x-link") or full["x-expected"]
    # An example shows other forms well enough.
    said = (form.startswith("[") and form != "[a value](#values)") or full.keys() & {"enum", "minimum"}
    expected = f" ({form})" if said else ""
    return (
        "    " * key.count(".") + f"* {f'**{shown}**' if needed else shown}{expected}: {node['description']}"
    )


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    name = node.get("$ref", "").rpartition("/")[2]
    return _resolved(shipped.schema()["$defs"][name]) if name else node


def _collect(value: Any, node: Mapping[str, Any], pack: str, found: Found) -> None:
    """Add each key of *value* that *node* describes to *found*."""
    node = _resolved(node)
    for form in node.get("anyOf", ()):
        _collect(value, form, pack, found)
    for one in value if isinstance(value, list) and "items" in node else ():
        _collect(one, node["items"], pack, found)
    known, more = node.get("properties", {}), node.get("additionalProperties")
    if not isinstance(value, dict) or (more is False and not value.keys() <= known.keys()):
        return
    for key, inner in value.items():
        below = known.get(key, more)
        if key in known:
            found.setdefault(id(below), []).append((_pair(key, inner), pack))
        if isinstance(below, dict):
            _collect(inner, below, pack, found)


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return str(text).strip()


def _pair(key: str, value: Any) -> str:
    return _yaml({key: value})[1:-1]
