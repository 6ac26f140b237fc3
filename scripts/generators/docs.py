"""Generated parts of docs/: fields of events, settings, an error, commands, and what each store holds."""

import copy
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
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
from gitdailies_dora.sql.text_of_people import TEXTS as DORA
from gitdailies_relay.store.text_of_people import TEXTS as RELAY
from gitdailies_server.storage.text_of_people import Texts, Treatment

from scripts.generators import replace, table

# An option and its help, as click writes them.
Option = tuple[str, str]
# Forms that the description of a setting, or its default, says by itself.
_PLAIN = ("true or false", "text or a list of texts", "the path of a file", "options of the adapter", "all")
_RANGE = re.compile("(INTEGER|FLOAT)( RANGE)?")
_wide = partial(click.Context, max_content_width=100, terminal_width=100)
_SHARED = """## Options of several commands

Every command has `--help` (`-h`). Its section names these options after `also`.

```text
{}
```"""


def texts(root: Path) -> Mapping[str, str]:
    """Return the pages with fresh generated parts."""
    events = (root / "docs/events.md").read_text(encoding="utf-8")
    for number, kind in enumerate(KINDS):
        events = replace(events, kind.word, fields(kind, KINDS[:number]))
    settings = (root / "docs/configuration.md").read_text(encoding="utf-8")
    settings = replace(settings, "complaint", complaint(settings))
    privacy = (root / "docs/privacy.md").read_text(encoding="utf-8")
    for name, held in (("receiver", DORA), ("relay", RELAY)):
        privacy = replace(privacy, name, table_of_stores(held))
    commands = (root / "docs/command-line.md").read_text(encoding="utf-8")
    return {
        "docs/events.md": events,
        "docs/configuration.md": replace(settings, "settings", list_of_settings()),
        "docs/privacy.md": privacy,
        "docs/command-line.md": replace(commands, "commands", page_of_commands()),
    }


# The form of most fields. The page says so once.
TEXT = "text on one line"


def fields(kind: Kind, above: Iterable[Kind]) -> str:
    """Write the table and the example of a kind. A field of the kinds *above* is only named."""
    shown = {field for one in above for field in one.fields}
    rows, known = [], []
    for field in kind.fields:
        name = f"`{field.name}`" + (" ✓" if field.name in VERIFIED else "")
        name += " (required)" if field.required else ""
        if field in shown:
            known.append(name)
        else:
            form = field.type.expected
            rows.append((name, field.about, "" if form == TEXT else form))
    as_above = f"As above: {', '.join(known)}.\n\n" if known else ""
    example = json.dumps(dict(kind.example), indent=2, ensure_ascii=False)
    return f"{as_above}{table(('field', 'what', 'form'), rows)}\n\n```json\n{example}\n```"


# The page says what each word means.
PERSON = {
    Treatment.TEXT: "marked",
    Treatment.JSON: "marked",
    Treatment.BODY: "marked",
    Treatment.EVENT: "marked, if it does not count",
    Treatment.NAME: "marked, once removed",
    Treatment.KEY_NAME: "marked",
    Treatment.COUNTS: "named",
    Treatment.LEFT: "left",
    Treatment.NOTHING: "–",
}


def table_of_stores(held: Iterable[Texts]) -> str:
    """Write what `gitdailies erase` reads: a row for all columns that hold the same and are erased alike.

    Columns are named only where they may hold text of people.
    """
    head = ("columns", "what", "how long", "erased by", "`--person`")
    found: dict[tuple[str, str, str, str], dict[str, list[str]]] = {}
    for line in held:
        person = PERSON[line.treatment]
        tables = found.setdefault((line.what, line.kept, line.erased, person), {})
        columns = [] if line.treatment in (Treatment.LEFT, Treatment.NOTHING) else line.columns
        tables.setdefault(line.table, []).extend(columns)
    return table(head, ((_columns(tables), *rest) for rest, tables in found.items()))


def _columns(tables: Mapping[str, Iterable[str]]) -> str:
    names = (
        f"`{name}`" + (": " if columns else "") + ", ".join(f"`{column}`" for column in columns)
        for name, columns in tables.items()
    )
    return "; ".join(names)


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


