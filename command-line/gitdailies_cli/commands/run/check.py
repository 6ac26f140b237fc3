"""`gitdailies check`: check the configuration."""

from pathlib import Path

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.common_options import JSON

_MARKS = {"ok": "ok      ", "fault": "FAULT   ", "warning": "warning "}


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="the same as FILE")
@JSON
def check(file: Path | None, config: Path | None, as_json: bool) -> None:
    """Check gitdailies.yml: configuration, secrets, reachability, mirrors, relays. Send no event.

    \b
    gitdailies check
    """
    if file is not None and config is not None:
        raise UsageError("--config: expected FILE or --config, got both")
    from gitdailies_connection.check import FAULT

    from gitdailies_cli.commands.run.findings import findings_of

    findings = findings_of(file or config)
    if as_json:
        output.as_json({"findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(output.printable(f"{_MARKS[finding.level]}  {finding.text}"))
            if finding.remedy:
                click.echo(output.printable(f"          {finding.remedy}"))
    if any(finding.level == FAULT for finding in findings):
        raise click.exceptions.Exit(2)
