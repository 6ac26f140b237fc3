"""Rules for every command: help with an example, JSON for printed data, imports only when needed."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from gitdailies_cli.main import gitdailies

from tests.support.machine import command, environment

PRINT_DATA = {
    *("check", "deploy", "erase", "metrics", "sources", "translate", "why"),
    *("history catch-up", "history fetch", "history import", "incident resolve", "incident start"),
    *("keys create", "keys list", "keys replace", "sources preview", "sources test"),
    *("relay close", "relay confirm", "relay discard", "relay explain", "relay failed", "relay incidents"),
    *("relay replay", "relay requeue", "relay show", "relay status", "relay unmapped"),
}


def commands(group=gitdailies, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands())


@pytest.mark.parametrize("path", [path for path in ALL if len(path) == 1], ids=" ".join)
def test_help_shows_an_example(path):
    """The help of each subcommand holds a line that can be typed."""
    assert f"gitdailies {' '.join(path)}" in ALL[path].help


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_each_option_means(path):
    """No option and no command is without a word of explanation."""
    assert ALL[path].help
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_commands_that_print_data_have_json():
    """Every command that prints data has `--json`, and the list of exceptions is exact."""
    have = {
        " ".join(path) for path, command in ALL.items() if any(p.name == "as_json" for p in command.params)
    }

    assert have == PRINT_DATA


def test_a_command_imports_only_what_it_needs():
    """Reporting a deploy loads neither a server nor a database library."""
    program = (
        "import sys; from gitdailies_cli.main import main\n"
        "try: main(['deploy', '--repo', 'a/b', '--sha', 'a' * 40, '--dry-run'])\n"
        "finally: print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True
    )

    assert json.loads(ran.stdout)["event"]["repo"] == "a/b"
    for heavy in ("httptools", "sqlalchemy", "alembic", "starlette", "structlog", "orjson", "rich"):
        assert f"'{heavy}'" not in ran.stderr


DEPLOY = ("deploy", "--repo", "a/b", "--sha", "a" * 40, "--environment", "production", "--dry-run")


@pytest.mark.parametrize("arguments", [("--help",), ("keys", "list"), ("keys", "list", "--json"), DEPLOY])
def test_output_that_cannot_be_written_is_one_line(tmp_path, arguments):
    """If standard output is a full disk, any command ends with code 1 and a message, not a traceback."""
    program, around = (sys.executable, "-m", "gitdailies_cli"), {"cwd": tmp_path, "env": environment()}
    assert command("keys", "create", "ci", cwd=tmp_path).returncode == 0
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([*program, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, **around)

    assert ran.returncode == 1
    assert ran.stderr == "gitdailies: cannot write everything: no space left on device\n"
