"""Core's contract checks: every installed adapter passes them."""

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.sources import registry


@pytest.mark.parametrize("name", registry.names())
def test_every_installed_adapter_meets_the_contract(name):
    """An adapter's table, examples, mutated examples and signature vectors hold no fault."""
    assert list(checks.faults(registry.adapter(name))) == []


@pytest.mark.parametrize("name", registry.names())
def test_an_example_is_small_and_invented(name):
    """Each payload is under eight kilobytes and names no company but the invented one."""
    for example in checks.examples(registry.adapter(name)):
        assert len(example.request.body) < 8192, example.name
        assert b"acme" not in example.request.body.lower(), example.name
