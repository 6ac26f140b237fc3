"""Tools that no pack is for, described by a user in gitdailies.yml: the samples and the proof."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from gitdailies_core.contract import checks
from gitdailies_core.errors import ProofError
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret
from gitdailies_sources.shipped import provider

HERE = Path(__file__).parent
FOLDER = HERE / "mappings"
SAMPLES = json.loads((HERE / "incident_samples.json").read_text("utf-8"))
SOURCES = yaml.safe_load((FOLDER / "gitdailies.yml").read_text("utf-8"))["sources"]
AT = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)


def adapter(name):
    return provider.compile(name, SOURCES[name]["mapping"], None)


def request(name, stem, more=()):
    headers = FOLDER / name / f"{stem}.headers.json"
    given = json.loads(headers.read_text("utf-8")) if headers.is_file() else {}
    body = (FOLDER / name / f"{stem}.json").read_bytes()
    return Request.make(headers={**given, **dict(more)}, body=body, received_at=AT)


@pytest.mark.parametrize(("name", "stem"), [(name, stem) for name in SOURCES for stem in SAMPLES[name]])
def test_a_mapping_says_what_the_table_says(name, stem):
    """State, incident, time, title and services are those of the samples' description."""
    (row,), (message,) = SAMPLES[name][stem], adapter(name).translate(request(name, stem), {})

    found = checks.shown(message)
    names = [service.name for service in message.services]
    found["service"] = names[0] if len(names) == 1 else names
    assert {field: found.get(field) for field in row} == row


def test_a_mapping_proves_its_deliveries():
    """The signature that a mapping names is checked, over the body as it came."""
    vectors = json.loads((FOLDER / "home-made/signatures.json").read_text("utf-8"))
    secrets = [Secret(vectors["secret"])]
    for file, signed in vectors["files"].items():
        stem = file.removesuffix(".json")
        right = request("home-made", stem, signed["over_file_bytes"].items())
        wrong = request("home-made", stem, signed["over_compact_utf8"].items())
        adapter("home-made").verify(right, secrets, ProofSettings())
        with pytest.raises(ProofError):
            adapter("home-made").verify(wrong, secrets, ProofSettings())


def test_a_token_after_its_prefix_is_a_proof():
    """A token counts after the prefix that the mapping names, and nowhere else."""
    for value, accepted in (("Bearer lk-token", True), ("lk-token", False), ("Token lk-token", False)):
        given = request("cloudevents", "structured.opened", {"Authorization": value}.items())
        if accepted:
            adapter("cloudevents").verify(given, [Secret("lk-token")], ProofSettings())
        else:
            with pytest.raises(ProofError):
                adapter("cloudevents").verify(given, [Secret("lk-token")], ProofSettings())


@pytest.mark.parametrize("listed", [["a", "b", "c"], ["c", "b", "a"]])
def test_the_commits_of_a_deploy_are_newest_first(listed):
    """As events have them, whatever the order of the tool: the deployed commit says which end is new."""
    mapping = {
        "proof": "github",
        "state": "state",
        "states": {"done": "deployed"},
        "sha": "sha",
        "deployed_at": "at",
        "repo": "repo",
        "commits": {"each": "commits", "sha": "id"},
    }
    body = {"state": "done", "sha": "c" * 40, "at": 1772615561, "repo": "larkspur/checkout-api"}
    body["commits"] = [{"id": one * 40} for one in listed]
    given = Request.make(headers={}, body=json.dumps(body).encode(), received_at=AT)

    (deploy,) = provider.compile("ci", mapping, None).translate(given, {})

    assert isinstance(deploy, Deploy)
    assert [one.sha[0] for one in deploy.commits or ()] == ["c", "b", "a"]
