"""`gitdailies history catch-up`: webhook deliveries that failed are sent again by the vendor."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.history import CatchesUp, FailedDelivery
from gitdailies_core.values import times

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.vendor_options import opened, token_options, tokens_of
from gitdailies_cli.common_options import CONFIG, JSON, parsed_time
from gitdailies_cli.history.fetch import read_by
from gitdailies_cli.output import DONE, NOT_DELIVERED, PARTLY, REFUSED

if TYPE_CHECKING:
    from gitdailies_history.fetch.catch_up import CaughtUp

# GitHub sends again what is at most this old.
OLDEST = timedelta(days=3)
_MOST = 1_000


@click.command("catch-up", short_help="have a vendor send again the webhook deliveries that failed")
@click.argument("source")
@click.option("--repo", multiple=True, metavar="OWNER/NAME", help="a repository with a webhook; repeatable")
@click.option("--org", multiple=True, help="an organization with a webhook; repeatable")
@click.option("--hook", help="the webhook's id; default: those to /hooks/SOURCE")
@click.option("--since", help="a day or a time, UTC; default: three days ago")
@click.option(
    "--most", type=click.IntRange(1), default=_MOST, show_default=True, help="send at most this many"
)
@click.option("--print", "print_", is_flag=True, help="only show what failed")
@token_options
@click.option("--api-url", help="the API's URL, such as https://HOST/api/v3")
@CONFIG
@JSON
def catch_up(
    source: str,
    repo: tuple[str, ...],
    org: tuple[str, ...],
    hook: str | None,
    since: str | None,
    most: int,
    print_: bool,
    tokens: Sequence[SecretSource],
    api_url: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Ask GitHub to send again what the relay missed, each delivery once, oldest first.

    SOURCE is a source of gitdailies.yml, or github. GitHub repeats nothing by itself, and forgets after three
    days. What has arrived since is not sent again.

    \b
    gitdailies history catch-up github --repo larkspur/checkout-api --print
    gitdailies history catch-up github --org larkspur
    """
    from gitdailies_history.fetch.catch_up import HttpListing, send_again

    owners = _owners(repo, org)
    configuration = find_config.load_configuration(config) if find_config.find(config) else None
    reader, named = read_by(source, configuration)
    if not isinstance(reader, CatchesUp):
        raise UsageError(
            f"SOURCE: expected a source whose vendor sends again when asked (github), got {source!a}"
        )
    began = parsed_time(since, "--since") if since else datetime.now(UTC) - OLDEST
    (token,) = tokens_of(reader, tokens)
    with opened(reader, api_url or reader.url, [token], waits=output.say_wait) as api:
        failed: list[FailedDelivery] = []
        for owner in owners:
            failed += reader.failed_deliveries(HttpListing(api), owner, hook or "", named.name, began)
        if print_:
            _show(failed, as_json=as_json)
            return
        done = send_again(api, sorted(failed), most=most)
    _report(done, len(failed), as_json=as_json)
    raise click.exceptions.Exit(_exit_code(done))


def _owners(repos: Sequence[str], orgs: Sequence[str]) -> list[str]:
    for repo in repos:
        owner, _, name = repo.partition("/")
        if not owner or not name or "/" in name:
            raise UsageError(f"--repo: expected OWNER/NAME, got {repo!a}")
    for org in orgs:
        if not org or "/" in org:
            raise UsageError(f"--org: expected the name of an organization, got {org!a}")
    if not repos and not orgs:
        raise UsageError("--repo or --org: expected where the webhook is, got neither")
    return list(dict.fromkeys([*repos, *orgs]))


def _show(failed: Sequence[FailedDelivery], *, as_json: bool) -> None:
    if as_json:
        shown = [(times.text_of(one.at), one.id, one.event, one.status) for one in failed]
        names = ("at", "id", "event", "status")
        output.as_json({"failed": [dict(zip(names, values, strict=True)) for values in shown]})
        return
    for one in failed:
        click.echo(output.printable(f"{times.text_of(one.at)}  {one.event}  {one.id}: {one.status}"))
    click.echo(f"failed, and did not arrive later: {len(failed):,}")


def _report(done: "CaughtUp", failed: int, *, as_json: bool) -> None:
    for one, reason in done.refused:
        click.echo(output.printable(f"{one.event} {one.id}: {reason}"), err=True)
    counts = {"failed": failed, "sentAgain": len(done.sent), "refused": len(done.refused), "left": done.left}
    if as_json:
        output.as_json({**counts, **({"stopped": done.stopped} if done.stopped else {})})
        return
    output.pairs({"sent again" if name == "sentAgain" else name: count for name, count in counts.items()})
    if done.stopped or done.left:
        click.echo("run the same command again to continue", err=True)


def _exit_code(done: "CaughtUp") -> int:
    if not done.refused and not done.left:
        return DONE
    if done.sent:
        return PARTLY
    return NOT_DELIVERED if done.stopped else REFUSED
