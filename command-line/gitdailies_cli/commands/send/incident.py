"""`gitdailies incident`: report the start or the end of an incident by hand, and move incidents."""

import secrets
from typing import Any

import click
from gitdailies_core.ci.job.userinfo import without_users
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED, Event
from gitdailies_core.events.ids import content_id

from gitdailies_cli.common_options import added
from gitdailies_cli.receiver.read_server import find_server, server_options
from gitdailies_cli.reporting import delivery_options, option_names_in_errors, report

SOURCE = "command-line"
OPTIONS = {
    "incidentId": "ID",
    "url": "--page",
    "causedBy": "--caused-by",
    **{
        name: f"--{name}"
        for name in ("repo", "environment", "service", "time", "id", "title", "severity", "resolution")
    },
}


@click.group()
def incident() -> None:
    """Report an incident by hand, or move incidents that count for a wrong repository.

    \b
    gitdailies incident start INC-7 --repo larkspur/checkout-api
    gitdailies incident resolve INC-7 --repo larkspur/checkout-api
    """


_common = added(
    click.argument("incident_id", metavar="ID"),
    click.option("--repo", "repos", multiple=True, required=True, help="owner/name; repeatable"),
    click.option("--environment", help="such as production"),
    click.option("--service", help="if the repository has several"),
    click.option("--time", help="such as 2026-03-04T09:12:41Z; default: now"),
    click.option(
        "--id",
        "event_id",
        help="the event's id; default: from its content with --time, else new",
    ),
    click.option("--page", help="a page about the incident"),
)


@incident.command()
@delivery_options()
@_common
@click.option("--title", help="the incident's title")
@click.option("--severity", help="in your own words")
@click.option("--caused-by", help="the commit that caused it")
def start(
    incident_id: str, title: str | None, severity: str | None, caused_by: str | None, **given: Any
) -> None:
    """Report that incident ID started."""
    _send(INCIDENT_STARTED, incident_id, given, title=title, severity=severity, causedBy=caused_by)


@incident.command()
@delivery_options()
@_common
@click.option("--resolution", help="how it was resolved")
@click.option("--caused-by", help="the commit that caused it")
def resolve(incident_id: str, resolution: str | None, caused_by: str | None, **given: Any) -> None:
    """Report that incident ID was resolved."""
    _send(INCIDENT_RESOLVED, incident_id, given, resolution=resolution, causedBy=caused_by)


@incident.command()
@click.option("--from", "repo", required=True, help="the repository they count for")
@click.option("--to", required=True, help="the right repository; a unique short name is enough")
@click.option("--service", default="", help="only incidents of this service")
@click.option("--incident", "incident_id", default="", help="only this one, by its tool's id")
@click.option("--reason", default="", help="why, for the audit trail")
@click.option("--new", is_flag=True, help="even if the repository has no deploy")
@click.option("--undo", is_flag=True, help="move them back")
@click.option("--dry-run", is_flag=True, help="only count them")
@server_options
def move(**given: Any) -> None:
    """Move incidents, open and ended, to another repository. They count only there.

    Later messages about them follow. The key needs --allow correct.

    \b
    gitdailies incident move --from larkspur/shop-saerch --to shop-search --reason "a typo"
    gitdailies incident move --from larkspur/shop-saerch --to shop-search --undo
    """
    server = find_server(given["url"], given["key_env"], given["config"])
    names = ("repo", "to", "service", "new", "undo")
    body = {name: given[name] for name in names}
    reason = given["reason"] or ("undone" if given["undo"] else "counted" if given["dry_run"] else "")
    body |= {"incident": given["incident_id"], "dryRun": given["dry_run"], "reason": reason}
    done = server.ask("/api/incidents/move", body).json()
    number = f"{done['incidents']:,} {'incident' if done['incidents'] == 1 else 'incidents'}"
    ways = {"counted": "would be moved to", "moved": "moved to", "undone": "moved back from"}
    click.echo(f"{number} of {given['repo']}, {done['open']:,} open: {ways[done['status']]} {done['to']}")


def _send(kind: str, incident_id: str, given: dict[str, Any], **more: str | None) -> None:
    events: list[Event] = []
    faults: dict[str, InvalidEvent] = {}
    for repo in given.pop("repos"):
        try:
            event = Event.make(
                kind,
                incidentId=incident_id,
                # A user and a password in an address are neither sent nor shown.
                repo=without_users(repo),
                environment=given["environment"],
                service=given["service"],
                time=given["time"],
                url=without_users(given["page"] or ""),
                id=given["event_id"],
                source=SOURCE,
                **more,
            )
        except InvalidEvent as error:
            faults |= {str(fault): fault for fault in error.faults}
            continue
        if event.id is None:
            # With --time, every call means the same event; without it, each call is a new event.
            event = event.replace(
                id=content_id(event.digest()) if event.time else f"cli-{secrets.token_hex(16)}"
            )
        events.append(event)
    if faults:
        with option_names_in_errors(OPTIONS):
            raise InvalidEvent.of(list(faults.values()))
    for name in ("environment", "service", "time", "page", "event_id"):
        del given[name]
    report(events, [], **given)
