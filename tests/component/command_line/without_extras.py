"""Run every subcommand where the modules of the extras are not installed; print what came of each.

It finds the commands by itself, and gives each what it requires. Nothing can be reached from here.
"""

import io
import json
import os
import re
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import click

_EXTRA = re.compile(r"([\w-]+).*; extra == ['\"](?:relay|dora|mcp)['\"]")
_OF_EXTRAS = {
    found[1].lower() for line in requires("gitdailies-integrations") or () if (found := _EXTRA.match(line))
}
_BLOCKED = {
    module
    for module, names in packages_distributions().items()
    if {name.lower() for name in names} & _OF_EXTRAS or module == "mcp_types"
}
# What a parameter takes that needs more than a word.
_VALUES = {
    **dict.fromkeys(("source", "vendor", "adapter", "origin"), "pagerduty"),
    "name": "datadog",  # `sources test` has the fewest examples of it
    **dict.fromkeys(("file", "body"), "body.json"),
    **dict.fromkeys(("repo", "repos"), "larkspur/shop"),
    "files": "events.csv",
    "path": ".",
    "sha": "a" * 40,
    "kind": "start",
    "since": "2026-01-01",
    "url": "http://127.0.0.1:1/webhooks",
    "public_relay_url": "https://relay.example.com",
}

# Options that are not required, without which little is done.
_ALSO = ("repo", "repos", "sha", "event", "url", "retries")


class _Missing:
    """Finds no module of an extra."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in _BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(group, click.Group) and group.invoke_without_command:
        yield path, None
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            try:
                command = group.get_command(context, name)
            except ModuleNotFoundError:
                yield (*path, name), None
            else:
                yield from _commands(command, (*path, name))
    else:
        yield path, group


def _arguments(command: click.Command) -> Iterator[str]:
    for one in command.params:
        value = _VALUES.get(one.name or "", "x")
        if isinstance(one.type, click.Choice) and value not in one.type.choices:
            value = str(one.type.choices[0])
        if isinstance(one.type, (click.types.IntParamType, click.types.FloatParamType)):
            value = "0" if one.name == "retries" else "1"
        if isinstance(one, click.Argument):
            yield value
        elif one.required or one.name in _ALSO:
            yield from (one.opts[0], value)


def _run(arguments: list[str]) -> tuple[int, str]:
    from gitdailies_cli.main import main

    error = io.StringIO()
    with redirect_stderr(error), redirect_stdout(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0), error.getvalue()
        except BaseException:
            return -1, traceback.format_exc()
    return 0, error.getvalue()


def _nowhere(*_: object, **__: object) -> Any:
    raise ConnectionRefusedError("this test reaches nothing")


if __name__ == "__main__":
    os.environ.update(KEY="gdk_x", SECRET="s", GITDAILIES_READ_KEY="gdk_x", GITDAILIES_WEBHOOK_KEY="gdk_x")
    for name in [one for one in sys.modules if one.partition(".")[0] in _BLOCKED]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Missing())
    socket.create_connection = _nowhere
    socket.socket.connect = _nowhere  # type: ignore[method-assign]
    Path("gitdailies.yml").write_text(
        "gitdailies:\n  url: http://127.0.0.1:1/webhooks\n  key: {env: KEY}\n"
        "sources:\n  pagerduty:\n    adapter: pagerduty\n    secrets: [{env: SECRET}]\n"
        "services: {'*': {repo: larkspur/shop}}\n"
    )
    Path("body.json").write_text("{}")
    Path("events.csv").write_text(
        "kind,repo,commitSHA,time\ndeployed,larkspur/shop,0123456,2026-01-02T00:00:00Z\n"
    )
    from gitdailies_cli.main import gitdailies

    came = {}
    for path, command in _commands(gitdailies):
        given = [] if command is None else list(_arguments(command))
        came[" ".join(path)] = _run(
            [
                *path,
                *("gitdailies.yml" if one == "body.json" and path == ("check",) else one for one in given),
            ]
        )
    json.dump(came, sys.stdout)
