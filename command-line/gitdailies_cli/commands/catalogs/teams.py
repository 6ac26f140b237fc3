"""What a catalog says about teams: their repositories, and what says nothing, with the reason. Pure."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gitdailies_connection.config.sections.settings import NO_TEAM
from gitdailies_core.sources.catalogs import LeftOut

from gitdailies_cli.commands.catalogs.backstage import SLUGS, inner
from gitdailies_cli.commands.catalogs.files import rows

_OWNED = frozenset({"component", "resource", "api", "system"})
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9._-]+")
# The line of CODEOWNERS that is for everything.
_EVERYTHING = frozenset({"*", "/", "/*", "/**", "**"})


class Owned(NamedTuple):
    """A repository, or one service of it, and the team that owns it, as the catalog spells them."""

    team: str
    repo: str
    service: str = ""


class Named(NamedTuple):
    """The name of a team that is shown."""

    team: str
    title: str


Found = Owned | Named | LeftOut


def from_backstage(entities: Iterable[Any]) -> Iterator[Found]:
    """Read the entities of a Backstage catalog."""
    for entity in entities:
        if not isinstance(entity, Mapping):
            yield LeftOut("a document", "it is no entity with kind and metadata")
            continue
        kind = str(entity.get("kind", "")).casefold()
        metadata, spec = inner(entity, "metadata"), inner(entity, "spec")
        name = str(metadata.get("name") or "")
        what = f"{kind or 'entity'} {name}"
        if kind == "group":
            title = inner(spec, "profile").get("displayName") or metadata.get("title")
            if title:
                yield Named(name, str(title))
        elif kind not in _OWNED:
            yield LeftOut(what, "only components, resources, APIs and systems own repositories")
        elif (owner := _group(spec.get("owner"))) is None:
            yield LeftOut(what, f"its owner is no group: {spec.get('owner') or 'none'}")
        else:
            annotations = inner(metadata, "annotations")
            repo = next((str(annotations[slug]) for slug in SLUGS if annotations.get(slug)), "")
            if repo:
                yield Owned(owner, repo)
            else:
                yield LeftOut(what, f"it has no annotation {' or '.join(SLUGS)}")


def _group(owner: Any) -> str | None:
    """Return the name of a group from a reference like `group:default/payments`; None for a user."""
    kind, _, rest = str(owner or "").rpartition(":")
    if not rest or kind.casefold() not in ("", "group"):
        return None
    return rest.rpartition("/")[2]


def from_codeowners(repo: str, text: str) -> Iterator[Found]:
    """Read who owns everything in a repository: the last line of its CODEOWNERS that is for `*`."""
    owners: list[str] = []
    for line in text.splitlines():
        pattern, *rest = line.partition("#")[0].split() or [""]
        if pattern in _EVERYTHING:
            owners = rest
        elif pattern:
            yield LeftOut(f"{repo}: {pattern}", "a team owns whole repositories; only the line of * is read")
    if not owners:
        yield LeftOut(repo, "no line of * names an owner")
    for owner in owners:
        team = owner.removeprefix("@")
        if not owner.startswith("@") or "/" not in team:
            yield LeftOut(f"{repo}: {owner}", "a person, and not a team")
        else:
            yield Owned(team.rpartition("/")[2], repo)


def from_csv(text: str) -> Iterator[Found]:
    """Read a table with the columns `repo`, `team` and, if wanted, `service`; raises ValueError."""
    for number, row in rows(text, ("repo", "team")):
        if row["repo"] and row["team"]:
            yield Owned(row["team"], row["repo"], row.get("service", ""))
        else:
            yield LeftOut(f"line {number}", "it has no repository or no team")


def as_yaml(found: Iterable[Found]) -> tuple[str, list[LeftOut]]:
    """Return `teams` of gitdailies.yml, and the entries that are not in it."""
    teams: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"repos": set(), "services": set()})
    titles: dict[str, str] = {}
    left_out: list[LeftOut] = []
    spelled: dict[str, str] = {}
    for one in found:
        if isinstance(one, LeftOut):
            left_out.append(one)
            continue
        key = _key(one.team)
        key = spelled.setdefault(key.casefold(), key)
        if isinstance(one, Named):
            titles[key] = one.title
        elif not key or key.casefold() == NO_TEAM:
            left_out.append(LeftOut(one.repo, f"{one.team or 'no text'} cannot be the name of a team"))
        else:
            titles.setdefault(key, one.team)
            kind, text = ("services", f"{one.repo}: {one.service}") if one.service else ("repos", one.repo)
            teams[key][kind].add(text)
    lines = ["teams:"] if teams else []
    for key, owned in sorted(teams.items()):
        lines.append(f"  {key}:")
        if titles[key] != key:
            lines.append(f"    name: {_quoted(titles[key])}")
        for kind, texts in owned.items():
            lines += [f"    {kind}:"] if texts else []
            lines += [f"      - {_quoted(text)}" for text in sorted(texts)]
    return "".join(f"{line}\n" for line in lines), left_out


def _key(team: str) -> str:
    """Return a name as it can be in an address."""
    return _NOT_IN_KEYS.sub("-", team.strip()).strip("-._")[:100]


def _quoted(text: str) -> str:
    # A text of JSON is one of YAML.
    return json.dumps(text, ensure_ascii=False)
