"""`gitdailies report`: print the review of a week, or post it to a chat."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from gitdailies_core.errors import UnreadableBody, UsageError
from gitdailies_core.values.secret import Secret

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.see import chat_messages
from gitdailies_cli.common_options import naming
from gitdailies_cli.receiver.read_server import ReadServer, find_server, server_options

_FORMATS = ("md", "json")
# The folder with a file for each message that was sent.
_SENT = "sent-reports"


@click.command()
@server_options
@click.option("--week", default="", help="such as 2026-W47; default: the last whole week")
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
@click.option("--send", type=click.Choice(chat_messages.KINDS), help="post it instead")
@click.option("--to", default="", help="the chat's address: env:NAME or file:PATH")
@click.option("--only-clear", is_flag=True, help="post only figures that changed clearly, if any")
@click.option(
    "--sent",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"folder of sent messages; default: {_SENT} in the data folder, or gitdailies-{_SENT}",
)
@click.option("--again", is_flag=True, help="post it even if it may have been sent")
def report(
    url: str | None,
    key_env: str,
    config: Path | None,
    week: str,
    repo: str,
    team: str,
    form: str,
    send: str | None,
    to: str,
    only_clear: bool,
    sent: Path | None,
    again: bool,
) -> None:
    """Print or post the review of a week: figures, what happened, what needs a decision.

    \b
    gitdailies report --week 2026-W47
    gitdailies report --send slack --to env:SLACK_URL
    """
    if send is None and (to or only_clear or sent or again):
        raise UsageError("report: --to, --only-clear, --sent and --again need --send")
    if send is not None and form != _FORMATS[0]:
        raise UsageError("report: --format is for what is printed; leave it out with --send")
    asked = {name: text for name, text in (("week", week), ("repo", repo), ("team", team)) if text}
    address = _address(to) if send else None
    server = find_server(url, key_env, config)
    if send and address:
        click.echo(_post(server, asked, send, address, sent or _default_folder(), only_clear, again))
    elif form == "json":
        output.as_json(_review(server, asked))
    else:
        click.echo(_markdown(server, asked), nl=False)


def _post(
    server: ReadServer,
    asked: dict[str, str],
    kind: str,
    address: Secret,
    folder: Path,
    only_clear: bool,
    again: bool,
) -> str:
    """Post the review unless it was sent, and return a sentence that says what was done."""
    from gitdailies_cli.commands.see import chat_posting

    review = _review(server, asked)
    # The review of the same week, although another week may have begun meanwhile.
    asked = {**asked, "week": str(review["week"])}
    shown = chat_messages.only_clear if only_clear else chat_messages.the_week
    text = shown(_markdown(server, asked))
    if not text:
        return f"not sent: no figure changed clearly in {asked['week']}"
    body = json.dumps(chat_messages.body_of(kind, text, review), ensure_ascii=False).encode()
    what = (json.dumps(asked, sort_keys=True), kind, str(only_clear))
    return chat_posting.post_once(folder, address, body, *what, again=again)


def _review(server: ReadServer, asked: dict[str, str]) -> dict[str, Any]:
    with suppress(UnreadableBody):
        body: Any = server.ask(_path(asked, "json")).json()
        if isinstance(body, dict) and "sections" in body and "week" in body:
            return body
    raise server.unexpected("a review")


def _markdown(server: ReadServer, asked: dict[str, str]) -> str:
    text = server.ask(_path(asked, "md")).body.decode("utf-8", "replace")
    if not text.startswith("## "):
        raise server.unexpected("a review")
    return text


def _path(asked: dict[str, str], form: str) -> str:
    return f"/api/review?{urlencode({**asked, 'format': form})}"


def _address(to: str) -> Secret:
    """Read the address of a chat, which is a secret; raises UsageError and ConfigurationError."""
    from gitdailies_connection.addresses import check_https
    from gitdailies_connection.config.secret_source import SecretSource

    kind, _, where = to.partition(":")
    if kind not in ("env", "file") or not where:
        raise UsageError(f"--to: expected env:NAME or file:PATH, got {'another text' if to else 'nothing'}")
    source = SecretSource.make(env=where) if kind == "env" else SecretSource.make(file=Path(where))
    address = source.read(os.environ)
    with naming(address.origin):
        check_https(address.reveal().partition("?")[0])
    return address


def _default_folder() -> Path:
    folder = find_config.data_folder()
    return folder / _SENT if folder.is_dir() else Path(f"gitdailies-{_SENT}")
