"""Squadcast's adapter, written in the language of packs: a test of that language.

The adapter stays, because the language cannot say one thing that it does: a start that follows an end
in the timeline, of which the occurrence then has no name.
"""

from pathlib import Path

import pytest
import yaml
from gitdailies_core.contract import checks
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_sources.shipped import provider

SOURCE = Path(__file__).parent / "squadcast/source.yaml"
# The example whose timeline holds a start after an end.
BEYOND = {"v1.incident_resolved.twice"}
# What the two must agree about: the ids, and when and where it counts.
FIELDS = ("state", "word", "incident", "at", "occurrence", "started_at", "again_at", "key", "environment")
TEXTS = ("title", "severity", "priority", "url", "tags")


@pytest.fixture(scope="module")
def pack():
    document = yaml.safe_load(SOURCE.read_text("utf-8"))
    mapping = {name: document[name] for name in ("proof", "key", "messages")}
    return provider.compile("squadcast-as-pack", mapping, None)


EXAMPLES = {example.name: example for example in checks.examples(registry.adapter("squadcast"))}


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - BEYOND))
def test_the_pack_says_what_the_adapter_says(pack, name):
    """Ids, times, services and reasons are alike, and what cannot be read is not read by either."""
    example = EXAMPLES[name]

    found, expected = checks.outcome(pack, example.request, {}), example.expected

    assert ("messages" in found) == ("messages" in expected)
    if "messages" in expected:
        (ours,), (theirs,) = found["messages"], expected["messages"]
        assert {k: ours.get(k) for k in FIELDS + TEXTS} == {k: theirs.get(k) for k in FIELDS + TEXTS}
        assert [s["name"] for s in ours.get("services", ())] == [
            s["name"] for s in theirs.get("services", ())
        ]
        assert ("ignored" in ours, ours.get("code")) == ("ignored" in theirs, theirs.get("code"))


def test_every_state_of_the_adapter_is_met(pack):
    """The comparison is of starts, ends and updates, not of reasons alone."""
    states = {
        message.state
        for name, example in EXAMPLES.items()
        if name not in BEYOND and "messages" in example.expected
        for message in pack.translate(example.request, {})
        if isinstance(message, Change)
    }
    assert states == {"started", "resolved", "updated"}
