"""The checks that every adapter must pass, ours or a stranger's.

    from gitdailies_core import contract, registry

    def test_contract():
        assert list(contract.faults(registry.adapter("opsgenie"))) == []

An adapter's `examples` package holds a folder `examples` with

* NAME.payload.json (or .payload.form): the exact bytes of a body, and beside it
  NAME.expected.json: `{"messages": [...]}` as `shown` writes them, or `{"kept": "reason"}`;
  an optional NAME.options.json sets the adapter's options for it;
* signatures.json: a list of `{"about", "headers", "body", "secrets", "header", "accepted"}`,
  where `body` names a file beside it or is `{"text": "..."}`.

Excepted from core's rule against I/O by name: it reads the examples of installed packages.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from gitdailies_core.adapter import STATES, Adapter, Change, Ignored, Message
from gitdailies_core.dialect import Dialect
from gitdailies_core.errors import ConfigurationError, GitDailiesError, PayloadError, ProofError
from gitdailies_core.periods import Ledger, Period, decide
from gitdailies_core.request import FORM, Request
from gitdailies_core.routing import FALLBACK, Route, Routes
from gitdailies_core.secret import Secret
from gitdailies_core.times import text_of

PAYLOADS = (".payload.json", ".payload.form")

# What a field of a payload is replaced by, one at a time, beside being taken away.
MUTANTS: tuple[Any, ...] = (
    None,
    True,
    7,
    -1.5,
    10**30,
    "",
    " ",
    "null",
    "\x00\x1b[31m",
    "é" * 3000,
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999-23:59",
    [],
    {},
    [[]],
    [{}],
    {"id": {}},
)


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


def shown(message: Message) -> dict[str, Any]:
    """Write a message as JSON, leaving out what is empty or as usual."""
    written: dict[str, Any] = {}
    for name, value in vars(message).items():
        if name == "services":
            value = [{"name": s.name, **({"aliases": list(s.aliases)} if s.aliases else {})} for s in value]
        elif name == "tags":
            value = {tag: list(values) for tag, values in value.items()}
        elif name.endswith("at") and value is not None:
            value = text_of(value)
        usual = name == "whole" and value is True
        if value not in (None, "", [], {}, ()) and not usual and not (name == "merged" and value is False):
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
    cases = examples(adapter)
    if not cases:
        yield "examples: expected at least one pair, got none"
    for case in cases:
        found = outcome(adapter, case.request, case.options)
        if found != case.expected:
            yield f"examples/{case.name}: expected {json.dumps(case.expected)}, got {json.dumps(found)}"
        for about, body in mutations(case.request):
            yield from _fault_of(adapter, Request(case.request.headers, body), case.options, about, case.name)
    yield from _coverage_faults(adapter, cases)
    yield from _proof_faults(adapter, cases)


def mutations(request: Request) -> Iterator[tuple[str, bytes]]:
    """Yield bodies with one field of the JSON taken away or replaced, and what was done."""
    if request.is_form:
        for cut in range(0, len(request.body), max(1, len(request.body) // 50)):
            yield f"cut at {cut}", request.body[:cut]
        return
    whole = json.loads(request.body)
    for path in _paths(whole):
        where = ".".join(str(step) for step in path) or "body"
        yield f"{where} taken away", _changed(whole, path, taken=True)
        for mutant in MUTANTS:
            yield f"{where} = {json.dumps(mutant)[:40]}", _changed(whole, path, mutant)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    steps: Sequence[Any] = ()
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = range(len(value))
    for step in steps:
        yield from _paths(value[step], (*path, step))


def _changed(whole: Any, path: tuple[Any, ...], mutant: Any = None, *, taken: bool = False) -> bytes:
    changed = copy.deepcopy(whole)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    if taken:
        del parent[path[-1]]
    else:
        parent[path[-1]] = mutant
    return json.dumps(changed).encode()


def _fault_of(
    adapter: Adapter, request: Request, options: Mapping[str, Any], about: str, name: str
) -> Iterator[str]:
    """Translate and write once; anything but messages or our own error is a fault."""
    where = f"examples/{name} with {about}"
    try:
        messages = adapter.translate(request, options)
        if not messages:
            yield f"{where}: expected messages or a reason, got nothing"
        for message in messages:
            write(message)
    except GitDailiesError:
        pass
    except Exception as error:  # noqa: BLE001  a sloppy adapter may raise anything
        yield f"{where}: expected messages or one of our errors, got {type(error).__name__}: {error}"


def write(message: Message) -> list[bytes]:
    """Carry a message through routing and periods to bytes, as the relay would."""
    if isinstance(message, Ignored):
        return [json.dumps(shown(message), ensure_ascii=False).encode()]
    routed = _ANYWHERE.route(message)
    decision = decide(
        source="contract", change=message, targets=routed.targets, refusal="", ledger=_Nothing()
    )
    return [Dialect.make().dump(event) for event in decision.events]


class _Nothing(Ledger):
    def periods(self, incident: str) -> Sequence[Period]:  # noqa: ARG002  the protocol's name
        return ()

    def waiting(self, incident: str) -> Sequence[Period]:  # noqa: ARG002  the protocol's name
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
        except GitDailiesError:
            continue
        said.update(message.word for message in messages if isinstance(message, Change))
    for word, meaning in adapter.table.items():
        if meaning in STATES[:2] and word not in said:
            yield f"table[{word!r}]: expected an example of it, got none"


def _proof_faults(adapter: Adapter, cases: Sequence[Example]) -> Iterator[str]:
    folder = files(adapter.examples).joinpath("examples")
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
    request = cases[0].request if cases else Request.make(headers={}, body=b"{}")
    for empty in ([], [Secret("")], [Secret("right"), Secret("")]):
        if _accepts(adapter, request, empty, "x-relay-token") is True:
            yield "verify: expected an error for a missing or empty secret, got acceptance"
    for header in ("", "v1=", "v1=,v1=", "é", "v1=é", "\x00", "," * 10_000, "v1=" + "0" * 64):
        hostile = Request.make(
            headers={name: header for vector in vectors for name in vector["headers"]}, body=request.body
        )
        accepted = _accepts(adapter, hostile, [Secret("right")], "x-relay-token")
        if accepted is not False:
            yield f"verify with header {header[:20]!a}: expected ProofError, got {accepted}"


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
