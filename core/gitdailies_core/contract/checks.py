"""The checks that every adapter must pass, ours or a stranger's.

    from gitdailies_core.contract import checks as contract
    from gitdailies_core.sources import registry

    def test_contract():
        assert list(contract.faults(registry.adapter("opsgenie"))) == []

An adapter's `examples` package holds a folder `examples` with

* NAME.payload.json (or .payload.form): the exact bytes of a body, and beside it
  NAME.expected.json: `{"messages": [...]}` as `shown` writes them, `{"kept": "reason"}` or
  `{"rejected": "reason"}`; an optional NAME.options.json sets the adapter's options for it;
* signatures.json: a list of `{"about", "headers", "body", "secrets", "header", "accepted"}`,
  where `body` names a file beside it or is `{"text": "..."}`.

Excepted from core's rule against I/O by name: it reads the examples of installed packages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from gitdailies_core.contract.mutations import mutations
from gitdailies_core.error_text import got
from gitdailies_core.errors import (
    ConfigurationError,
    GitDailiesError,
    PayloadError,
    ProofError,
    UnreadableBody,
)
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.incidents.records import Occurrence, Records
from gitdailies_core.incidents.routing import FALLBACK, Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import OTHER
from gitdailies_core.sources.protocol import STATES, Adapter, Change, Ignored, Message
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

PAYLOADS = (".payload.json", ".payload.form")
HOSTILE = ("", "v1=", "v1=,v1=", "é", "v1=é", "\x00", "," * 10_000, "v1=" + "0" * 64)
_BESIDE = (".expected.json", ".options.json")


class Example:
    """One example of an adapter: its request, its options and what is expected of it."""

    def __init__(self, name: str, request: Request, options: Mapping[str, Any], expected: Any) -> None:
        self.name = name
        self.request = request
        self.options = options
        self.expected = expected


def examples(adapter: Adapter) -> list[Example]:
    """Read an adapter's examples; raises ConfigurationError for one without its pair."""
    folder = files(adapter.examples).joinpath("examples")
    found = {item.name: item for item in folder.iterdir() if item.is_file()}
    read = []
    for name in sorted(found):
        beside = next((name[: -len(ending)] for ending in _BESIDE if name.endswith(ending)), None)
        if beside and not any(beside + ending in found for ending in PAYLOADS):
            raise ConfigurationError(f"{beside}.payload.json: expected it beside {name}, got no such file")
        ending = next((ending for ending in PAYLOADS if name.endswith(ending)), None)
        if ending is None:
            continue
        stem = name[: -len(ending)]
        if f"{stem}.expected.json" not in found:
            raise ConfigurationError(f"{stem}.expected.json: expected it beside {name}, got no such file")
        options = dict(defaults(adapter))
        if f"{stem}.options.json" in found:
            options.update(json.loads(found[f"{stem}.options.json"].read_text("utf-8")))
        headers = {"content-type": FORM if ending.endswith("form") else "application/json"}
        request = Request.make(headers=headers, body=found[name].read_bytes())
        expected = json.loads(found[f"{stem}.expected.json"].read_text("utf-8"))
        read.append(Example(stem, request, options, expected))
    return read


def defaults(adapter: Adapter) -> dict[str, Any]:
    """Return the adapter's options as they are when nothing is set."""
    return {name: option.values[0] for name, option in adapter.options.items()}


_USUAL = (("whole", True), ("merged", False), ("code", OTHER))


def shown(message: Message) -> dict[str, Any]:
    """Write a message as JSON, leaving out what is empty or as usual."""
    written: dict[str, Any] = {}
    values = message._asdict() if isinstance(message, Change) else vars(message)
    for name, value in values.items():
        if name == "services":
            value = [{"name": s.name, **({"aliases": list(s.aliases)} if s.aliases else {})} for s in value]
        elif name == "tags":
            value = {tag: list(values) for tag, values in value.items()}
        elif name.endswith("at") and value is not None:
            value = text_of(value)
        if value not in (None, "", [], {}, ()) and (name, value) not in _USUAL:
            written[name] = value
    return {"ignored": written.pop("reason"), **written} if isinstance(message, Ignored) else written


