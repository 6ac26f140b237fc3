"""Read a git repository for `gitdailies scan`: refs, commits and some messages, a call of git for each."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gitdailies_core.errors import UsageError
from gitdailies_dora.mirrors.repository import Mirror

from gitdailies_cli.commands.scan.deploys import Commit, Tag

# Half a million commits are read in a few seconds; on a slow disk it takes longer.
_LONGEST_SECONDS = 300.0
_REF = (
    "%(HEAD) %(objecttype) %(objectname) x%(*objecttype) x%(*objectname)"
    " x%(taggerdate:unix) x%(committerdate:unix)%(*committerdate:unix) %(refname)"
)
_TAGS, _BRANCHES, _REMOTE = "refs/tags/", "refs/heads/", "refs/remotes/origin/"
_WORDS = ("--regexp-ignore-case", "--grep=this reverts commit", "--grep=^merge.*hotfix")
_BARE = ("HEAD", "objects", "refs")


class Refs(NamedTuple):
    """Tags, the commit of each branch, the one that is checked out, the remote, and whether it is shallow."""

    tags: list[Tag]
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
    """Read the refs. Raises UsageError if there are none, as in an empty repository."""
    tags, branches, local, head = [], {}, {}, ""
    for line in mirror.ask("for-each-ref", f"--format={_REF}").splitlines():
        here, kind, sha, inner, inner_sha, made, committed, name = line[0], *line[2:].split(" ", 6)
        if name.startswith(_TAGS) and "commit" in (kind, inner[1:]):
            own = sha if kind == "commit" else inner_sha[1:]
            at = made[1:] or committed[1:] or 0
            tags.append(Tag(name.removeprefix(_TAGS), own, int(at), made=made != "x"))
        elif name.startswith(_REMOTE):
            branches[name.removeprefix(_REMOTE)] = sha
        elif name.startswith(_BRANCHES):
            local[name.removeprefix(_BRANCHES)] = sha
            head = name.removeprefix(_BRANCHES) if here == "*" else head
    if not (tags or branches or local):
        raise UsageError(f"{mirror.path}: expected a repository with commits, got an empty one")
    origin = mirror.ask("config", "--default=", "--get", "remote.origin.url").strip()
    shallow = mirror.ask("rev-parse", "--is-shallow-repository").strip() != "false"
    return Refs(tags, branches | local, head, origin, shallow)


def read_log(mirror: Mirror, tips: Iterable[str]) -> dict[str, Commit]:
    """Return every commit that *tips* lead to."""
    found = {}
    for line in mirror.ask(
        "rev-list", "--parents", "--timestamp", "--stdin", given=_lines(tips)
    ).splitlines():
        at, sha, *parents = line.split(" ")
        found[sha] = Commit(int(at), tuple(parents))
    return found


def read_messages(mirror: Mirror, tips: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the commits that undo others or merge a hotfix, with their messages."""
    for entry in mirror.ask("log", "-z", *_WORDS, "--format=%H%n%B", "--stdin", given=_lines(tips)).split(
        "\0"
    ):
        sha, _, message = entry.partition("\n")
        yield sha, message


def _lines(tips: Iterable[str]) -> str:
    return "".join(f"{sha}\n" for sha in sorted(set(tips)))
