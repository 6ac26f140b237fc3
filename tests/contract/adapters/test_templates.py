"""Datadog's templates, filled as Datadog fills them: the adapter reads what comes out."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources import registry
from gitdailies_core.sources.request import Request

TEMPLATES = files("gitdailies_datadog").joinpath("templates")
NAMES = sorted(item.name for item in TEMPLATES.iterdir())
VARIABLE = re.compile(r"\$([A-Z_]+(?:\[[^\]]*\])?)")
# Every variable that Datadog documents for webhooks and a template here uses, with a value.
VALUES = json.loads((Path(__file__).parent / "data/datadog-variables.json").read_text("utf-8"))


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
