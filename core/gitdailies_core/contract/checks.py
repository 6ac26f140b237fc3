"""Run an adapter on its examples, and on broken variants of them.

This module is exempt from core's rule against I/O, because it reads the examples of installed packages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from importlib.resources import files
from typing import Any

from gitdailies_core.contract import elements, proofs
from gitdailies_core.contract.mutations import Example, Path, mutations
from gitdailies_core.deploys.deploy import event_of
from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError, GitDailiesError, PayloadError, UnreadableBody
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import FALLBACK, Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import NO_COMMIT, RENAMED
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import MEANINGS, UPDATED, Adapter, Ignored, Message, Unreadable
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

PAYLOADS = (".payload.json", ".payload.form")
_PARTNERS = (".expected.json", ".options.json", ".headers.json", ".query.json")
# What `faults` reads of an adapter before it runs it.
_ATTRIBUTES = ("name", "table", "options", "examples", "verify", "translate")


def examples(adapter: Adapter) -> list[Example]:
    """Read an adapter's examples.

    Raises ConfigurationError with a complaint for each file that is missing or cannot be read.
    """
    cases, complaints = _examples(adapter)
    if complaints:
        raise ConfigurationError(*complaints)
    return cases


def _examples(adapter: Adapter) -> tuple[list[Example], list[str]]:
    """Return the examples that are complete, and a complaint for each file that is missing or wrong."""
    folder = files(adapter.examples).joinpath("examples")
    found = {item.name: item for item in folder.iterdir() if item.is_file()} if folder.is_dir() else {}
    complaints: list[str] = []

    def decoded(name: str) -> Any:
        try:
            return json.loads(found[name].read_text("utf-8"))
        except ValueError as error:
            complaints.append(f"examples/{name}: expected JSON, got something else: {error}")

    cases = []
    for name in sorted(found):
        partner = next((name[: -len(ending)] for ending in _PARTNERS if name.endswith(ending)), None)
        if partner and not any(partner + ending in found for ending in PAYLOADS):
            complaints.append(f"examples/{partner}.payload.json: missing; add it or delete examples/{name}")
        ending = next((ending for ending in PAYLOADS if name.endswith(ending)), None)
        if ending is None:
            continue
        stem = name[: -len(ending)]
        if f"{stem}.expected.json" not in found:
            complaints.append(
                f"examples/{stem}.expected.json: missing; run `gitdailies translate {adapter.name} "
                f"--messages …/examples/{name}`, check what it prints and save it there"
            )
            continue
        options = dict(defaults(adapter))
        if f"{stem}.options.json" in found:
            options.update(decoded(f"{stem}.options.json") or {})
        given = decoded(f"{stem}.headers.json") if f"{stem}.headers.json" in found else None
        headers = {name.lower(): value for name, value in (given or {}).items()}
        # The ending of the file says how the body is written, whatever its headers are.
        headers["content-type"] = FORM if ending.endswith("form") else "application/json"
        query = decoded(f"{stem}.query.json") if f"{stem}.query.json" in found else None
        request = Request.make(
            headers=headers,
            body=found[name].read_bytes(),
            query=query or {},
            received_at=getattr(adapter, "examples_received_at", None),
        )
        cases.append(Example(stem, request, options, decoded(f"{stem}.expected.json")))
    return cases, complaints


def defaults(adapter: Adapter) -> dict[str, Any]:
    """Return the default value of each of the adapter's options."""
    return {name: option.values[0] for name, option in adapter.options.items()}


def shown(message: Message) -> dict[str, Any]:
    """Return a message as a JSON object. Empty and default values are left out."""
    written: dict[str, Any] = {}
    usual = {one.name: one.default for one in fields(message)}
    for name, value in vars(message).items():
        # That a repository has another name is always shown.
        if value == usual[name] != RENAMED:
            continue
        if name == "services":
            value = [{"name": s.name, **({"aliases": list(s.aliases)} if s.aliases else {})} for s in value]
        elif name == "tags":
            value = {tag: list(values) for tag, values in value.items()}
        elif name == "commits" and value is not None:
            value = [_shown_commit(commit) for commit in value]
        elif isinstance(value, datetime):
            value = text_of(value)
        elif isinstance(value, tuple):
            value = list(value)
        if value not in (None, "", [], {}, ()):
            written[name] = value
    if isinstance(message, Unreadable):
        return {"unreadable": written.pop("reason"), **written}
    return {"ignored": written.pop("reason"), **written} if isinstance(message, Ignored) else written


def _shown_commit(commit: Any) -> dict[str, Any]:
    values = {**commit._asdict(), "time": text_of(commit.time) if commit.time else None}
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {name: value for name, value in found.items() if value not in (None, "", {})}


