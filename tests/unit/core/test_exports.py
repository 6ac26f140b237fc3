"""The exports of `gitdailies_core` for authors of adapters: complete, and within the rules."""

import ast
import importlib
from pathlib import Path
from typing import Any

import gitdailies_core
import pytest

from tests.rooms.rules import CORE_VALUES

SOURCE = ast.parse(Path(gitdailies_core.__file__).read_text("utf-8"))


def imported() -> dict[str, str]:
    """Return each exported name, with its module."""
    return {
        alias.name: node.module or ""
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gitdailies_core.")
        for alias in node.names
    }


@pytest.mark.parametrize("name", gitdailies_core.__all__)
def test_a_name_is_the_one_of_its_module(name: str) -> None:
    """An exported name is the very object of the module where it is defined."""
    module: Any = importlib.import_module(imported()[name])

    assert getattr(gitdailies_core, name) is getattr(module, name)


@pytest.mark.parametrize("name", gitdailies_core.__all__)
def test_an_export_opens_no_module_that_adapters_may_not_use(name: str) -> None:
    """Each export is defined in a module that the rules allow to adapters."""
    module = imported()[name]

    assert any(module == allowed or module.startswith(f"{allowed}.") for allowed in CORE_VALUES)


def test_every_export_is_listed() -> None:
    """`__all__` has each name that is imported for authors of adapters, and no other."""
    assert sorted(gitdailies_core.__all__) == sorted(imported())
