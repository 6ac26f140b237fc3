"""`gitdailies sources`: the source packs, their pages, and what helps to describe a tool that is in none."""

import difflib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from gitdailies_core.errors import ConfigurationError, UnreadableBody, UsageError
from gitdailies_core.sources import registry
from gitdailies_core.values import strict_json

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import CONFIG, JSON, ago, body_of, parsed_time

# One wrong field breaks a hundred variants of an example. These are enough to find it.
_MOST_ALIKE = 3
_IGNORED, _UNREADABLE = ("word", "reason", "count"), ("reason", "count")


@click.group(invoke_without_command=True)
@CONFIG
@JSON
@click.pass_context
def sources(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """List the tools that the relay can read, with those mapped in gitdailies.yml.

    \b
    gitdailies sources
    gitdailies sources show opsgenie
    """
    if ctx.invoked_subcommand is None:
        _list(config, as_json=as_json)


def _list(config: Path | None, *, as_json: bool) -> None:
    from gitdailies_sources import shipped
    from gitdailies_sources.source_pack import SourcePack

    columns = ("name", "title", "class", "verified")
    documents = [shipped.document(name).value for name in shipped.provider.names()]
    rows = [tuple(str(given[column]) for column in columns) for given in documents]
    rows += [(name, name, "incident", "adapter in code") for name in registry.names()]
    for name, *_ in rows:
        registry.check_owner(name)
    path = find_config.find(config)
    described = [] if path is None else find_config.load_configuration(path).sources.values()
    rows += [
        (source.name, source.pack.title, source.pack.kind, str(source.file or f"mapping in {path}"))
        for source in described
        if (source.mapping is not None or source.file) and isinstance(source.pack, SourcePack)
    ]
    rows.sort()
    if as_json:
        output.as_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    output.table("sources", columns, rows)


@sources.command(short_help="how a tool is proved and read, and what to set up")
@click.argument("name")
@click.option("--effective", is_flag=True, help="print it with your override and each line's origin")
@click.option("--yaml", "as_yaml", is_flag=True, help="print a pack's file, to change a copy")
@CONFIG
def show(name: str, effective: bool, as_yaml: bool, config: Path | None) -> None:
    """Show how a tool is proved and read, and what to set up.

    NAME is a source pack or, with --effective, a source of gitdailies.yml.
    """
    from gitdailies_sources import shipped

    if effective:
        output.lines(_effective(name, config))
        return
    adapter = registry.adapter(name)
    if name not in shipped.provider.names():
        output.lines(f"{word}: {meaning}" for word, meaning in adapter.table.items())
        return
    click.echo(shipped.text(name) if as_yaml else shipped.page(name), nl=not as_yaml)


@sources.command(short_help="how a pack of your own differs from the shipped one")
@click.argument("name")
@CONFIG
def diff(name: str, config: Path | None) -> None:
    """Show how a pack of your own differs from the shipped one of that name.

    NAME is a source of gitdailies.yml with `adapter: {file: …}`.
    """
    from gitdailies_connection.config.document import yaml_document
    from gitdailies_sources import shipped

    source = find_config.load_configuration(config).sources.get(name)
    if source is None or source.file is None or source.adapter not in shipped.provider.names():
        raise UsageError(f"{name}: expected a source with adapter: {{file: PATH}} of a shipped name")
    before, after = shipped.text(source.adapter), yaml_document.read_text(source.file)
    names = f"{source.adapter} as shipped", str(source.file)
    output.lines(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""))


def _effective(name: str, config: Path | None) -> list[str]:
    from gitdailies_connection.config.document import yaml_document
    from gitdailies_connection.config.document.schema_errors import is_secret
    from gitdailies_sources import reading, shipped

    path = find_config.find(config)
    source = find_config.load_configuration(path).sources.get(name) if path is not None else None
    pack = source.adapter if source is not None else name
    origins: dict[tuple[str | int, ...], str] = {}
    if source is not None and path is not None:
        own = yaml_document.parse(yaml_document.read_text(path), path.name, hidden=is_secret)
        for place, (line, _column) in own.places.items():
            if place[:2] == ("sources", name):
                origins[place[2:]] = f"{path.name}:{line}"
    if source is not None and source.mapping is not None:
        inside = {place[1:]: text for place, text in origins.items() if place[:1] == ("mapping",)}
        return list(reading.with_origins(source.mapping, inside))
    if source is not None and source.file is not None:
        document = yaml_document.parse(yaml_document.read_text(source.file), str(source.file))
    elif pack in shipped.provider.names():
        registry.check_owner(pack)
        document = shipped.document(pack)
    else:
        raise UsageError(f"{name}: expected a source pack or a source with a mapping, got an adapter in code")
    inside = {place: f"{document.file}:{line}" for place, (line, _column) in document.places.items()}
    override = source.override if source is not None and source.override is not None else {}
    inside.update({place: text for place, text in origins.items() if place[:1] == ("override",)})
    return list(reading.with_origins(reading.merged(document.value, override), inside))