def outcome(adapter: Adapter, request: Request, options: Mapping[str, Any]) -> dict[str, Any]:
    """Translate as the expected files have it: messages, or the reason to keep or reject."""
    try:
        return {"messages": [shown(message) for message in adapter.translate(request, options)]}
    except PayloadError as error:
        return {"kept": str(error)}
    except GitDailiesError as error:
        return {"rejected": str(error)}


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield what is wrong with *adapter*, each as `where: expected, got`; nothing is right."""
    yield from _table_faults(adapter)
    try:
        cases = examples(adapter)
    except ConfigurationError as error:
        yield f"examples/{error}"
        return
    if not cases:
        yield "examples: expected at least one pair, got none"
    for case in cases:
        yield from _example_faults(adapter, case)
    yield from _coverage_faults(adapter, cases)
    yield from _proof_faults(adapter, cases)


def _example_faults(adapter: Adapter, case: Example) -> Iterator[str]:
    where = f"examples/{case.name}"
    fault = fault_of(adapter, case.request, case.options)
    if fault:
        yield f"{where}: {fault}"
        return
    found = outcome(adapter, case.request, case.options)
    if found != case.expected:
        yield f"{where}: expected {json.dumps(case.expected)}, got {json.dumps(found)}"
    for about, body in mutations(case.request):
        fault = fault_of(adapter, Request(case.request.headers, body), case.options)
        if fault:
            yield f"{where} with {about}: {fault}"


def fault_of(adapter: Adapter, request: Request, options: Mapping[str, Any]) -> str:
    """Translate and write once; say what is neither messages nor one of our errors, else ""."""
    try:
        messages = adapter.translate(request, options)
    except (PayloadError, UnreadableBody):
        return ""
    except Exception as error:  # noqa: BLE001  a sloppy adapter may raise anything
        return f"expected messages, PayloadError or UnreadableBody, got {type(error).__name__}: {error}"
    if not isinstance(messages, tuple) or not messages:
        return f"expected at least one message, got {got(messages)}"
    for message in messages:
        if isinstance(message, Ignored) and not message.reason:
            return "expected the reason of an ignored message, got nothing"
        try:
            write(message)
        except Exception as error:  # noqa: BLE001  what was translated can be written, whatever it is
            return f"expected a message that can be written, got {type(error).__name__}: {error}"
    return ""


def write(message: Message) -> list[bytes]:
    """Carry a message through routing and periods to bytes, as the relay would."""
    if isinstance(message, Ignored):
        return [json.dumps(shown(message), ensure_ascii=False).encode()]
    routed = _ANYWHERE.route(message)
    decision = decide(
        source="contract", change=message, targets=routed.targets, refusal=None, records=_Nothing()
    )
    return [Dialect.make().dump(event) for event in decision.events]


class _Nothing(Records):
    def occurrences(self, incident: str) -> Sequence[Occurrence]:  # noqa: ARG002  the protocol's name
        return ()

    def waiting(self, incident: str) -> Sequence[Occurrence]:  # noqa: ARG002  the protocol's name
        return ()


_ANYWHERE = Routes.make({FALLBACK: [Route("contract/any")]})


def _table_faults(adapter: Adapter) -> Iterator[str]:
    for option, setting in adapter.options.items():
        if not setting.values or not setting.about:
            yield f"options.{option}: expected allowed values and a description, got none"
    if not adapter.table:
        yield "table: expected the vendor's words, got none"
    for word, meaning in adapter.table.items():
        if not meaning:
            yield f"table[{word!r}]: expected started, resolved, updated or a reason, got nothing"


def _coverage_faults(adapter: Adapter, cases: Sequence[Example]) -> Iterator[str]:
    """Every word that starts or resolves something is shown by an example."""
    said: set[str] = set()
    for case in cases:
        try:
            messages = adapter.translate(case.request, case.options)
            said.update(message.word for message in messages if isinstance(message, Change))
        except Exception:  # noqa: BLE001, S112  it was reported with its example
            continue
    for word, meaning in adapter.table.items():
        if meaning in STATES[:2] and word not in said:
            yield f"table[{word!r}]: expected an example of it, got none"


def _proof_faults(adapter: Adapter, cases: Sequence[Example]) -> Iterator[str]:
    folder = files(adapter.examples).joinpath("examples")
    if not folder.joinpath("signatures.json").is_file():
        yield "examples/signatures.json: expected it, got no such file"
        return
    vectors = json.loads(folder.joinpath("signatures.json").read_text("utf-8"))
    if {vector["accepted"] for vector in vectors} != {True, False}:
        yield "examples/signatures.json: expected accepted and refused vectors, got one kind"
    for vector in vectors:
        body = vector["body"]
        raw = body["text"].encode() if isinstance(body, dict) else folder.joinpath(body).read_bytes()
        request = Request.make(headers=vector["headers"], body=raw)
        accepted = _accepts(
            adapter, request, [Secret(s) for s in vector["secrets"]], vector.get("header", "")
        )
        if accepted is not vector["accepted"]:
            about, expected = vector["about"], vector["accepted"]
            yield f"examples/signatures.json: {about}: expected {expected}, got {accepted}"
        for others in _others(vector["secrets"] if vector["accepted"] else []):
            if _accepts(adapter, request, others, vector.get("header", "")) is True:
                yield f"verify: expected an error for other secrets, got acceptance of: {vector['about']}"
    body = cases[0].request.body if cases else b"{}"
    for carrier in sorted({vector.get("header", "") for vector in vectors}):
        names = [*(name for vector in vectors for name in vector["headers"]), *([carrier] if carrier else [])]
        for text in HOSTILE:
            request = Request.make(headers=dict.fromkeys(names, text), body=body)
            accepted = _accepts(adapter, request, [Secret("right")], carrier)
            if accepted is not False:
                yield f"verify with header {text[:20]!a}: expected ProofError, got {accepted}"


def _others(secrets: Sequence[str]) -> Iterator[list[Secret]]:
    """Yield secrets that did not sign: none, empty ones, and some that only begin like the right ones."""
    yield []
    for text in ("", "another", *(s[:1] for s in secrets), *(s[:-1] for s in secrets)):
        yield [Secret(text)]
    yield [Secret("another"), Secret("")]
    yield [Secret(secret + "x") for secret in secrets]


def _accepts(adapter: Adapter, request: Request, secrets: Sequence[Secret], header: str) -> Any:
    try:
        adapter.verify(request, secrets, header)
    except ProofError:
        return False
    except ConfigurationError as error:
        return f"ConfigurationError: {error}"
    except Exception as error:  # noqa: BLE001  a sloppy adapter may raise anything
        return f"{type(error).__name__}: {error}"
    return True
