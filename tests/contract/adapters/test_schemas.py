"""The payload schemas: no stricter than the adapters, and strict enough to refuse what is no delivery.

Each field is removed, and replaced by every value that the contract checks put there.
"""

import json
from collections import Counter
from importlib.resources import files

import jsonschema_rs
import pytest
from gitdailies_core.contract import checks
from gitdailies_core.contract.mutations import mutations
from gitdailies_core.errors import PayloadError, UnreadableBody
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import STATES, Change
from gitdailies_core.sources.request import Request
from jsonschema import Draft202012Validator

from tests.support.forms import short_and_long

MANY_EXAMPLES = 7


def validator(name):
    text = files(registry.adapter(name).examples).joinpath("payload.schema.json").read_text("utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def fast_validator(name):
    """Many thousand bodies are checked, which jsonschema takes minutes for."""
    text = files(registry.adapter(name).examples).joinpath("payload.schema.json").read_text("utf-8")
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def value(request):
    return request.form() if request.is_form else request.json()


@pytest.mark.parametrize("name", registry.names())
def test_what_translates_is_valid(name):
    """Every example that gives messages is valid under its vendor's schema."""
    adapter, schema = registry.adapter(name), validator(name)
    for case in checks.examples(adapter):
        if "messages" in case.expected:
            assert [error.message for error in schema.iter_errors(value(case.request))] == [], case.name


@short_and_long("step", short=4, long=1)
@pytest.mark.parametrize("name", registry.names())
def test_nothing_that_the_schema_refuses_is_counted(name, step):
    """No mutated example that still starts or ends an incident is refused by the schema."""
    adapter, schema = registry.adapter(name), fast_validator(name)
    cases = [case for case in checks.examples(adapter)[::step] if not case.request.is_form]
    counted: Counter[str] = Counter()
    for case in cases:
        for about, body in mutations(case.request):
            request = Request(case.request.headers, body)
            try:
                messages = adapter.translate(request, case.options)
            except (PayloadError, UnreadableBody):
                continue
            if any(isinstance(message, Change) for message in messages):
                counted[case.name] += 1
                assert schema.is_valid(value(request)), f"{case.name} with {about}"
    # A vendor with few examples has few mutations. Its limit grows with the examples that count.
    least = 1000 if len(cases) >= MANY_EXAMPLES else 3 * len(counted)
    assert counted.total() > least > 0, (
        f"{counted.total()} mutations of {len(counted)} examples still count, more than {least} are needed "
        "to prove anything; add examples with optional fields"
    )


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("body", [{}, [], "text", None, {"event": {}}, {"messages": []}, {"schema": "x"}])
def test_what_is_no_delivery_is_refused(name, body):
    """A body without a vendor's envelope is refused by its schema."""
    assert not validator(name).is_valid(body)


@pytest.mark.parametrize("name", ["pagerduty", "squadcast"])
def test_the_schema_asks_more_of_exactly_the_words_that_matter(name):
    """The words for which a schema asks an incident are those that the table does not ignore."""
    found = set()
    parts = [validator(name).schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            found.update(part.get("enum", ()))
        parts.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())

    assert found == {word for word, meaning in registry.adapter(name).table.items() if meaning in STATES}
