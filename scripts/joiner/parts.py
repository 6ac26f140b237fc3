"""The parts of a joined file: modules as texts in it, each compiled when it is needed.

Python compiles a whole file before it runs it. That took a third of a step's time: half of it was for
other jobs, and to compile a few hundred lines at a time takes less memory, and so less time. Modules that
are needed at once run where their text is. One that is only imported inside of functions runs when such
an import is reached.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from scripts.joiner.modules import Module, Symbol, Unit

# The code before the parts. A call of `_load` replaces a late import, and one of `_late` a function that
# returns what it imports.
LOADER = """\
# The modules are texts, which are compiled when this job needs them: most of a step's time is spent on that.
# A number is that of its line, for tracebacks.
_LATER = {}

def _now(line, text):
    exec(compile("\\n" * (line - 1) + text, _now.__code__.co_filename, "exec"), globals())

def _load(*modules):
    for module in modules:
        if module in _LATER:
            _now(*_LATER.pop(module))

def _late(name, *modules):
    def load():
        _load(*modules)
        return globals()[name]

    return load
"""
RESERVED = ("_LATER", "_now", "_load", "_late")
# In lines. Shorter parts gain nothing.
LONG_ENOUGH = 200
_LINE, _QUOTES = "@LINE@", "'''"


class Division:
    """Which modules of a joined file run at once, and what each late import loads."""

    def __init__(self, needed: Iterable[Unit], entry: str, order: Iterable[str]) -> None:
        """Divide the modules of the *needed* statements. *order* has every module after what it imports."""
        self._links: dict[str, set[str]] = {}
        for unit in needed:
            used = unit.uses(at_run_time=True, at_once=True)
            links = self._links.setdefault(unit.module.name, set())
            links |= {target.module for target in used if isinstance(target, Symbol)}
        self._order = tuple(order)
        self.at_once = self._reached({entry})

    def loads(self, module: Module, node: ast.ImportFrom) -> str:
        """Return the call that replaces a late import of *module*, or "" if its names are defined already."""
        found = self._modules(module, node)
        return f"_load({found})" if found else ""

    def late(self, unit: Unit, names: Mapping[Symbol, str]) -> str:
        """Return what replaces a function that returns what it imports, or "".

        *names* has the name of each definition in the file.
        """
        node = unit.node
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or ast.unparse(node.args):
            return ""
        body = node.body
        if len(body) != 2 or body[0] not in unit.imports or not isinstance(body[0], ast.ImportFrom):
            return ""
        target, found = unit.module.targets[body[0].names[0].name], self._modules(unit.module, body[0])
        if not found or not isinstance(target, Symbol) or ast.unparse(body[1]) != f"return {target.name}":
            return ""
        own = names[Symbol(unit.module.name, node.name)]
        return f'{own} = _late("{names[target]}", {found})'

    def _modules(self, module: Module, node: ast.ImportFrom) -> str:
        targets = (module.targets[alias.asname or alias.name] for alias in node.names)
        wanted = {target.module if isinstance(target, Symbol) else str(target) for target in targets}
        found = [f'"{_short(one)}"' for one in self._order if one in self._reached(wanted) - self.at_once]
        return ", ".join(found)

    def _reached(self, start: set[str]) -> set[str]:
        found: set[str] = set()
        waiting = [*start]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._links.get(name, ())
        return found


def check(module: str, text: str) -> None:
    """Raise ValueError if a part cannot hold *text*, which is the module's."""
    if _QUOTES in text or text.endswith("\\"):
        raise ValueError(f"{module}: expected no {_QUOTES} and no backslash at the end, got one")


def part(text: str, *, late: str = "") -> str:
    """Return *text* as a part of a file. It waits if *late* names its module.

    `numbered` writes its line.
    """
    text = text.strip("\n")
    if late:
        return f'_LATER["{_short(late)}"] = {_LINE}, r{_QUOTES}\n{text}\n{_QUOTES}'
    return f"_now({_LINE}, r{_QUOTES}\n{text}\n{_QUOTES})"


def numbered(text: str) -> str:
    """Write the number of its line into the first line of each part."""
    return "".join(
        line.replace(_LINE, str(number)) for number, line in enumerate(text.splitlines(keepends=True), 1)
    )


def _short(module: str) -> str:
    return module.partition(".")[2]
