"""A platform has a folder and a module in core; a missing one is named with the remedy."""

import shutil
from pathlib import Path

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


def test_a_module_and_a_folder_go_together(copy: Path) -> None:
    """A folder without a module, and a module without a folder, are named with what to add."""
    jenkins, hudson = copy / "ci-steps" / "jenkins", copy / "ci-steps" / "hudson"
    shutil.copytree(jenkins, hudson)
    with pytest.raises(ValueError, match=r"ci-steps/hudson/step\.toml: expected .*platforms/hudson\.py"):
        folders(copy)

    shutil.rmtree(hudson)
    shutil.rmtree(jenkins)
    with pytest.raises(ValueError, match=r"platforms/jenkins\.py: expected one folder .* ci-steps/jenkins"):
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
