"""A source with `capture: true` counts nothing, and its bodies are stored until they are replayed."""

from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.contract import checks
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import QUARANTINED
from gitdailies_core.sources import registry
from gitdailies_relay.accepting.interpret import REPLAY, interpret


def test_a_captured_delivery_is_quarantined_and_a_replay_reads_it():
    """What would count is stored in its place; the replay translates it."""
    adapter = registry.adapter("opsgenie")
    request = next(one for one in checks.examples(adapter) if one.name == "Create").request
    source = Source("opsgenie", "opsgenie", (), capture=True)
    captured = interpret(request, source, adapter, Routes.make({}), "proof")
    assert captured.reason is not None
    assert captured.reason.code in QUARANTINED
    assert captured.messages == ()
    replayed = interpret(request, source, adapter, Routes.make({}), REPLAY)
    assert replayed.reason is None
    assert len(replayed.messages) == 1
