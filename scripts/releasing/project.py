"""The names that an owner decides: `project.toml`, read strictly.

    read(text) -> Project       ValueError names the file, the key, what was wrong and what to do
    of(root)   -> Project       the same, of the file in *root*

A name that is not decided yet is "".

    python scripts/releasing/project.py v1.2.3 >>"$GITHUB_OUTPUT"

prints what the release workflow needs, as `name=value` lines: the version, and each name. `home.repository`
becomes `home_repository`. No value holds a line break.
"""

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

FILE = "project.toml"


@dataclass(frozen=True)
class Home:
    """Whose project it is, and where it is developed and described."""

    owner: str = ""
    repository: str = ""
    docs: str = ""
    security: str = ""
    affiliation: str = ""


@dataclass(frozen=True)
class Registries:
    """What the package, the image and the orb are called where they are published."""

    package: str = ""
    image: str = ""
    orb: str = ""


@dataclass(frozen=True)
class Mirrors:
    """The repositories of steps whose platform wants one for each step: host and path."""

    github_action: str = ""
    buildkite: str = ""
    gitlab: str = ""


@dataclass(frozen=True)
class Project:
    """Every name, by table and key. Raises ValueError for a value of a wrong form."""

    home: Home = Home()
    registries: Registries = Registries()
    mirrors: Mirrors = Mirrors()

    def __post_init__(self) -> None:
        for key in KEYS:
            value, form = self.value(key), _FORMS[key]
            if value and not re.fullmatch(form.pattern, value):
                raise ValueError(f"{FILE}: {key}: expected {form.expected}, got {value!r}")

    def value(self, key: str) -> str:
        """Return the name of a key such as `home.owner`, or "" if it is not decided yet."""
        table, _, name = key.partition(".")
        found = getattr(getattr(self, table), name)
        if not isinstance(found, str):
            raise TypeError(f"{FILE}: {key}: expected text in quotes, got {found!r}")
        return found


_TABLES: Mapping[str, type[Home | Registries | Mirrors]] = {
    "home": Home,
    "registries": Registries,
    "mirrors": Mirrors,
}
# Every key, in the order of the file.
KEYS = tuple(f"{table}.{field.name}" for table, made in _TABLES.items() for field in fields(made))


@dataclass(frozen=True)
class _Form:
    expected: str
    pattern: str


_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_HOST = r"[a-z0-9-]+(?:\.[a-z0-9-]+)+"
# No dot and slash at the end: addresses are made from it.
_REPOSITORY = rf"{_HOST}(?:/{_WORD})+/{_WORD}"
_GITHUB = rf"github\.com/{_WORD}/{_WORD}"

_FORMS: Mapping[str, _Form] = {
    "home.owner": _Form("a name, such as larkspur", _WORD),
    "home.repository": _Form(
        "a repository on github.com without https://, such as github.com/larkspur/gitdailies-integrations",
        _GITHUB,
    ),
    "home.docs": _Form(
        "an address that begins with https:// and does not end with a slash",
        rf"https://{_HOST}(?:/[\w.~-]+)*",
    ),
    "home.security": _Form("a mail address", rf"[\w.+-]+@{_HOST}"),
    "home.affiliation": _Form("one line", r"[^\n]+"),
    "registries.package": _Form("the name of a Python distribution", _WORD),
    "registries.image": _Form(
        "registry and path in lower case without a tag, such as ghcr.io/larkspur/gitdailies",
        rf"{_HOST}(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+",
    ),
    "registries.orb": _Form(
        "namespace and name without a version, such as larkspur/gitdailies", r"[a-z0-9_-]+/[a-z0-9_-]+"
    ),
    "mirrors.github_action": _Form(
        "a repository on github.com, such as github.com/larkspur/report-deploy-action", _GITHUB
    ),
    "mirrors.buildkite": _Form(
        "a repository whose name ends with -buildkite-plugin, "
        "such as github.com/larkspur/gitdailies-buildkite-plugin",
        rf"{_HOST}/{_WORD}/{_WORD}-buildkite-plugin",
    ),
    "mirrors.gitlab": _Form(
        "a project of a GitLab, host and path, such as gitlab.com/larkspur/gitdailies", _REPOSITORY
    ),
}


def read(text: str) -> Project:
    """Return the names in *text*. Raises ValueError for a fault, which it names."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{FILE}: expected TOML, got a fault: {error}") from None
    _known("", tables, _TABLES)
    found: dict[str, Any] = {}
    for table, made in _TABLES.items():
        values = tables.get(table, {})
        if not isinstance(values, dict):
            raise ValueError(f"{FILE}: {table}: expected a table [{table}], got {values!r}")
        _known(f"{table}.", values, [field.name for field in fields(made)])
        for name, value in values.items():
            if not isinstance(value, str):
                raise ValueError(f"{FILE}: {table}.{name}: expected text in quotes, got {value!r}")
        found[table] = made(**values)
    return Project(**found)


def of(root: Path) -> Project:
    """Return the names of the project in *root*."""
    return read((root / FILE).read_text("utf-8"))


def _known(before: str, found: Mapping[str, Any], known: Mapping[str, Any] | list[str]) -> None:
    for name in found:
        if name not in known:
            meant = get_close_matches(name, known, 1)
            remedy = f"did you mean {before}{meant[0]}" if meant else f"expected one of {', '.join(known)}"
            raise ValueError(f"{FILE}: {before}{name}: this key does not exist; {remedy}")


def lines(tag: str, names: Project) -> list[str]:
    """Return the lines for *tag*. Raises ValueError if it is no tag of a release."""
    version = tag.removeprefix("v")
    if not tag.startswith("v") or not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        raise ValueError(f"tag: expected vX.Y.Z, such as v1.2.3, got {tag!r}")
    return [f"version={version}", *(f"{key.replace('.', '_')}={names.value(key)}" for key in KEYS)]


def main(arguments: Sequence[str]) -> int:
    try:
        (tag,) = arguments
        print("\n".join(lines(tag, of(Path(__file__).resolve().parents[2]))))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
