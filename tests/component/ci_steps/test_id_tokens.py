"""`auth: oidc` on each platform: a real token reaches a real DORA server, and what is missing is said."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_dora.accounts.keys.key_store import create_key

from scripts import joiner
from tests.support.circleci_orb import report as orb
from tests.support.dora.running import Receiver, in_thread
from tests.support.keyless.issuer import CLAIMS, Endpoint, endpoint, issuers, token, trusted
from tests.support.programs import planted, ran
from tests.support.servers import answer, free_port, serving
from tests.support.shell_scripts import run as script
from tests.support.steps import ROOT, case

RIGHT = tuple(CLAIMS)
# What each platform calls the variable of an input.
PREFIX = {"github": "INPUT_", "circleci": "PARAM_", "gitlab": "INPUT_"}
CASES = {
    "github": ("github_actions", "push"),
    **{name: (name, "branch") for name in RIGHT if name != "github"},
}
# The program of the platform, and what it must be called with.
PROGRAMS = {
    "circleci": ("circleci", ["run", "oidc", "get", "--claims", '{"aud": "AUDIENCE"}']),
    "buildkite": (
        "buildkite-agent",
        ["oidc", "request-token", "--audience", "AUDIENCE", "--claim", "pipeline_id", "--lifetime", "300"],
    ),
}
VARIABLES = {"gitlab": "GITDAILIES_ID_TOKEN", "bitbucket": "BITBUCKET_STEP_OIDC_TOKEN"}
REMEDIES = {
    "github": "give the job `permissions: {id-token: write, contents: read}`",
    "gitlab": "give the job `id_tokens: {GITDAILIES_ID_TOKEN: {aud: AUDIENCE}}`",
    "circleci": "`circleci run oidc get` must work in this job",
    "buildkite": "`buildkite-agent oidc request-token` must work in this job",
    "bitbucket": "give the step `oidc: {audiences: [AUDIENCE]}`",
}


@dataclass
class Place:
    """A DORA server, the issuers that it trusts, and the endpoint of GitHub's runner."""

    receiver: Receiver
    reader: str
    issuers: Mapping[str, str]
    github: Endpoint
    used: list[str] = field(default_factory=list)

    def job(self, platform: str, folder: Path, claims: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return the variables of a job that may have a token; *folder* gets the platform's program."""
        module, name = CASES[platform]
        environ = {**case(module, name)["environ"], "GITDAILIES_WEBHOOK_URL": f"{self.receiver.url}/webhooks"}
        environ |= {f"{PREFIX.get(platform, 'GITDAILIES_')}{input_}": text for input_, text in INPUTS.items()}
        made = token(platform, self.issuers[platform], {"aud": self.receiver.url, **(claims or {})})
        if platform == "gitlab":
            environ["CI_PROJECT_PATH"] = "larkspur/checkout-api"
        if platform in VARIABLES:
            environ[VARIABLES[platform]] = made
        elif platform == "github":
            self.github.claims = dict(claims or {})
            environ |= {
                "ACTIONS_ID_TOKEN_REQUEST_URL": self.github.url,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
            }
        else:
            program, arguments = PROGRAMS[platform]
            stub(folder, program, [one.replace("AUDIENCE", self.receiver.url) for one in arguments], made)
        self.used.append(made)
        return {name: text for name, text in environ.items() if name != "GITDAILIES_WEBHOOK_KEY"}

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.receiver.events(self.reader)


INPUTS = {"AUTH": "oidc", "ENVIRONMENT": "production", "REPO": "larkspur/checkout-api"}


def stub(folder: Path, program: str, arguments: list[str], text: str) -> None:
    """Write a program that prints *text* if it is called as its platform's documents say."""
    says = f"print({text!r}) if sys.argv[1:] == {arguments!r} else sys.exit(1)"
    planted(folder / "bin" / program, f"#!{sys.executable}\nimport sys\n{says}\n")


def run(folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the one step file, as a job does."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return ran([sys.executable, "-I", "-S", str(ROOT / joiner.STEP)], folder, {"PATH": path, **environ})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    store, port = tmp_path_factory.mktemp("keyless") / "w.db", free_port()
    with issuers() as states, endpoint(states["github"].issuer) as github:
        entries = [trusted(name, state.issuer) for name, state in states.items()]
        with in_thread(store, port=port, public=f"http://127.0.0.1:{port}", trusted_ci=entries) as receiver:
            reader = create_key(store, "reader", ["read"])[0].reveal()
            yield Place(receiver, reader, {name: one.issuer for name, one in states.items()}, github)


@pytest.mark.parametrize("platform", RIGHT)
def test_a_deploy_without_a_key(place: Place, platform: str, tmp_path: Path) -> None:
    """The job's token, for this server and of this job, is sent in place of a key, and is in no log."""
    before = len(place.events)
    done = run(tmp_path, place.job(platform, tmp_path))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "GitDailies: reported: deploy of larkspur/checkout-api" in done.stdout
    [event] = place.events[before:]
    assert (event["repo"], event["environment"]) == ("larkspur/checkout-api", "production")
    # All fields, and not only the documented ones.
    assert event["reporter"].startswith("step/")
    proofs = [one.split(".")[2] for one in (*place.used, *place.github.made)]
    shown = [line for line in done.stdout.splitlines() if any(proof in line for proof in proofs)]
    assert all(line.startswith("::add-mask::") for line in shown)
    assert len(shown) == (platform == "github")


@pytest.mark.parametrize("platform", RIGHT)
def test_a_job_that_has_no_token(place: Place, platform: str, tmp_path: Path) -> None:
    """The line names what to add to the job, and nothing is sent."""
    environ = place.job(platform, tmp_path)
    for name in (*VARIABLES.values(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        environ.pop(name, None)
    if platform in PROGRAMS:
        stub(tmp_path, PROGRAMS[platform][0], ["something", "else"], "")
    before = len(place.events)
    done = run(tmp_path, {**environ, f"{PREFIX.get(platform, 'GITDAILIES_')}FAIL_ON_ERROR": "true"})
    assert done.returncode == 2
    assert f": expected an ID token for {place.receiver.url}, got none; " in done.stdout
    assert REMEDIES[platform].replace("AUDIENCE", place.receiver.url) in done.stdout
    assert len(place.events) == before


@pytest.mark.parametrize("platform", sorted(VARIABLES))
def test_a_token_for_another_service_is_never_sent(place: Place, platform: str, tmp_path: Path) -> None:
    """What another service would take stays in the job, and the line says for whom it is."""
    requests = len(place.receiver.logged("refused"))
    done = run(tmp_path, place.job(platform, tmp_path, {"aud": ["sts.amazonaws.com", "https://x.example"]}))
    got = "got one for 'sts.amazonaws.com', 'https://x.example'"
    assert f"expected an ID token for {place.receiver.url}, {got}" in done.stdout
    assert len(place.receiver.logged("refused")) == requests


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.\u00e9.c", "a.bnVsbA.c", "a.eyJhdWQiOjF9.c"])
def test_what_is_no_token_is_not_sent(place: Place, text: str, tmp_path: Path) -> None:
    """A variable that holds something else is an error about `auth`, and no fault of the step."""
    done = run(tmp_path, {**place.job("gitlab", tmp_path), "GITDAILIES_ID_TOKEN": text})
    assert f": expected an ID token for {place.receiver.url}, got one for nobody; give the job" in done.stdout


@pytest.mark.parametrize("platform", RIGHT)
def test_what_the_server_refuses_is_said(place: Place, platform: str, tmp_path: Path) -> None:
    """The log has the server's sentence, the input to check, and the line to send it later."""
    environ = place.job(platform, tmp_path, {"iss": "https://issuer.example"})
    done = run(tmp_path, environ)
    assert "the ID token is refused (answered 401: ID token: iss: this server trusts" in done.stdout
    assert "; check " in done.stdout
    assert (
        "To send it later, with a webhook key: gitdailies deploy --repo larkspur/checkout-api" in done.stdout
    )


def test_another_repository(place: Place, tmp_path: Path) -> None:
    """A job reports for its own repository alone. No line sends what the server was right to refuse."""
    done = run(tmp_path, {**place.job("gitlab", tmp_path), "INPUT_REPO": f"larkspur/other@{'a' * 40}"})
    assert "repo: the ID token is of a job of larkspur/checkout-api, got 'larkspur/other'" in done.stdout
    assert "check GITDAILIES_AUTH" not in done.stdout
    assert "To send it later" not in done.stdout


def test_a_proxy_lets_nothing_through(place: Place, tmp_path: Path) -> None:
    """A page with 403 is not the server's refusal, so the deploy can be sent later."""
    page = answer("403 Forbidden", b"<html>Forbidden</html>", Content_Type="text/html")
    with serving(page) as wall:
        environ = place.job("gitlab", tmp_path, {"aud": wall.url.removesuffix("/webhooks")})
        done = run(tmp_path, {**environ, "GITDAILIES_WEBHOOK_URL": wall.url})
    assert "the ID token is refused (answered 403" in done.stdout
    assert "To send it later" in done.stdout


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([500, 503], "answered 503: not now (2 attempts)"),
        ([401], "answered 401: not now"),
        ([], ": connection refused (2 attempts)"),
    ],
)
def test_the_endpoint_of_the_runner_fails(
    place: Place, statuses: list[int], said: str, tmp_path: Path
) -> None:
    """The log has its own answer and the line for later, and no advice about permissions."""
    environ = {**place.job("github", tmp_path), "INPUT_RETRIES": "1"}
    if not statuses:
        environ["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"http://127.0.0.1:{free_port()}/"
    place.github.statuses = statuses
    done = run(tmp_path, environ)
    assert "to production: the token endpoint of the platform: " in done.stdout
    assert said in done.stdout
    assert "permissions" not in done.stdout
    assert "To send it later, with a webhook key: gitdailies deploy --repo" in done.stdout
    assert place.github.statuses == []


def test_the_endpoint_of_the_runner_recovers(place: Place, tmp_path: Path) -> None:
    """Faults of GitHub's own endpoint are tried again, with the pauses of sending."""
    place.github.statuses = [500, 503, 500]
    started = time.monotonic()
    done = run(tmp_path, {**place.job("github", tmp_path), "INPUT_SERVICE": "recovers"})
    assert "GitDailies: reported: " in done.stdout
    assert time.monotonic() - started > 3.0


@pytest.mark.parametrize(
    ("platform", "more"),
    [
        # On `pull_request_target` too, where GitHub would give the job a token of the repository.
        ("github", case("github_actions", "pull_request_fork")["environ"]),
        (
            "gitlab",
            {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "stranger/checkout-api"},
        ),
        ("circleci", {"CIRCLE_PR_NUMBER": "7", "CIRCLE_BRANCH": "pull/7"}),
        ("buildkite", {"BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_BRANCH": "stranger:main"}),
    ],
)
def test_a_fork_gets_none(place: Place, platform: str, more: dict[str, str], tmp_path: Path) -> None:
    """The job of a fork's pull request sends no token, although it has one."""
    before = len(place.events)
    (tmp_path / "event.json").write_text(json.dumps(case("github_actions", "pull_request_fork")["event"]))
    payload = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    done = run(tmp_path, {**place.job(platform, tmp_path), **payload, **more})
    assert ": a job of a fork gets no ID token of the repository" in done.stdout
    assert len(place.events) == before


@pytest.mark.parametrize(
    "platform", [one.word for one in PLATFORMS if not one.oidc and one.word != "octopus"]
)
def test_other_platforms_refuse_it(platform: str, tmp_path: Path) -> None:
    """`auth: oidc` where there are no such tokens is an error that names the platforms that have them."""
    one = next(one for one in PLATFORMS if one.word == platform)
    deploy = {"GITDAILIES_REPO": "larkspur/a", "GITDAILIES_SHA": "a" * 40}
    environ = {one.marker: "true", "GITDAILIES_AUTH": "oidc", **deploy}
    done = run(tmp_path, {**environ, "GITDAILIES_WEBHOOK_URL": "http://127.0.0.1:9/webhooks"})
    those = "GitHub Actions, GitLab CI, CircleCI, Buildkite and Bitbucket Pipelines"
    assert f": oidc works on {those} alone" in done.stdout


def test_a_wrong_word(tmp_path: Path) -> None:
    """Another word is refused, and names both."""
    done = run(tmp_path, {"GITDAILIES_AUTH": "jwt"})
    assert "GITDAILIES_AUTH: expected key or oidc, got 'jwt'" in done.stdout


def test_a_dry_run_asks_for_no_token(place: Place, tmp_path: Path) -> None:
    """A dry run needs no permission."""
    asked = len(place.github.asked)
    done = run(tmp_path, {**place.job("github", tmp_path), "INPUT_DRY_RUN": "true"})
    assert "dry run, not sent: deploy of larkspur/checkout-api" in done.stdout
    assert len(place.github.asked) == asked


@pytest.mark.parametrize("name", ["bash", "dash"])
def test_the_orb(place: Place, name: str, tmp_path: Path) -> None:
    """The packed orb takes `auth: oidc` and needs no variable with a key."""
    environ = place.job("circleci", tmp_path)
    url = environ.pop("GITDAILIES_WEBHOOK_URL")
    environ = {key: text for key, text in environ.items() if not key.startswith("PARAM_")}
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
    parameters = {"auth": "oidc", "webhook_url": url, "environment": "production", "service": name}
    ended = orb(name, tmp_path, environ, parameters, path)
    assert (ended.code, "GitDailies: reported: " in ended.log) == (0, True), ended.log


@pytest.mark.parametrize("room", ["gitlab", "bitbucket", "buildkite"])
def test_without_python(place: Place, room: str, tmp_path: Path) -> None:
    """The launcher says that only Python gets a token, and sends nothing by curl."""
    planted(tmp_path / "bin/curl", "#!/bin/sh\nexit 99\n")
    done = script(room, tmp_path, environ=place.job(room, tmp_path), python=None)
    assert "auth: only Python gets an ID token" in done.stdout, done.stdout + done.stderr
