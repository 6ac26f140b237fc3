"""Datadog's templates, filled as Datadog fills them: the adapter reads what comes out."""

import json
import re
from importlib.resources import files

import pytest
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources import registry
from gitdailies_core.sources.request import Request

TEMPLATES = files("gitdailies_datadog").joinpath("templates")
NAMES = sorted(item.name for item in TEMPLATES.iterdir())
VARIABLE = re.compile(r"\$([A-Z_]+(?:\[[^\]]*\])?)")
# Every variable that Datadog documents for webhooks and a template here uses, with a value.
VALUES = {
    "ID": "7910020044180001101",
    "ALERT_TRANSITION": "Triggered",
    "ALERT_CYCLE_KEY": "1147720091135562001",
    "AGGREG_KEY": "3f8c0a77d1e94b52a6c0be1174d2f90e",
    "ALERT_ID": "51840021",
    "ALERT_SCOPE": "env:prod,service:checkout-api",
    "ALERT_PRIORITY": "P2",
    "ALERT_TITLE": "[Triggered on {env:prod}] Checkout error rate is high",
    "LINK": "https://app.datadoghq.com/event/jump_to?event_id=7910020044180001101",
    "DATE": "1772615820000",
    "TAGS[service]": "checkout-api",
    "TAGS[env]": "prod",
    "TAGS": "env:prod,monitor,service:checkout-api,team:payments",
    "ORG_ID": "700142",
    "INCIDENT_UUID": "6b0f3d1a-54c7-5c1e-9a0f-2f6d0c9e4b71",
    "INCIDENT_PUBLIC_ID": "318",
    "INCIDENT_STATUS": "active",
    "INCIDENT_SEVERITY": "SEV-2",
    "INCIDENT_TITLE": "Card payments failing at checkout",
    "INCIDENT_URL": "https://app.datadoghq.com/incidents/318",
    "INCIDENT_FIELDS": json.dumps({"services": ["checkout-api", "ledger-worker"], "env": ["prod"]}),
}


def filled(name, **values):
    """Replace each variable by its value as text, whatever the surrounding text is."""
    text = TEMPLATES.joinpath(name).read_text("utf-8")
    return VARIABLE.sub(lambda match: {**VALUES, **values}[match[1]], text).encode()


def translate(body):
    (message,) = registry.adapter("datadog").translate(Request.make(headers={}, body=body), {})
    return message


@pytest.mark.parametrize(
    ("name", "incident", "services", "whole"),
    [
        ("monitor.json.txt", VALUES["ALERT_CYCLE_KEY"], ["checkout-api"], True),
        ("incident.json.txt", VALUES["INCIDENT_UUID"], ["checkout-api"], False),
        ("incident-with-fields.json.txt", VALUES["INCIDENT_UUID"], ["checkout-api", "ledger-worker"], True),
    ],
)
def test_a_filled_template_starts_an_incident(name, incident, services, whole):
    """Each template, filled, is a start of the right incident at the right time for the right services."""
    message = translate(filled(name))

    assert (message.state, message.incident, message.at.isoformat()) == (
        "started",
        incident,
        "2026-03-04T09:17:00+00:00",
    )
    assert ([service.name for service in message.services], message.whole) == (services, whole)


def test_every_template_is_filled_by_a_test_above():
    """A template that no case fills is found, and so is a variable that is no longer used."""
    used = {name for file in NAMES for name in VARIABLE.findall(TEMPLATES.joinpath(file).read_text("utf-8"))}

    assert NAMES == ["incident-with-fields.json.txt", "incident.json.txt", "monitor.json.txt"]
    assert used == set(VALUES)


def test_empty_fields_break_the_variant_and_say_where():
    """Where Datadog fills nothing in for the fields, the body is refused, never read as no services."""
    with pytest.raises(UnreadableBody, match="line 13, column 1: expected value"):
        translate(filled("incident-with-fields.json.txt", INCIDENT_FIELDS=""))
