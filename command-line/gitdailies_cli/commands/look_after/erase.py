"""`gitdailies erase`: erase events, all that is old, or a text, from the stores of both servers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.commands import stores
from gitdailies_cli.common_options import CONFIG, JSON, naming, parsed_time, person

if TYPE_CHECKING:
    from gitdailies_server.storage.erasing import Erased, Erasure

_MOST_NAMED = 20


@click.command()
@click.option("--event", "events", metavar="ID", multiple=True, help="an event, or a relay's delivery")
@click.option("--repo", metavar="OWNER/NAME", help="all events of a repository")
@click.option("--before", metavar="DATE", help="all before 2026-01-01 or 2026-01-01T00:00:00Z")
@click.option("--person", metavar="TEXT", help="a name, mail address or other text; - reads standard input")
@click.option("--inside-words", is_flag=True, help="with --person: also inside longer words")
@click.option("--dry-run", is_flag=True, help="count only")
@click.option("--yes", is_flag=True, help="do not ask")
@stores.STORE
@CONFIG
@JSON
def erase(
    events: tuple[str, ...],
    repo: str | None,
    before: str | None,
    person: str | None,
    inside_words: bool,
    dry_run: bool,
    yes: bool,
    store: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Erase stored events and text for good, from the stores of both servers, which may run.

    --person replaces the text wherever it is stored; no figure changes. A repeat of an erased event is
    accepted, but not stored again.

    \b
    gitdailies erase --person kim@larkspur.example --dry-run
    gitdailies erase --repo larkspur/chekcout-api
    gitdailies erase --before 2026-01-01 --yes
    """
    erasure = _erasure(events, repo, before, person, inside_words=inside_words)
    found = stores.find(store, config)
    planned = [_run(one, erasure, dry=True) for one in found]
    nowhere = [id_ for id_ in events if all(id_ in one.unknown for one in planned)]
    if nowhere:
        known, ids = " or ".join(map(str, found)), ", ".join(map(output.printable, nowhere[:_MOST_NAMED]))
        raise UsageError(f"--event: no event or delivery of {known} has the id {ids}; nothing was erased")
    if dry_run or not yes:
        _print(found, planned, [""] * len(found), as_json=as_json and dry_run, done=False)
        if dry_run or not any(one.counts for one in planned):
            return
        stores.ask("Erase this for good?", "erase")
    carry_out(found, erasure, as_json=as_json)


def carry_out(found: list[stores.Store], erasure: Erasure, *, as_json: bool = False) -> None:
    """Erase from the stores and print how much; ends with 4 where a file could not be rewritten."""
    erased = [_run(one, erasure, dry=False) for one in found]
    faults = [one.database.scrub() for one in found]
    _print(found, erased, faults, as_json=as_json, done=True)
    if any(faults):
        sys.exit(4)


def count_events(one: stores.Store, erasure: Erasure) -> int:
    """Return how many events of a store an erasure would find."""
    return _run(one, erasure, dry=True).counts["event"]


def _erasure(
    events: tuple[str, ...], repo: str | None, before: str | None, person: str | None, *, inside_words: bool
) -> Erasure:
    from gitdailies_core.values.erased_text import ErasedText
    from gitdailies_core.values.renames import folded
    from gitdailies_server.storage.erasing import Erasure
    from gitdailies_server.storage.timestamps import utc_now

    if bool(events) + sum(one is not None for one in (repo, before, person)) != 1:
        raise UsageError("erase: name what to erase by one of --event, --repo, --before and --person")
    if inside_words and person is None:
        raise UsageError("--inside-words: use it with --person")
    if repo is not None:
        if not folded(repo):
            raise UsageError("--repo: expected a name like larkspur/checkout-api, got nothing")
        return Erasure(repo=folded(repo))
    if person is not None:
        with naming("--person"):
            wanted = sys.stdin.readline() if person == "-" else person
            return Erasure(text=ErasedText.make(wanted, inside_words=inside_words))
    if before is not None and parsed_time(before, "--before") > utc_now():
        raise UsageError(f"--before: expected a time in the past, got {before}")
    return Erasure(
        events=tuple(dict.fromkeys(id_.strip() for id_ in events)),
        before=None if before is None else parsed_time(before, "--before"),
    )


def _run(one: stores.Store, erasure: Erasure, *, dry: bool) -> Erased:
    import gitdailies_dora.erasing
    import gitdailies_relay.operations.erase

    one.migrate()
    if one.kind == stores.RELAY:
        return gitdailies_relay.operations.erase.erase(one.database, erasure, dry=dry)
    return gitdailies_dora.erasing.erase(one.database, erasure, actor=person(), dry=dry)


def _print(
    found: list[stores.Store], results: list[Erased], faults: list[str], *, as_json: bool, done: bool
) -> None:
    if as_json:
        lines = zip(found, results, faults, strict=True)
        output.as_json({"erased": done, "stores": [_fields(*line) for line in lines]})
        return
    for one, result, fault in zip(found, results, faults, strict=True):
        counts = (
            ", ".join(output.counted(count, name) for name, count in _positive(result.counts)) or "nothing"
        )
        click.echo(f"{one}: {'erased' if done else 'to erase:'} {counts.replace('bodys', 'bodies')}")
        output.lines(f"  {place}" for place in (() if done else result.places))
        for name, count in _positive(result.left):
            kept = f"{name}, {output.counted(count, 'time')}: figures or ids depend on it"
            if name == "accounts":
                kept = f"{output.counted(count, 'account')}: remove the person first, under Settings → People"
            click.echo(f"  kept: {kept}")
        if result.events:
            shown = ", ".join(map(output.printable, result.events[:_MOST_NAMED]))
            click.echo(f"  still in these events, which --event erases: {shown}")
        if fault:
            click.echo(f"gitdailies: {fault}", err=True)


def _fields(one: stores.Store, result: Erased, fault: str) -> dict[str, Any]:
    return {
        "store": str(one.setting),
        "server": one.kind,
        "counts": dict(_positive(result.counts)),
        "left": dict(_positive(result.left)),
        "events": result.events,
        "places": result.places,
        "fault": fault,
    }


def _positive(counts: Any) -> list[tuple[str, int]]:
    return sorted((name, count) for name, count in counts.items() if count)