@sources.command(short_help="draft a mapping for a tool without a pack")
@click.argument("name")
@click.option(
    "--from", "origin", required=True, metavar="FILE|last", help="a body, or the last quarantined delivery"
)
@click.option("--pack", "as_pack", is_flag=True, help="draft a pack's source.yaml: see CONTRIBUTING.md")
@CONFIG
def new(name: str, origin: str, as_pack: bool, config: Path | None) -> None:
    """Draft a mapping for a tool without a pack, from one delivery. Edit the lines that it prints.

    \b
    gitdailies sources new pager --from delivery.json
    """
    from gitdailies_sources import draft

    if origin == "last":
        from gitdailies_relay.operations.stored_bodies import last_body

        from gitdailies_cli.relay import options

        body = last_body(options.store(find_config.load_configuration(config)), name)
        if body is None:
            raise UsageError(
                f"{name}: no stored delivery; set capture: true for this source, send one, and try again"
            )
    else:
        body = body_of(origin)
    try:
        value = strict_json.loads(body)
    except UnreadableBody as error:
        raise UsageError(f"{origin}: {error}") from None
    if as_pack:
        output.lines(draft.pack(name, value))
        return
    click.echo("# Paste under sources in gitdailies.yml, correct it, then try it:")
    click.echo(f"#   gitdailies translate {name} {origin if origin != 'last' else 'FILE'}")
    click.echo(f"  {name}:")
    click.echo(f"    secrets: [{{env: {name.upper().replace('-', '_')}_TOKEN}}]")
    click.echo("    mapping:")
    output.lines(f"      {line}" for line in draft.mapping(value))


@sources.command(short_help="try a source on what the relay has stored")
@click.argument("name")
@click.option("--since", default="7d", show_default=True, help="like 7d or 12h, or a time")
@CONFIG
@JSON
def preview(name: str, since: str, config: Path | None, as_json: bool) -> None:
    """Try a source, as gitdailies.yml has it now, on quarantined and ignored deliveries. Nothing is sent.

    \b
    gitdailies sources preview pager --since 7d
    """
    from gitdailies_relay.operations import stored_bodies as stored

    from gitdailies_cli.relay import options

    settings, database = options.opened(config, name, "NAME")
    began = ago(since, datetime.now(UTC)) or parsed_time(since, "--since")
    found = stored.preview(database, settings.sources[name], settings.routes, began)
    ignored = [(word, reason, count) for (word, reason), count in found.ignored.most_common()]
    unreadable = found.unreadable.most_common()
    if as_json:
        output.as_json(
            {
                "source": name,
                "deliveries": found.deliveries,
                "counted": dict(found.counted),
                "ignored": [dict(zip(_IGNORED, row, strict=True)) for row in ignored],
                "unreadable": [dict(zip(_UNREADABLE, row, strict=True)) for row in unreadable],
                "wouldCount": found.would_count,
            }
        )
        return
    click.echo(f"{name}: {found.deliveries:,} stored deliver{'y' if found.deliveries == 1 else 'ies'}")
    output.table("counted", ("what", "count"), found.counted.most_common())
    output.table("ignored", _IGNORED, ignored)
    output.table("unreadable", _UNREADABLE, unreadable)
    if found.would_count:
        click.echo(
            f"{len(found.would_count)} of them did not count before, and would now; "
            f"count them with: gitdailies relay replay --source {name}, and the same with --ignored"
        )


@sources.command(short_help="check a pack by its examples")
@click.argument("name")
@JSON
def test(name: str, as_json: bool) -> None:
    """Check an installed pack, or an adapter in code, by its examples, broken variants of them, and proofs.

    A hint is no fault: it names what no example has. `gitdailies translate` checks a pack in a file.
    """
    from gitdailies_core.contract import checks
    from gitdailies_sources import draft, shipped
    from gitdailies_sources.source_pack import SourcePack

    try:
        adapter = registry.adapter(name)
    except ConfigurationError as error:
        instead = f"`gitdailies translate {name} DELIVERY.json` checks a pack in a file"
        raise ConfigurationError(f"{error}; {instead}") from None
    faults = list(checks.faults(adapter))
    hints: Sequence[str] = ()
    if name in shipped.provider.names() and isinstance(adapter, SourcePack):
        document = shipped.document(name)
        faults += draft.unfinished(document.value)
        requests = [] if faults else [one.request for one in checks.examples(adapter)]
        hints = document.error(adapter.unfound(requests)).complaints
    if adapter.name != name:
        faults.append(f"adapter.name: expected {name!r}, the name of its entry point, got {adapter.name!r}")
    if as_json:
        output.as_json({"source": name, "faults": faults, "hints": list(hints)})
    else:
        output.lines(f"hint: {hint}" for hint in hints)
        output.lines(_shortened(faults))
        click.echo(f"{name}: {output.counted(len(faults), 'fault') if faults else 'keeps the contract'}")
    if faults:
        sys.exit(1)


def _shortened(faults: Sequence[str]) -> Iterator[str]:
    """Yield the faults; for many alike, the first few and the number of the others."""
    counts: Counter[str] = Counter()
    for fault in faults:
        # Where it is, without the change that was made to an example there.
        place = fault.partition(": ")[0].partition(" with ")[0]
        counts[place] += 1
        if counts[place] <= _MOST_ALIKE:
            yield fault
    for place, count in counts.items():
        if count > _MOST_ALIKE:
            yield f"{place}: {count - _MOST_ALIKE} more faults like these"
