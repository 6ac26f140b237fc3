"""Find the events of a repository: its deploys, from tags, a branch or a file, and incidents from files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import repo_of
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.times import parse, text_of
from gitdailies_dora.figures.history.events import Commit as GitCommit
from gitdailies_dora.figures.history.events import GitCommits, target_of
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors.repository import Mirror
from gitdailies_history.files import input_files
from gitdailies_history.files.input_files import ReadResult
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.encoding import encode
from gitdailies_history.plan.faults import FaultLog
from gitdailies_history.plan.plan import Plan
from gitdailies_server.storage.timestamps import to_us

from gitdailies_cli.commands.scan import deploys, repository, versions
from gitdailies_cli.commands.scan.deploys import Commit, Deployed, Messages
from gitdailies_cli.commands.scan.notes import Facts
from gitdailies_cli.commands.scan.repository import Refs
from gitdailies_cli.commands.scan.versions import Chosen

_TAGS, _BRANCH = "tags", "branch"
# Which branch is looked at where none is checked out.
_USUAL = ("main", "master", "trunk")
_SETTINGS = FigureSettings()


class Asked(NamedTuple):
    """What to scan: names as people wrote them, "" where they left the choice.

    Names of tags with a release at or after *since* count. No event is later than *latest*.
    """

    repo: str
    deploys: str
    incidents: tuple[str, ...]
    paths: tuple[str, ...]
    since: datetime
    latest: datetime

    @property
    def file(self) -> str:
        """The file of deploys, "" if they are from git."""
        return "" if self.deploys.partition(":")[0] in ("", _TAGS, _BRANCH) else self.deploys


class Found(NamedTuple):
    """The repository's name, its events as JSON with ids, what git has beyond them, and facts about both."""

    repo: str
    bodies: tuple[str, ...]
    git_commits: Mapping[str, GitCommits]
    facts: Facts


def find(path: Path, asked: Asked) -> Found:
    """Read the repository at *path* and the files; raises UsageError, and MirrorUnreadable of git."""
    mirror = repository.find(path)
    refs = repository.read_refs(mirror)
    if not refs.branches and not refs.tags:
        raise UsageError(f"{path}: expected a repository with commits, got an empty one")
    rows = _rows([*filter(None, [asked.file]), *asked.incidents], asked.latest)
    named = {row["repo"] for row in rows}
    alone = named.pop() if len(named) == 1 else f"local/{'-'.join(mirror.path.name.split())}"
    repo = asked.repo or repo_of(refs.origin) or alone
    own = [row for row in rows if _SETTINGS.repo(row["repo"]) == _SETTINGS.repo(repo)]
    source = _of_rows(mirror, refs, own) if asked.file else _of_git(mirror, refs, asked, repo)
    ahead = [one for one in source.deploys if not _time(one) or _time(one) > text_of(asked.latest)]
    ordered = sorted((one for one in source.deploys if one not in ahead), key=_time)
    written = deploys.write(
        ordered,
        {} if refs.shallow or source.services > 1 else source.log,
        source.messages,
        partial(target_of, settings=_SETTINGS),
        repository.read_inside(mirror, source.tips, asked.paths),
    )
    events = [encode(Event.from_wire(fields)) for fields in written.events]
    git_commits = {}
    if written.long:
        git_commits = {
            one.id: GitCommits("", tuple(_as_mirrored(listed)))
            for one, listed in zip(events, written.lists, strict=True)
            if listed
        }
    incidents = [row for row in own if row["kind"] != DEPLOYED]
    bodies = {one.id: one.body for one in events}
    bodies |= {row["id"]: json.dumps(row, ensure_ascii=False) for row in incidents}
    facts = Facts(
        tags=source.tags,
        branch=source.branch,
        guessed=not asked.deploys,
        incidents=bool(asked.incidents or incidents),
        shallow=refs.shallow,
        ahead=len(ahead),
        outside=len(rows) - len(own),
        missing=sum(one.fields["commitSHA"] not in source.log for one in ordered) if asked.file else 0,
        long=len(written.long),
        last=_time(ordered[-1]) if ordered else "",
    )
    return Found(repo, tuple(bodies.values()), git_commits, facts)


