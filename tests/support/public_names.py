"""Every name that docs/compatibility.md makes public, read from the code.

    .venv/bin/python -m tests.support.public_names

writes them to `tests/contract/public_names.txt`, which a test compares. A name that is added there is a
promise from the next release on; one that is taken out breaks somebody.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import click
import yaml
from gitdailies_cli import output
from gitdailies_cli.main import gitdailies
from gitdailies_connection.config.document.schema_errors import schema
from gitdailies_connection.relay.answers import ServerState, SourceHealth
from gitdailies_core import errors
from gitdailies_core.events.events import KINDS
from gitdailies_core.reasons import Code
from gitdailies_dora.api.openapi import document
from gitdailies_dora.operations.metrics import ReceiverMetrics
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_server.readiness import Readiness
from msgspec.structs import replace

from scripts.builders.launchers.inputs import ABOUT
from tests.support.relay.reports import IDLE

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "contract" / "public_names.txt"


def names() -> list[str]:
    """Return a line for each public name, as `what name`, sorted."""
    return sorted({*_events(), *_settings("", schema()), *_commands(gitdailies, "gitdailies"), *_others()})


def _events() -> Iterator[str]:
    for kind in KINDS:
        for field in kind.fields:
            need = " required" if field.required else ""
            yield f"event {kind.word}.{field.name}{need}"


def _settings(path: str, node: dict[str, Any]) -> Iterator[str]:
    resolved = _resolved(node)
    for name, child in resolved.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        need = " required" if name in resolved.get("required", ()) else ""
        yield f"setting {inner}{need}"
        yield from _settings(inner, child)
    below = resolved.get("additionalProperties")
    if isinstance(below, dict):
        yield from _settings(f"{path}.NAME", below)
    forms = [one for word in ("anyOf", "oneOf", "allOf") for one in resolved.get(word, ())]
    if "items" in resolved:
        forms.append(resolved["items"])
    for form in forms:
        yield from _settings(path, form)


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: dict[str, Any] = schema()
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return _resolved(target)


def _commands(command: click.Command, name: str) -> Iterator[str]:
    yield f"command {name}"
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield f"command {name} {max(parameter.opts, key=len)}"
        elif isinstance(parameter, click.Argument):
            yield f"command {name} {parameter.make_metavar(context)}"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _commands(found, f"{name} {child}")


def _others() -> Iterator[str]:
    made = (value for value in vars(errors).values() if isinstance(value, type))
    codes = {one.exit_code for one in made if issubclass(one, errors.GitDailiesError)}
    codes |= {output.DONE, output.NOT_DELIVERED, output.REFUSED, output.PARTLY}
    yield from (f"exit code {code}" for code in codes)
    yield from (f"reason {code}" for code in get_args(Code))
    yield from (f"metric {name}" for name in _metrics())
    yield from _api(document())
    yield from (f"step input {name}" for name in ABOUT)
    action = yaml.safe_load((ROOT / "github-action" / "action.yml").read_text("utf-8"))
    yield from (f"action output {name}" for name in action["outputs"])
    for group in ("gitdailies.adapters", "gitdailies.history"):
        yield f"entry point {group}"
    yield from (f"adapter {point.name}" for point in entry_points(group="gitdailies.adapters"))


def _metrics() -> Iterator[str]:
    metrics = RelayMetrics()
    known = SourceHealth(last_delivery=datetime.now(UTC))
    state = replace(IDLE, quarantined={"other": 0}, sources={"x": known})
    health = ServerState(
        version="",
        store="",
        store_fault=None,
        circuit="closed",
        circuit_reason=None,
        reload_failed=False,
        receiver="ours",
        receiver_is_sure=True,
    )
    store: Any = SimpleNamespace(
        writer=SimpleNamespace(fault="", waiting_seconds=0.0), database=SimpleNamespace(is_local=True)
    )
    metrics.add_gauges(lambda: state, lambda: health, Readiness(store))
    receiver = ReceiverMetrics()
    size: Any = SimpleNamespace(bytes=0, free_bytes=0)
    receiver.add_gauges(lambda: (0.0, size), Readiness(store))
    for family in (*metrics.registry.collect(), *receiver.registry.collect()):
        if family.name.startswith("gitdailies_"):
            yield f"{family.name}{'_total' if family.type == 'counter' else ''}"


def _api(openapi: dict[str, Any]) -> Iterator[str]:
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            yield f"api {method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                if "name" in parameter:
                    yield f"api {method.upper()} {path} {parameter['in']} {parameter['name']}"
    for name, node in openapi["components"]["schemas"].items():
        yield from (f"api {name}.{field}" for field in node.get("properties", ()))


if __name__ == "__main__":
    FILE.write_text("\n".join(names()) + "\n", "utf-8")
