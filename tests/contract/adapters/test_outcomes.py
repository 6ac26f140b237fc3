"""What the vendors' sample deliveries must become, written down apart from the adapters' own files."""

import json
from pathlib import Path

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.errors import ProofError
from gitdailies_core.reasons import UNKNOWN_TYPE
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change, Ignored, ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

DATA = Path(__file__).parent / "data"
OUTCOMES = json.loads((DATA / "outcomes.json").read_text())
CASES = [(vendor, stem) for vendor, stems in OUTCOMES.items() for stem in stems]
SIGNATURES = json.loads((DATA / "pagerduty-signatures.json").read_text())


def example(vendor, stem):
    return next(e for e in checks.examples(registry.adapter(vendor)) if e.name == stem)


@pytest.mark.parametrize(("vendor", "stem"), CASES)
def test_a_sample_says_what_its_vendor_means(vendor, stem):
    """State, incident, time, services and the rest are those that the sample's description gives."""
    case, expected = example(vendor, stem), OUTCOMES[vendor][stem]

    (message,) = registry.adapter(vendor).translate(case.request, case.options)

    found = checks.shown(message)
    if isinstance(message, Ignored):
        found["state"] = "ignored"
    else:
        assert isinstance(message, Change)
        found["services"] = [service.name for service in message.services]
        found["merged"], found["whole"] = message.merged, message.whole
    assert {name: found.get(name, "" if name == "incident" else None) for name in expected} == expected


@pytest.mark.parametrize("stem", SIGNATURES["examples"])
@pytest.mark.parametrize("layout", ["file", "line"])
def test_a_signature_of_pagerduty_holds_over_both_layouts(stem, layout):
    """The published scheme's signature is accepted over the exact bytes, on one line or indented."""
    body = example("pagerduty", stem).request.body
    if layout == "line":
        body = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    header = {"X-PagerDuty-Signature": SIGNATURES["examples"][stem][layout]}
    request = Request.make(headers=header, body=body)

    # A wrong one raises.
    registry.adapter("pagerduty").verify(
        request, [Secret("other"), Secret(SIGNATURES["secret"])], ProofSettings()
    )
    with pytest.raises(ProofError):
        registry.adapter("pagerduty").verify(request, [Secret("other")], ProofSettings())


def datadog(stem, **changed):
    """Return what Datadog's sample says with other fields."""
    body = {**json.loads(example("datadog", stem).request.body), **changed}
    request = Request.make(headers={}, body=json.dumps(body).encode())
    (message,) = registry.adapter("datadog").translate(request, {})
    return message, body


@pytest.mark.parametrize(
    ("given", "word"),
    [("recovered", "Recovered"), ("WARN RECOVERED", "Warn Recovered"), ("Recovered (muted)", "Recovered")],
)
def test_a_recovery_of_datadog_is_recognized_by_its_beginning(given, word):
    """Letter case and what follows "Recovered" do not hide the end of an alert."""
    message, _ = datadog("monitor-recovered", transition=given)

    assert isinstance(message, Change)
    assert (message.state, message.word) == ("resolved", word)


@pytest.mark.parametrize("given", ["Not Recovered", "Untriggered", "Re-Opened", "firing"])
def test_an_unknown_transition_of_datadog_never_starts_or_ends(given):
    """A word that is not in the table is ignored, whatever it resembles."""
    message, body = datadog("monitor-triggered", transition=given)

    assert message == Ignored(
        "not in the table of Datadog's words", given, body["cycle_key"], body["event_id"], UNKNOWN_TYPE
    )


def test_the_environment_of_a_template_is_seen_by_filters():
    """An environment that only the template of Datadog names is a tag like any other."""
    message, _ = datadog("incident-active", env="prod")

    assert isinstance(message, Change)
    assert (message.environment, message.tags["env"]) == ("prod", ("prod",))


def test_a_long_scope_still_tells_two_groups_apart():
    """Two scopes that differ after a thousand characters give two ids, each short enough to send."""
    scopes = ["host:" + "x" * 1000 + group for group in "ab"]
    ids = {datadog("monitor-number-and-scope", scope=scope)[0].incident for scope in scopes}

    assert len(ids) == 2
    assert {len(name) for name in ids} == {255}


def test_two_webhooks_for_one_notification_of_datadog_are_no_repeat():
    """Incident templates that differ in their fixed service have different keys at one event id."""
    services = ("checkout-api", "ledger-worker", "checkout-api")
    told = [datadog("incident-active", service=service) for service in services]

    assert [message.key for message, _ in told] == [
        f"{body['event_id']}:active:{service}" for service, (_, body) in zip(services, told, strict=True)
    ]
