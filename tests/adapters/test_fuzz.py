"""Fuzzing of every installed adapter; GITDAILIES_FUZZ_SECONDS says for how long each."""

from types import SimpleNamespace

import pytest
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import STARTED, Change
from gitdailies_core.values.times import from_epoch

from tests.adapters.fuzzing import SECONDS, fuzz


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("name", registry.names())
def test_no_delivery_breaks_an_adapter(name, capsys):
    """No headers and no body make an adapter raise a foreign error or say what cannot be written."""
    with capsys.disabled():
        held = fuzz(registry.adapter(name), SECONDS, lambda line: print(f"\n{line}", end=" "))

    assert held > 10 * min(SECONDS, 60)


def sloppy(read):
    """The Datadog adapter's examples and proof, with another translation."""
    real = registry.adapter("datadog")
    fields = {name: getattr(real, name) for name in ("name", "table", "options", "examples", "verify")}
    return SimpleNamespace(**fields, translate=read)


def bare_key(request, options):
    body = request.json()
    name = body["event_id"] if isinstance(body, dict) else "none"
    at = from_epoch("1772615820", "at")
    return (Change.make(state=STARTED, word="Triggered", incident=f"id-{len(name)}", at=at),)


def unwritable(request, options):
    at = from_epoch("1772615820", "at")
    return (Change.make(state=STARTED, word="\ud800", incident="a\ud800", at=at),)


@pytest.mark.parametrize(
    ("read", "finding"),
    [(bare_key, "KeyError|TypeError"), (unwritable, "message that can be written, got .*surrogate")],
)
def test_the_search_finds_a_sloppy_adapter_in_seconds(read, finding):
    """A bare key and a lone surrogate, each planted in an adapter, are found within five seconds."""
    with pytest.raises(AssertionError, match=finding):
        fuzz(sloppy(read), 5)


def test_the_search_finds_a_proof_that_fails_open():
    """An adapter that accepts an empty signature is found within five seconds."""
    adapter = sloppy(registry.adapter("datadog").translate)
    adapter.verify = lambda request, secrets, header="": None

    with pytest.raises(AssertionError, match="acceptance"):
        fuzz(adapter, 5)
