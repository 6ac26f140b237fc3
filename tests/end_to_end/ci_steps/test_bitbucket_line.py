"""The pipelines of the page, run for real under bb-run on this machine."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import dist
from tests.support.servers import serving
from tests.support.shell_scripts import KEY, ROOT, TOOLS, repository, tool
from tests.support.steps import DoraServer, dora, fits_schema, logged, published

SCRIPT = published("bitbucket") / "report_deploy.sh"
README = (ROOT / "ci-steps" / "bitbucket" / "README.md").read_text("utf-8")
PAGES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
COPIED, FETCHED, PIPE, SERVICES = PAGES


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoraServer]:
    with dora(tmp_path_factory.mktemp("dora")) as running:
        yield running


def pipeline(
    folder: Path, text: str, url: str, deploy: str = "exit 0", key: str = KEY, **variables: str
) -> tuple[int, str, str]:
    """Run the pipeline *text* in a new repository; return exit code, log and the commit that it was of."""
    program = tool("bb-run", TOOLS / "bb-run" / "bin")
    project = folder / "checkout-api"
    (project / "gitdailies").mkdir(parents=True)
    shutil.copy(SCRIPT, project / "gitdailies")
    (project / "bitbucket-pipelines.yml").write_text(text)
    (project / "deploy.sh").write_text(f"#!/bin/sh\n{deploy}\n")
    (project / "deploy.sh").chmod(0o755)
    sha = repository(project, remote="git@bitbucket.org:larkspur/checkout-api.git")
    # Variables that Bitbucket sets and bb-run leaves empty.
    variables = {"bitbucket_repo_full_name": "larkspur/checkout-api", **variables}
    variables |= {"gitdailies_webhook_url": url, "gitdailies_webhook_key": key}
    command = [program, "--mode", "host", "--branch", "main", "--color", "never"]
    for name, value in variables.items():
        command += ["--variables", f"{name.upper()}={value}"]
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    done = logged(command, project, environ, 120)
    return done.code, done.log, sha


def test_it_arrives_at_the_dora_server(incoming: DoraServer, tmp_path: Path) -> None:
    """The first pipeline of the page reports the commit to the deployment that the step names."""
    more = {"bitbucket_deployment_environment": "production"}
    code, log, sha = pipeline(tmp_path, COPIED, incoming.url, key=incoming.key, **more)

    [event] = incoming.events
    assert code == 0, log
    assert (event["repo"], event["commitSHA"], event["branch"], event["environment"]) == (
        "larkspur/checkout-api",
        sha,
        "main",
        "production",
    )
    assert incoming.key not in log


def test_the_fetched_file(tmp_path: Path) -> None:
    """The file is fetched, its checksum is verified, and it is run."""
    with serving() as server:
        code, log, sha = fetched(tmp_path, checksum(tmp_path), server.url)

    [request] = server.requests
    assert (code, json.loads(request.body)["commitSHA"]) == (0, sha), log


def test_the_fetched_file_is_another(tmp_path: Path) -> None:
    """A file with another checksum is not run, the log says so, and the step stays green."""
    with serving() as server:
        code, log, _ = fetched(tmp_path, "0" * 64, server.url)

    assert (code, server.requests) == (0, [])
    assert "GitDailies: WARNING: report_deploy.sh was not fetched" in log


def fetched(folder: Path, checksum: str, url: str) -> tuple[int, str, str]:
    """Run the second pipeline of the page with the built file, no network."""
    text = re.sub(r"https://files\S+", f"file://{SCRIPT}", FETCHED)
    assert text != FETCHED
    return pipeline(folder, text, url, step_sha256=checksum)


def checksum(folder: Path) -> str:
    """Return the checksum of the file as `make dist` lists it."""
    dist.build(folder / "dist")
    sums = (folder / "dist" / "SHA256SUMS").read_text("utf-8")
    found = re.search(r"^([0-9a-f]{64})  bitbucket/report_deploy\.sh$", sums, re.MULTILINE)
    assert found
    return found[1]


def test_a_failed_deploy(tmp_path: Path) -> None:
    """After a line that fails, nothing is reported."""
    with serving() as server:
        code, _, _ = pipeline(tmp_path, COPIED, server.url, "exit 3")

    assert code != 0
    assert server.requests == []


@pytest.mark.parametrize(("deploy", "reported"), [("exit 0", 1), ("exit 3", 0)])
def test_after_script(deploy: str, reported: int, tmp_path: Path) -> None:
    """In after-script the line reports a script that succeeded, and not one that failed."""
    text = COPIED.replace("            - sh gitdailies/report_deploy.sh\n", "")
    text += "          after-script:\n            - sh gitdailies/report_deploy.sh\n"
    with serving() as server:
        _, log, _ = pipeline(tmp_path, text, server.url, deploy)

    assert len(server.requests) == reported, log
    assert reported or "the script did not succeed (exit status 3)" in log


@pytest.mark.parametrize("text", PAGES)
def test_schema(text: str, tmp_path: Path) -> None:
    """Each pipeline of the page is valid by Bitbucket's schema."""
    (tmp_path / "bitbucket-pipelines.yml").write_text(text)
    fits_schema("vendor.bitbucket-pipelines", tmp_path / "bitbucket-pipelines.yml")
