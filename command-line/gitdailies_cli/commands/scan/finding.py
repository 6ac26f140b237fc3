"""Find the events of a repository: its deploys, from tags, a branch or a file, and incidents from files."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import repo_of, undone_by
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.times import text_of
from gitdailies_dora.figures.history.events import target_of
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_history.files import input_files
from gitdailies_history.files.input_files import ReadResult
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.encoding import encode
from gitdailies_history.plan.faults import Fault, FaultLog
from gitdailies_history.plan.plan import Plan

from gitdailies_cli.commands.scan import deploys, notes, repository
from gitdailies_cli.commands.scan.deploys import Chosen, Deployed
from gitdailies_cli.commands.scan.repository import Refs

_TAGS, _BRANCH = "tags", "branch"
# Which branch is looked at where none is checked out.
_USUAL = ("main", "master", "trunk")
_SETTINGS = FigureSettings()


class Asked(NamedTuple):
    """What to scan, as people wrote it. Releases from *since* on say which tags count."""

    repo: str
    deploys: str
    incidents: tuple[str, ...]
    since: datetime
    now: datetime


class Found(NamedTuple):
    """The repository's name, its events as JSON, and facts for notes."""

    repo: str
    bodies: list[str]
    facts: dict[str, int | str]


def find(path: Path, asked: Asked) -> Found:
    """Read the repository at *path* and the files; raises UsageError, and MirrorUnreadable of git."""
    mirror = repository.find(path)
    refs = repository.read_refs(mirror)
    word = asked.deploys.partition(":")[0]
    from_file = word not in ("", _TAGS, _BRANCH)
    rows = _rows([*([asked.deploys] if from_file else []), *asked.incidents], asked.now)
    named = {row["repo"] for row in rows}
    alone = named.pop() if len(named) == 1 else f"local/{'-'.join(mirror.path.name.split())}"
    repo = asked.repo or repo_of(refs.origin) or alone
    own = [row for row in rows if _SETTINGS.repo(row["repo"]) == _SETTINGS.repo(repo)]
    tags, branch = (None, "") if from_file else _source(refs, asked, repo)
    reported = [row for row in own if row["kind"] == DEPLOYED and from_file]
    known = mirror.commits(row["commitSHA"] for row in reported) if reported and not refs.shallow else {}
    tips = [tag.sha for of_name in tags.tags.values() for tag in of_name] if tags else [*known.values()]
    tips = [refs.branches[branch]] if branch else [*filter(None, tips)]
    log = repository.read_log(mirror, tips) if tips else {}
    messages = dict(repository.read_messages(mirror, tips)) if tips else {}
    undone = {sha: found for sha, message in messages.items() if (found := undone_by(message))}
    hotfixes = {sha for sha, message in messages.items() if deploys.merges_hotfix(message)}
    # With a list of commits, its content gives an event another id.
    whole = (
        row
        | {"commitSHA": known.get(row["commitSHA"]) or row["commitSHA"]}
        | ({"id": None} if is_self_made(row["id"]) else {})
        for row in reported
    )
    every = [*map(Deployed, whole)]
    if branch:
        every = [*deploys.of_branch(log, tips[0], repo, branch, hotfixes)]
    elif tags:
        every = [*deploys.of_tags(tags, repo, hotfixes)]
    timed = [one for one in every if "" < one.fields.get("time", "") <= text_of(asked.now)]
    # Without the Z, a time with a fraction sorts after one without.
    timed.sort(key=lambda one: str(one.fields["time"])[:-1])
    several = tags is not None and len(tags.tags) > 1
    listed = {} if refs.shallow or several else log
    written = deploys.write(timed, listed, undone, partial(target_of, settings=_SETTINGS))
    encoded = (encode(Event.from_wire(fields)) for fields in written)
    events = {one.id: one.body for one in encoded}
    incidents = {row["id"]: json.dumps(row, ensure_ascii=False) for row in own if row["kind"] != DEPLOYED}
    return Found(
        repo,
        [*(events | incidents).values()],
        {
            **(notes.of_tags(tags) if tags else {}),
            "branch": branch,
            "guessed": bool(branch and not word),
            "last": timed[-1].fields["time"] if timed else "",
            "alone": not (asked.incidents or incidents),
            "shallow": refs.shallow,
            "ahead": len(every) - len(timed),
            "outside": len(rows) - len(own),
            "missing": sum(one.fields["commitSHA"] not in log for one in timed),
            "long": sum(one.fields["commitSHA"] in listed and "commits" not in one.fields for one in timed),
        },
    )


def _source(refs: Refs, asked: Asked, repo: str) -> tuple[Chosen | None, str]:
    """Return the tags that are deploys, or the branch; raises UsageError if there are none."""
    word, _, name = asked.deploys.partition(":")
    if word != _BRANCH:
        tags = deploys.choose(refs.tags, int(asked.since.timestamp()), repo.rpartition("/")[2], name)
        if tags.tags:
            return tags, ""
        if word:
            wanted = f"tags like {name}" if name else "tags that look like versions"
            raise UsageError(
                f"--deploys: expected {wanted}, got none of {len(refs.tags)}; or name branch:NAME"
            )
    branch = (name if word else refs.head) or next((one for one in _USUAL if one in refs.branches), "")
    if branch not in refs.branches:
        near = did_you_mean(branch, tuple(refs.branches))
        raise UsageError(f"--deploys: expected branch:NAME of a branch that is here, got {branch!a}{near}")
    return None, branch


def _rows(names: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """Return the events of files in the order of an import; raises UsageError with their faults."""
    if not names:
        return []
    with TemporaryDirectory() as folder, Plan(Path(folder) / "plan.db") as plan:
        faults: list[Fault] = []
        for name in names:
            source = input_files.find(name, None, Path(folder))
            faults += input_files.read_into(plan, source, ReadOptions(now), ReadResult(), lambda _: None)
        faults += plan.settle()
        if faults:
            raise UsageError("\n".join(FaultLog().lines(faults)))
        return [json.loads(entry.body) for entry in plan.entries()]
