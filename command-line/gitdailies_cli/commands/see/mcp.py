"""`gitdailies mcp`: let an assistant ask a server, over the Model Context Protocol."""

from pathlib import Path

import click

from gitdailies_cli.receiver.read_server import find_server, server_options


@click.command()
@server_options
def mcp(url: str | None, key_env: str, config: Path | None) -> None:
    """Answer an assistant about figures, events and reasons, over standard input and output.

    The assistant starts this command. With a key that may correct, it can correct, too.

    \b
    gitdailies mcp --url https://dora.example.com
    """
    import anyio

    from gitdailies_cli.receiver.assistant.server import serve

    anyio.run(serve, find_server(url, key_env, config))
