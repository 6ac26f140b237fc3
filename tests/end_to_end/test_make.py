"""What `make` says and does on a machine where Python is missing, old or incomplete."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUDO = "" if os.geteuid() == 0 else "sudo "
# A Python of some version, with or without venv. What it makes has pip.
PYTHON = """\
#!/bin/sh
case "$*" in
--version) echo "Python 3.{minor}.1" ;;
*"import ensurepip, sys"*) {venv} && [ {minor} -ge 11 ] && echo {name} || exit 1 ;;
*sys.version_info*) [ {minor} -ge 11 ] ;;
*ensurepip*) {venv} ;;
"-m venv --clear "*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; touch "$4/whole" ;;
"-m pip --version") [ -e "${{0%/bin/python}}/whole" ] ;;
"-m pip "*) [ -e "${{0%/bin/python}}/whole" ] && echo "Collecting gitdailies" ;;
*) exit 1 ;;
esac
"""


def python(folder: Path, name: str, minor: int, *, venv: bool = True) -> None:
    path = folder / name
    path.write_text(PYTHON.format(name=name, minor=minor, venv=str(venv).lower()))
    path.chmod(0o755)


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def made(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Make the virtual environment of a checkout with the commands of *tmp_path*, and no other Python."""
    for name in ("sh", "make", "sed", "test", "rm", "touch", "cat", "cp", "mkdir", "awk", "df", "expr", "id"):
        if (found := subprocess.run(["which", name], capture_output=True, text=True).stdout.strip()) and not (
            tmp_path / name
        ).exists():
            (tmp_path / name).symlink_to(found)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))}
    environ["PATH"] = str(tmp_path)
    venv = tmp_path / "venv"
    return subprocess.run(
        ["make", "--silent", "-C", ROOT, f"{venv}/.ready", f"VENV={venv}", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_python_without_venv_is_named_with_the_line_to_type(tmp_path: Path) -> None:
    """Debian has venv in a package of its own. After it is installed, make goes on."""
    python(tmp_path, "python3", 13, venv=False)

    found = made(tmp_path)
    assert found.returncode == 2
    assert (
        f"cannot make virtual environments; type: {SUDO}apt update && {SUDO}apt install python3-venv\n"
        in (found.stderr)
    )

    python(tmp_path, "python3", 13)
    assert made(tmp_path).returncode == 0


@pytest.mark.parametrize(("user", "sudo"), [("0", ""), ("1000", "sudo ")], ids=["root", "a person"])
def test_root_is_asked_for_no_sudo(tmp_path: Path, user: str, sudo: str) -> None:
    """A bare machine has no sudo, so a line with it would fail there."""
    python(tmp_path, "python3", 13, venv=False)
    command(tmp_path, "id", f"echo {user}")

    assert f"type: {sudo}apt update && {sudo}apt install python3-venv\n" in made(tmp_path).stderr


def test_an_environment_without_pip_is_made_again(tmp_path: Path) -> None:
    """A start that was interrupted, or that had no venv, leaves a Python without pip."""
    python(tmp_path, "python3", 13)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python(tmp_path / "venv" / "bin", "python", 13)

    found = made(tmp_path)

    assert found.returncode == 0, found.stderr
    assert (tmp_path / "venv" / "whole").exists()


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13", "python3.14"])
def test_a_newer_python_beside_an_old_one_is_used(tmp_path: Path, name: str) -> None:
    """The system's own Python may be too old."""
    python(tmp_path, "python3", 10)
    python(tmp_path, name, int(name.rpartition(".")[2]))

    found = made(tmp_path)

    assert found.returncode == 0, found.stderr


def test_an_old_python_alone_is_named_with_the_remedy(tmp_path: Path) -> None:
    """The message has the version that was found, and what to type after another one is there."""
    python(tmp_path, "python3", 10)

    assert "expected Python 3.11 or newer, got Python 3.10.1; use Docker" in made(tmp_path).stderr
    assert "type: make run PYTHON=python3.12" in made(tmp_path).stderr


def test_the_newest_python_that_apt_offers_is_the_one_to_install(tmp_path: Path) -> None:
    """Ubuntu 22.04 has Python 3.10, and offers 3.11. Its venv brings the interpreter along."""
    python(tmp_path, "python3", 10)
    command(
        tmp_path,
        "apt-cache",
        """case $2 in
python3.1[12]-venv) echo "$2:"; echo "  Candidate: 3.11.0~rc1-1~22.04.1" ;;
python3.13-venv) echo "$2:"; echo "  Candidate: (none)" ;;
esac""",
    )

    assert f"got Python 3.10.1; type: {SUDO}apt update && {SUDO}apt install python3.12-venv\n" in (
        made(tmp_path).stderr
    )


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Also the one that a person named."""
    assert "got no command python3;" in made(tmp_path).stderr
    assert "got no command python3.99;" in made(tmp_path, "PYTHON=python3.99").stderr
