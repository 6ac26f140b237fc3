"""A platform has a folder and a module in core; a missing one is named with the remedy."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci import platforms

from scripts.platforms import folders

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The step.toml of every folder, in a tree of its own."""
    for folder in folders(ROOT):
        (tmp_path / folder.path).mkdir(parents=True)
        shutil.copy(ROOT / folder.path / "step.toml", tmp_path / folder.path)
    return tmp_path


def test_every_module_has_one_folder() -> None:
    """Modules and folders go together, each folder with a page and a text for each column of the guide."""
    found = folders(ROOT)

    assert {folder.module for folder in found} == set(platforms.BY_MODULE)
    assert [folder.path for folder in found if not (ROOT / folder.path / "README.md").is_file()] == []
    assert all(folder.use and folder.untested for folder in found)


def test_every_folder_is_a_platform_s() -> None:
    """Below ci-steps there are folders of platforms and the one step, and nothing else."""
    entries = {path.name for path in (ROOT / "ci-steps").iterdir() if path.name != "__pycache__"}
    named = {folder.module for folder in folders(ROOT) if folder.path.startswith("ci-steps/")}

    assert entries == {*named, "report_deploy.py", "launch.sh", "launch.ps1"}


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        (shutil.move, "elsewhere", r"platforms/jenkins\.py: expected one folder .* ci-steps/jenkins"),
        (shutil.copytree, "ci-steps/hudson", r"ci-steps/hudson/step\.toml: expected .*platforms/hudson\.py"),
    ],
)
def test_a_module_and_a_folder_go_together(change: Any, to: str, said: str, copy: Path) -> None:
    """A module without a folder, and a folder without a module, are named with what to add."""
    change(copy / "ci-steps" / "jenkins", copy / to)

    with pytest.raises(ValueError, match=said):
        folders(copy)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [("use = ", "# ", "missing use"), ("use = ", "x = 1\nuse = ", "unknown x")],
)
def test_a_wrong_key(old: str, new: str, wrong: str, copy: Path) -> None:
    """A key of step.toml that is missing or unknown is named."""
    file = copy / "ci-steps" / "jenkins" / "step.toml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")

    with pytest.raises(ValueError, match=rf"ci-steps/jenkins/step\.toml: .*{wrong}.*scripts/platforms\.py"):
        folders(copy)
