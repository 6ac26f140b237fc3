"""The exports of `gitdailies_core` for authors of adapters: complete, lazy, and within the rules."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gitdailies_core
import pytest

from tests.rooms.rules import CORE_VALUES

SOURCE = ast.parse(Path(gitdailies_core.__file__).read_text("utf-8"))


def loaded_after(code: str) -> set[str]:
    """Run *code* in a new interpreter and return the modules of core that it loaded."""
    listing = (
        "import json, sys; print(json.dumps([m for m in sys.modules if m.startswith('gitdailies_core')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listing}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def imported_for_type_checkers() -> dict[str, str]:
    """Return each name that type checkers see, with its module."""
    return {
        alias.name: node.module or ""
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gitdailies_core.")
        for alias in node.names
    }


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    """Each exported name comes from the module that its import for type checkers names."""
    table = {
        name: f"gitdailies_core.{module}"
        for module, names in vars(gitdailies_core)["_MODULES"].items()
        for name in names
    }

    assert imported_for_type_checkers() == table
    assert sorted(gitdailies_core.__all__) == sorted(table)


@pytest.mark.parametrize("name", gitdailies_core.__all__)
def test_a_name_is_the_one_of_its_module(name: str) -> None:
    """An exported name is the very object of the module where it is defined."""
    module: Any = importlib.import_module(imported_for_type_checkers()[name])

    assert getattr(gitdailies_core, name) is getattr(module, name)


@pytest.mark.parametrize("name", gitdailies_core.__all__)
def test_an_export_opens_no_module_that_adapters_may_not_use(name: str) -> None:
    """Each export is defined in a module that the rules allow to adapters."""
    module = imported_for_type_checkers()[name]

    assert any(module == allowed or module.startswith(f"{allowed}.") for allowed in CORE_VALUES)


def test_importing_core_loads_none_of_its_modules() -> None:
    """The package itself costs nothing, and a name loads only what its module needs."""
    assert loaded_after("import gitdailies_core") == {"gitdailies_core"}
    assert "gitdailies_core.sources.protocol" not in loaded_after("from gitdailies_core import Secret")
    assert "gitdailies_core.sources.protocol" in loaded_after("from gitdailies_core import Change")


def test_a_misspelled_name_is_an_error() -> None:
    """An unknown name raises AttributeError like that of any module, and `dir` lists the exports."""
    with pytest.raises(AttributeError, match="module 'gitdailies_core' has no attribute 'Chnage'"):
        gitdailies_core.Chnage  # type: ignore[attr-defined]  # noqa: B018

    assert set(gitdailies_core.__all__) <= set(dir(gitdailies_core))
