"""The exports of `gitdailies_core` for authors of adapters: complete, and within the rules."""

import ast
from pathlib import Path

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


@pytest.mark.parametrize(("name", "module"), imported().items())
def test_an_export_opens_no_module_that_adapters_may_not_use(name: str, module: str) -> None:
    """Each export is defined in a module that the rules allow to adapters."""
    assert any(module == allowed or module.startswith(f"{allowed}.") for allowed in CORE_VALUES), name
