"""`gitdailies history fetch`: read past incidents and deploys through a vendor's API."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Configuration, Source
from gitdailies_core.errors import DeliveryError, GitDailiesError, Refused, UsageError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources import history, registry
from gitdailies_core.sources.history import MayCountTwice, PerSource, Reader, Window
from gitdailies_core.values import times
from gitdailies_core.values.secret import Secret
from gitdailies_history.fetch.fetch import events
from gitdailies_history.fetch.state import State
from gitdailies_history.files import atomic_file
from gitdailies_history.plan.encoding import summary_of

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.vendor_options import opened, parameters_of, token_options, tokens_of
from gitdailies_cli.common_options import parsed_time
from gitdailies_cli.history import outcome
from gitdailies_cli.history.handover import Handover, handover_options

if TYPE_CHECKING:
    from gitdailies_history.plan.plan import Plan

    from gitdailies_cli.history.progress import ImportProgress


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


@click.command(short_help="read past events through a vendor's API and send them")
@click.argument("source")
@click.option("--since", required=True, help="UTC: 2025-01-01 or 2025-01-01T08:00:00Z")
@click.option("--until", help="end, not included; default: now")
@click.option(
    "--with", "with_", multiple=True, metavar="NAME=VALUE", help="a parameter of the source; repeatable"
)
@token_options
@click.option("--api-url", help="the API's URL, such as another region's")
@click.option(
    "--live-since",
    help="end at the relay's first live event, so that nothing counts twice",
)
@click.option("--overlap", is_flag=True, help="also fetch events that may count twice")
@click.option(
    "--output", "output_", type=click.Path(path_type=Path), help="write NDJSON to this file, send nothing"
)
@handover_options
def fetch(
    source: str,
    since: str,
    until: str | None,
    with_: tuple[str, ...],
    tokens: Sequence[SecretSource],
    api_url: str | None,
    live_since: str | None,
    overlap: bool,
    output_: Path | None,
    handover: Handover,
) -> None:
    """Read past events of SOURCE through its API and send them, deploys first, each once.

    SOURCE is a source of gitdailies.yml, or a vendor's name. After an interruption, run the same command
    again.

    \b
    gitdailies history fetch pagerduty --since 2025-01-01 --dry-run
    gitdailies history fetch pagerduty --since 2025-01-01 --output pagerduty.ndjson
    """
    asked = _asked(source, since, until, with_, tokens, api_url, handover.config)
    if live_since and overlap:
        raise UsageError("--live-since: expected it or --overlap, got both")
    why = asked.reader.may_count_twice(asked.parameters) if isinstance(asked.reader, MayCountTwice) else ""
    if live_since and not why:
        raise UsageError(
            f"--live-since: {asked.source.name} does not need it, because fetched events never count twice; "
            "--until ends the window"
        )
    if why and not overlap:
        live = parsed_time(live_since, "--live-since") if live_since else None
        until_live = end_before_live(why, asked.source.name, asked.configuration, asked.until, live)
        asked = replace(asked, until=until_live)
    where = None if output_ else handover.where()
    with handover.opened() as (folder, plan, watch), State(folder) as pages:
        ignored: Counter[str] = Counter()
        try:
            _read(asked, plan, pages, watch, ignored, handover.retries)
            total = plan.count()
            if output_ is not None:
                # What `gitdailies history import` takes.
                with atomic_file.written(output_, "--output") as file:
                    file.writelines(f"{entry.body}\n".encode() for entry in plan.entries())
        except KeyboardInterrupt:
            read = output.counted(pages.count(), "page")
            watch.say(
                f"interrupted after {read}; nothing was sent; run the same command within a day to continue"
            )
            raise
        sent = handover.send(where, plan, total, folder, watch) if where else summary_of(plan.entries())
        if not handover.dry_run and not getattr(sent, "stopped", ""):
            pages.finish()
    notes = (f"note: {count:,} gave no event: {reason}" for reason, count in sorted(ignored.items()))
    output.lines(notes, err=True)
    rows = {"rows": total + plan.repeated, "bad": 0}
    outcome.finish(sent, plan, total, rows, as_json=handover.as_json)


def _read(
    asked: _Asked, plan: "Plan", state: State, watch: "ImportProgress", ignored: Counter[str], retries: int
) -> None:
    """Fill the plan. An error that stops the reading says how to continue."""
    from gitdailies_history.fetch.http_api import StoredPages

    until = state.begin(
        asked.job, None if asked.until is None else times.text_of(asked.until), datetime.now(UTC)
    )
    window = Window(asked.since, times.parse(until, "--until"))
    if window.since >= window.until:
        raise UsageError(f"--until: expected a time after --since, got {until}")
    stored = state.count()
    if stored:
        watch.say(f"continues with {stored:,} pages that were read before, until {until}")

    try:
        with (
            opened(asked.reader, asked.url, asked.tokens, retries=retries, waits=watch.waits) as api,
            watch.reading(asked.source.name) as moved,
        ):
            pages = StoredPages(api, state, moved)
            records = asked.reader.read(pages, window, asked.parameters)
            for number, event in enumerate(events(records, asked.source, asked.routes, ignored), 1):
                # Each event gets its own line number, so that a fault excludes only one.
                plan.add(event, file=asked.source.name, line=number)
    except Refused:
        raise
    except DeliveryError as error:
        raise DeliveryError(f"{error}; run the same command again to continue") from None
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
    reader, source = read_by(name, configuration)
    if configuration is None and reader.name not in {*registry.names(history.GROUP)} - {*registry.names()}:
        # It reads incidents, and `services` decides which repository they count for.
        configuration = find_config.load_configuration(config)
    url = api_url or reader.url
    if isinstance(reader, PerSource):
        reader = reader.for_source(url, source.options)
    return _Asked(
        reader=reader,
        source=source,
        configuration=configuration,
        url=url,
        tokens=tokens_of(reader, secrets),
        since=parsed_time(since, "--since"),
        until=parsed_time(until, "--until") if until else None,
        parameters=parameters_of(reader, with_),
    )


def read_by(name: str, configuration: Configuration | None) -> tuple[Reader, Source]:
    """Return the reader and the source for *name*, a source or a vendor."""
    source = configuration.sources.get(name) if configuration else None
    vendor = source.adapter if source else name
    if source is None and configuration is not None:
        same = [one for one in configuration.sources.values() if one.adapter == vendor]
        if len(same) > 1:
            names = ", ".join(one.name for one in same)
            raise UsageError(f"SOURCE: expected one of {names}, which all use {vendor}, got {name!a}")
        source = same[0] if same else None
    reader = registry.history_reader(vendor, source.pack if source else None)
    if reader is None:
        known = ", ".join(registry.history_names())
        raise UsageError(f"SOURCE: expected a source to fetch from ({known}), got {name!a}")
    return reader, source or Source(vendor, vendor, ())


def end_before_live(
    why: str,
    source: str,
    configuration: Configuration | None,
    until: datetime | None,
    live_since: datetime | None,
) -> datetime | None:
    """Return the end of the window, or None for now. *why* says what may count twice.

    A source has no live events if gitdailies.yml does not name it, or if the relay's store here holds
    nothing from it. Raises UsageError if there may be live events and no time is given.
    """
    may_be_live = configuration is not None and source in configuration.sources
    known, first = _first_delivery(configuration, source) if configuration and may_be_live else (True, None)
    if live_since is None:
        if known and first is None:
            return until
        hint = f" (no later than {times.text_of(first)}, by its store)" if first else ""
        raise UsageError(
            f"--live-since: expected the time of the relay's first event from {source}{hint}, got none: "
            f"{why}; --overlap fetches it anyway"
        )
    if first is not None and first < live_since:
        raise UsageError(
            f"--live-since: expected no later than {times.text_of(first)}, when the relay's store has a"
            f" delivery of {source}, got {times.text_of(live_since)}"
        )
    if until is not None and until > live_since:
        raise UsageError(
            f"--until: expected no later than --live-since, got {times.text_of(until)}: {why}; "
            "--overlap fetches it anyway"
        )
    return until or (live_since if live_since < datetime.now(UTC) else None)


def _first_delivery(configuration: Configuration, source: str) -> tuple[bool, datetime | None]:
    """Return whether the relay's store can be read, and the time of its oldest delivery that counted."""
    try:
        from gitdailies_relay.operations.status import first_delivery
        from gitdailies_relay.store.store import reading

        from gitdailies_cli.relay import options

        with reading(options.store(configuration)) as session:
            return True, first_delivery(session, source)
    except (GitDailiesError, ImportError):
        # The relay may run on another machine.
        return False, None
