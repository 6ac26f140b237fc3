"""Generated parts of docs/: fields of events, settings, an error, commands, and what each store holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from gitdailies_cli.main import gitdailies
from gitdailies_connection.config.document.schema_errors import schema
from gitdailies_connection.config.load import read
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.events.dialect import VERIFIED
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.kind import Kind
from gitdailies_dora.sql.held_text import HELD as DORA
from gitdailies_relay.store.held_text import HELD as RELAY
from gitdailies_server.storage.held_text import Held

from scripts.generators import replace, table


def texts(root: Path) -> Mapping[str, str]:
    """Return the pages with fresh generated parts."""
    events = (root / "docs/events.md").read_text(encoding="utf-8")
    for kind in KINDS:
        events = replace(events, kind.word, fields(kind))
    settings = (root / "docs/configuration.md").read_text(encoding="utf-8")
    settings = replace(settings, "complaint", complaint(settings))
    privacy = (root / "docs/privacy.md").read_text(encoding="utf-8")
    for name, held in (("receiver", DORA), ("relay", RELAY)):
        privacy = replace(privacy, name, table_of_stores(held))
    commands = (root / "docs/command-line.md").read_text(encoding="utf-8")
    return {
        "docs/events.md": events,
        "docs/configuration.md": replace(settings, "settings", table_of_settings()),
        "docs/privacy.md": privacy,
        "docs/command-line.md": replace(commands, "commands", "\n\n".join(commands_of(gitdailies))),
    }


def fields(kind: Kind) -> str:
    """Write the table and the example of a kind."""
    rows = []
    for field in kind.fields:
        need = "required" if field.required else ""
        name = f"`{field.name}`" + (" ✓" if field.name in VERIFIED else "")
        rows.append((name, need, field.about, field.type.expected))
    example = json.dumps(dict(kind.example), indent=2, ensure_ascii=False)
    return table(("field", "", "what", "form"), rows) + f"\n\n```json\n{example}\n```"


def table_of_stores(held: Iterable[Held]) -> str:
    """Write a row for each table, as `gitdailies erase` reads them."""
    head = ("table", "columns", "what", "how long", "erased by", "`--person`")
    rows = []
    for line in held:
        columns = ", ".join(f"`{column}`" for column in line.columns)
        rows.append((f"`{line.table}`", columns, line.what, line.kept, line.erased, line.treatment.value))
    return table(head, rows)


def complaint(page: str) -> str:
    """Write the error for the first gitdailies.yml on *page*, with its adapter misspelled."""
    text = page.partition("```yaml\n")[2].partition("```")[0]
    misspelled = text.replace("adapter: pagerduty", "adapter: pagerdutty")
    try:
        read(misspelled, Path("gitdailies.yml"))
    except ConfigurationError as error:
        return f"```text\n{error}\n```"
    raise ValueError(
        "docs/configuration.md: expected a first YAML block with `adapter: pagerduty`, got another"
    )


def table_of_settings() -> str:
    """Write a row for every setting of the configuration's schema."""
    rows = []
    for path, node in _settings("", schema()):
        default = f"`{json.dumps(node['default'])}`" if "default" in node else ""
        rows.append((f"`{path}`", node.get("description", ""), node.get("x-expected", ""), default))
    return table(("setting", "what", "expected", "default"), rows)


def _settings(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        resolved = _resolved(child)
        inner = f"{path}.{name}" if path else name
        # One with names of the user's beside ours has a row of its own, too.
        if not resolved.get("properties") or isinstance(resolved.get("additionalProperties"), dict):
            yield inner, resolved
        yield from _settings(inner, resolved)
        below = resolved.get("additionalProperties")
        if isinstance(below, dict) and _resolved(below).get("properties"):
            yield from _settings(f"{inner}.NAME", _resolved(below))


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: dict[str, Any] = schema()
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**_resolved(target), **{key: value for key, value in node.items() if key != "$ref"}}


def commands_of(
    command: click.Command, name: str = "gitdailies", above: click.Context | None = None
) -> Iterator[str]:
    """Write a heading and the help of every command. A group comes before its commands."""
    context = click.Context(
        command,
        info_name=name.rpartition(" ")[2],
        parent=above,
        max_content_width=100,
        terminal_width=100,
        **command.context_settings,
    )
    if above is not None:
        depth = "##" if name.count(" ") == 1 else "###"
        yield f"{depth} `{name}`\n\n```text\n{command.get_help(context).rstrip()}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from commands_of(found, f"{name} {child}", context)
