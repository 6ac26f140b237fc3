"""`gitdailies metrics`: print the five figures of a server, or of a store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click
from gitdailies_core.errors import DeliveryError, UnreadableBody, UsageError

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.webhooks import STORE
from gitdailies_cli.receiver.read_server import READ_KEY, ask

if TYPE_CHECKING:
    from gitdailies_connection.config.settings import TeamSettings

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))

# Each figure: its name, its title, its main number, the unit of that, and the counts behind it (`_Number`).
_ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "deploymentFrequency",
        "deployment frequency",
        "value",
        "a day",
        "{numerator:deploy} in {denominator:day}, median gap {medianGap}, p90 {gapP90}",
    ),
    (
        "changeLeadTime",
        "change lead time, median",
        "median",
        "s",
        "p90 {p90}, {count:commit}; unknown: {unknownDeploys:deploy}, {unknownCommits:commit}",
    ),
    (
        "changeFailRate",
        "change fail rate",
        "value",
        "%",
        (
            "{numerator} of {denominator} failed; last {window}: {failedYoung} of {young} failed so far;"
            " unlinked incidents: {unlinked}"
        ),
    ),
    (
        "failedDeploymentRecoveryTime",
        "recovery time, median",
        "median",
        "s",
        (
            "p90 {p90}, {count} recovered, {open} open, {withoutIncident} without incident; by rollback or"
            " hotfix alone: {byRemedyCount}, median {byRemedyMedian}"
        ),
    ),
    (
        "deploymentReworkRate",
        "deployment rework rate",
        "value",
        "%",
        "{numerator} of {denominator} were hotfixes, rollbacks or fixes",
    ),
)
_DURATIONS = frozenset({"median", "p90", "medianGap", "gapP90"})


@click.command()
@click.option("--url", help="the address of a server, such as http://127.0.0.1:8700; default: read the store")
@click.option("--key-env", default=READ_KEY, show_default=True, help="the variable with a key that may read")
@click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")
@click.option("--repo", default="", help="only this repository")
@click.option("--environment", default="", help="the environment; default: production, under all its names")
@click.option("--service", default="", help="only events that name this service")
@click.option("--team", default="", help="only this team of gitdailies.yml; none is for what is in no team")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="the path of gitdailies.yml, for its teams if a store is read; default: the one here",
)
@click.option(
    "--from", "since", default="", help="the start, a date or time; default: 90 days before the end"
)
@click.option("--to", "until", default="", help="the end, a date or time; default: now")
@click.option("--now", default="", help="compute the figures as of this time")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@click.option("--csv", "as_csv", is_flag=True, help="print CSV")
def metrics(
    url: str | None,
    key_env: str,
    store: str,
    repo: str,
    environment: str,
    service: str,
    team: str,
    config: Path | None,
    since: str,
    until: str,
    now: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print deployment frequency, lead time, fail rate, recovery time and rework rate.

    \b
    gitdailies metrics --repo larkspur/checkout-api --from 2026-03-01
    gitdailies metrics --url http://127.0.0.1:8700 --json
    """
    if as_json and as_csv:
        raise UsageError("metrics: use either --json or --csv")
    named = {
        "repo": repo,
        "environment": environment,
        "service": service,
        "team": team,
        "from": since,
        "to": until,
        "now": now,
    }
    filters = {name: text for name, text in named.items() if text}
    answer = _of_server(url, key_env, filters) if url else _of_store(store, filters, config)
    if as_json:
        output.as_json(answer)
    elif as_csv:
        from gitdailies_webhooks.api import metric_formats

        click.echo(metric_formats.as_csv(answer), nl=False)
    else:
        _print(answer)


