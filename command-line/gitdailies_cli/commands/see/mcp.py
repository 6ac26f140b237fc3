"""`gitdailies mcp`: let an assistant ask a server, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli.receiver.read_server import find_server, server_options


@click.command()
@server_options
def mcp(url: str | None, key_env: str, config: Path | None) -> None:
    """Answer an assistant about figures, events and reasons, over standard input and output.

    The assistant starts this command by itself. With a key that may correct, it can also correct.

    \b
    gitdailies mcp --url https://dora.example.com
    """
    try:
        import anyio

        from gitdailies_cli.receiver.assistant.server import serve
    except ImportError:
        raise UsageError("mcp: install gitdailies-integrations[mcp], which has the SDK") from None
    anyio.run(serve, find_server(url, key_env, config))