class _Source(NamedTuple):
    """Deploys in any order, and the commits that they lead to, with what messages of these say."""

    deploys: Sequence[Deployed]
    tips: Sequence[str]
    log: Mapping[str, Commit]
    messages: Messages
    tags: Chosen | None = None
    branch: str = ""

    @property
    def services(self) -> int:
        return len(self.tags.tags) if self.tags else 1


def _of_git(mirror: Mirror, refs: Refs, asked: Asked, repo: str) -> _Source:
    """Read the deploys that tags or a branch show; raises UsageError if they show none."""
    word, _, name = asked.deploys.partition(":")
    project = repo.rpartition("/")[2]
    tags = None
    if word != _BRANCH:
        since = int(asked.since.timestamp())
        tags = versions.matching(refs.tags, name) if name else versions.choose(refs.tags, since, project)
        if not tags.tags and word:
            raise UsageError(
                f"--deploys: expected tags that {f'match {name}' if name else 'look like versions'}, got none"
                f" of {len(refs.tags)}; name others with tags:GLOB, or a branch with branch:NAME"
            )
    if tags and tags.tags:
        tips = [tag.sha for of_name in tags.tags.values() for tag in of_name]
        log, messages = _read(mirror, tips)
        found = deploys.of_tags(tags, repo, project, messages.hotfixes)
        return _Source([*found], tips, log, messages, tags)
    name = name or refs.head or next((one for one in _USUAL if one in refs.branches), "")
    if name not in refs.branches:
        near = did_you_mean(name, tuple(refs.branches))
        raise UsageError(f"--deploys: expected branch:NAME of a branch that is here, got {name!a}{near}")
    tip = refs.branches[name]
    log, messages = _read(mirror, [tip])
    return _Source(
        [*deploys.of_branch(log, tip, repo, name, messages.hotfixes)], [tip], log, messages, branch=name
    )


def _of_rows(mirror: Mirror, refs: Refs, rows: Sequence[Mapping[str, Any]]) -> _Source:
    """Read what the deploys of a file brought. A new list makes it an event of another content and id."""
    reported = [row for row in rows if row["kind"] == DEPLOYED]
    known = {} if refs.shallow else mirror.commits(row["commitSHA"] for row in reported)
    tips = [*filter(None, known.values())]
    log, messages = _read(mirror, tips)
    found = []
    for row in reported:
        sha = known.get(row["commitSHA"]) or row["commitSHA"]
        given = {name: value for name, value in row.items() if name != "id" or not is_self_made(value)}
        found.append(Deployed({**given, "commitSHA": sha}))
    return _Source(found, tips, log, messages)


def _read(mirror: Mirror, tips: Sequence[str]) -> tuple[Mapping[str, Commit], Messages]:
    if not tips:
        return {}, Messages({}, frozenset())
    return repository.read_log(mirror, tips), Messages.of(repository.read_messages(mirror, tips))


def _rows(names: Sequence[str], latest: datetime) -> list[dict[str, Any]]:
    """Return the events of files in the order of an import; raises UsageError with their faults."""
    if not names:
        return []
    with TemporaryDirectory() as folder, Plan(Path(folder) / "plan.db") as plan:
        faults = []
        for name in names:
            source = input_files.find(name, None, Path(folder))
            options = ReadOptions(latest=latest)
            faults += input_files.read_into(plan, source, options, ReadResult(), lambda _: None)
        faults += plan.settle()
        if faults:
            raise UsageError("\n".join(FaultLog().lines(faults)))
        return [json.loads(entry.body) for entry in plan.entries()]


def _as_mirrored(listed: Iterable[Mapping[str, Any]]) -> Iterator[GitCommit]:
    """Yield commits as the server reads them from a mirror: without merges."""
    for one in listed:
        if len(one["parents"]) < 2:
            at = to_us(parse(one["time"], "time")) if "time" in one else None
            yield GitCommit(one["sha"], at, outside=one.get("outside"))


def _time(deploy: Deployed) -> str:
    time: str = deploy.fields.get("time", "")
    return time
