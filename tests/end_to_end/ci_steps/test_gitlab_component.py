"""The component and the after_script line, run for real: the events, the jobs' results and the log."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

from tests.support.gitlab.pipelines import BUILT, HERE, ROOM, pipeline
from tests.support.servers import answer, serving
from tests.support.shell_scripts import KEY, programs
from tests.support.steps import DoraServer, dora, fits_schema

TEMPLATE = BUILT / "templates" / "report-deploy.yml"
DOCUMENTS = list(yaml.load_all(TEMPLATE.read_text("utf-8"), yaml.CSafeLoader))
INPUTS: dict[str, Any] = DOCUMENTS[0]["spec"]["inputs"]
JOB: dict[str, Any] = DOCUMENTS[1]["$[[ inputs.job-name ]]"]
# How the job is made and where; no input of the step.
OF_THE_JOB = {"needs", "rules", "job-name", "stage", "image", "git-depth", "audience"}


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoraServer]:
    with dora(tmp_path_factory.mktemp("dora")) as running:
        yield running


@pytest.mark.parametrize("name", ["local_file", "component"])
def test_it_arrives_at_the_dora_server(name: str, incoming: DoraServer, tmp_path: Path) -> None:
    """Included as a file and as a component, it reports the pipeline's commit with the inputs set, once."""
    run = pipeline(tmp_path, name, incoming.url, incoming.key)
    [event] = [event for event in incoming.events if event["commitSHA"] == run.sha]

    assert (run.code, run.jobs) == (0, {"deploy-production": "PASS", "report-deploy": "PASS"}), run.log
    assert (event["repo"], event["branch"]) == ("larkspur/checkout-api", "main")
    assert event["environment"] == "production"
    if name == "component":
        assert [event[field] for field in ("service", "type", "time")] == [
            "checkout",
            "hotfix",
            "2026-03-04T08:55:12Z",
        ]
    assert "GitDailies: reported: " in run.log
    assert incoming.key not in run.log


def test_a_tag(tmp_path: Path) -> None:
    """A deploy of a tag has no branch, and the job runs if its rules include tags."""
    with serving() as server:
        run = pipeline(tmp_path, "component", server.url, ci_commit_tag="v1.4.0", ci_commit_branch="")

    [request] = server.requests
    assert "branch" not in json.loads(request.body), run.log
    assert "no branch: the run is of tag v1.4.0" in run.log


def test_two_services_and_two_repositories(tmp_path: Path) -> None:
    """Included twice, each with its key, it reports each service, and each repository that one names."""
    with serving() as server:
        run = pipeline(tmp_path, "two_services", server.url, key_of_ledger=f"{KEY}-2")

    sent = [(json.loads(request.body), request.headers["webhook-key"]) for request in server.requests]
    assert run.code == 0, run.log
    assert sorted((body["service"], body["repo"], key) for body, key in sent) == [
        ("checkout", "larkspur/checkout-api", KEY),
        ("checkout", "larkspur/checkout-web", KEY),
        ("ledger", "larkspur/checkout-api", f"{KEY}-2"),
    ]


def test_a_failed_deploy(tmp_path: Path) -> None:
    """After a deploy that failed, no job reports it."""
    with serving() as server:
        run = pipeline(tmp_path, "failed_deploy", server.url)

    assert (run.code, server.requests) == (1, []), run.log
    assert "report-deploy" not in run.jobs


@pytest.mark.parametrize(
    ("name", "outcome"), [("local_file", "WARN"), ("strict", "FAIL")], ids=["warns", "fails"]
)
def test_a_wrong_key(name: str, outcome: str, tmp_path: Path) -> None:
    """A refused key marks the job and lets the pipeline pass, or fails it where errors are to fail."""
    with serving(answer("401 Unauthorized", b'{"detail": "no such key"}')) as server:
        run = pipeline(tmp_path, name, server.url)

    assert (run.jobs["report-deploy"], len(server.requests)) == (outcome, 1), run.log
    assert "check webhook-key" in run.log
    assert KEY not in run.log


def test_no_python(tmp_path: Path) -> None:
    """In an image without Python the job is marked, and the pipeline passes."""
    folder = programs(tmp_path, None)
    # gitlab-ci-local asks for bash, git, rsync and a few of the small ones.
    for name in ("bash", "sh", "env", "node", "rsync", "cat", "mkdir", "rm", "sed", "grep", "chmod", "cp"):
        found = subprocess.run(["which", name], capture_output=True, text=True).stdout.strip()
        if found and not (Path(folder) / name).exists():
            (Path(folder) / name).symlink_to(found)
    run = pipeline(tmp_path, "local_file", path=folder)

    assert (run.code, run.jobs.get("report-deploy")) == (0, "WARN"), run.log
    assert "Python 3.9 or later was not found" in run.log


def test_after_script(tmp_path: Path) -> None:
    """In after_script of the deploy job, the line reports the environment that the job names."""
    with serving() as server:
        run = pipeline(tmp_path, "after_script", server.url)

    [request] = server.requests
    body = json.loads(request.body)
    assert (run.code, body["environment"], body["commitSHA"]) == (0, "production", run.sha), run.log
    # A job with needs has no .git under gitlab-ci-local, this one has.
    assert len(body["commits"]) == 2


@pytest.mark.parametrize("number", [0, 1], ids=["spec", "job"])
def test_schema(number: int, tmp_path: Path) -> None:
    """Both documents of the template are valid by GitLab's schema."""
    document = DOCUMENTS[number]
    if number:
        # GitLab replaces these by whole lists.
        lists = {"needs": ["deploy"], "rules": INPUTS["rules"]["default"]}
        document = {"report-deploy": {**JOB, **lists}}
    check(document, tmp_path)


def pages() -> list[str]:
    found = re.findall(r"```yaml\n(.*?)```", (ROOM / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(found) >= 4
    return found


@pytest.mark.parametrize("text", pages())
def test_recipe(text: str, tmp_path: Path) -> None:
    """Each recipe of the page is valid by GitLab's schema and sets existing inputs."""
    recipe = yaml.safe_load(text)
    check(recipe, tmp_path)
    required = {name for name, item in INPUTS.items() if "default" not in item}

    for include in recipe.get("include", ()):
        assert required <= set(include["inputs"]) <= set(INPUTS)


def test_declared_inputs_are_used_inputs() -> None:
    """The spec declares, the job passes on and the step reads the same names."""
    step = {*DEPLOY_INPUTS, *STEP_INPUTS} - {"webhook-key"} | {"webhook-key-env"}
    without_script = {name: value for name, value in JOB.items() if name != "script"}
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps([list(DOCUMENTS[1]), without_script])))

    assert set(INPUTS) == step | OF_THE_JOB == used
    for name in step:
        assert JOB["variables"]["INPUT_" + name.upper().replace("-", "_")] == f"$[[ inputs.{name} ]]"


def test_nothing_is_pasted_into_the_shell() -> None:
    """The script holds no expression of GitLab's: inputs come by the environment alone."""
    assert "$[[" not in "".join(JOB["script"])


def test_the_examples_are_all_run() -> None:
    """No pipeline of the tests is left out."""
    text = Path(__file__).read_text("utf-8")

    assert {file.stem for file in (HERE / "pipelines").glob("*.yml") if f'"{file.stem}"' not in text} == set()


def check(document: Any, folder: Path) -> None:
    (folder / "ci.json").write_text(json.dumps(document))
    fits_schema("vendor.gitlab-ci", folder / "ci.json", options=["--data-transform", "gitlab-ci"])
