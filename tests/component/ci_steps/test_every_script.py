"""Rules for every step that is a shell script, on every platform."""

import json
import re
import sys
from pathlib import Path

import pytest
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS, Settings, flag
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event

from scripts.builders.launchers.inputs import DEFAULTS
from scripts.generators import platform_pages
from tests.component.ci_steps.test_github_interpreters import each as on_each_python
from tests.support.programs import ran
from tests.support.servers import answer, serving
from tests.support.shell_scripts import (
    CASES,
    KEY,
    SCRIPTS,
    case_of,
    mark,
    name_of,
    programs,
    run,
    text_of,
)
from tests.support.steps import tool

# Each platform has its script, so half of them for each test is enough for the short form.
pytestmark = pytest.mark.matrix(every=2)

REFUSED = answer("401 Unauthorized", b'{"detail": "no such key"}')
HERE = sys.executable

each = pytest.mark.parametrize("room", SCRIPTS)


def settings(url: str, **more: str) -> dict[str, str]:
    return {"GITDAILIES_WEBHOOK_URL": url, "GITDAILIES_WEBHOOK_KEY": KEY, **more}


@each
@on_each_python
def test_it_sends(room: str, python: str, tmp_path: Path) -> None:
    """On every Python from 3.9 on, a deploy of a branch arrives as core writes it, once."""
    case = case_of(room)
    with serving() as server:
        done = run(room, tmp_path, environ={**case["environ"], **settings(server.url)}, python=python)

    [request] = server.requests
    [event] = case["expected"]["events"]
    assert json.loads(request.body) == Dialect.make().write(Event.from_wire(event))
    assert request.headers["webhook-key"] == KEY
    assert request.headers["idempotency-key"] == event["id"]
    assert (done.returncode, done.stderr) == (0, "")
    *notes, last = done.stdout.splitlines()
    assert re.fullmatch(r"GitDailies: reported: deploy of \S+ at 4f0c2d6( to \S+)?", last)
    assert notes == [f"GitDailies: {note}" for note in case["expected"].get("notes", ())]


def cases() -> list[tuple[str, str]]:
    return [
        (room, file.stem)
        for room in SCRIPTS
        for file in sorted((CASES / room).glob("*.json"))
        if "git" not in json.loads(file.read_text("utf-8"))
    ]


@pytest.mark.matrix(by=("room",))
@pytest.mark.parametrize(("room", "name"), cases())
def test_it_resolves(room: str, name: str, tmp_path: Path) -> None:
    """Each case of the platform comes to the same deploy in the script as in core, or to the same reason."""
    case = case_of(room, name)
    inputs = dict(case.get("inputs", {}))
    if repos := inputs.pop("repos", None):
        inputs["repo"] = " ".join(repos)
    environ = {**case["environ"], "GITDAILIES_DRY_RUN": "true"}
    environ.update({f"GITDAILIES_{input_.upper()}": text for input_, text in inputs.items()})
    done = run(room, tmp_path, environ=environ, python=HERE)
    expected = case["expected"]

    assert (done.returncode, done.stderr) == (0, "")
    if "error" in expected or "skipped" in expected:
        where, colon, rest = expected.get("error", expected.get("skipped")).partition(": ")
        assert f": {name_of(room, where) if colon else where}{colon}{rest}" in done.stdout
        return
    [event] = expected["events"]
    written = Dialect.make().write(Event.from_wire(event))
    assert written in [
        json.loads(line.removeprefix("GitDailies: "))
        for line in done.stdout.splitlines()
        if line.startswith("GitDailies: {")
    ]


@each
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_it_runs_in_every_shell(room: str, shell: str, tmp_path: Path) -> None:
    """dash and bash run it alike, with the options that platforms set."""
    options = ["-eu"] if shell == "dash" else ["-euo", "pipefail"]
    (tmp_path / "script.sh").write_text(text_of(room))
    environ = {"PATH": programs(tmp_path, HERE), **case_of(room)["environ"], "GITDAILIES_DRY_RUN": "true"}
    done = ran([f"/bin/{shell}", *options, tmp_path / "script.sh"], tmp_path, environ)

    assert (done.returncode, done.stderr) == (0, "")
    assert "GitDailies: dry run, not sent: deploy of" in done.stdout


