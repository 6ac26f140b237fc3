"""`gitdailies translate`: show the events that a delivery becomes, without a relay and without sending."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_core.contract import checks
from gitdailies_core.deploys.deploy import event_of
from gitdailies_core.errors import ConfigurationError, UnreadableBody, UsageError
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import FALLBACK, Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import AT_RECEIPT, INVALID_JSON, OTHER, REPEATED_START, Reason
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import Adapter, Ignored, Unreadable
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import CONFIG, body_of

if TYPE_CHECKING:
    from gitdailies_relay.accepting.interpret import RoutedMessage

_EXAMPLE_ROUTES = Routes.make({FALLBACK: [Route("example/{service}")]})


@click.command()
@click.argument("adapter")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@CONFIG
@click.option("--form", is_flag=True, help="the bodies are form-encoded")
@click.option("--json", "as_json", is_flag=True, help="print one line of JSON for each file")
@click.option(
    "--messages", is_flag=True, help="print the adapter's messages in the form of NAME.expected.json"
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="a header of every delivery; repeatable",
)
@click.option(
    "--query", "queries", multiple=True, metavar="NAME=VALUE", help="a parameter of the query; repeatable"
)
def translate(
    adapter: str,
    files: tuple[str, ...],
    config: Path | None,
    form: bool,
    as_json: bool,
    messages: bool,
    headers: tuple[str, ...],
    queries: tuple[str, ...],
) -> None:
    """Show the events that deliveries become, in the order of the files, which belong together.

    ADAPTER translates them: an adapter, a source pack or a source of gitdailies.yml. FILE is the body of
    a delivery, or - for standard input. A file NAME.headers.json beside NAME.json or NAME.payload.json
    holds its headers.

    \b
    gitdailies translate pagerduty delivery.json --config gitdailies.yml
    gitdailies translate github body.json --header 'X-GitHub-Event: deployment_status'
    """
    more = _Given(
        _pairs(headers, ":", "--header 'NAME: VALUE'"), _pairs(queries, "=", "--query NAME=VALUE"), form
    )
    # Routes do not change the messages, so --messages needs no word about them.
    source, routes = _set_up(adapter, config, quiet=messages)
    if messages:
        for name in files:
            found = checks.outcome(adapter_of(source), _request(name, more), source.options)
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    reader = _Reader(adapter_of(source), source, routes)
    for name in files:
        request = _request(name, more)
        report = {"file": name, **reader.report(request), **_hints(source, request)}
        if as_json:
            output.as_line(report)
        else:
            _show(report)


def _set_up(adapter: str, config: Path | None, *, quiet: bool) -> tuple[Source, Routes]:
    path = find_config.find(config)
    if path is None and not quiet:
        click.echo(
            f"no {find_config.FILE} here, so every service counts for example/NAME; or use --config", err=True
        )
    configuration = None if path is None else find_config.load_configuration(path)
    sources = configuration.sources if configuration else {}
    routes = configuration.routes if configuration else _EXAMPLE_ROUTES
    of_adapter = (source for source in sources.values() if source.adapter == adapter)
    if source := sources.get(adapter) or next(of_adapter, None):
        return source, routes
    try:
        defaults = checks.defaults(registry.adapter(adapter))
    except ConfigurationError as error:
        # A source with a mapping is no installed adapter.
        raise ConfigurationError(f"{error}{did_you_mean(adapter, sources)}") from None
    return Source(adapter, adapter, (), options=defaults), routes


class _Given(NamedTuple):
    """What the command says about every delivery."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    form: bool


def _pairs(given: Sequence[str], sign: str, expected: str) -> dict[str, str]:
    found = {}
    for text in given:
        name, parted, value = text.partition(sign)
        if not parted or not name.strip():
            raise UsageError(f"expected {expected}, got another text")
        found[name.strip().lower()] = value.strip()
    return found


def _request(name: str, given: _Given) -> Request:
    kind = FORM if given.form or name.endswith(".form") else "application/json"
    headers = {"content-type": kind, **_headers_beside(name), **given.headers}
    # The relay takes the time of receipt where a delivery has none.
    return Request.make(headers=headers, body=body_of(name), query=given.query, received_at=datetime.now(UTC))


