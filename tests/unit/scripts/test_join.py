"""The joiner on small rooms made for it, and its output for the real ones."""

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from gitdailies_core.ci.platforms import BY_MODULE

from scripts.joiner import one_file
from scripts.joiner.join import join

ROOT = Path(__file__).parents[3]
FROZEN = (ROOT / "core" / "gitdailies_core" / "ci" / "frozen.py").read_text("utf-8")


def room(folder: Path, main: str, **modules: str) -> Path:
    """Make a room whose package has *main*; modules named core_NAME go to core, others to the package."""
    package, core = folder / "a-room" / "gitdailies_room", folder / "core" / "gitdailies_core"
    for path in (package, core):
        path.mkdir(parents=True)
        (path / "__init__.py").write_text('"""Empty."""\n')
    (core / "ci").mkdir(exist_ok=True)
    (core / "ci" / "frozen.py").write_text(FROZEN)
    for name, text in {"__main__": main, **modules}.items():
        file = core / f"{name[5:]}.py" if name.startswith("core_") else package / f"{name}.py"
        head = f'"""The module {name}, in short.\n\nMore of it."""\n\nfrom __future__ import annotations\n'
        file.write_text(head + dedent(text))
    return folder / "a-room"


def run(text: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def joined(room: Path, instead: Mapping[str, str] | None = None, *, parts: bool = False) -> str:
    roots = {
        "gitdailies_room": room / "gitdailies_room",
        "gitdailies_core": room.parent / "core" / "gitdailies_core",
    }
    return join(
        "gitdailies_room.__main__",
        roots,
        head="What it does.",
        version="1.2.3",
        instead=instead,
        parts=parts,
    )


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    """The head names purpose, version, joiner and sources, and each part its own source."""
    text = joined(room(tmp_path, "print('out')\n"))

    head = ast.get_docstring(ast.parse(text)) or ""
    assert head.startswith("What it does.\n\nVersion 1.2.3. Joined by scripts/joiner from the files below")
    assert head.endswith("a-room/gitdailies_room/__main__.py")
    assert "# a-room/gitdailies_room/__main__.py\n# The module __main__, in short." in text
    assert run(text) == "out\n"


def test_the_version_is_checked_first(tmp_path: Path) -> None:
    """Before any other import the file says which Python it needs."""
    body = ast.parse(joined(room(tmp_path, "import json\nprint(json.dumps(1))\n"))).body

    assert [type(node).__name__ for node in body[:4]] == ["Expr", "ImportFrom", "Import", "If"]
    assert ast.unparse(body[2]) == "import sys"
    assert ast.unparse(body[3].test) == "sys.version_info < (3, 9)"  # type: ignore[attr-defined]


def test_only_what_is_used(tmp_path: Path) -> None:
    """Functions, constants, methods, imports and modules that nothing uses are left out."""
    text = joined(
        room(
            tmp_path,
            """
            from gitdailies_core.shapes import Shape
            print(Shape().area())
            """,
            core_shapes="""
            import json
            import math
            SIDE, UNUSED_NUMBER = 2, 3
            def unused_function():
                return json.dumps(1)
            class Shape:
                def __init__(self):
                    self.side = SIDE
                # How large it is.
                def area(self):
                    return math.floor(self._squared())
                def _squared(self):
                    return self.side ** 2
                def unused_method(self):
                    return json.dumps(2)
            """,
        )
    )

    assert run(text) == "4\n"
    assert "# How large it is." in text
    assert "unused_function" not in text
    assert "unused_method" not in text
    assert "json" not in text


def test_names_that_two_modules_share(tmp_path: Path) -> None:
    """Private and public names that collide are renamed, and local names stay unchanged."""
    text = joined(
        room(
            tmp_path,
            """
            from gitdailies_core.one import first
            from gitdailies_core.two import read, second as other
            def _read(read):
                return [read for read in (read, "own")]
            print(first(), other(), _read("local"), read())
            """,
            core_one="""
            _LIMIT = 1
            def _read():
                return f"one {limit()}"
            def limit():
                return _LIMIT
            def first():
                return _read()
            """,
            core_two="""
            _LIMIT = 2
            def _read(_LIMIT=_LIMIT):
                return _LIMIT
            def second():
                _inner = _read()
                return _inner
            def read():
                return "read"
            """,
        )
    )

    assert run(text) == "one 1 2 ['local', 'own'] read\n"
    assert "_ONE_LIMIT = 1" in text
    assert "def _two_read(_LIMIT=_TWO_LIMIT):" in text


def test_modules_before_a_dot(tmp_path: Path) -> None:
    """A module of ours that is imported whole is named no more."""
    text = joined(
        room(
            tmp_path,
            """
            from gitdailies_core import texts
            from gitdailies_room import step
            print(texts.shout("a"), step.shout("b"))
            """,
            core_texts="def shout(text):\n    return text.upper() + '!'\n",
            step="def shout(text):\n    return text.upper() + '?'\n",
        )
    )

    assert run(text) == "A! B?\n"
    assert "print(texts_shout" in text


def test_imports_inside_of_functions(tmp_path: Path) -> None:
    """An import of ours inside a function is taken out, one of the standard library stays."""
    text = joined(
        room(
            tmp_path,
            """
            def main():
                from gitdailies_core import later
                import json
                return json.dumps(later.value())
            print(main())
            """,
            core_later="def value():\n    return [1]\n",
        )
    )

    assert run(text) == "[1]\n"
    assert "gitdailies_core import" not in text


def test_annotations_cost_nothing(tmp_path: Path) -> None:
    """Annotations are left out but for those of fields, and imports that only these need are not made."""
    text = joined(
        room(
            tmp_path,
            """
            from decimal import Decimal
            from typing import Union
            Number = Union[int, Decimal]
            class Pair:
                first: Number = 1
            def double(number: Number, *, times: "Fraction" = 2) -> Number:
                found: dict[str, Number] = {"": number * times}
                return found[""]
            import sys
            TWICE: "dict[Fraction, int]" = {}
            print(double(2), Pair.first, TWICE, "decimal" in sys.modules)
            """,
        )
    )

    assert run(text) == "4 1 {} False\n"
    assert "\nTWICE = {}\n" in text
    assert "def double(number, *, times = 2):" in text
    assert "    found = {" in text
    assert "if TYPE_CHECKING:\n    from decimal import Decimal\n    from typing import Union" in text
    assert "if TYPE_CHECKING:\n    Number = Union[int, Decimal]" in text


def test_frozen_values(tmp_path: Path) -> None:
    """Data classes become core's light ones: defaults, order, equality, and no change."""
    text = joined(
        room(
            tmp_path,
            """
            import sys
            from dataclasses import dataclass
            @dataclass(frozen=True)
            class Point:
                x: int
                y: int = 0
            point = Point(1, y=2)
            try:
                point.x = 3
            except AttributeError as error:
                print(error)
            try:
                Point()
            except TypeError as error:
                print(error)
            print(point, Point(1) == Point(x=1, y=0), len({point, Point(1, 2)}), "dataclasses" in sys.modules)
            """,
        )
    )

    assert run(text) == (
        "Point.x: expected no change, got one\nPoint: expected x, y, got 0 and []\nPoint(1, 2) True 1 False\n"
    )


PARTS = {
    "main": """
        import sys
        from gitdailies_core import one
        def four():
            from gitdailies_core.four import FOUR
            return FOUR
        def main(name):
            if name == "four":
                return four()
            if name == "two":
                from gitdailies_core.two import TWO
                return TWO
            if name == "three":
                from gitdailies_core import three
                return three.fail()
            return one.ONE
        if __name__ == "__main__":
            print(main(sys.argv[1]), "fractions" in sys.modules, sorted(_LATER))
        """,
    "core_one": "ONE = '1'\n",
    "core_two": "from gitdailies_core import deep, one\nTWO = one.ONE + deep.DEEP\n",
    "core_deep": "from fractions import Fraction\nDEEP = str(Fraction(1, 2))\n",
    "core_four": "FOUR = '4'\n",
    "core_three": "def fail():\n    # Why.\n    raise ValueError('planted')\n",
}


def part_run(tmp_path: Path, name: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "step.py"
    file.write_text(joined(room(tmp_path, **PARTS), parts=True))
    return subprocess.run([sys.executable, "-I", str(file), name], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("one", "1 False ['deep', 'four', 'three', 'two']\n"),
        ("two", "11/2 True ['four', 'three']\n"),
        ("four", "4 False ['deep', 'three', 'two']\n"),
    ],
)
def test_a_late_import_compiles_its_modules(name: str, printed: str, tmp_path: Path) -> None:
    """What is imported late is compiled then, with all that it needs, and imports what only that needs."""
    assert part_run(tmp_path, name).stdout == printed


def test_a_function_that_returns_what_it_imports_is_one_line(tmp_path: Path) -> None:
    """Such a function takes one line of the file, with the names that its import has there."""
    text = joined(room(tmp_path, **PARTS), parts=True)

    assert '\nfour = _late("FOUR", "four")\n' in text
    assert "def four" not in text


@pytest.mark.parametrize(
    ("four", "line"),
    [
        ("def four():", 'main_four = _late("FOUR", "four")'),
        ("@list\ndef four():", "@list\ndef main_four():"),
        ("def four(times=1):", "def main_four(times=1):"),
    ],
    ids=["two modules have the name", "a decorator", "an argument"],
)
def test_only_a_plain_function_becomes_one_line(four: str, line: str, tmp_path: Path) -> None:
    """The line has the function's name in the file. A decorator or an argument keeps the function."""
    main = f"""
from gitdailies_core import one
{four}
    from gitdailies_core.four import FOUR
    return FOUR
print(four, one.four)
"""
    here = room(tmp_path, main, core_one="four = 9\n", core_four="FOUR = '4'\n")

    assert f"\n{line}\n" in joined(here, parts=True)


def test_a_traceback_shows_the_line_of_the_file(tmp_path: Path) -> None:
    """An error in a part names the file, the line in it, and the statement."""
    done = part_run(tmp_path, "three")
    lines = (tmp_path / "step.py").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if "raise ValueError" in line)

    assert f"step.py\", line {number}, in fail\n    raise ValueError('planted')\n" in done.stderr


