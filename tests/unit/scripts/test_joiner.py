"""The joiner on small modules made for it, and the steps that it makes."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from gitdailies_core.ci.platforms import BY_MODULE

from scripts import joiner

ROOT = Path(__file__).parents[3]


def joined(folder: Path, **modules: str) -> str:
    """Join modules of a package made of *modules*; `main` is the entry."""
    package = folder / "gitdailies_made"
    package.mkdir()
    for name, text in modules.items():
        head = f'"""The module {name}, in short.\n\nMore of it."""\n\nfrom __future__ import annotations\n'
        (package / f"{name}.py").write_text(head + dedent(text))
    return joiner.join(
        folder, ["gitdailies_made.main"], about="What it does.", version="1.2.3", tail="\nstart()\n"
    )


def run(text: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


MODULES = {
    "main": """
        import json
        from gitdailies_made.shapes import Shape, area

        # What the entry does.
        def start() -> None:
            import math
            print(json.dumps(area(Shape(2))), math.floor(1.5))
        """,
    "shapes": """
        import json
        from dataclasses import dataclass
        from gitdailies_made.numbers import (
            TWO,
        )

        @dataclass(frozen=True)
        class Shape:
            side: int

        def area(shape: Shape) -> int:
            return json.loads(str(shape.side)) ** TWO
        """,
    "numbers": "TWO = 2\n",
}


def test_modules_one_after_the_other(tmp_path: Path) -> None:
    """Each module is whole, below its file and its first sentence, after those that it imports."""
    text = joined(tmp_path, **MODULES)

    assert run(text) == "4 1\n"
    assert re.findall(r"^# gitdailies_made/(\w+)\.py\n# The module \1, in short\.$", text, re.MULTILINE) == [
        "numbers",
        "shapes",
        "main",
    ]
    assert "# What the entry does.\ndef start() -> None:\n    import math\n" in text
    assert "More of it" not in text


@pytest.mark.parametrize(
    ("main", "complaint"),
    [
        ("import requests\n", "got import requests"),
        ("import json as j\n", "got import json as j"),
        ("from gitdailies_made.numbers import TWO as T\n", "expected an import of names at the top"),
        (
            "def late():\n    from gitdailies_made.numbers import TWO\n",
            "main.py:7: expected an import",
        ),
        (
            "from gitdailies_made.numbers import TWO\nTWO = 3\n",
            "main.py: expected another name than TWO",
        ),
        ("import json\njson = 1\n", "expected another name than json, which the standard library has"),
        ("NAME = 'Z\u00fcrich'\n", "main.py: expected ASCII alone"),
    ],
)
def test_what_cannot_be_joined(main: str, complaint: str, tmp_path: Path) -> None:
    """What would be joined wrongly is refused, with the file."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        joined(tmp_path, main=main, numbers="TWO = 2\n")


def test_newer_syntax_is_refused(tmp_path: Path) -> None:
    """A statement that Python 3.9 does not know makes no file."""
    with pytest.raises(SyntaxError):
        joined(tmp_path, main="match 1:\n    case 1:\n        print(1)\n")


@pytest.mark.parametrize("module", BY_MODULE)
def test_a_step_of_one_platform_holds_no_other(module: str) -> None:
    """The file of a platform names that platform's module and no other's."""
    text = joiner.step_of(ROOT, module)

    assert re.findall(r"^# gitdailies_core/ci/platforms/(\w+)\.py$", text, re.MULTILINE) == [module]


def test_what_no_step_needs_is_in_none() -> None:
    """The relay's policy of retries, the dialect and the kinds of incidents are in no step."""
    files = re.findall(r"^# gitdailies_core/(.+)\.py$", joiner.step(ROOT), re.MULTILINE)

    assert "ci/step" in files
    assert not {"retry", "events/dialect", "events/events", "sources/protocol"} & set(files)
