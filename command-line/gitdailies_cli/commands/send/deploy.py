"""`gitdailies deploy`: report a deploy. Missing values come from the CI job, then from git."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import click
from gitdailies_core.ci.deploys import checkout
from gitdailies_core.ci.job.facts import Skipped
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_core.ci.reporting.platform import detect
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.field_types import TIERS, TRIGGERS

from gitdailies_cli import output
from gitdailies_cli.reporting import delivery_options, option_names_in_errors, report

EVENT_VARIABLE = "GITHUB_EVENT_PATH"
OPTIONS = {**{name: f"--{name}" for name in (*DEPLOY_INPUTS, "path")}, "url": "--page"}
# Facts about a CI job. A step that could not send prints them for a person to send the same deploy.
OF_A_RUN = ("run", "attempt", "trigger", "tier", "reporter")


@click.command()
@click.option("--repo", "repos", multiple=True, help="owner/name or owner/name@SHA; repeatable")
@click.option("--sha", help="the deployed commit, or at least its first 7 digits")
@click.option("--branch", help="the build's branch")
@click.option("--environment", help="such as production")
@click.option("--service", help="if the repository has several")
@click.option("--type", "type_", help="deploy, rollback or hotfix")
@click.option("--time", help="such as 2026-03-04T08:55:12Z; default: now")
@click.option("--id", "id_", help="the deploy's id; default: from run and attempt")
@click.option("--status", help="the job's result; default: the platform's. A failed job is skipped")
@click.option("--page", help="a page about the deploy; default: the CI run")
@click.option("--fixes", help="id of the incident that it fixes")
@click.option("--run", help="such as github-actions:9912004455; default: the CI run")
@click.option("--attempt", help="the run's attempt; default: the CI run's")
@click.option("--trigger", help=f"the run's cause: {', '.join(TRIGGERS)}")
@click.option("--tier", help=f"the environment's purpose: {', '.join(TIERS)}")
@click.option("--reporter", help="such as step/jenkins; default: this CI platform")
@click.option("--paths", multiple=True, help="a glob of the service's files in a monorepo; repeatable")
@click.option("--path", help="the checkout; default: this folder, or one around it")
@delivery_options()
def deploy(
    repos: tuple[str, ...],
    type_: str | None,
    id_: str | None,
    page: str | None,
    paths: tuple[str, ...],
    path: str | None,
    **given: Any,
) -> None:
    """Report a deploy that has happened.

    \b
    gitdailies deploy --environment production
    gitdailies deploy --repo larkspur/checkout-api --sha $(git rev-parse HEAD) --dry-run --json
    """
    names = ("sha", "branch", "environment", "service", "time", "status", "fixes")
    texts = {name: given.pop(name) for name in names}
    of_a_run = {name: value for name in OF_A_RUN if (value := given.pop(name))}
    event = _event_file()
    with option_names_in_errors(OPTIONS):
        result = checkout.deploys_in(
            ".",
            detect(PLATFORMS, os.environ),
            environ=os.environ,
            event=event,
            inputs=Inputs.make(
                {**texts, "type": type_, "id": id_, "url": page, "paths": "\n".join(paths)},
                repos=repos,
                short=True,
            ),
            path=path,
            # Without a CI run, each call is a separate deploy.
            call=secrets.token_hex(16),
        )
        events = () if isinstance(result, Skipped) else result.events
        sent = tuple(Event.make(DEPLOYED, **{**values, **of_a_run}) for values in events)
    if isinstance(result, Skipped):
        if given["as_json"]:
            output.as_json({"skipped": result.reason})
        else:
            click.echo(output.printable(f"skipped: {result.reason}"))
        return
    report(sent, (*result.notes, *result.warnings), **given)


def _event_file() -> Any:
    """Return the event's payload, or None. If the commit is only in there, the error says so."""
    path = os.environ.get(EVENT_VARIABLE, "").strip()
    try:
        return json.loads(Path(path).read_text("utf-8")) if path else None
    except (OSError, ValueError, RecursionError):
        # A container often has the variable and not the file.
        return None
