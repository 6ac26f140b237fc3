"""`python -m gitdailies_core.contract`: the faults of an adapter, with exit codes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STRANGER = Path(__file__).parent / "data" / "stranger"


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitdailies_core.contract", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


@pytest.fixture
def beacon(tmp_path: Path) -> Path:
    """A copy of a package that is not installed."""
    shutil.copytree(STRANGER, tmp_path / "beacon-adapter", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "beacon-adapter"


def changed(folder: Path, before: str, after: str) -> Path:
    file = folder / "gitdailies_beacon" / "adapter.py"
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after), "utf-8")
    return folder


def test_an_installed_adapter_is_checked_by_its_name() -> None:
    """An adapter that passes gives one line and exit code 0."""
    done = run("datadog")

    assert (done.returncode, done.stdout, done.stderr) == (0, "datadog: keeps the contract\n", "")


@pytest.mark.parametrize("inside", ["", "gitdailies_beacon"])
def test_a_folder_is_checked_before_it_is_installed(beacon: Path, inside: str) -> None:
    """The room's folder and the package's folder both name the adapter in it."""
    done = run(beacon / inside)

    assert (done.returncode, done.stdout) == (0, "beacon: keeps the contract\n")


def test_what_is_missing_is_printed_with_what_to_do(beacon: Path) -> None:
    """Each fault is a line with its remedy, the last line counts them, and the exit code is 1."""
    (beacon / "gitdailies_beacon/payload.schema.json").unlink()

    done = run(".", cwd=beacon)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        (
            "payload.schema.json: missing; write a JSON Schema (2020-12) with the fields that the adapter "
            "needs, in the package gitdailies_beacon"
        ),
        "beacon: 1 fault",
    ]


def test_faults_that_are_alike_are_counted(beacon: Path) -> None:
    """If one access breaks many variants of an example, three are shown with the number of the others."""
    done = run(changed(beacon, 'data.optional_text("title")', '(data.raw("title") or "x").strip()'))

    lines = [line for line in done.stdout.splitlines() if line.startswith("examples/lit")]
    assert done.returncode == 1
    assert ["AttributeError" in line and "read the payload with Fields" in line for line in lines[:3]] == [
        True
    ] * 3
    assert re.fullmatch(r"examples/lit: \d+ more faults like these", lines[3])
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "TABLE = {",
            "import no_such_module\n\nTABLE = {",
            "gitdailies_beacon cannot be imported: ModuleNotFound",
        ),
        ("adapter = Beacon()", "beacon = Beacon()", "gitdailies_beacon cannot be imported: ImportError"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named(
    beacon: Path, before: str, after: str, message: str
) -> None:
    """The error of the import is printed with the package, and the exit code is 2."""
    done = run(changed(beacon, before, after))

    assert done.returncode == 2
    assert message in done.stderr


def test_a_package_without_an_adapter_is_named(beacon: Path) -> None:
    """A package that exports no `adapter` is refused with the remedy."""
    (beacon / "gitdailies_beacon/__init__.py").write_text("")

    done = run(beacon)

    assert done.returncode == 2
    assert done.stderr.endswith("exports no adapter; set `adapter` in its __init__.py\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pagerdutty"], "adapter: no adapter named 'pagerdutty'; did you mean pagerduty"),
        ([], "usage: python -m gitdailies_core.contract NAME-OR-FOLDER"),
        (["squadcast", "datadog"], "usage: "),
        (["--help"], "usage: "),
        ([STRANGER.parent], "expected a folder with one package, got "),
    ],
)
def test_a_wrong_call_ends_with_exit_code_2(arguments: list[str | Path], message: str) -> None:
    """An unknown adapter is answered with the nearest name; a wrong number of arguments prints the usage."""
    done = run(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