def _of_store(store: str, filters: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    from gitdailies_server.storage.timestamps import now_us
    from gitdailies_webhooks.derived import queries
    from gitdailies_webhooks.derived import rows as derived
    from gitdailies_webhooks.derived.question import question
    from gitdailies_webhooks.events.problem import Refusal
    from gitdailies_webhooks.figures.teams import Teams
    from gitdailies_webhooks.sql import database as stores

    from gitdailies_cli.commands.webhooks import database

    teams = Teams(_teams(config) if "team" in filters else ())
    at = stores.existing_database(database(store))
    stores.migrate(at)
    reader = stores.ReadPool(at)

    def read(session: Any) -> dict[str, Any]:
        settings = derived.stored_settings(session)
        # No server may be updating the rows. If they are behind, the figures come from the events.
        asked = question(filters, settings, now_us(), teams=teams)
        return queries.answer(session, asked, settings, most=None, fresh=True)

    try:
        return reader.read(read)
    except Refusal as error:
        raise UsageError(str(error)) from None
    finally:
        reader.close()


def _teams(config: Path | None) -> tuple[TeamSettings, ...]:
    """Return the teams of gitdailies.yml; raises UsageError without a file."""
    from gitdailies_connection.config.load import load_webhooks

    path = find_config.find(config)
    if path is None:
        raise UsageError("--team: teams are in gitdailies.yml, and there is none here; name it with --config")
    return load_webhooks(path).teams


def _of_server(url: str, key_env: str, filters: Mapping[str, str]) -> dict[str, Any]:
    answer = ask(url, key_env, "/api/metrics" + (f"?{urlencode(filters)}" if filters else ""))
    with suppress(UnreadableBody):
        body = answer.json()
        if isinstance(body, dict) and "figures" in body:
            return body
    raise DeliveryError(f"--url: {url} answered, but not with figures")


def _print(answer: Mapping[str, Any]) -> None:
    where, period = answer["filter"], answer["period"]
    place = ", ".join(
        text
        for text in (
            where["repo"] or "every repository",
            where["environment"],
            where["service"],
            where.get("team") and f"team {where['team']}",
        )
        if text
    )
    until = period["to"] or period["now"]
    since, until, now = (output.moment(text) for text in (period["from"], until, answer["asOf"]))
    version = answer["definitions"]
    click.echo(output.printable(f"{place}: {since} to {until}, as of {now}; definitions {version}"))
    if (observed := period["observedFrom"]) not in (None, period["from"]):
        click.echo(f"days count from {output.moment(observed)} on, the day of the first event")
    rows = []
    for name, title, main, unit, counts in _ROWS:
        numbers = answer["figures"][name]
        values = {"window": _window(answer["windowSeconds"])} | _values(numbers)
        if "pending" in numbers:
            values["young"] = str(numbers["pending"] + numbers["failedYoung"])
        rows.append((title, _shown(numbers[main], unit), counts.format_map(values)))
    output.table("", ("figure", "value", "based on"), rows)
    if not answer["figures"]["deploymentFrequency"]["numerator"]:
        click.echo("no deploys match; change --from, --repo, --environment, --service or --team")


class _Number(str):
    """A number as text. A format gives it a noun: `{count:commit}` is "1 commit" or "2 commits"."""

    __slots__ = ()

    def __format__(self, noun: str) -> str:
        return f"{self!s} {noun if self == '1' else noun + 's'}" if noun else str(self)


def _values(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers of a figure as text; one of a group has a name like `byRemedyCount`."""
    found: dict[str, str] = {}
    for measure, number in numbers.items():
        if isinstance(number, Mapping):
            inner = _values(number).items()
            found |= {f"{measure}{name[0].upper()}{name[1:]}": text for name, text in inner}
        elif not isinstance(number, str):
            found[measure] = _Number(_shown(number, "s" if measure in _DURATIONS else ""))
    return found


def _window(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:g} days" if hours > 24 and hours % 24 == 0 else f"{hours:g} hours"


def _shown(number: float | None, unit: str) -> str:
    if number is None:
        return "-"
    if unit == "%":
        return f"{number * 100:.1f} %"
    if unit == "s":
        size, word = next(((size, word) for size, word in _UNITS if number >= size), (1, "s"))
        return f"{number / size:.1f} {word}"
    return f"{number:.2f}".rstrip("0").rstrip(".") + (f" {unit}" if unit else "")
