"""`gitdailies relay`: run the server, or one of its subcommands."""

import os
from pathlib import Path

import click

from gitdailies_cli import find_config
from gitdailies_cli.common_options import CONFIG, LOG_FORMAT, configure_log
from gitdailies_cli.relay.acting import confirm, discard, pause, replay, requeue, resume
from gitdailies_cli.relay.incidents import close, incidents
from gitdailies_cli.relay.reading import explain, failed, show, status, unmapped


@click.group(invoke_without_command=True)
@CONFIG
@LOG_FORMAT
@click.pass_context
def relay(ctx: click.Context, config: Path | None, log_format: str | None) -> None:
    """Run the relay, or ask about a running or stopped one.

    \b
    gitdailies relay
    """
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    # The log first: what else a server imports finds it ready.
    configure_log(log_format)
    from gitdailies_relay import server

    from gitdailies_cli import process

    configuration = find_config.load_configuration(config)

    async def serve(signals: process.Signals) -> None:
        relay = server.RelayProcess(configuration, os.environ, lambda: find_config.load_configuration(config))
        await relay.run(
            ready=lambda address: click.echo(f"relay listens on {address}/hooks/NAME"),
            stop=signals.stop,
            reloading=signals.reloading(),
        )

    process.run(serve)


for _command in (
    *(status, failed, show, explain, unmapped, incidents),
    *(replay, requeue, discard, close, confirm, pause, resume),
):
    relay.add_command(_command)
