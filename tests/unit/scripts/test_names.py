"""The names that the release workflow reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import names
from scripts.project import KEYS, Home, Project

ROOT = Path(__file__).parents[3]


def test_every_name_is_a_line() -> None:
    """The version has no v, and each key of project.toml is a line, set or not."""
    lines = names.lines("v1.20.3", Project(home=Home(owner="larkspur")))

    assert lines[:2] == ["version=1.20.3", "home_owner=larkspur"]
    assert [line.split("=")[0] for line in lines[1:]] == [key.replace(".", "_") for key in KEYS]


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2", "v1.2.3-rc1", "v01.2.3", "main", "v1.2.3\nx=y", ""])
def test_any_other_tag_is_refused(tag: str) -> None:
    """What is no tag of a release makes no line."""
    with pytest.raises(ValueError, match=r"expected vX\.Y\.Z"):
        names.lines(tag, Project())


def test_it_needs_nothing_installed() -> None:
    """The command runs on the standard library alone, before anything is set up."""
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts" / "names.py")]
    done = subprocess.run([*command, "v0.1.0"], capture_output=True, text=True)
    wrong = subprocess.run([*command, "0.1.0"], capture_output=True, text=True)

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "version=0.1.0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
