"""The published files of the CI steps: a second build is the same, and the checksums are right."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gitdailies_core.ci.platforms import BY_MODULE

from scripts import dist
from scripts.platforms import folder_of
from tests.support.once import made_once
from tests.support.programs import ran
from tests.support.steps import ROOT, tool


@pytest.fixture(scope="module")
def built() -> Path:
    """Everything, built by a process of this run."""
    return made_once("dist-of-all", dist.build)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return ran([sys.executable, "scripts/dist.py", "--folder", *map(str, arguments)], ROOT)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_the_same_again(built: Path, tmp_path: Path) -> None:
    """What `make dist` runs makes the same bytes as another process, checksums among them."""
    (tmp_path / "jenkins").mkdir()
    (tmp_path / "jenkins" / "left_over.sh").write_text("of an earlier version")
    done = run(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert bytes_of(tmp_path) == bytes_of(built)


def test_the_list_of_checksums(built: Path) -> None:
    """Every file is in the list with its checksum, and the list names no other."""
    done = ran(["sha256sum", "--check", "--strict", dist.SUMS], built)
    listed = re.findall(r"^[0-9a-f]{64}  (.+)$", (built / dist.SUMS).read_text("utf-8"), re.MULTILINE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted([*listed, dist.SUMS]) == sorted(bytes_of(built))


def test_one_platform_alone(tmp_path: Path) -> None:
    """A platform that is named is built alone, without a list of checksums that would not be whole."""
    done = run(tmp_path, "travis")

    assert done.returncode == 0
    assert set(bytes_of(tmp_path)) == {f"travis/report_deploy.{kind}" for kind in ("py", "sh", "ps1")}


def test_an_unknown_platform(tmp_path: Path) -> None:
    """A name that is no platform's is refused, with the names that are, and nothing is built."""
    done = run(tmp_path, "hudson")

    assert done.returncode == 2
    assert done.stdout.startswith(f"modules: expected some of {', '.join(sorted(BY_MODULE))}, got hudson")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_form() -> None:
    """A form that no builder makes is refused by the file that names it."""
    folder = replace(folder_of(ROOT, "jenkins"), form="pipe")

    with pytest.raises(ValueError, match=r"jenkins/step\.toml: expected form action, octopus, orb, script"):
        dist.texts(folder)


def test_the_launcher_of_the_one_step() -> None:
    """shellcheck finds nothing in the script that runs the one step."""
    tool("shellcheck", "--shell=sh", str(ROOT / "ci-steps" / "launch.sh"))
