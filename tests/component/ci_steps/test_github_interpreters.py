"""The one file on every Python found here, from 3.9 on: the same requests and the same output."""

import ast
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.once import made_once
from tests.support.programs import ran
from tests.support.servers import answer, serving
from tests.support.steps import ROOT, VERSION, case

FILE = ROOT / "ci-steps" / "report_deploy.py"
KEY = "gdk_planted-3f9b"


def interpreters() -> dict[tuple[int, int], str]:
    """Return a Python of each minor version: this one, in pyenv's folder, and on the PATH."""
    folder = made_once(
        "interpreters", lambda folder: (folder / "found.json").write_text(json.dumps(_found()))
    )
    return {(major, minor): path for major, minor, path in json.loads((folder / "found.json").read_text())}


def _found() -> list[tuple[int, int, str]]:
    """Start each to ask for its version: tenths of a second for a shim of pyenv's, so those come last."""
    folders = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin"))
    folders += [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    found: dict[tuple[int, int], str] = {}
    for program in [Path(sys.executable), *(p for f in folders for p in sorted(f.glob("python3*")))]:
        named = re.fullmatch(r"python3(?:\.(\d+))?", program.name)
        if program != Path(sys.executable) and (not named or (3, int(named[1] or 0)) in found):
            continue
        done = ran([program, "-I", "-c", "import sys; print(*sys.version_info[:2], sys.executable)"])
        if done.returncode == 0:
            # A shim of pyenv's is a shell script; what it starts is the Python.
            major, minor, path = done.stdout.strip().split(" ", 2)
            found.setdefault((int(major), int(minor)), path)
    return [(*version, path) for version, path in found.items()]


FOUND = interpreters()
NEW_ENOUGH = {version: path for version, path in sorted(FOUND.items()) if version >= (3, 9)}
each = pytest.mark.parametrize(
    "python", NEW_ENOUGH.values(), ids=[".".join(map(str, version)) for version in NEW_ENOUGH]
)


def run(
    python: str, folder: Path, environ: dict[str, str], event: Any = None
) -> tuple[int, str, dict[str, str]]:
    """Run the file as the launcher does; return exit code, log and outputs."""
    output = folder / "output"
    environ = {
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_WORKSPACE": str(folder),
        "PATH": "/nowhere",
        **environ,
    }
    if event is not None:
        (folder / "event.json").write_text(json.dumps(event))
        environ["GITHUB_EVENT_PATH"] = str(folder / "event.json")
    done = ran([python, "-I", "-S", "-W", "error", FILE], environ=environ)
    assert done.stderr == ""
    outputs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
    return done.returncode, done.stdout, outputs


def test_this_interpreter_is_found() -> None:
    """Each Python of this machine takes part; which ones there are depends on the machine."""
    assert sys.version_info[:2] in FOUND


@each
def test_it_sends(python: str, tmp_path: Path) -> None:
    """A push is sent with its commits, counted once, and the key is nowhere in the log."""
    push = case("github_actions", "push")
    with serving(answer("202 Accepted", b'{"status": "created"}')) as server:
        environ = {**push["environ"], "INPUT_WEBHOOK_KEY": KEY, "INPUT_WEBHOOK_URL": server.url}
        code, log, outputs = run(python, tmp_path, environ, push["event"])

    [request] = server.requests
    assert json.loads(request.body) == push["expected"]["events"][0]
    assert request.headers["webhook-key"] == KEY
    assert request.headers["user-agent"] == f"gitdailies-github-action/{VERSION}"
    assert code == 0
    assert log.replace(f"::add-mask::{KEY}\n", "") == (
        "::notice title=GitDailies::environment: none is named, so the deploy counts as production\n"
        "GitDailies: reported: deploy of larkspur/checkout-api at 4f0c2d6\n"
    )
    assert (outputs["ok"], outputs["http-status"]) == ("true", "202")


@each
def test_bytes_that_are_no_text(python: str, tmp_path: Path) -> None:
    """A variable that is no UTF-8 is a warning like any other wrong input, and fails no job."""
    push = case("github_actions", "push")
    environ = {**push["environ"], "INPUT_DRY_RUN": "true", "INPUT_ENVIRONMENT": "prod\udcff"}
    code, log, outputs = run(python, tmp_path, environ, push["event"])

    assert (code, outputs["ok"]) == (0, "false")
    assert "::warning title=GitDailies::deploy not reported: environment: expected" in log


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    """Where outputs and summary have no file the log says so, and the job stays green."""
    environ = {"GITHUB_ACTIONS": "true", "INPUT_DRY_RUN": "true", "PATH": "/nowhere"}
    done = ran([sys.executable, "-I", "-S", FILE], environ={**environ, "GITHUB_OUTPUT": str(tmp_path)})

    assert (done.returncode, done.stderr) == (0, "")
    assert "::warning title=GitDailies::GITHUB_OUTPUT: expected a file to write to, got none" in done.stdout
    assert "GitDailies: GITHUB_STEP_SUMMARY: no file to write to" in done.stdout


@pytest.mark.parametrize(
    "python", [path for version, path in FOUND.items() if (3, 7) <= version < (3, 9)] or [None]
)
def test_an_older_one(python: str | None) -> None:
    """With a Python before 3.9 one sentence names the needed version; below 3.7 the launcher prints it."""
    if python is None:
        # There is none here; the check is at least the first thing that the file does.
        first = next(node for node in ast.parse(FILE.read_text("utf-8")).body if isinstance(node, ast.If))
        assert ast.unparse(first.test) == "sys.version_info < (3, 9)"
        return
    done = ran([python, "-I", FILE])

    assert done.returncode == 1
    assert re.fullmatch(r"expected Python 3\.9 or later, got 3\.[78]\n", done.stderr)
