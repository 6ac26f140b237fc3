"""Without Python the scripts send the documented fields, by curl or wget, or say why not."""

import json
from pathlib import Path

import pytest

from tests.support.programs import program
from tests.support.servers import answer, serving
from tests.support.shell_scripts import KEY, SCRIPTS, case_of, mark, run

each = pytest.mark.parametrize("room", SCRIPTS)
TAKEN = answer("202 Accepted", b"{}")
SENDERS = ("curl", "wget")


def environ_of(room: str, url: str, name: str = "", **more: str) -> dict[str, str]:
    known = {
        "GITDAILIES_WEBHOOK_URL": url,
        "GITDAILIES_WEBHOOK_KEY": KEY,
        "GITDAILIES_ENVIRONMENT": "production",
    }
    return {**case_of(room, name)["environ"], **known, **more}


def with_sender(folder: Path, *senders: str) -> Path:
    """Put programs that send into the PATH of the script."""
    (folder / "bin").mkdir()
    for sender in senders:
        (folder / "bin" / sender).symlink_to(program(sender))
    return folder


@each
@pytest.mark.parametrize("sender", SENDERS)
def test_the_documented_fields_are_sent(room: str, sender: str, tmp_path: Path) -> None:
    """The deploy arrives with the fields that GitDailies documents, and the log says that these are all."""
    [event] = case_of(room)["expected"]["events"]
    with serving(TAKEN) as server:
        done = run(room, with_sender(tmp_path, sender), environ=environ_of(room, server.url), python=None)

    [request] = server.requests
    body = json.loads(request.body)
    assert {name: body[name] for name in ("kind", "repo", "commitSHA", "environment")} == {
        "kind": "deployed",
        "repo": event["repo"],
        "commitSHA": event["commitSHA"],
        "environment": "production",
    }
    assert set(body) <= {"kind", "repo", "commitSHA", "environment", "branch"}
    assert body.get("branch") in (None, event["branch"])
    assert request.headers["webhook-key"] == KEY
    assert done.returncode == 0
    assert done.stdout == (
        f"GitDailies: reported: deploy of {event['repo']} at 4f0c2d6 to production\n"
        "GitDailies: without Python 3.9, only the documented fields are sent\n"
    )
    assert KEY not in done.stdout + done.stderr


@each
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    "reply",
    [answer("401 Unauthorized", b"{}"), answer("503 Unavailable", b""), answer("307 Elsewhere", b"")],
    ids=["401", "503", "307"],
)
def test_a_refusal_is_a_warning(room: str, sender: str, reply: bytes, tmp_path: Path) -> None:
    """What was not taken is a warning, after one attempt."""
    with serving(reply) as server:
        done = run(room, with_sender(tmp_path, sender), environ=environ_of(room, server.url), python=None)

    assert done.returncode == 0
    assert done.stdout.startswith(f"{mark(room, 'warning')}deploy not reported: Python 3.9 or later")
    assert "reported: deploy of" not in done.stdout
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("sender", SENDERS)
def test_no_redirect_is_followed(sender: str, tmp_path: Path) -> None:
    """The key goes only to the address that was set."""
    with serving(TAKEN) as other, serving(answer("307 Elsewhere", b"", Location=other.url)) as server:
        run("gitlab", with_sender(tmp_path, sender), environ=environ_of("gitlab", server.url), python=None)

    assert other.requests == []


