"""Read a git repository for `gitdailies scan`: its refs, its commits and some messages, a call for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gitdailies_core.ci.deploys.git_log import pathspecs
from gitdailies_core.errors import UsageError
from gitdailies_dora.mirrors.repository import Mirror

from gitdailies_cli.commands.scan.deploys import Commit
from gitdailies_cli.commands.scan.versions import Tag

# Half a million commits are read in a few seconds. On a slow disk they take longer.
_LONGEST_SECONDS = 300.0
_REF = (
    "%(refname)%00%(HEAD)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)"
    "%00%(taggerdate:unix)%00%(committerdate:unix)%(*committerdate:unix)"
)
_TAGS, _BRANCHES, _REMOTE = "refs/tags/", "refs/heads/", "refs/remotes/origin/"
_BARE = ("HEAD", "objects", "refs")
_WORDS = ("--grep=this reverts commit", "--grep=^merge.*hotfix")


class Refs(NamedTuple):
    """The tags, the commit of each branch, the branch that is checked out, and where it was cloned from."""

    tags: tuple[Tag, ...]
    branches: dict[str, str]
    head: str
    origin: str
    shallow: bool


def find(path: Path) -> Mirror:
    """Return the repository at *path* or above it; raises UsageError."""
    for folder in (path.absolute(), *path.absolute().parents):
        if (folder / ".git").exists() or all((folder / name).exists() for name in _BARE):
            return Mirror(folder, _LONGEST_SECONDS)
    raise UsageError(f"{path}: expected a git repository, got none here or above")


def read_refs(mirror: Mirror) -> Refs:
    tags, branches, head = [], {}, ""
    for line in mirror.ask("for-each-ref", f"--format={_REF}").splitlines():
        name, here, kind, sha, inner, inner_sha, made, committed = line.split("\0")
        if name.startswith(_TAGS) and "commit" in (kind, inner):
            at = int(made or committed or 0)
            own = sha if kind == "commit" else inner_sha
            tags.append(Tag(name.removeprefix(_TAGS), own, at, made=bool(made)))
        elif name.startswith((_BRANCHES, _REMOTE)) and kind == "commit":
            branch = name.removeprefix(_BRANCHES).removeprefix(_REMOTE)
            # A branch of this clone goes before that of its origin.
            if name.startswith(_BRANCHES) or branch not in branches:
                branches[branch] = sha
            head = branch if here == "*" else head
    origin = mirror.ask("config", "--default=", "--get", "remote.origin.url").strip()
    shallow = mirror.ask("rev-parse", "--is-shallow-repository").strip() != "false"
    return Refs(tuple(tags), branches, head, origin, shallow)


def read_log(mirror: Mirror, tips: Iterable[str]) -> dict[str, Commit]:
    """Return every commit that *tips* lead to."""
    text = mirror.ask("rev-list", "--parents", "--timestamp", "--stdin", given=_lines(tips))
    found = {}
    for line in text.splitlines():
        at, sha, *parents = line.split(" ")
        found[sha] = Commit(int(at), tuple(parents))
    return found


def read_messages(mirror: Mirror, tips: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the commits that undo others or merge a hotfix, with their messages."""
    asked = ("log", "-z", "--regexp-ignore-case", *_WORDS, "--format=%H%n%B", "--stdin")
    for entry in mirror.ask(*asked, given=_lines(tips)).split("\0"):
        sha, _, message = entry.partition("\n")
        yield sha, message


def read_inside(mirror: Mirror, tips: Iterable[str], paths: Sequence[str]) -> Collection[str] | None:
    """Return the commits that touch one of *paths*; None without paths."""
    if not paths:
        return None
    asked = ("rev-list", "--full-history", "--stdin", "--", *pathspecs(paths))
    return frozenset(mirror.ask(*asked, given=_lines(tips)).split())


def _lines(tips: Iterable[str]) -> str:
    return "".join(f"{sha}\n" for sha in sorted(set(tips)))
