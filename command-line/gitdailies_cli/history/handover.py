"""The options that `import` and `fetch` share, and sending with them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
from gitdailies_core.errors import Refused, UsageError
from gitdailies_core.events.receivers import OURS

from gitdailies_cli import find_config
from gitdailies_cli.common_options import added
from gitdailies_cli.reporting import delivery_options

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import Destination
    from gitdailies_core.values.secret import Secret
    from gitdailies_history.plan.plan import Plan
    from gitdailies_history.sending.sending import Report

    from gitdailies_cli.history.progress import ImportProgress

STATE = Path(find_config.DATA) / "history"
INTERRUPTED_BY = "interrupted"


@dataclass(frozen=True)
class Handover:
    """The shared options: where to send, how, and what to print."""

    state: Path
    again: bool
    url: str | None
    key_env: str | None
    config: Path | None
    timeout: float
    retries: int
    dry_run: bool
    as_json: bool

    @contextmanager
    def opened(self) -> Iterator[tuple[Path, Plan, ImportProgress]]:
        """Lock the folder of the state; yield it, a new plan in it, and what shows the progress."""
        from gitdailies_history.files.input_files import COPY
        from gitdailies_history.plan.plan import Plan
        from gitdailies_history.sending.checkpoint import locked

        from gitdailies_cli.history.progress import ImportProgress

        with (
            locked(self.state) as folder,
            Plan(folder / "plan.db") as plan,
            ImportProgress(folder / "refused.ndjson") as watch,
        ):
            try:
                yield folder, plan, watch
            finally:
                (folder / COPY).unlink(missing_ok=True)

    def where(self) -> tuple[Destination, Secret] | None:
        """Return address and key, or None for a dry run."""
        if self.dry_run:
            return None
        from gitdailies_cli.send_events import find_destination

        return find_destination(self.url, self.key_env, self.config, self.timeout)

    def send(
        self, where: tuple[Destination, Secret], plan: Plan, total: int, folder: Path, watch: ImportProgress
    ) -> Report:
        """Send a plan of *total* events. Ctrl-C ends it with a report."""
        from gitdailies_connection.http.sender import Sender
        from gitdailies_history.sending.checkpoint import Checkpoint
        from gitdailies_history.sending.sending import Stream

        destination, key = where
        watch.begin(total)
        with Checkpoint(folder, destination.address) as checkpoint, Sender.to(destination) as sender:
            if self.again:
                checkpoint.forget()
            stream = Stream(
                sender, destination, key, checkpoint, watch, retries=self.retries, waits=watch.waits
            )
            try:
                stream.send(plan.entries())
            except KeyboardInterrupt:
                stream.report.stopped = INTERRUPTED_BY
        return stream.report

    def undo(self, where: tuple[Destination, Secret], plan: Plan, folder: Path) -> dict[str, int]:
        """Delete the events of a plan that earlier runs made at the receiver; count what became of each.

        `gone` were deleted before. `left` were there before the import, or were sent otherwise.

        Raises UsageError for a receiver that is not ours, and Refused for a key that may not delete.
        """
        from gitdailies_connection.http.sender import Sender
        from gitdailies_history.sending.checkpoint import Checkpoint

        (destination, key), counts = where, {"deleted": 0, "gone": 0, "left": 0}
        with Checkpoint(folder, destination.address) as checkpoint, Sender.to(destination) as sender:
            if (destination.receiver or sender.receiver()) != OURS:
                raise UsageError("--undo: only the DORA server of this project can delete events")
            for entry in plan.entries():
                if not checkpoint.known([entry.id], "made"):
                    counts["left"] += 1
                    continue
                answer = sender.fetch("DELETE", f"/api/events/{quote(entry.id, safe='')}", key=key)
                if answer.status not in (200, 404):
                    raise Refused(f"{answer.message(key)}; deleted before that: {counts['deleted']}")
                counts["deleted" if answer.status == 200 else "gone"] += 1
                checkpoint.take_back(entry.id)
        return counts


def handover_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a `Handover`, which *function* receives as `handover`."""
    names = [field.name for field in dataclasses.fields(Handover)]

    @functools.wraps(function)
    def collected(**given: Any) -> Any:
        handover = Handover(**{name: given.pop(name) for name in names})
        return function(handover=handover, **given)

    return added(
        click.option(
            "--state",
            type=click.Path(path_type=Path),
            default=STATE,
            show_default=True,
            help="folder of the checkpoint",
        ),
        click.option("--again", is_flag=True, help="also send what this address got before"),
        delivery_options(timeout=60.0, retries=8),
    )(collected)
