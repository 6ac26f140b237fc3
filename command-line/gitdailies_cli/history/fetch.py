"""`gitdailies history fetch`: the past of incidents and deploys, read through a vendor's API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.settings import Configuration, Source
from gitdailies_core.errors import DeliveryError, PayloadError, Refused, UsageError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources import history, registry
from gitdailies_core.sources.history import Apart, Placed, Reader, TwoKeys, Window
from gitdailies_core.values import times
from gitdailies_core.values.secret import Secret
from gitdailies_history.fetch.api_client import HttpPages
from gitdailies_history.fetch.fetch import Tally, events
from gitdailies_history.fetch.state import State
from gitdailies_history.files import atomic_file
from gitdailies_history.plan.plan import Plan
from gitdailies_history.sending.checkpoint import held

from gitdailies_cli import find_config, output
from gitdailies_cli.history import live, outcome
from gitdailies_cli.history.handover import Handover, handover_options, summed_up
from gitdailies_cli.progress import Watching


@dataclass(frozen=True)
class _Asked:
    """What to fetch, from where, and how it counts."""

    reader: Reader
    source: Source
    configuration: Configuration | None
    url: str
    tokens: Sequence[Secret]
    since: datetime
    until: datetime | None
    parameters: Mapping[str, str]

    @property
    def routes(self) -> Routes:
        return self.configuration.routes if self.configuration else Routes.make({})

    @property
    def job(self) -> str:
        parts = [self.source.name, self.reader.name, self.url, times.text_of(self.since)]
        return json.dumps([*parts, dict(sorted(self.parameters.items()))])


@click.command(short_help="read the past through an API of a vendor, and send it")
@click.argument("source")
@click.option(
    "--since", required=True, help="a day, as 2025-01-01, or a time, as 2025-01-01T08:00:00Z; in UTC"
)
@click.option("--until", help="the same; not included; default: now")
@click.option(
    "--with", "with_", multiple=True, metavar="NAME=VALUE", help="what the source needs; may repeat"
)
@click.option(
    "--token-env", multiple=True, help="the variable of the token, if another one; again for a second token"
)
@click.option(
    "--token-file", multiple=True, type=click.Path(path_type=Path), help="a file that holds it; likewise"
)
@click.option("--api-url", help="another address of the API, such as that of another region")
@click.option(
    "--live-since",
    help="when the relay began to tell of what would count twice; the window ends there",
)
@click.option("--overlap", is_flag=True, help="fetch what may count twice, too")
@click.option("--output", "output_", type=click.Path(path_type=Path), help="write NDJSON there, send nothing")
@handover_options
def fetch(
    source: str,
    since: str,
    until: str | None,
    with_: tuple[str, ...],
    token_env: tuple[str, ...],
    token_file: tuple[Path, ...],
    api_url: str | None,
    live_since: str | None,
    overlap: bool,
    output_: Path | None,
    handover: Handover,
) -> None:
    """Read the past of SOURCE through its API and send it, deploys first, each event once.

    SOURCE is a source of gitdailies.yml, or a vendor's name. Run it again to go on where it was stopped.

    \b
    gitdailies history fetch pagerduty --since 2025-01-01 --dry-run
    gitdailies history fetch pagerduty --since 2025-01-01 --output pagerduty.ndjson
    """
    asked = _asked(source, since, until, with_, _secrets(token_env, token_file), api_url, handover.config)
    if live_since and overlap:
        raise UsageError("--live-since: expected it or --overlap, got both")
    if not overlap:
        asked = _apart_from_live(asked, live_since)
    where = None if output_ else handover.where()
    with (
        held(handover.state) as folder,
        Plan(folder / "plan.db") as plan,
        State(folder) as pages,
        Watching(folder / "refused.ndjson") as watch,
    ):
        tally = Tally()
        with _telling_how_to_go_on(pages, watch):
            _read(asked, plan, pages, watch, tally, handover.retries)
            total = plan.count()
            summary = None if where else summed_up(plan)
            if output_ is not None:
                _write(plan, output_)
        told = {"rows": total + plan.repeated, "bad": 0}
        told |= {"repeated": plan.repeated, "unpaired": plan.unpaired}
        report = handover.send(where, plan, total, folder, watch) if where else None
        if not handover.dry_run and (report is None or not report.stopped):
            pages.finish()
    for reason, count in sorted(tally.ignored.items()):
        click.echo(output.printable(f"note: {count:,} came to nothing: {reason}"), err=True)
    if summary is not None:
        outcome.show_summary(summary, told, as_json=handover.as_json)
    if report is not None:
        outcome.show_report(report, told, total, as_json=handover.as_json)
        raise click.exceptions.Exit(outcome.exit_code(report, bad=0))


@contextmanager
def _telling_how_to_go_on(state: State, watch: Watching) -> Iterator[None]:
    """Say, where Ctrl-C ends it before anything is sent, what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        read = output.counted(state.count(), "page")
        watch.say(f"interrupted after {read}; nothing was sent; run the same again within a day to go on")
        raise