@each
@pytest.mark.parametrize("word", ["", "false", "true", "True", "1"])
def test_no_python(room: str, word: str, tmp_path: Path) -> None:
    """Without Python the job stays green with a warning, and fails where errors are to fail."""
    environ = settings("http://127.0.0.1:9/webhooks", GITDAILIES_FAIL_ON_ERROR=word)
    done = run(room, tmp_path, environ=environ, python=None)
    strict = word.lower() in ("true", "1")

    assert done.returncode == (1 if strict else 0)
    level = mark(room, "error" if strict else "warning")
    assert done.stdout == (
        f"{level}deploy not reported: Python 3.9 or later was not found as python3, python or py -3\n"
    )


@each
@pytest.mark.parametrize(("strict", "code"), [("false", 0), ("true", 3)])
def test_wrong_key(room: str, strict: str, code: int, tmp_path: Path) -> None:
    """A refused key is a warning, or an error with its exit code; the log names the remedy, not the key."""
    with serving(REFUSED) as server:
        environ = {**case_of(room)["environ"], **settings(server.url, GITDAILIES_FAIL_ON_ERROR=strict)}
        done = run(room, tmp_path, environ=environ, python=HERE)

    assert (done.returncode, len(server.requests)) == (code, 1)
    assert mark(room, "error" if code else "warning") in done.stdout
    assert "401" in done.stdout
    assert f"check {name_of(room, 'webhook-key')}. To send it later: gitdailies deploy " in done.stdout
    assert " --reporter step/" in done.stdout, "who sends it later is another reporter of the same deploys"
    assert KEY not in done.stdout + done.stderr


@each
def test_no_key(room: str, tmp_path: Path) -> None:
    """Without a key, one line names this platform's place for it, and nothing is sent."""
    with serving() as server:
        environ = {**case_of(room)["environ"], "GITDAILIES_WEBHOOK_URL": server.url}
        done = run(room, tmp_path, environ=environ, python=HERE)

    assert (done.returncode, server.requests) == (0, [])
    assert done.stdout.count("\n") == 1
    assert f" {name_of(room, 'webhook-key')}: expected a webhook key, got nothing; " in done.stdout
    assert "GITDAILIES_WEBHOOK_KEY" in done.stdout


WRONG = {"sha": "main", "type": "release", "time": "yesterday", "status": "maybe", "repo": "checkout-api"}
WRONG |= {"receiver": "theirs", "timeout": "long", "retries": "1.5", "dry-run": "perhaps"}


@pytest.mark.matrix
@each
@pytest.mark.parametrize("name", WRONG)
def test_every_input_is_used(room: str, name: str, tmp_path: Path) -> None:
    """A wrong value of each checked input is refused by the name that the platform has for it."""
    assert name in {*DEPLOY_INPUTS, *STEP_INPUTS}
    given = settings("http://127.0.0.1:9/", **{"GITDAILIES_" + name.upper().replace("-", "_"): WRONG[name]})
    done = run(room, tmp_path, environ={**case_of(room)["environ"], **given}, python=HERE)

    assert done.returncode == 0
    assert f"WARNING: deploy not reported: {name_of(room, name)}: expected" in done.stdout


@each
def test_shellcheck(room: str, tmp_path: Path) -> None:
    """shellcheck finds nothing in it, read as POSIX shell."""
    (tmp_path / "script.sh").write_text("#!/bin/sh\n" + text_of(room).removeprefix("#!/bin/sh\n"))
    tool("shellcheck", str(tmp_path / "script.sh"))


def test_defaults_are_those_of_the_step() -> None:
    """Every default in a manifest or a page equals the step's default."""
    settings = Settings.make({})
    done = {
        "timeout": f"{settings.timeout_seconds:g}",
        # Without a limit, the step retries for its whole minute.
        "retries": "" if settings.retries is None else str(settings.retries),
        "dry-run": str(settings.dry_run).lower(),
        "debug": str(settings.debug).lower(),
        "fail-on-error": str(flag({}, "fail-on-error")).lower(),
    }
    manifests = {
        room: {name: str(default).lower() for name, default, _ in platform_pages.rows(folder)}
        for room, folder in SCRIPTS.items()
    }

    for name, default in done.items():
        assert DEFAULTS.get(name, "") == default
        for room, shown in manifests.items():
            assert [shown[one] for one in shown if _plain(one) == _plain(name)] == [default], room


def _plain(name: str) -> str:
    return re.sub("[-_]", "", name.lower().removeprefix("gitdailies_"))