def outcome(adapter: Adapter, request: Request, options: Mapping[str, Any]) -> dict[str, Any]:
    """Translate to the form of an expected file: messages, or the reason to quarantine or reject."""
    try:
        return {"messages": [shown(message) for message in adapter.translate(request, options)]}
    except PayloadError as error:
        return {"quarantined": str(error)}
    except GitDailiesError as error:
        return {"rejected": str(error)}


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield what is wrong with *adapter*, each fault with its place and its remedy. None means it passes."""
    missing = [name for name in _ATTRIBUTES if not hasattr(adapter, name)]
    for name in missing:
        yield f"adapter.{name}: missing; see gitdailies_core.Adapter"
    if missing:
        return
    yield from _table_faults(adapter)
    cases, complaints = _examples(adapter)
    yield from complaints
    if not cases and not complaints:
        yield "examples: no delivery; write NAME.payload.json and NAME.expected.json there"
    broken: set[tuple[frozenset[str], Path]] = set()
    for case in cases:
        yield from _example_faults(adapter, case, broken)
    yield from _coverage_faults(adapter, cases)
    yield from proofs.faults(adapter, cases[0].request.body if cases else b"{}")
    yield from elements.faults(adapter, cases)


def _example_faults(
    adapter: Adapter, case: Example, broken: set[tuple[frozenset[str], Path]]
) -> Iterator[str]:
    """Yield what is wrong with an example, then with a copy of it for each field that is broken.

    *broken* are the fields that were broken before, each for messages of the same kinds.
    """
    where = f"examples/{case.name}"
    if fault := fault_of(adapter, case.request, case.options):
        yield f"{where}: {fault}"
        return
    found = outcome(adapter, case.request, case.options)
    if found != case.expected:
        yield (
            f"{where}: expected {json.dumps(case.expected)}, got {json.dumps(found)}; "
            f"correct {case.name}.expected.json or the adapter"
        )
    messages, is_pack = _messages(adapter, case), getattr(adapter, "is_pack", False)
    # Messages of one kind are read alike.
    kinds = frozenset(_kind_of(message) if is_pack else message.word for message in messages)

    def is_new(path: Path) -> bool:
        seen = (kinds, path) in broken
        broken.add((kinds, path))
        return not seen

    for about, body in mutations(case.request, is_new):
        if fault := fault_of(adapter, case.request._replace(body=body), case.options, messages):
            yield f"{where} with {about}: {fault}"


def _messages(adapter: Adapter, case: Example) -> tuple[Message, ...]:
    try:
        return adapter.translate(case.request, case.options)
    except Exception:  # noqa: BLE001  reported with the example
        return ()


def fault_of(
    adapter: Adapter, request: Request, options: Mapping[str, Any], written: Sequence[Message] = ()
) -> str:
    """Translate and write once, but not what was *written* before. Return the fault, or ""."""
    try:
        messages = adapter.translate(request, options)
    except (PayloadError, UnreadableBody):
        return ""
    except Exception as error:  # noqa: BLE001  a faulty adapter may raise anything
        return (
            f"expected messages, PayloadError or UnreadableBody, got {type(error).__name__}: {error}; "
            "read the payload with Fields"
        )
    if not isinstance(messages, tuple) or not messages:
        return (
            f"expected at least one message, got {got(messages)}; return a tuple of messages, or "
            "raise PayloadError"
        )
    for message in messages:
        if isinstance(message, Ignored) and not message.reason:
            return "expected the reason of an ignored message, got nothing; give Ignored a reason"
        try:
            if message not in written:
                write(message)
        except Exception as error:  # noqa: BLE001  a faulty message may raise anything
            return (
                f"expected a message that can be written, got {type(error).__name__}: {error}; "
                "refuse such a value with PayloadError"
            )
    return ""


def write(message: Message) -> list[bytes]:
    """Turn a message into request bodies by way of routing and the decision, as the relay does."""
    if isinstance(message, Ignored):
        return [json.dumps(shown(message), ensure_ascii=False).encode()]
    if isinstance(message, Push):
        return []
    if isinstance(message, Deploy):
        place = DeployTarget(message.repo or "contract/any", message.environment, message.service)
        return [_DIALECT.dump(event_of(message, place, "contract", message.key or "contract"))]
    routed = _ANYWHERE.route(message)
    decision = decide(
        source="contract", change=message, targets=routed.targets, refusal=None, records=MemoryRecords()
    )
    return [_DIALECT.dump(event) for event in decision.events]


_DIALECT = Dialect.make()
_ANYWHERE = Routes.make({FALLBACK: [Route("contract/any")]})


def _table_faults(adapter: Adapter) -> Iterator[str]:
    for option, setting in adapter.options.items():
        if not setting.values or not setting.about:
            yield (
                f"options.{option}: expected allowed values and a description, got none; "
                "use Option((default, other), …)"
            )
    if not adapter.table:
        yield "table: no words; map each of the vendor's words to STARTED, RESOLVED, UPDATED or a reason"
    for word, meaning in adapter.table.items():
        if not meaning:
            yield f"table[{word!r}]: expected a state or a reason to ignore it, got nothing"


def _coverage_faults(adapter: Adapter, cases: Sequence[Example]) -> Iterator[str]:
    """Yield what starts or resolves something, and no example contains: words, or kinds of a pack."""
    messages = [message for case in cases for message in _messages(adapter, case)]
    if getattr(adapter, "is_pack", False):
        yield from _kinds_without_example(adapter, set(map(_kind_of, messages)))
        return
    # What is no message is reported with the example, too.
    words = {getattr(message, "word", "") for message in messages if not isinstance(message, Ignored)}
    for word, meaning in adapter.table.items():
        if meaning in MEANINGS and meaning != UPDATED and word not in words:
            yield f"table[{word!r}]: no example; add a delivery with this word to examples"


# What an example must show, where a pack's table has it.
_COUNTING = ("started", "resolved", "deployed")


def _kind_of(message: Message) -> str:
    # A deploy of a vendor that never names the commit is one all the same.
    if isinstance(message, Unreadable) and message.code == NO_COMMIT:
        return "deployed"
    return "ignored" if isinstance(message, Ignored) else getattr(message, "state", "deployed")


def _kinds_without_example(adapter: Adapter, kinds: set[str]) -> Iterator[str]:
    """Yield what a pack says that it reads, and no example shows: a start, an end, a deploy, a failed one."""
    for kind in _COUNTING:
        if kind in adapter.table.values() and kind not in kinds:
            yield f"table: no example that is {kind}; add a delivery to examples"
    if "deployed" in kinds and "ignored" not in kinds:
        yield "table: no example of a deploy that failed; add a delivery to examples"
