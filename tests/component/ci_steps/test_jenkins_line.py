"""The sh lines of the page, lifted from its Groovy and run in a shell as Jenkins does."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import ran
from tests.support.servers import serving
from tests.support.shell_scripts import KEY, ROOT, case_of, programs, repository
from tests.support.steps import DoraServer, published

SCRIPT = published("jenkins") / "report_deploy.sh"
README = (ROOT / "ci-steps" / "jenkins" / "README.md").read_text("utf-8")
PAGES = re.findall(r"```groovy\n(.*?)```", README, re.DOTALL)
LINES = [line for text in PAGES for line in re.findall(r"sh '(.*report_deploy\.sh)'", text)]
# What the git plugin sets in a declarative pipeline.
OF_GIT = ("GIT_COMMIT", "GIT_URL", "GIT_BRANCH", "GIT_LOCAL_BRANCH", "BRANCH_NAME")
OTHER = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


def line(folder: Path, text: str, url: str, key: str = KEY, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a workspace as the sh step does: sh -xe on a file."""
    workspace = folder / "workspace"
    if not workspace.exists():
        (workspace / "gitdailies").mkdir(parents=True)
        shutil.copy(SCRIPT, workspace / "gitdailies")
        repository(workspace)
    (folder / "script.sh").write_text(f"#!/bin/sh -xe\n{text}\n")
    job = case_of("jenkins")["environ"]
    environ = {name: value.replace(OTHER, head(folder)) for name, value in job.items()}
    known = {
        "PATH": f"{programs(folder, sys.executable)}:/usr/bin:/bin",
        "HOME": str(folder),
        "GITDAILIES_WEBHOOK_URL": url,
        "GITDAILIES_WEBHOOK_KEY": key,
    }
    return ran(["/bin/sh", "-xe", folder / "script.sh"], workspace, {**known, **environ, **more})


def head(folder: Path) -> str:
    return (folder / "workspace/.git/refs/heads/main").read_text().strip()


def test_the_page_shows_four_lines() -> None:
    """The page shows a declarative line, a scripted one, a strict one and one of several repositories."""
    assert len(LINES) == 4
    assert [text for text in LINES if "FAIL_ON_ERROR=true" in text]
    assert [text for text in LINES if "GITDAILIES_REPO=" in text]


@pytest.mark.parametrize("text", LINES)
def test_it_arrives_at_the_dora_server(text: str, incoming: DoraServer, tmp_path: Path) -> None:
    """Each line reports the build's commit, and shows no key though the shell echoes commands."""
    before = {event["id"] for event in incoming.events}
    done = line(tmp_path, text, incoming.url, incoming.key, BUILD_TAG=tmp_path.name)
    found = [event for event in incoming.events if event["id"] not in before]

    assert done.returncode == 0, done.stderr
    assert found[0]["repo"] == "larkspur/checkout-api"
    assert (found[0]["commitSHA"], len(found)) == (head(tmp_path), 2 if "GITDAILIES_REPO=" in text else 1)
    assert found[0].get("environment") == ("production" if "production" in text else None)
    assert "GitDailies: reported:" in done.stdout
    assert incoming.key not in done.stdout + done.stderr


def test_several_repositories(tmp_path: Path) -> None:
    """The line of several repositories sends one deploy of each, the other at its own commit."""
    [text] = [text for text in LINES if "GITDAILIES_REPO=" in text]
    with serving() as server:
        done = line(tmp_path, text, server.url)

    bodies = [json.loads(request.body) for request in server.requests]
    assert done.returncode == 0, done.stderr
    assert [body["repo"] for body in bodies] == ["larkspur/checkout-api", "larkspur/checkout-web"]
    assert bodies[1]["commitSHA"] == OTHER
    assert len(bodies[0]["commits"]) == 2


def test_a_scripted_pipeline_without_variables_of_git(tmp_path: Path) -> None:
    """Without a variable for the commit, it is read from the checkout."""
    with serving() as server:
        done = line(tmp_path, LINES[1], server.url, **dict.fromkeys(OF_GIT, ""))

    [request] = server.requests
    body = json.loads(request.body)
    known = ("larkspur/checkout-api", head(tmp_path), "main")
    assert (body["repo"], body["commitSHA"], body["branch"]) == known
    assert done.returncode == 0


def test_groovy_fills_in_no_secret() -> None:
    """Every sh line is in single quotes, and every line that sends takes its key from credentials."""
    assert 'sh "' not in README
    for text in PAGES:
        if "report_deploy.sh" in text and "GITDAILIES_REPO" not in text:
            assert "withCredentials([string(credentialsId: 'gitdailies-webhook-key'" in text


@pytest.mark.parametrize("text", PAGES)
def test_braces(text: str) -> None:
    """Every block of the page's Groovy is closed, in order."""
    bare = re.sub(r"'[^']*'", "''", text)
    open_ = []
    for mark in re.findall(r"[{}()\[\]]", bare):
        if mark in "{([":
            open_.append(mark)
        else:
            assert open_.pop() == {"}": "{", ")": "(", "]": "["}[mark]
    assert open_ == []
