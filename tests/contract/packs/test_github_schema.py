"""GitHub's deliveries as GitHub describes them: the schema and the examples that octokit publishes."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import pytest
from gitdailies_core.reasons import OTHER
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import Ignored, Renamed
from gitdailies_core.sources.request import Request

from tests.support.relay import deploys
from tests.support.shell_scripts import tool

PACKS = ("github", "github-issues")
OCTOKIT = Path(__file__).parents[3] / ".tools/node_modules/@octokit"
# One example has an action that GitHub does not send.
EXAMPLES = [
    (pack, item.name.removesuffix(".payload.json"))
    for pack in PACKS
    for item in sorted(files("gitdailies_sources").joinpath("packs", pack, "examples").iterdir(), key=str)
    if item.name.endswith(".payload.json") and "unknown-action" not in item.name
]
# GitHub's description of its API has the organization that a repository came from; this schema is older.
NEWER = {
    "repository.transferred": [
        "changes.owner.from: Additional properties are not allowed ('organization' was unexpected)"
    ]
}
DEPLOYED = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
ON_PREMISES = "78a96099c3f442d7f6e8d1a7d07090091993e65a"
SHA, EARLIER = "5c634cc3313afcc0490256db8ddd0358238a0d9e", "9a8fb935f6cd95c9f9aa20ebd604830ce7a868a9"


def published(file):
    return json.loads(Path(tool(file, OCTOKIT)).read_text("utf-8"))


@cache
def definitions():
    return lenient(published("webhooks-schemas/schema.json")["definitions"])


def lenient(node):
    """Return a schema that requires no field, as our bodies leave out those that nothing reads.

    Without required fields several forms may fit, so that one of them has to.
    """
    if isinstance(node, list):
        return [lenient(one) for one in node]
    if not isinstance(node, dict):
        return node
    renamed = {"anyOf" if name == "oneOf" else name: lenient(value) for name, value in node.items()}
    return {name: value for name, value in renamed.items() if name != "required" or isinstance(value, dict)}


@cache
def examples(server):
    """Return octokit's examples by the name of their event."""
    found = published(f"webhooks-examples/{server}/index.json")
    return {event["name"]: event["examples"] for event in found}


@cache
def validator(name):
    draft = "http://json-schema.org/draft-07/schema#"
    schema = {"$schema": draft, "$ref": f"#/definitions/{name}", "definitions": definitions()}
    return jsonschema_rs.validator_for(schema)


def errors(event, body):
    """Return where a body is not what the schema says."""
    name = f"{event}${body.get('action', 'event')}"
    found = validator(name if name in definitions() else f"{event}_event").iter_errors(body)
    return [f"{'.'.join(map(str, one.instance_path))}: {one.message[-200:]}" for one in found]


def example(pack, stem):
    """Return the event and the body of an example of ours."""
    folder = files("gitdailies_sources").joinpath("packs", pack, "examples")
    headers = json.loads(folder.joinpath(f"{stem}.headers.json").read_text("utf-8"))
    event = {name.lower(): value for name, value in headers.items()}["x-github-event"]
    return event, json.loads(folder.joinpath(f"{stem}.payload.json").read_text("utf-8"))


def read(pack, event, body):
    headers = {"x-github-event": event, "x-github-delivery": "one"}
    return registry.adapter(pack).translate(Request.make(headers=headers, body=json.dumps(body).encode()), {})


@pytest.mark.parametrize(("pack", "stem"), EXAMPLES)
def test_an_example_is_what_github_sends(pack, stem):
    """Every field of it is known, and has a value of its kind."""
    assert errors(*example(pack, stem)) == NEWER.get(stem, [])


@pytest.mark.parametrize(
    "delivery",
    [
        deploys.deployment_status("larkspur/quotes", SHA),
        deploys.deployment_status("larkspur/quotes", SHA, run=7, attempt=2, state="failure", transient=True),
        deploys.workflow_run("larkspur/quotes", SHA, run=7, path=".github/workflows/deploy.yml"),
        deploys.push("larkspur/quotes", EARLIER, [(SHA, deploys.minutes_ago(5))]),
    ],
    ids=["deployment-by-api", "deployment-by-run", "workflow-run", "push"],
)
def test_what_the_tests_of_the_relay_send_is_what_github_sends(delivery):
    assert errors(delivery.headers["x-github-event"], json.loads(delivery.body)) == []


def counted(pack, server):
    """Return what octokit's examples of a server count as, each in a few words."""
    found = []
    for event, bodies in examples(server).items():
        for body in bodies:
            for message in read(pack, event, body):
                if isinstance(message, Renamed):
                    found.append(f"{message.former} is {message.repo}")
                elif isinstance(message, Ignored):
                    assert message.code == OTHER, (event, body.get("action"), message.reason)
                else:
                    found.append(in_words(message))
    return found


def in_words(message):
    if isinstance(message, Push):
        return f"pushed {message.repo} {message.branch} {len(message.commits)}"
    assert isinstance(message, Deploy)
    if message.route_required:
        return f"by route {message.route}"
    return f"deployed {message.repo} {message.sha} {message.environment}"


HELLO = "Codertocat/Hello-World"
IN_PRODUCTION = f"deployed {HELLO} {DEPLOYED} production"
TO_MASTER = [f"pushed {HELLO} master 1", "by route push:refs/heads/master"]


def test_every_published_example_counts_as_what_it_is():
    """A success of production and the end of a workflow; what was deleted, tagged or queued is ignored."""
    expected = [*[IN_PRODUCTION] * 3, *TO_MASTER * 2, *["by route test.yml"] * 2]
    # octokit's renamed repository has one name.
    named = "Octocoders/Hello-World"
    expected += [f"{named} is {named}", *[f"octocat/Hello-World is {named}"] * 3]

    assert sorted(counted("github", "api.github.com")) == sorted(expected)
    assert counted("github-issues", "api.github.com") == []


@pytest.mark.parametrize("version", range(31, 36))
def test_examples_of_servers_on_premises_are_read(version):
    """Their bodies lack fields that GitHub added later."""
    found = counted("github", f"ghes-{version}")

    assert set(found) == {f"deployed {HELLO} {ON_PREMISES} production"}
    assert counted("github-issues", f"ghes-{version}") == []