def list_of_settings() -> str:
    """Write a line for every setting of the configuration's schema, under its section."""
    lines, section = [], ""
    for path, node in _settings("", schema()):
        if section != path.partition(".")[0]:
            section = path.partition(".")[0]
            lines.append(f"\n### `{section}`\n")
        expected = node.get("x-expected", "")
        default = (
            f"default `{json.dumps(node['default'])}`" if node.get("default") not in (None, [], {}) else ""
        )
        # What users name is described; a secret has one of two names of ours.
        plain = expected in _PLAIN or (
            "additionalProperties" in node and "env" not in node.get("properties", {})
        )
        form = "" if plain else re.sub("^(a number|the name) of ", "", expected)
        said = ", ".join(filter(None, (form, default)))
        about = f": {node['description']}" if "description" in node else ""
        lines.append(f"* `{path}`{f' ({said})' if said else ''}{about}")
    return "\n".join(lines)


def _settings(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        resolved = _resolved(child)
        inner = f"{path}.{name}" if path else name
        if child.get("$ref") == "#/$defs/secret":
            yield inner, resolved
            continue
        # A section that takes the user's names as well as ours also has its own row.
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


def page_of_commands() -> str:
    """Write the options that several commands share, then a section for every command."""
    found = list(_commands_of(gitdailies, _wide(gitdailies, info_name="gitdailies")))
    users: dict[Option, list[str]] = {}
    for name, _, options in found:
        for option in options:
            users.setdefault(option, []).append(name)
    shared = {option: names for option, names in users.items() if len(names) > 1}
    flags = Counter(option[0] for option in shared)
    by_commands: dict[str, list[Option]] = {}
    for option, names in shared.items():
        # What is of one kind only is found by its name.
        by_commands.setdefault(", ".join(names) if flags[option[0]] > 1 else "", []).append(option)
    written = click.HelpFormatter(width=100)
    for title, options in sorted(by_commands.items()):
        with written.section(title) if title else written.indentation():
            written.write_dl(options)
    parts = [_SHARED.format(written.getvalue().strip("\n"))]
    for name, context, options in found:
        own = [option for option in options if option not in shared]
        also = ", ".join(option.split()[0] for option, _ in options if (option, _) in shared)
        parts.append(_section(name, context, [*own, *[("also", also)] * bool(also)]))
    return "\n\n".join(parts)


def _commands_of(
    group: click.Group, above: click.Context
) -> Iterator[tuple[str, click.Context, list[Option]]]:
    """Yield each command with its options but `--help`. A group comes before its commands."""
    for child in group.list_commands(above):
        command = group.get_command(above, child)
        assert command is not None
        context = _wide(command, above, child)
        records = (one.get_help_record(context) for one in command.params if isinstance(one, click.Option))
        options = [(_RANGE.sub("NUMBER", option), about) for option, about in filter(None, records)]
        yield context.command_path.partition(" ")[2], context, options
        if isinstance(command, click.Group):
            yield from _commands_of(command, context)


def _section(name: str, context: click.Context, options: list[Option]) -> str:
    """Write the help of a command, without what the page says for all of them."""
    written = context.make_formatter()
    shown, below = copy.copy(context.command), getattr(context.command, "commands", {})
    text, mark, lines = inspect.cleandoc(shown.help or "").partition("\b\n")
    # The first line to paste that neither the heading nor a section below shows.
    for line in (one.strip() for one in lines.splitlines()):
        if line not in ("", context.command_path) and not any(line in one.help for one in below.values()):
            text += mark + line
            break
    shown.help = text
    shown.format_help_text(context, written)
    if options:
        written.write_paragraph()
        with written.indentation():
            written.write_dl(options)
    depth = "###" if " " in name else "##"
    needs = [piece for piece in context.command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    of_group = isinstance(context.command, click.Group)
    heading = " ".join((f"{depth} `gitdailies {name}`", *(f"`{one}`" for one in needs if not of_group)))
    body = written.getvalue().strip("\n")
    return f"{heading}\n\n```text\n{body}\n```" if "\n" in body else f"{heading}\n\n{body.strip()}"