def _read(asked: _Asked, plan: Plan, state: State, watch: Watching, tally: Tally, retries: int) -> None:
    """Fill the plan; what stops the reading says how to go on."""
    until = state.begin(
        asked.job, None if asked.until is None else times.text_of(asked.until), datetime.now(UTC)
    )
    window = Window(asked.since, times.parse(until, "--until"))
    if window.since >= window.until:
        raise UsageError(f"--until: expected a time after --since, got {until}")
    there = state.count()
    if there:
        watch.say(f"goes on with {there:,} pages that were read before, until {until}")

    def waits(reason: str, seconds: float) -> None:
        watch.waits(reason, seconds)

    try:
        with (
            HttpPages(asked.reader, asked.url, asked.tokens, state, retries=retries, waits=waits) as pages,
            watch.counting(f"reading {asked.source.name}") as bar,
        ):
            pages.moved = bar.moved
            told = asked.reader.read(pages, window, asked.parameters)
            for number, event in enumerate(events(told, asked.source, asked.routes, tally), 1):
                # Each in a row of its own, so that a fault of one takes no other with it.
                plan.add(event, file=asked.source.name, line=number)
    except PayloadError as error:
        raise PayloadError(f"{asked.url}: {error}") from None
    except Refused:
        raise
    except DeliveryError as error:
        raise DeliveryError(f"{error}; run the same again to go on") from None
    for fault in plan.settle():
        watch.say(str(fault))


def _asked(
    name: str,
    since: str,
    until: str | None,
    with_: Sequence[str],
    secrets: Sequence[SecretSource],
    api_url: str | None,
    config: Path | None,
) -> _Asked:
    configuration = find_config.load_configuration(config) if find_config.find(config) else None
    reader, source = _read_by(name, configuration)
    if configuration is None and reader.name in registry.names():
        # It tells of incidents, and only `services` says where those count.
        configuration = find_config.load_configuration(config)
    url = api_url or reader.url
    if isinstance(reader, Placed):
        reader = reader.placed(url, source.options)
    return _Asked(
        reader=reader,
        source=source,
        configuration=configuration,
        url=url,
        tokens=_tokens(reader, secrets),
        since=_moment(since, "--since"),
        until=_moment(until, "--until") if until else None,
        parameters=_parameters(reader, with_),
    )


def _read_by(name: str, configuration: Configuration | None) -> tuple[Reader, Source]:
    """Find the reader of the source, or the vendor, of that *name*, and its source."""
    source = configuration.sources.get(name) if configuration else None
    readers = registry.names(history.GROUP)
    vendor = source.adapter if source else name
    if vendor not in readers:
        raise UsageError(f"SOURCE: expected a source to fetch from ({', '.join(readers)}), got {name!a}")
    if source is None and configuration is not None:
        same = [one for one in configuration.sources.values() if one.adapter == vendor]
        if len(same) > 1:
            names = ", ".join(one.name for one in same)
            raise UsageError(f"SOURCE: expected one of {names}, which all use {vendor}, got {name!a}")
        source = same[0] if same else None
    return cast(Reader, registry.load(vendor, history.GROUP)), source or Source(vendor, vendor, ())


def _apart_from_live(asked: _Asked, live_since: str | None) -> _Asked:
    """End the window where the relay began to tell of what would count twice."""
    why = asked.reader.apart(asked.parameters) if isinstance(asked.reader, Apart) else ""
    if not why and live_since:
        raise UsageError(
            f"--live-since: expected none for {asked.source.name}, of which all that is fetched counts once, "
            "got one; --until ends the window"
        )
    if not why:
        return asked
    until = live.end(
        why,
        source=asked.source.name,
        configuration=asked.configuration,
        until=asked.until,
        live_since=_moment(live_since, "--live-since") if live_since else None,
    )
    return replace(asked, until=until)


def _secrets(token_env: Sequence[str], token_file: Sequence[Path]) -> list[SecretSource]:
    if token_env and token_file:
        raise UsageError("--token-env: expected it or --token-file, got both")
    return [
        *(SecretSource.make(env=name) for name in token_env),
        *(SecretSource.make(file=path) for path in token_file),
    ]


def _tokens(reader: Reader, given: Sequence[SecretSource]) -> list[Secret]:
    """Read the secrets of *reader*: as *given*, and those that are not from its own variables."""
    names = [reader.token_env, *([reader.second_env] if isinstance(reader, TwoKeys) else [])]
    if len(given) > len(names):
        raise UsageError(
            f"--token-env or --token-file: expected {len(names)} for {reader.name}, got {len(given)}"
        )
    own = [SecretSource.make(env=name) for name in names[len(given) :]]
    return [secret.read(os.environ) for secret in (*given, *own)]


def _parameters(reader: Reader, given: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE of each; raises UsageError for one that is unknown, and for one that is missing."""
    names = {name.removesuffix("?"): name.endswith("?") for name in reader.parameters}
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        if name not in names or not value:
            expected = f"NAME=VALUE with one of {', '.join(names)}" if names else "none"
            raise UsageError(f"--with: expected {expected} for {reader.name}, got {name!a}")
        found[name] = value
    for name, optional in names.items():
        if name not in found and not optional:
            about = reader.parameters[name]
            raise UsageError(f"--with: expected {name}=VALUE for {reader.name} ({about}), got none")
    return found


def _moment(text: str, where: str) -> datetime:
    day = f"{text}T00:00:00Z" if len(text) == len("2025-01-01") else text
    try:
        return times.parse(day, where)
    except ValueError:
        raise UsageError(
            f"{where}: expected a day like 2025-01-01 or a time like 2025-01-01T08:00:00Z, got {text!a}"
        ) from None


def _write(plan: Plan, path: Path) -> None:
    """Write NDJSON that `gitdailies history import` takes."""
    with atomic_file.written(path, "--output") as file:
        for entry in plan.entries():
            file.write(f"{entry.body}\n".encode())
