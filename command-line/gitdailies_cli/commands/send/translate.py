"""`gitdailies translate`: show the events that a delivery becomes, without a relay and without sending."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.document.schema_errors import is_secret
from gitdailies_connection.config.sections.settings import Configuration, Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_core import reasons as codes
from gitdailies_core.contract import checks
from gitdailies_core.deploys.deploy import event_of
from gitdailies_core.errors import ConfigurationError, UsageError
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import FALLBACK, Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import Adapter, Ignored
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import CONFIG, body_of

if TYPE_CHECKING:
    from gitdailies_relay.accepting.interpret import RoutedMessage

_EXAMPLE_ROUTES = Routes.make({FALLBACK: [Route("example/{slug}")]})


@click.command()
@click.argument("adapter")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@CONFIG
@click.option("--form", is_flag=True, help="the bodies are form-encoded")
@click.option("--json", "as_json", is_flag=True, help="print a line of JSON for each file")
@click.option("--messages", is_flag=True, help="print the adapter's messages, as in NAME.expected.json")
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
    """Show the events that deliveries become. The files belong together, in order.

    ADAPTER is an adapter, a source pack or a source of gitdailies.yml. FILE is a delivery's body, or - for
    standard input. Its headers are in NAME.headers.json, next to NAME.json or NAME.payload.json.

    \b
    gitdailies translate pagerduty delivery.json
    gitdailies translate github body.json --header 'X-GitHub-Event: deployment_status'
    """
    more = _Given(
        _pairs(headers, ":", "--header 'NAME: VALUE'"), _pairs(queries, "=", "--query NAME=VALUE"), form
    )
    # Routes do not change the messages, so --messages needs no word about them.
    source, routes = _set_up(adapter, config, quiet=messages)
    requests = [_request(name, more) for name in files]
    if messages:
        for request in requests:
            found = checks.outcome(adapter_of(source), request, source.options)
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    hints = _hints(source, config, requests)
    reader = _Reader(adapter_of(source), source, routes)
    for name, request in zip(files, requests, strict=True):
        report = {"file": name, **reader.report(request)}
        if as_json:
            output.as_line(report | ({"hints": hints} if hints else {}))
        else:
            _show(report)
    if not as_json:
        output.lines(f"hint: {output.printable(hint)}" for hint in hints)


def _set_up(adapter: str, config: Path | None, *, quiet: bool) -> tuple[Source, Routes]:
    path = find_config.find(config)
    if path is None and not quiet:
        click.echo(
            f"no {find_config.FILE} here, so every service counts for example/NAME; --config names a file",
            err=True,
        )
    configuration = None if path is None else _configuration(path, adapter)
    sources = configuration.sources if configuration else {}
    routes = configuration.routes if configuration else _EXAMPLE_ROUTES
    of_adapter = (source for source in sources.values() if adapter in (source.adapter, str(source.file)))
    if source := sources.get(adapter) or next(of_adapter, None):
        return source, routes
    if Path(adapter).suffix in (".yaml", ".yml"):
        document = yaml_document.parse(yaml_document.read_text(Path(adapter)), adapter)
        pack = registry.compile_source("", file=document)
        return Source(pack.name, pack.name, (), file=Path(adapter), pack=pack), routes
    try:
        defaults = checks.defaults(registry.adapter(adapter))
    except ConfigurationError as error:
        # A source with a mapping is no installed adapter.
        raise ConfigurationError(f"{error}{did_you_mean(adapter, sources)}") from None
    return Source(adapter, adapter, (), options=defaults), routes


def _configuration(path: Path, adapter: str) -> Configuration:
    """Load *path*. Faults of other sources than *adapter* are printed, and do no harm here."""
    from gitdailies_connection.config.load import read

    try:
        return find_config.load_configuration(path)
    except ConfigurationError as error:
        given = yaml_document.parse(yaml_document.read_text(path), str(path), hidden=is_secret)
        kept = {name: one for name in [adapter] if (one := given.value_at(("sources", name)))}
        if isinstance(given.value, dict):
            with suppress(ConfigurationError):
                configuration = read(json.dumps({**given.value, "sources": kept}), path)
                output.lines([*error.complaints, f"{adapter} is read without the others:"], err=True)
                return configuration
        raise


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
            raise UsageError(f"expected {expected}, got something else")
        found[name.strip().lower()] = value.strip()
    return found


def _request(name: str, given: _Given) -> Request:
    kind = FORM if given.form or name.endswith(".form") else "application/json"
    headers = {"content-type": kind, **_headers_beside(name), **given.headers}
    # The relay takes the time of receipt where a delivery has none.
    return Request.make(headers=headers, body=body_of(name), query=given.query, received_at=datetime.now(UTC))


def _headers_beside(name: str) -> dict[str, str]:
    """Read NAME.headers.json next to NAME.json; no headers if it does not exist. Raises UsageError."""
    path = Path(name)
    file = path.with_name(f"{path.name.removesuffix(path.suffix).removesuffix('.payload')}.headers.json")
    if name == "-" or not file.is_file():
        return {}
    read = None
    with suppress(OSError, ValueError):
        read = json.loads(file.read_text("utf-8"))
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
        """Return the events, and the reasons why the relay would ignore, quarantine or reject it, if any."""
        from gitdailies_relay.accepting.interpret import interpret

        interpretation = interpret(request, self._source, self._adapter, self._routes, "")
        if interpretation.reason is not None:
            outcome = "rejected" if interpretation.reason.code == codes.INVALID_JSON else "quarantined"
            return {outcome: _written([interpretation.reason])}
        events: list[Any] = []
        reasons: dict[str, list[codes.Reason]] = {"ignored": [], "quarantined": []}
        for routed in interpretation.messages:
            found, reason = self._decide(routed)
            events += found
            if reason:
                reasons["quarantined" if reason.code in codes.QUARANTINED else "ignored"].append(reason)
        report: dict[str, Any] = {"events": events} if events else {}
        return report | {outcome: _written(some) for outcome, some in reasons.items() if some}

    def _decide(self, routed: "RoutedMessage") -> tuple[list[Any], codes.Reason | None]:
        from gitdailies_relay.accepting.interpret import may_count_more

        if isinstance(routed.message, Ignored):
            return [], codes.Reason(routed.message.code, routed.message.reason)
        if routed.key in self._seen:
            return [], codes.Reason(codes.REPEATED_START, "a redelivery of something stored")
        if isinstance(routed.message, Push):
            return [], codes.Reason(
                codes.OTHER, f"{routed.message.word}: a push makes no event; its commits are remembered"
            )
        if isinstance(routed.message, Deploy):
            return self._deployed(routed, routed.message)
        names = [one.name for one in routed.message.services if f"for {one.name!r}" in str(routed.unmapped)]
        decision = decide(
            source=self._source.name,
            change=routed.message,
            targets=routed.targets,
            refusal=_with_line(routed.refusal, codes.UNMAPPED, "services", names, "repo: OWNER/NAME"),
            records=self._records,
        )
        self._records.apply(decision)
        if decision.events:
            self._seen.add(routed.key)
        reason = decision.reason
        if reason is None and may_count_more(routed, routed.message, decision):
            reason = codes.Reason(codes.UNMAPPED, f"unmapped: {', '.join(routed.unmapped)}")
        if reason and routed.message.at_receipt:
            reason = codes.Reason(reason.code, f"{reason.text}; {codes.AT_RECEIPT}")
        return [event.to_wire() for event in decision.events], reason

    def _deployed(self, routed: "RoutedMessage", deploy: Deploy) -> tuple[list[Any], codes.Reason | None]:
        if routed.refusal is not None or routed.place is None:
            place = "repo: OWNER/NAME, environment: production"
            return [], _with_line(routed.refusal, codes.NO_ROUTE, "route", [deploy.route], place)
        event = event_of(deploy, routed.place, self._source.name, routed.key)
        if str(event.id) in self._seen:
            return [], codes.Reason(codes.REPEATED_START, "another message about a deploy that counted")
        self._seen |= {routed.key, str(event.id)}
        return [event.to_wire()], codes.Reason(codes.OTHER, codes.AT_RECEIPT) if deploy.at_receipt else None


def _with_line(
    reason: codes.Reason | None, code: str, key: str, names: Sequence[str], place: str
) -> codes.Reason | None:
    """Add to a *reason* with this *code* the line of gitdailies.yml that gives the *names* a place."""
    lines = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {{{place}}}" for name in names if name)
    if reason is None or reason.code != code or not lines:
        return reason
    where = "gitdailies.yml" if key == "services" else "its source in gitdailies.yml"
    return codes.Reason(code, f"{reason.text}; to count it, write {key}: {{{lines}}} in {where}")


def _hints(source: Source, config: Path | None, requests: Sequence[Request]) -> Sequence[str]:
    """Return what looks wrong in a source's own pack, mapping or override, each with file and line."""
    # Only such a source has a pack of its own.
    if source.pack is None:
        return []
    from gitdailies_sources.source_pack import SourcePack

    assert isinstance(source.pack, SourcePack)
    # Beside an override, what the pack itself has is not the user's to correct.
    is_file = source.file is not None and source.override is None
    path = source.file if is_file else find_config.find(config)
    assert path is not None
    document = yaml_document.parse(yaml_document.read_text(path), str(path), hidden=is_secret)
    own: dict[Place, str] = {}
    for place, text in source.pack.unfound(requests).items():
        inside = ("mapping", *place) if source.mapping is not None else ("override", *place[1:])
        where = place if is_file else ("sources", source.name, *inside)
        is_own = source.override is None or (place[0] == "messages" and len(place) > 2)
        if is_own and where[:5] in document.places:
            own[where] = text
    return document.error(own).complaints


def _written(reasons: Sequence[codes.Reason]) -> dict[str, str]:
    """Write reasons as one: the first's code, and each text once. A pack's own reason has the code pack."""
    code = reasons[0].code
    return {
        "code": "pack" if code == codes.OTHER else code,
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
