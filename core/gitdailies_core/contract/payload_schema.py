"""Check `payload.schema.json`: it accepts what the adapter translates, and it refuses other bodies.

The schema says what the adapter needs in a payload. With it, a vendor's change of format can be
noticed without the code. This module is exempt from core's rules: it reads the files of installed
packages, and it uses jsonschema, which only the contract checks need.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Callable

from jsonschema import Draft202012Validator, SchemaError

from gitdailies_core.contract import breaking
from gitdailies_core.contract.mutations import mutations
from gitdailies_core.sources.protocol import Adapter, Ignored
from gitdailies_core.sources.request import Request

FILE = "payload.schema.json"
# Replacing a field by each of these, or removing it, shows whether the schema is too strict.
REPLACEMENTS: tuple[Any, ...] = (None, 7, "", "null", [], {})
# No vendor sends these as a delivery.
NO_DELIVERY: tuple[Any, ...] = ({}, [], "text", None)


def faults(adapter: Adapter, cases: Sequence[tuple[str, Request, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield what is wrong with the schema, each fault with its remedy.

    *cases* are deliveries that the adapter translates: a name, the request and the options.
    """
    file = files(adapter.examples).joinpath(FILE)
    if not file.is_file():
        yield (
            f"{FILE}: missing; write a JSON Schema (2020-12) with the fields that the adapter needs, in the "
            f"package {adapter.examples}"
        )
        return
    try:
        schema = json.loads(file.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
    except (ValueError, SchemaError) as error:
        yield f"{FILE}: expected a JSON Schema (2020-12), got something else: {str(error).splitlines()[0]}"
        return
    accepts: Callable[[Any], bool] = Draft202012Validator(schema).is_valid
    for body in NO_DELIVERY:
        if accepts(body):
            yield f"{FILE}: accepts {json.dumps(body)}, not a delivery; require the fields of the envelope"
    once = breaking.Once()
    for name, request, options in cases:
        if not accepts(_value(request)):
            yield f"{FILE}: refuses examples/{name}, which the adapter translates; require less"
        elif not request.is_form:
            yield from _too_strict(adapter, accepts, name, request, options, once)


def _too_strict(
    adapter: Adapter,
    accepts: Callable[[Any], bool],
    name: str,
    request: Request,
    options: Mapping[str, Any],
    once: breaking.Once,
) -> Iterator[str]:
    words = {message.word for message in adapter.translate(request, options)}
    chosen = once.among(words, breaking.everything)
    for about, body in mutations(request, chosen, REPLACEMENTS):
        mutant = request._replace(body=body)
        try:
            messages = adapter.translate(mutant, options)
        except Exception:  # noqa: BLE001, S112  the checks of the example report other errors
            continue
        if any(not isinstance(message, Ignored) for message in messages) and not accepts(_value(mutant)):
            yield f"{FILE}: refuses examples/{name} with {about}, which the adapter translates; require less"


def _value(request: Request) -> Any:
    return request.form() if request.is_form else request.json()
