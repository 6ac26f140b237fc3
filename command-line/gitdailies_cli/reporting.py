"""What the commands that send events share: their options, a run that sends nothing, and names in errors.

What sends is imported where something is sent: it takes as long as all the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from gitdailies_core.error_text import relabel_all
from gitdailies_core.errors import InvalidEvent, UsageError
from gitdailies_core.events.events import Event

from gitdailies_cli import output
from gitdailies_cli.common_options import CONFIG, JSON, added
from gitdailies_cli.find_config import KEY_VARIABLE, URL_VARIABLE


def delivery_options(*, timeout: float = 10.0, retries: int = 3) -> Callable[[Any], Any]:
    """Return what adds the options that all reporting commands share, with these defaults."""
    return added(
        click.option("--url", help=f"the address for events; default: {URL_VARIABLE}, else gitdailies.yml"),
        click.option(
            "--key-env", help=f"variable with the key; default: {KEY_VARIABLE}, else gitdailies.yml"
        ),
        CONFIG,
        click.option(
            "--timeout", type=click.FloatRange(0.1, 300), default=timeout, help="seconds for each attempt"
        ),
        click.option(
            "--retries", type=click.IntRange(0, 20), default=retries, help="retries after the first attempt"
        ),
        click.option("--dry-run", is_flag=True, help="only print the events; needs no address or key"),
        JSON,
    )


@contextmanager
def option_names_in_errors(options: Mapping[str, str]) -> Iterator[None]:
    """Replace core's names in errors by the names of the options that the values came from."""
    try:
        yield
    except UsageError as error:
        raise UsageError(*relabel_all(error.complaints, options)) from None
    except InvalidEvent as error:
        raise UsageError(*relabel_all(map(str, error.faults), options)) from None


def report(
    events: Sequence[Event],
    notes: Sequence[str],
    *,
    url: str | None,
    key_env: str | None,
    config: Path | None,
    timeout: float,
    retries: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send *events* in order, print the results, and exit with the matching code."""
    output.lines((f"note: {note}" for note in notes), err=True)
    if dry_run:
        written = [event.to_wire() for event in events]
        output.as_json({"event": written[0]} if len(written) == 1 else {"events": written})
        return
    from gitdailies_cli import send_events

    destination, key = send_events.find_destination(url, key_env, config, timeout)
    results = send_events.send_all(destination, key, events, retries)
    send_events.print_results(results, as_json=as_json)
    raise click.exceptions.Exit(send_events.exit_code(results))