def _headers_beside(name: str) -> dict[str, str]:
    """Read NAME.headers.json beside NAME.json; no headers if it does not exist. Raises UsageError."""
    path = Path(name)
    file = path.with_name(f"{path.name.removesuffix(path.suffix).removesuffix('.payload')}.headers.json")
    if name == "-" or not file.is_file():
        return {}
    try:
        read = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{file}: expected a JSON object of headers, got something else") from None
    if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
        raise UsageError(f"{file}: expected a JSON object of headers, got something else")
    return {header.lower(): value for header, value in read.items() if header.lower() != "content-type"}


class _Reader:
    def __init__(self, adapter: Adapter, source: Source, routes: Routes) -> None:
        self._adapter = adapter
        self._source = source
        self._routes = routes
        self._records = MemoryRecords()
        self._seen: set[str] = set()

    def report(self, request: Request) -> dict[str, Any]:
        """Return the events, and the reasons to ignore, quarantine or reject; only what applies."""
        from gitdailies_relay.accepting.interpret import interpret

        interpretation = interpret(request, self._source, self._adapter, self._routes, "")
        if interpretation.reason is not None:
            outcome = "rejected" if interpretation.reason.code == INVALID_JSON else "quarantined"
            return {outcome: _written([interpretation.reason])}
        events: list[Any] = []
        reasons: list[Reason] = []
        unreadable: list[Reason] = []
        for routed in interpretation.messages:
            message = routed.message
            if isinstance(message, Unreadable):
                unreadable.append(Reason(message.code, message.reason))
                continue
            found, reason = self._decide(routed)
            events += found
            reasons += [reason] if reason else []
        report: dict[str, Any] = {"events": events} if events else {}
        if reasons:
            report["ignored"] = _written(reasons)
        if unreadable:
            report["quarantined"] = _written(unreadable)
        return report

    def _decide(self, routed: RoutedMessage) -> tuple[list[Any], Reason | None]:
        if isinstance(routed.message, Ignored):
            return [], Reason(routed.message.code, routed.message.reason)
        if routed.key in self._seen:
            return [], Reason(REPEATED_START, "a redelivery of something stored")
        if isinstance(routed.message, Push):
            return [], Reason(
                OTHER, f"{routed.message.word}: a push makes no event; its commits are remembered"
            )
        if isinstance(routed.message, Deploy):
            return self._deployed(routed, routed.message)
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
        reason = decision.reason
        if reason and routed.message.at_receipt:
            reason = Reason(reason.code, f"{reason.text}; {AT_RECEIPT}")
        return [event.to_wire() for event in decision.events], reason

    def _deployed(self, routed: RoutedMessage, deploy: Deploy) -> tuple[list[Any], Reason | None]:
        if routed.refusal is not None or routed.place is None:
            return [], routed.refusal
        event = event_of(deploy, routed.place, self._source.name, routed.key)
        if str(event.id) in self._seen:
            return [], Reason(REPEATED_START, "another message about a deploy that counted")
        self._seen |= {routed.key, str(event.id)}
        return [event.to_wire()], Reason(OTHER, AT_RECEIPT) if deploy.at_receipt else None


def _hints(source: Source, request: Request) -> dict[str, list[str]]:
    """Return what looks misspelled in a source's own mapping, or in its override."""
    # Only such a source has a pack of its own.
    if source.pack is None:
        return {}
    from gitdailies_sources.source_pack import SourcePack

    assert isinstance(source.pack, SourcePack)
    try:
        found = source.pack.misspelled(request)
    except UnreadableBody:
        return {}
    return {"hints": found} if found else {}


def _written(reasons: Sequence[Reason]) -> dict[str, str]:
    """Write reasons as one: the first's code, and each text once. A pack's own reason has the code pack."""
    code = reasons[0].code
    return {
        "code": "pack" if code == OTHER else code,
        "text": "; ".join(dict.fromkeys(reason.text for reason in reasons)),
    }


def _show(report: dict[str, Any]) -> None:
    click.echo(f"{output.printable(report['file'])}:")
    for event in report.get("events", ()):
        rest = "  ".join(f"{name}={value}" for name, value in event.items() if name != "kind")
        click.echo(f"  {event['kind']}  {output.printable(rest)}")
    for outcome in ("ignored", "quarantined", "rejected"):
        if outcome in report:
            click.echo(f"  {outcome}: {output.printable(report[outcome]['text'])}")
    for hint in report.get("hints", ()):
        click.echo(f"  hint: {output.printable(hint)}")