def test_a_wget_that_follows_redirects_is_not_used(tmp_path: Path) -> None:
    """The wget of small images cannot be kept from following one, so it is not used."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/wget").write_text(f'#!/bin/sh\necho BusyBox\n[ "$1" = --help ] || : > {tmp_path}/used\n')
    (tmp_path / "bin/wget").chmod(0o755)
    done = run("gitlab", tmp_path, environ=environ_of("gitlab", "http://127.0.0.1:9/"), python=None)

    assert not (tmp_path / "used").exists()
    assert "WARNING: deploy not reported" in done.stdout


@pytest.mark.parametrize(
    ("room", "name", "expected"),
    [
        ("gitlab", "merge_request_without_environment", "preview"),
        ("gitlab", "merge_train", None),
        ("bitbucket", "pull_request", "preview"),
        ("travis", "pull_request_of_a_fork", "preview"),
        ("jenkins", "github_pull_request_builder", "preview"),
        ("azure", "classic_release", "Production"),
    ],
)
def test_environments(room: str, name: str, expected: str | None, tmp_path: Path) -> None:
    """A pull request that names no environment is a preview here, too, and no branch of a fork is sent."""
    with serving(TAKEN) as server:
        environ = environ_of(room, server.url, name, GITDAILIES_ENVIRONMENT="")
        run(room, with_sender(tmp_path, "curl"), environ=environ, python=None)

    [event] = case_of(room, name)["expected"]["events"]
    body = json.loads(server.requests[0].body)
    assert body.get("environment") == expected
    assert body["commitSHA"] == event["commitSHA"]
    assert body.get("branch") in (None, event.get("branch"))


@pytest.mark.parametrize(
    ("room", "name"),
    [
        ("gitlab", "stop"),
        ("azure", "azure_repos"),
        ("azure", "server"),
        ("jenkins", "bitbucket_server"),
        ("jenkins", "ssh_address_with_port"),
        ("jenkins", "codecommit"),
    ],
)
def test_a_job_that_is_not_certain(room: str, name: str, tmp_path: Path) -> None:
    """A job that deploys nothing, and a repository whose name the shell cannot tell, send nothing."""
    with serving(TAKEN) as server:
        run(room, with_sender(tmp_path, "curl"), environ=environ_of(room, server.url, name), python=None)

    assert server.requests == []


def test_options_of_a_plugin(tmp_path: Path) -> None:
    """The options of Buildkite's plugin, such as the environment, are not read, so nothing is sent."""
    with serving(TAKEN) as server:
        environ = environ_of("buildkite", server.url, BUILDKITE_PLUGIN_CONFIGURATION='{"environment":"qa"}')
        run("buildkite", with_sender(tmp_path, "curl"), environ=environ, python=None)

    assert server.requests == []


@each
def test_a_web_page_is_no_delivery(room: str, tmp_path: Path) -> None:
    """A page to sign in takes no event."""
    with serving(answer("200 OK", b"<html>", Content_Type="text/html")) as server:
        done = run(room, with_sender(tmp_path, "curl"), environ=environ_of(room, server.url), python=None)

    assert "the address answers with a web page" in done.stdout


@each
@pytest.mark.parametrize(
    "more",
    [
        {"GITDAILIES_ENVIRONMENT": 'pro"duction'},
        {"GITDAILIES_ENVIRONMENT": "pro$(id)"},
        {"GITDAILIES_REPO": "one/a two/b"},
        {"GITDAILIES_REPO": "larkspur/ledger@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"},
        {"GITDAILIES_SHA": "4f0c2d6"},
        {"GITDAILIES_WEBHOOK_KEY": ""},
        {"GITDAILIES_DRY_RUN": "true"},
    ],
    ids=["a quote", "a dollar", "several", "another commit", "a short commit", "no key", "a dry run"],
)
def test_what_is_not_certain_is_not_sent(room: str, more: dict[str, str], tmp_path: Path) -> None:
    """What needs more than the shell is left to the warning, and nothing is sent."""
    with serving(TAKEN) as server:
        environ = environ_of(room, server.url, **more)
        done = run(room, with_sender(tmp_path, "curl"), environ=environ, python=None)

    assert server.requests == []
    assert done.stdout.startswith(f"{mark(room, 'warning')}deploy not reported: Python 3.9 or later")


@each
def test_a_failed_job_is_not_reported(room: str, tmp_path: Path) -> None:
    """A deploy that failed by its status is none."""
    with serving(TAKEN) as server:
        environ = environ_of(room, server.url, GITDAILIES_STATUS="failure")
        done = run(room, with_sender(tmp_path, "curl"), environ=environ, python=None)

    assert (done.returncode, server.requests) == (0, [])
    assert "nothing reported" in done.stdout
