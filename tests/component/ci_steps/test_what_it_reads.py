"""The list in the Action's README of all that its step reads, sends and runs, held to a trace of the step."""

import json
import os
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from gitdailies_core.ci.job.facts import Variables
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.ci.reporting.report import SKIPPED, Report

from tests.support.ci_cases import CASES, read
from tests.support.programs import program, ran
from tests.support.servers import ACCEPTED, serving
from tests.support.shell_scripts import repository
from tests.support.steps import KEY, ROOT, published

PAGE = (ROOT / "github-action/README.md").read_text("utf-8")
# The names in code of the list.
LISTED = re.findall(
    r"`([^`]+)`", PAGE.partition("## What it reads, sends and runs\n")[2].partition("\n## ")[0]
)
# Python's installation: the list names it in words.
PYTHON = {os.path.realpath(sys.base_prefix), os.path.realpath(sys.prefix)}

_OPENED = re.compile(r"\b(?:open|openat|creat)\(.*= \d+<([^>]+)>")
_STARTED = re.compile(r'\bexecve\("[^"]+", (\[.*?\]), .* = 0$', re.MULTILINE)
_CONNECTED = re.compile(r"\b(?:connect|sendto|sendmsg)\(.*sin6?_port=htons\((\d+)\)")


def allowed(environ: dict[str, str]) -> list[str]:
    """Return the beginnings of the paths that the list names, in a job with *environ*."""
    found = [name.replace("~", environ["HOME"], 1) for name in LISTED if name.startswith(("/", "~/"))]
    for name in LISTED:
        variable, slash, rest = name.removeprefix("$").partition("/")
        if name.startswith("$") and name != "$GITHUB_WORKSPACE":
            found.append(environ[variable] + slash + rest)
    return [*found, *PYTHON]


def unlisted(path: str, environ: dict[str, str]) -> bool:
    return not any(path.startswith(one) for one in allowed(environ)) and path != environ["GITHUB_WORKSPACE"]


def command_of(words: list[str]) -> str:
    """Write a command as the list does: without folders, and of other programs without arguments."""
    name = Path(words[0]).name
    if name == "git":
        return f"git {words[words.index('--no-pager') + 1]}"
    name = "python3" if name.startswith("python") else name
    if name not in ("sh", "python3"):
        return name
    return " ".join([name, *(Path(word).name for word in words[1:])])


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A job of the Action, after a push, with a checkout."""
    case = read(CASES / "github_actions/push.json")
    (tmp_path / "home").mkdir()
    (tmp_path / "event.json").write_text(json.dumps(case["event"]))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    return {
        **case["environ"],
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "GITHUB_SHA": repository(tmp_path / "checkout"),
        "GITHUB_WORKSPACE": str(tmp_path / "checkout"),
        "GITHUB_ACTION_PATH": str(published("github_actions")),
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "INPUT_WEBHOOK_KEY": KEY,
    }


@pytest.mark.parametrize("with_python", [True, False], ids=["with Python", "without"])
def test_files_processes_and_addresses(with_python: bool, environ: dict[str, str], tmp_path: Path) -> None:
    """Every file that is opened, every process and every address is in the list."""
    if not with_python:
        (tmp_path / "bin/python3").unlink()
        (tmp_path / "bin/curl").symlink_to(program("curl"))
        environ["PATH"] = f"{tmp_path}/bin"
    trace = tmp_path / "trace"
    # A file for each process: in one of all, a call may be cut by that of another process.
    options = ["-ff", "-qq", "-y", "-s", "500", "-e", "trace=%file,%network", "-o", str(trace)]
    with serving(ACCEPTED) as server:
        command = [program("strace"), *options, "/bin/sh", str(published("github_actions") / "launch.sh")]
        folder = Path(environ["GITHUB_WORKSPACE"])
        done = ran(command, folder, {**environ, "INPUT_WEBHOOK_URL": server.url})
    lines = "".join(file.read_text("utf-8", "replace") for file in tmp_path.glob("trace.*"))
    opened = set(_OPENED.findall(lines))
    started = {command_of(json.loads(words)) for words in _STARTED.findall(lines)}

    assert (done.returncode, len(server.requests)) == (0, 1), done.stdout
    assert {path for path in opened if unlisted(path, environ)} == set()
    assert started - set(LISTED) == set()
    assert {*map(int, _CONNECTED.findall(lines))} - {53} == {server.port}
    # The trace has what is looked for.
    assert environ["GITHUB_OUTPUT"] in opened
    assert started > ({"sh launch.sh", "git log"} if with_python else {"sh launch.sh"})


def test_what_is_not_in_the_list_is_found(environ: dict[str, str]) -> None:
    """A file, a process and a variable that the list lacks would be seen."""
    assert unlisted("/etc/shadow", environ)
    assert unlisted(f"{environ['GITHUB_WORKSPACE']}/src/secrets.py", environ)
    assert command_of(["/usr/bin/git", "-c", "x=y", "--no-pager", "push"]) not in LISTED
    assert not any(fnmatch("AWS_SECRET_ACCESS_KEY", name) for name in LISTED)


class Recorded(dict[str, str]):
    """An environment that keeps the names that are asked for."""

    asked: set[str]

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def test_variables() -> None:
    """In every case of GitHub Actions, each variable that is read is in the list, and none is in vain."""
    step = GITHUB_ACTIONS
    asked = {step.marker, step.event, step.folder, *step.oidc, *step.files(Report(SKIPPED, ()))}
    for file in (CASES / "github_actions").glob("*.json"):
        case = read(file)
        recorded = Recorded(case["environ"])
        recorded.asked = asked
        GITHUB_ACTIONS.read(Variables(recorded, case.get("event")))
        step.inputs(recorded)
    names = [name for name in LISTED if re.fullmatch(r"[A-Z_]+\*?", name)]

    assert {name for name in asked if not any(fnmatch(name, one) for one in names)} == set()
    of_python = {name for name in names if name.endswith("_PROXY") or name.startswith("SSL_")}
    assert {one for one in names if not any(fnmatch(name, one) for name in asked)} == of_python
