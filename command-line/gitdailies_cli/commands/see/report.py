"""`gitdailies report`: print the review of a week, for a chat."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from gitdailies_core.errors import UnreadableBody

from gitdailies_cli import output
from gitdailies_cli.receiver.read_server import find_server, server_options

_FORMATS = ("md", "json")


@click.command()
@server_options
@click.option("--week", default="", help="a week like 2026-W47; default: the last whole week")
@click.option("--repo", default="", help="only this repository")
@click.option("--team", default="", help="only this team of gitdailies.yml")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default=_FORMATS[0],
    show_default=True,
    help="Markdown for a chat, or JSON",
)
def report(
    url: str | None, key_env: str, config: Path | None, week: str, repo: str, team: str, form: str
) -> None:
    """Print what needs a decision in a week: failed deploys, incidents without a deploy, new names and more.

    \b
    gitdailies report
    gitdailies report --url http://127.0.0.1:8700 --week 2026-W47
    """
    named = {"week": week, "repo": repo, "team": team, "format": form}
    asked = {name: text for name, text in named.items() if text}
    server = find_server(url, key_env, config)
    answer = server.ask(f"/api/review?{urlencode(asked)}")
    if form == "md" and answer.body:
        click.echo(answer.body.decode("utf-8", "replace"), nl=False)
        return
    with suppress(UnreadableBody):
        body: Any = answer.json()
        if isinstance(body, dict) and "sections" in body:
            output.as_json(body)
            return
    raise server.unexpected("a review")
