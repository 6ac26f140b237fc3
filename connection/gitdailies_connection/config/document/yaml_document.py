"""YAML and JSON files as plain values, each with its line and column.

The rules: UTF-8, at most a megabyte, one document, each name once in a mapping, and a bounded number of
values after aliases are resolved. Words have the meaning of YAML 1.2: `no` and `on` are text, not
booleans, and so is a date.
"""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from gitdailies_core.errors import ConfigurationError

from gitdailies_connection.config.document.errors import FileFault, Place, configuration_error, setting_name

LARGEST = 1024 * 1024
MOST_VALUES = 100_000
DEEPEST = 100


@dataclass(frozen=True)
class Document:
    """The content of a file; `places` maps a path to line and column, both from 1.

    The place of a setting is that of its name; the place of an item in a list is its beginning.
    """

    file: str
    value: Any = field(repr=False)
    places: Mapping[Place, tuple[int, int]] = field(repr=False)

    def value_at(self, place: Place) -> Any:
        """Return the value at *place*, or None."""
        value = self.value
        for step in place:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, dict) else None
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else None
        return value

    def line(self, place: Place) -> int:
        """Return the line of *place*, or of the nearest existing place around it."""
        while place not in self.places:
            if not place:
                return 1
            place = place[:-1]
        return self.places[place][0]

    def error(self, faults: Mapping[Place, str]) -> ConfigurationError:
        """Return the error that names *faults* by file, line and place."""
        named = (FileFault(self.line(place), setting_name(place), text) for place, text in faults.items())
        return configuration_error(self.file, named)


