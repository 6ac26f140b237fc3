"""Show progress while a history is read and sent: two bars on a terminal, plain lines elsewhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Self

import click
from gitdailies_history.sending.verdicts import Verdict
from rich import progress
from rich.console import Console
from rich.text import Text

from gitdailies_cli.output import printable

MOST_SHOWN = 20


class ImportProgress:
    """The progress of one import. Refused events are written to *refused_path*; the first few are shown."""

    def __init__(self, refused_path: Path) -> None:
        console = Console(stderr=True, highlight=False, markup=False)
        self._progress = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TaskProgressColumn(show_speed=True),
            progress.TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._sending = self._progress.add_task("", visible=False)
        self._refused_path = refused_path
        self._refused_file: IO[str] | None = None
        self._refused = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._refused_file is not None:
            self._refused_file.close()
            click.echo(f"refused events, one a line with the reason, are in {self._refused_path}", err=True)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        if self._progress.disable:
            click.echo(printable(line), err=True)
        else:
            self._progress.console.print(Text(printable(line)), soft_wrap=True)

    @contextmanager
    def reading(self, name: str, size: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show how many of *size* bytes were read, or without it how many pages; yield what advances it."""
        task = self._progress.add_task(f"reading {printable(name)}", total=size)
        try:
            yield partial(self._progress.advance, task)
        finally:
            self._progress.remove_task(task)

    def begin(self, total: int) -> None:
        """Show the bar of sent events."""
        self._progress.update(self._sending, description="sending", total=total, visible=True)

    def moved(self, events: int) -> None:
        """Advance the bar by *events*."""
        self._progress.advance(self._sending, events)

    def waits(self, reason: str, seconds: float) -> None:
        """Print why the run waits."""
        self.say(f"retry in {seconds:.1f} s: {reason}")

    def refused(self, verdict: Verdict) -> None:
        """Show a refused event, and write it to the file with its reason."""
        if self._refused_file is None:
            self._refused_path.unlink(missing_ok=True)
            self._refused_file = self._refused_path.open("w", encoding="utf-8")
            self._refused_path.chmod(0o600)
        entry = verdict.entry
        record = {"id": entry.id, "reason": verdict.reason, "event": json.loads(entry.body)}
        self._refused_file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._refused += 1
        if self._refused <= MOST_SHOWN:
            self.say(f"refused: {entry.kind} of {entry.at} ({entry.id}): {verdict.reason}")
        elif self._refused == MOST_SHOWN + 1:
            self.say("more events were refused; the file has all of them")
