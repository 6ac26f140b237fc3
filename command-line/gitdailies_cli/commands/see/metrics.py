"""`gitdailies metrics`: print the five figures of a server, or of a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
import msgspec
from gitdailies_core.errors import UnreadableBody, UsageError
from gitdailies_dora.figures.words import rates

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.run.dora import STORE
from gitdailies_cli.receiver.read_server import READ_KEY, ReadServer, find_server

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import TeamSettings
    from gitdailies_dora.figures.answers.report import FiguresAnswer
    from gitdailies_server.storage.database import Session


@click.command()
@click.option("--url", help="a server, such as http://127.0.0.1:8700; default: read the store")
@click.option("--key-env", default=READ_KEY, show_default=True, help="variable with a key that may read")
@click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")
@click.option("--repo", default="", help="only this repository")
@click.option("--environment", default="", help="default: production, under all its names")
@click.option("--service", default="", help="only this service")
@click.option("--team", default="", help="only this team of gitdailies.yml; none: what no team owns")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="gitdailies.yml, whose server is asked; with --store, only for its teams",
)
@click.option("--from", default="", help="a date or time; default: 90 days before the end")
@click.option("--to", default="", help="a date or time; default: now")
@click.option("--now", default="", help="compute the figures as of this time")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@click.option("--csv", "as_csv", is_flag=True, help="print CSV")
@click.option("--quick-check", is_flag=True, help="print the link to DORA's Quick Check, answers included")
def metrics(
    url: str | None,
    key_env: str,
    store: str,
    config: Path | None,
    as_json: bool,
    as_csv: bool,
    quick_check: bool,
    **given: str,
) -> None:
    """Print deployment frequency, lead time, fail rate, recovery time and rework rate.

    \b
    gitdailies metrics --repo larkspur/checkout-api --from 2026-03-01
    gitdailies metrics --url http://127.0.0.1:8700 --json
    """
    if as_json + as_csv + quick_check > 1:
        raise UsageError("metrics: use one of --json, --csv and --quick-check")
    filters = {name: text for name, text in given.items() if text}
    asks = url or (config is not None and store == STORE)
    server = find_server(url, key_env, config) if asks else None
    answer = _of_server(server, filters) if server else _of_store(store, filters, config)
    if as_json:
        output.as_json(msgspec.to_builtins(answer))
    elif as_csv:
        from gitdailies_dora.pages.overview import formats

        click.echo(formats.as_csv(answer), nl=False)
    elif quick_check:
        from gitdailies_dora.figures.words.quick_check import quick_check as address_of

        click.echo(address_of(answer.figures))
    else:
        _print(answer)


def _of_store(store: str, filters: Mapping[str, str], config: Path | None) -> FiguresAnswer:
    from gitdailies_dora.derived.model import rows as derived
    from gitdailies_dora.derived.read.figures.answer import of_selection
    from gitdailies_dora.derived.read.question import question
    from gitdailies_dora.events.problem import Refusal
    from gitdailies_dora.figures.history.teams import Teams
    from gitdailies_dora.sql import database as stores
    from gitdailies_server.storage.timestamps import now_us

    from gitdailies_cli.commands.run.dora import database

    teams = Teams(_teams(config) if "team" in filters else ())
    at = stores.existing_database(database(store))
    stores.migrate(at)
    reader = stores.ReadPool(at)

    def read(session: Session) -> FiguresAnswer:
        settings = derived.stored_settings(session)
        # No server may be updating the rows. If they are behind, the figures come from the events.
        asked = question(filters, settings, now_us(), teams=teams)
        return of_selection(session, asked, settings, most=None, fresh=True)

    try:
        return reader.read(read)
    except Refusal as error:
        raise UsageError(str(error)) from None
    finally:
        reader.close()


def _teams(config: Path | None) -> tuple[TeamSettings, ...]:
    """Return the teams of gitdailies.yml; raises UsageError without a file."""
    from gitdailies_connection.config.load import load_dora

    path = find_config.find(config)
    if path is None:
        raise UsageError("--team: teams are in gitdailies.yml, and there is none here; name it with --config")
    return load_dora(path).teams


def _of_server(server: ReadServer, filters: Mapping[str, str]) -> FiguresAnswer:
    from gitdailies_dora.figures.answers.report import FiguresAnswer

    answer = server.ask("/api/metrics" + (f"?{urlencode(filters)}" if filters else ""))
    try:
        return msgspec.convert(answer.json(), FiguresAnswer)
    except (UnreadableBody, msgspec.ValidationError):
        raise server.unexpected("figures") from None


def heading(answer: FiguresAnswer) -> str:
    """Return the line above the figures: what they are of, and from when until when."""
    where, period = answer.filter, answer.period
    place = ", ".join(
        text
        for text in (
            where.repo or "every repository",
            where.environment,
            where.service,
            where.team and f"team {where.team}",
        )
        if text
    )
    until = period.to or period.now
    since, until, now = (output.time_for_people(text) for text in (period.from_, until, answer.as_of))
    line = output.printable(f"{place}: {since} to {until}, as of {now}; definitions {answer.definitions}")
    if (observed := period.observed_from) not in (None, period.from_):
        line += f"\ndays count from {output.time_for_people(observed)} on, the day of the first event"
    return line


def _print(answer: FiguresAnswer) -> None:
    click.echo(heading(answer))
    output.table("", ("figure", "value", "based on"), rows(answer))
    output.lines(answer.unknown or ())
    if not answer.figures.deployment_frequency.deploys:
        click.echo("no deploys match; change --from, --repo, --environment, --service or --team")


def rows(answer: FiguresAnswer, *, whole: bool = True) -> list[tuple[str, str, str]]:
    """Return the title of each figure, its main number, and the counts behind it.

    Unless the incidents are known as a *whole*, both rates are lower bounds, and one of nothing is unknown.
    """
    from gitdailies_dora.figures.words.durations import duration
    from gitdailies_dora.pages.frame import phrases
    from gitdailies_dora.pages.frame.formatting import amount, days, p90, percent
    from gitdailies_dora.pages.frame.formatting import window as window_of

    figures, window = answer.figures, window_of(answer.window_seconds)
    frequency, lead, fail = figures.deployment_frequency, figures.change_lead_time, figures.change_fail_rate
    recovery, rework = figures.failed_deployment_recovery_time, figures.deployment_rework_rate
    by_remedy = recovery.by_remedy

    def least(text: str, found: int) -> str:
        return text if whole or not frequency.deploys else f"at least {text}" if found else "unknown"

    gap = duration(p90(frequency.gaps.p90, frequency.deploys))
    longest = duration(p90(recovery.p90, recovery.recovered))
    return [
        (
            "deployment frequency",
            " ".join(phrases.frequency(frequency)).strip().replace("\u00a0", " "),
            (
                f"{amount(frequency.deploys, 'deploy', 'deploys')} in {days(frequency.days)},"
                f" median gap {duration(frequency.gaps.median)}, p90 {gap}"
            ),
        ),
        (
            "change lead time, median",
            duration(lead.median),
            (
                f"p90 {duration(p90(lead.p90, lead.commits))}, {amount(lead.commits, 'commit', 'commits')};"
                f" unknown: {amount(lead.unknown_deploys, 'deploy', 'deploys')},"
                f" {amount(lead.unknown_commits, 'commit', 'commits')};"
                f" nothing new in {amount(lead.nothing_new, 'deploy', 'deploys')}"
            ),
        ),
        (
            "change fail rate",
            least(rates.fail_rate(fail), fail.failed),
            (
                f"{rates.behind(fail, window)}; {rates.too_new(fail, window)};"
                f" unlinked incidents: {fail.unlinked}"
            ),
        ),
        (
            "recovery time, median",
            duration(recovery.median),
            (
                f"p90 {longest}, {recovery.recovered} recovered, {recovery.open} open,"
                f" {recovery.without_incident} without incident; by a remedy alone:"
                f" {by_remedy.count}, median {duration(by_remedy.median)}"
            ),
        ),
        (
            "deployment rework rate",
            least(percent(rework.value), rework.rework),
            f"{rework.rework} of {amount(rework.deploys, 'deploy', 'deploys')}; inferred: {rework.inferred}",
        ),
    ]