def read_text(path: Path, *, remedy: str = "") -> str:
    """Read the text of a file; raises ConfigurationError if it is missing, too large or not UTF-8.

    *remedy* is added to the message about a missing file.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file{remedy}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not the name of a file"
        raise ConfigurationError(f"{path}: cannot read it: {reason}") from None
    if len(raw) > LARGEST:
        raise ConfigurationError(f"{path}: expected at most {LARGEST} bytes, got more")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}:{line}: expected UTF-8, got other bytes") from None


def parse(text: str, file: str, *, hidden: Callable[[Place], bool] = lambda _place: False) -> Document:
    """Parse YAML; raises ConfigurationError that names *file* and the line.

    If *hidden* is true for a path, messages do not name anything below it.
    """
    if len(text) > LARGEST:
        raise ConfigurationError(f"{file}: expected at most {LARGEST} characters, got more")
    try:
        node = _node(text)
    except yaml.YAMLError as error:
        raise _unreadable(file, text, error) from None
    except RecursionError:
        raise ConfigurationError(f"{file}: expected {_DEPTH}, got more") from None
    except (ValueError, OverflowError):
        # chr() raises for an escape such as \UFFFFFFFF, and PyYAML lets the error through.
        raise ConfigurationError(f"{file}: not valid YAML: an escape names no character") from None
    builder = _Builder(file, hidden)
    value = builder.build(node, ()) if node is not None else None
    if builder.faults:
        raise configuration_error(file, builder.faults)
    return Document(file, value, builder.places)


_TAG = "tag:yaml.org,2002:"
_DEPTH = f"at most {DEEPEST} levels of nesting"


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return the words of YAML 1.2's core schema, by their first character, as PyYAML keeps them."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, first in (
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
        ("int", r"[-+]?[0-9]{1,20}\Z", "-+0123456789"),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?\Z", "-+0123456789."),
        ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
        ("merge", r"<<\Z", "<"),
    ):
        for character in first:
            found.setdefault(character, []).append((_TAG + tag, re.compile(pattern)))
    return found


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the words of YAML 1.2's core schema. Its errors say the most."""

    yaml_implicit_resolvers = _resolvers()


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same loader on libyaml, where PyYAML has that. It is more than ten times as fast."""

    yaml_implicit_resolvers = _resolvers()


# Where libyaml accepts what PyYAML's own loader refuses: tabs, marks of byte order, `|#comment`.
_DIFFERS = re.compile(r"[\t\ufeff]|[|>][-+0-9]*#")


def _node(text: str) -> yaml.Node | None:
    """Return the root of a document; `_Builder` builds values from it. Both loaders are safe ones."""
    if not _DIFFERS.search(text):
        with suppress(yaml.YAMLError, RecursionError, ValueError, OverflowError):
            return _composed(_FastLoader, text)
    return _composed(_Loader, text)


def _composed(kind: type[yaml.SafeLoader], text: str) -> yaml.Node | None:
    loader = kind(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


class _Builder:
    """Builds plain values from nodes, with the place of each, and collects faults."""

    def __init__(self, file: str, hidden: Callable[[Place], bool]) -> None:
        self.places: dict[Place, tuple[int, int]] = {}
        self.faults: list[FileFault] = []
        self._file, self._hidden, self._count = file, hidden, 0

    def build(self, node: yaml.Node, place: Place) -> Any:
        mark = node.start_mark
        self.places.setdefault(place, (mark.line + 1, mark.column + 1))
        self._bounded(node, place, 1)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _bounded(self, node: yaml.Node, place: Place, more: int) -> None:
        # A few nested aliases can expand to billions of values, and an alias of itself to endless depth.
        self._count += more
        if self._count > MOST_VALUES or len(place) > DEEPEST:
            limit = f"at most {MOST_VALUES} values" if self._count > MOST_VALUES else _DEPTH
            fault = FileFault(node.start_mark.line + 1, "top level", f"expected {limit}, got more")
            raise configuration_error(self._file, [fault])

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        built: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for name_node, value_node in self._pairs(node, place, 0):
            if not isinstance(name_node, yaml.ScalarNode) or not _writable(name_node.value):
                braces = "; write ${x} for {{x}}" if isinstance(name_node, yaml.MappingNode) else ""
                self._add_fault(name_node, place, f"expected text for a name, got something else{braces}")
                continue
            name: str = name_node.value
            line = name_node.start_mark.line + 1
            if name in lines:
                what = f"expected each name once, got one twice; the first is on line {lines[name]}"
                self._add_fault(name_node, (*place, name), what)
                continue
            lines[name] = line
            self.places[*place, name] = (line, name_node.start_mark.column + 1)
            built[name] = self.build(value_node, (*place, name))
        return built

    def _pairs(self, node: yaml.MappingNode, place: Place, depth: int) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return names and values, with those that `<<` adds; the mapping's own names override them."""
        pairs = [pair for pair in node.value if pair[0].tag != _TAG + "merge"]
        own = {str(name.value) for name, _ in pairs}
        for _, value in (pair for pair in node.value if pair[0].tag == _TAG + "merge"):
            for other in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(other, yaml.MappingNode):
                    self._add_fault(other, place, "expected a mapping after <<, got something else")
                    continue
                self._bounded(other, (0,) * depth, 1 + len(other.value))
                for pair in self._pairs(other, place, depth + 1):
                    if str(pair[0].value) not in own:
                        own.add(str(pair[0].value))
                        pairs.append(pair)
        return pairs

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        # A mapping or a list can be tagged as text or a number, too.
        kind, text = node.tag.removeprefix(_TAG) if isinstance(node, yaml.ScalarNode) else "", node.value
        if kind and not _writable(text):
            self._add_fault(node, place, "expected text that UTF-8 can hold, got half of a surrogate pair")
            return None
        try:
            if kind == "str":
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                return int(text)
            if kind == "float" and math.isfinite(float(text)):
                return float(text)
        except (ValueError, KeyError):
            pass
        # Neither tag nor text is repeated, because `!secret abc` may contain a secret.
        self._add_fault(node, place, "expected a plain YAML value, got another type")
        return None

    def _add_fault(self, node: yaml.Node, place: Place, text: str) -> None:
        for end in range(len(place)):
            if self._hidden(place[:end]):
                place = place[:end]
                break
        self.faults.append(FileFault(node.start_mark.line + 1, setting_name(place), text))


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(file: str, text: str, error: yaml.YAMLError) -> ConfigurationError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}" if mark else ""
        column = f" at column {mark.column + 1}" if mark else ""
        if "found character '\\t'" in (error.problem or ""):
            return ConfigurationError(f"{file}{where}: expected spaces, got a tab{column}")
        problem = error.problem or error.context or "unknown problem"
        # PyYAML quotes names and tags of the file, which may be a misplaced secret.
        shown = re.sub(r"'[^'\s]{2,}'|\"[^\"\s]{2,}\"", "a word", problem)
        hint = "; put quotes around a value with braces" if "'}', but got '{'" in problem else ""
        if "<block end>" in problem or "mapping values" in problem:
            hint = "; align it with the keys above, or put quotes around a value with a colon"
        return ConfigurationError(f"{file}{where}: not valid YAML: {shown}{column}{hint}")
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return ConfigurationError(f"{file}:{line}: not valid YAML: it has a control character")
    return ConfigurationError(f"{file}: not valid YAML")
