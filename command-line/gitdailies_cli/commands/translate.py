"""`gitdailies translate`: show the events that a delivery becomes, without a relay and without sending."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from gitdailies_connection.config.settings import Source
from gitdailies_core.contract import checks
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import FALLBACK, Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import INVALID_JSON
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Adapter, Ignored
from gitdailies_core.sources.request import FORM, Request
from gitdailies_relay.accepting.interpret import RoutedMessage, interpret

from gitdailies_cli import find_config, output

_EXAMPLE_ROUTES = Routes.make({FALLBACK: [Route("example/{service}")]})


@click.command()
@click.argument("adapter")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--config", type=click.Path(path_type=Path), help="the path of gitdailies.yml, for services and filters"
)
@click.option("--form", is_flag=True, help="the bodies are form-encoded")
@click.option("--json", "as_json", is_flag=True, help="print one line of JSON for each file")
@click.option(
    "--messages", is_flag=True, help="print the adapter's messages in the form of NAME.expected.json"
)
def translate(
    adapter: str, files: tuple[str, ...], config: Path | None, form: bool, as_json: bool, messages: bool
) -> None:
    """Show the events that deliveries become, in the order of the files, which belong together.

    ADAPTER translates them. FILE is the body of a delivery, or - for standard input.

    \b
    gitdailies translate pagerduty delivery.json --config gitdailies.yml
    """
    # Routes do not change the messages, so --messages needs no word about them.
    source, routes = _set_up(adapter, config, quiet=messages)
    if messages:
        for name in files:
            found = checks.outcome(
                registry.adapter(source.adapter), _request(name, form=form), source.options
            )
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    reader = _Reader(registry.adapter(source.adapter), source, routes)
    for name in files:
        report = {"file": name, **reader.report(_request(name, form=form))}
        if as_json:
            output.as_line(report)
        else:
            _show(report)


def _set_up(adapter: str, config: Path | None, *, quiet: bool) -> tuple[Source, Routes]:
    path = find_config.find(config)
    if path is None:
        if not quiet:
            click.echo(
                f"no {find_config.FILE} here, so every service counts for example/NAME; or use --config",
                err=True,
            )
        defaults = checks.defaults(registry.adapter(adapter))
        return Source(adapter, adapter, (), options=defaults), _EXAMPLE_ROUTES
    configuration = find_config.load_configuration(path)
    by_name = configuration.sources.get(adapter)
    sources = [by_name] if by_name else [s for s in configuration.sources.values() if s.adapter == adapter]
    if sources:
        return sources[0], configuration.routes
    defaults = checks.defaults(registry.adapter(adapter))
    return Source(adapter, adapter, (), options=defaults), configuration.routes


def _request(name: str, *, form: bool) -> Request:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: cannot read it: {(error.strerror or '').lower()}") from None
    kind = FORM if form or name.endswith(".form") else "application/json"
    return Request.make(headers={"content-type": kind}, body=body)


class _Reader:
    def __init__(self, adapter: Adapter, source: Source, routes: Routes) -> None:
        self._adapter = adapter
        self._source = source
        self._routes = routes
        self._records = MemoryRecords()
        self._seen: set[str] = set()

    def report(self, request: Request) -> dict[str, Any]:
        """Return the events, and the reasons to ignore, quarantine or reject; only what applies."""
        interpretation = interpret(request, self._source, self._adapter, self._routes, "")
        if interpretation.reason is not None:
            outcome = "rejected" if interpretation.reason.code == INVALID_JSON else "quarantined"
            return {outcome: interpretation.reason.text}
        events: list[Any] = []
        reasons: list[str] = []
        for routed in interpretation.messages:
            found, reason = self._decide(routed)
            events += found
            reasons += [reason] if reason else []
        report: dict[str, Any] = {"events": events} if events else {}
        return {**report, "ignored": "; ".join(reasons)} if reasons else report

    def _decide(self, routed: RoutedMessage) -> tuple[list[Any], str]:
        if isinstance(routed.message, Ignored):
            return [], routed.message.reason
        if routed.key in self._seen:
            return [], "a redelivery of something stored"
        decision = decide(
            source=self._source.name,
            change=routed.message,
            targets=routed.targets,
            refusal=routed.refusal,
            records=self._records,
        )
        self._records.apply(decision)
        if decision.events:
            self._seen.add(routed.key)
        reason = decision.reason.text if decision.reason else ""
        return [event.to_wire() for event in decision.events], reason


def _show(report: dict[str, Any]) -> None:
    click.echo(f"{output.printable(report['file'])}:")
    for event in report.get("events", ()):
        rest = "  ".join(f"{name}={value}" for name, value in event.items() if name != "kind")
        click.echo(f"  {event['kind']}  {output.printable(rest)}")
    for outcome in ("ignored", "quarantined", "rejected"):
        if outcome in report:
            click.echo(f"  {outcome}: {output.printable(report[outcome])}")