def test_a_text_that_no_part_can_hold(tmp_path: Path) -> None:
    """Quotes that would end a part are refused, with the module's name."""
    here = room(tmp_path, "from gitdailies_core import one\nprint(one.ONE)\n", core_one="ONE = \"'''\"\n")

    with pytest.raises(ValueError, match=r"gitdailies_core\.one: expected no '''"):
        joined(here, parts=True)


@pytest.mark.parametrize(
    ("main", "core", "complaint"),
    [
        ("import requests\n", "", "expected imports of ours or the standard library, got requests"),
        (
            "from gitdailies_core.one import absent\nabsent()\n",
            "",
            "expected absent in gitdailies_core.one, got none",
        ),
        ("import json as j\nj.dumps(1)\n", "", "expected no `as` for an import, got j"),
        (
            "from gitdailies_core import one\nprint(one)\n",
            "X = 1\n",
            "expected one.NAME, got the module alone",
        ),
    ],
)
def test_what_cannot_be_joined(main: str, core: str, complaint: str, tmp_path: Path) -> None:
    """Code that the joiner does not support is refused with its place, never joined wrongly."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        joined(room(tmp_path, main, core_one=core))


def test_newer_syntax_is_refused(tmp_path: Path) -> None:
    """A statement that Python 3.9 does not know makes no file."""
    with pytest.raises(SyntaxError):
        joined(room(tmp_path, "match 1:\n    case 1:\n        print(1)\n"))


def test_a_text_in_place_of_a_module(tmp_path: Path) -> None:
    """A text that is handed in is joined in place of a module whose file does what cannot be joined."""
    main = "from gitdailies_core import found\nprint(found.NAMES)\n"
    here = room(tmp_path, main, core_found="import requests\nNAMES = requests.NAMES\n")
    text = joined(here, {"gitdailies_core.found": '"""Written out."""\nNAMES = ("a", "b")\n'})

    assert run(text) == "('a', 'b')\n"
    assert "# core/gitdailies_core/found.py\n# Written out." in text


def test_files_of_one_folder_are_named_within_it(tmp_path: Path) -> None:
    """The head names the folder that all files have, and their parts do not repeat it."""
    text = joined(room(tmp_path, "from gitdailies_room import two\nprint(two.TWO)\n", two="TWO = 2\n"))

    assert "Each part names its file, within a-room/gitdailies_room/." in text
    assert "\n# two.py\n# The module two, in short.\n" in text


@pytest.mark.parametrize("module", ["every platform", *BY_MODULE])
def test_steps_are_readable(module: str) -> None:
    """Each one-file step has its docstrings, no long line, and no more bytes than its limit."""
    text = one_file.step_of(ROOT, module) if module in BY_MODULE else one_file.step(ROOT)

    # An orb carries its platform's step in one environment variable, whose limit is 128 KiB. The step
    # of every platform is bounded by how long Python takes to compile it, as `benchmarks/steps.py` has it.
    assert len(text.encode()) < (126 if module in BY_MODULE else 168) * 1024
    assert max(map(len, text.splitlines())) <= 118
    assert text.count('"""') > 40
    assert "noqa" not in text
    assert "gitdailies_core import" not in text
