"""The templates that users paste from a pack's page, rendered by Go's own engine and read by the pack."""

import copy
import json
import os
import re
import subprocess
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.sources.request import Request

from tests.support.programs import program

HERE = Path(__file__).parent / "templates"
# Where Debian's package golang-github-masterminds-sprig-dev is.
LIBRARIES = Path("/usr/share/gocode")
SPRIG = LIBRARIES / "src/github.com/Masterminds/sprig"
CACHE = Path(__file__).parents[3] / ".tools/go"
COMMIT, FLEET, FLEET_BEFORE = (
    "423683e9499731ed38ecdf939b023aad79468159",
    "ac984d72daf3adad90aefd8727a472c896753e7a",
    "eb6c509b8c51877c373f0e75a865042fb8ea3639",
)
ANNOTATED = {"gitdailies.com/repo": "larkspur/checkout-api", "gitdailies.com/commit": COMMIT}
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    """Build the program that renders. The first build compiles Go's library, in a minute."""
    if not SPRIG.is_dir():
        pytest.skip(f"sprig: expected it at {SPRIG}, got none; `make test-long` installs it or says how")
    built = tmp_path_factory.mktemp("go") / "render"
    go = {"GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOCACHE": str(CACHE), "GOFLAGS": "-p=1"}
    command = [program("go"), "build", "-o", str(built), str(HERE / "render.go")]
    subprocess.run(command, env=os.environ | go, check=True, timeout=500)
    return built


def body_of(pack, entry):
    """Return the template of a body, from the page of a pack."""
    document = yaml.safe_load(files("gitdailies_sources").joinpath("packs", pack, "source.yaml").read_text())
    for block in re.findall(r"```yaml\n(.*?)```", document["setup"], re.DOTALL):
        found = yaml.safe_load(block)
        if entry in found:
            return yaml.safe_load(found[entry])["webhook"]["gitdailies"]["body"]
    raise AssertionError(f"{pack}: no {entry} on its page")


def read(renderer, folder, pack, entry, name, thing):
    """Render the template with a Kubernetes object, and read the delivery."""
    (folder / "objects.json").write_text(json.dumps({name: thing}))
    command = [str(renderer), str(folder / "objects.json")]
    rendered = subprocess.run(
        command, input=body_of(pack, entry), capture_output=True, text=True, check=True, timeout=60
    )
    json.loads(rendered.stdout)
    request = Request.make(
        headers={"content-type": "application/json"},
        body=rendered.stdout.encode(),
        received_at=datetime.now(UTC),
    )
    (message,) = registry.adapter(pack).translate(request, {})
    return message


def application(**changes):
    """Return an Application that was synced, with values at dotted paths replaced; None takes one away."""
    found = json.loads((HERE / "application.json").read_text())
    for path, value in changes.items():
        *steps, last = path.split("__")
        place = found
        for step in steps:
            place = place[int(step) if isinstance(place, list) else step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return found


def argo(renderer, folder, **changes):
    return read(renderer, folder, "argocd", "template.gitdailies-deploy", "app", application(**changes))


def test_argo_cd_names_the_deployment_repository(renderer, tmp_path):
    """An Application as it is: its one source, the revision, and the one before."""
    message = argo(renderer, tmp_path)

    assert isinstance(message, Deploy)
    assert (message.repo, message.sha, message.previous, message.branch) == (
        "larkspur/fleet",
        FLEET,
        FLEET_BEFORE,
        "main",
    )
    assert (message.application, message.at, message.gitops) == (
        "checkout-production",
        datetime(2026, 11, 24, 10, 7, 58, tzinfo=UTC),
        True,
    )


def test_argo_cd_names_the_application(renderer, tmp_path):
    """By annotation, and by the tag of an image."""
    by_annotation = argo(renderer, tmp_path, metadata__annotations=ANNOTATED, metadata__labels={"team": "x"})
    by_tag = argo(
        renderer, tmp_path, status__summary={"images": [f"registry.larkspur.example/checkout-api:{COMMIT}"]}
    )

    assert (by_annotation.repo, by_annotation.sha, by_annotation.gitops) == (
        "larkspur/checkout-api",
        COMMIT,
        False,
    )
    assert (by_tag.sha, by_tag.gitops) == (COMMIT, False)


def test_argo_cd_with_several_sources(renderer, tmp_path):
    """A chart and the repository of its values: the source with a commit counts."""
    sources = [
        {"repoURL": "https://charts.larkspur.example", "chart": "checkout", "targetRevision": "4.1.0"},
        {"repoURL": "https://github.com/larkspur/fleet.git", "ref": "values", "targetRevision": "main"},
    ]
    operation = application()["status"]["operationState"]
    operation["syncResult"] = {"sources": sources, "revisions": ["4.1.0", FLEET]}
    history = [
        {"id": number, "revisions": ["4.1.0", sha], "sources": sources, "deployedAt": "2026-11-24T10:07:58Z"}
        for number, sha in ((41, FLEET_BEFORE), (42, FLEET))
    ]
    message = argo(
        renderer,
        tmp_path,
        spec__source=None,
        spec__sources=sources,
        status__operationState=operation,
        status__history=history,
    )

    assert (message.repo, message.sha, message.previous) == ("larkspur/fleet", FLEET, FLEET_BEFORE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status__operationState__operation__sync__dryRun": True}, "a dry run"),
        (
            {"status__operationState__operation__sync__resources": [{"kind": "Deployment", "name": "api"}]},
            "a partial sync, as a self-heal is",
        ),
        ({"status__operationState__phase": "Failed"}, "the sync failed"),
        # What ends before it syncs has no result.
        (
            {"status__operationState__phase": "Error", "status__operationState__syncResult": None},
            "the sync failed",
        ),
        (
            {"status__history__0__revision": FLEET},
            "nothing changed: revision and source are those of the deploy before",
        ),
        ({"status__history": None, "status__summary": {}}, "the application has no history of deploys"),
    ],
)
def test_what_argo_cd_does_not_deploy_is_ignored(renderer, tmp_path, changes, reason):
    message = argo(renderer, tmp_path, **changes)

    assert isinstance(message, Ignored)
    assert message.reason == reason


def test_an_argo_rollout(renderer, tmp_path):
    """A whole rollout, and one whose pods are described elsewhere and which has no annotation."""
    rollout = json.loads((HERE / "rollout.json").read_text())
    bare = copy.deepcopy(rollout)
    del bare["metadata"]["annotations"], bare["metadata"]["labels"], bare["spec"]["template"]
    bare["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout-api"}
    entry = "template.gitdailies-completed"

    message = read(renderer, tmp_path, "kubernetes", entry, "rollout", rollout)
    without = read(renderer, tmp_path, "kubernetes", entry, "rollout", bare)

    assert (message.repo, message.sha, message.environment, message.application) == (
        "larkspur/checkout-api",
        "5c634cc3313afcc0490256db8ddd0358238a0d9e",
        "production",
        "checkout-api",
    )
    assert abs((datetime.now(UTC) - message.at).total_seconds()) < 60
    assert without.code == "no_commit"
