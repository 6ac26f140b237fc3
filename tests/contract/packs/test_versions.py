"""The identity of a pack: its version changes with what it decides, and each delivery has it."""

from copy import deepcopy

from gitdailies_core.sources import registry
from gitdailies_sources import shipped
from gitdailies_sources.source_pack import identity

from tests.support import pack_versions
from tests.support.pack_versions import identity_of

DOCUMENT = shipped.document("opsgenie").value


def test_a_pack_that_decides_otherwise_has_a_new_version() -> None:
    """What a shipped pack accepts and means is that of its version, as it was when that was written."""
    known, current = pack_versions.known(), pack_versions.current()
    assert pack_versions.unraised(known, current) == []
    assert known == current, "run `.venv/bin/python -m tests.support.pack_versions`"


def test_a_change_under_an_old_version_is_named() -> None:
    """The pack and the version to write; a new version, or the old text, is none."""
    before = {"opsgenie": "opsgenie 3 (aaaaaaaa)"}
    assert pack_versions.unraised(before, {"opsgenie": "opsgenie 3 (bbbbbbbb)"}) == [
        "packs/opsgenie/source.yaml: it decides otherwise than version 3 did; write version: 4"
    ]
    for now in ("opsgenie 4 (bbbbbbbb)", "opsgenie 3 (aaaaaaaa)"):
        assert pack_versions.unraised(before, {"opsgenie": now}) == []


def test_the_hash_is_that_of_what_decides() -> None:
    """Another state, proof or condition is another hash; words for people are not."""
    changed = [deepcopy(DOCUMENT) for _ in range(4)]
    changed[0]["messages"]["incident"]["states"]["Close"] = "updated"
    changed[1]["proof"] = {"token": {"header": "X-Token"}}
    changed[2]["skip_if"] = [{"alert.mode": "test", "because": "a test"}]
    changed[3]["messages"]["incident"] = dict(reversed(changed[3]["messages"]["incident"].items()))
    assert len({identity("opsgenie", one) for one in (DOCUMENT, *changed)}) == 5
    told = {**DOCUMENT, "title": "Ours", "docs": "https://example.com", "setup": "", "limits": []}
    assert (
        identity("opsgenie", told)
        == identity("opsgenie", DOCUMENT)
        == identity_of(registry.adapter("opsgenie"))
    )


def test_an_override_and_a_mapping_have_their_own() -> None:
    """An override keeps name and version and has another hash; a mapping has no version."""
    own = identity_of(registry.adapter("opsgenie"))
    other = identity_of(registry.compile_source("opsgenie", override={"incident": {"service": "alert.team"}}))
    assert (other.split()[:2], other == own) == (["opsgenie", "1"], False)
    mapping = {
        "proof": "github",
        "state": "a",
        "states": {"b": "started"},
        "incident": "c",
        "started_at": "d",
    }
    compiled = registry.compile_source("pager", mapping=mapping)
    assert identity_of(compiled).startswith("pager mapping (")
