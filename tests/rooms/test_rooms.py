"""Allowed imports, read from syntax trees; for each rule a forbidden import is refused."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from gitdailies_cli.main import COMMANDS

from tests.rooms.reading import strings
from tests.rooms.rules import EXEMPTIONS, Exemption, exempt, faults, modules, stale

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ADAPTERS = set(PROJECT["entry-points"]["gitdailies.adapters"])

# The indentation of a planted line: at the end of the module, or inside a function.
INSIDE = "\n\n\ndef planted() -> None:\n    {}\n"

PLANTED = yaml.safe_load(Path(__file__).with_name("planted.yaml").read_text("utf-8"))
PLANTS = [(path, line, used) for path, lines in PLANTED.items() for line, used in lines.items()]


def test_every_import_is_allowed() -> None:
    """Modules use only what the table or an exemption with a reason allows."""
    assert list(faults(ROOT)) == []


def test_every_exemption_is_needed() -> None:
    """An exemption that nothing needs any more is taken out of the list."""
    assert list(stale(ROOT)) == []
    assert [one.path for one in EXEMPTIONS if not one.reason] == []


@pytest.mark.parametrize("form", ["\n{}\n", INSIDE], ids=["module", "function"])
@pytest.mark.parametrize(("path", "line", "used"), PLANTS)
def test_a_planted_use_is_refused(path: str, line: str, used: str, form: str, tmp_path: Path) -> None:
    """A forbidden line, at a module's end or inside a function, is named with its place."""
    target = tmp_path / path
    target.parent.mkdir(parents=True)
    shutil.copy(ROOT / path, target)
    assert list(faults(tmp_path)) == []

    text = target.read_text("utf-8") + form.format(line)
    target.write_text(text, "utf-8")

    number = text[: text.rindex(line)].count("\n") + 1
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{path}:{number}: expected what its room may use, got ")
    assert fault.endswith(used)


def test_a_vendor_s_reader_may_do_what_its_adapter_may_not(tmp_path: Path) -> None:
    """The one module that reads the past may use a client; any other module of the room may not."""
    room = tmp_path / "pagerduty-adapter" / "gitdailies_pagerduty"
    room.mkdir(parents=True)
    for name in ("reader", "past"):
        (room / f"{name}.py").write_text("import requests\nimport gitdailies_connection\n", "utf-8")

    assert [fault.split(":")[0] for fault in faults(tmp_path)] == [
        "pagerduty-adapter/gitdailies_pagerduty/past.py"
    ] * 2


def test_an_unknown_room_is_held_to_the_last_rule(tmp_path: Path) -> None:
    """A room without a rule of its own may use only what the last rule allows."""
    room = tmp_path / "new-room" / "gitdailies_new"
    room.mkdir(parents=True)
    (room / "thing.py").write_text("import socket\nimport json\n", "utf-8")

    assert list(faults(tmp_path)) == [
        "new-room/gitdailies_new/thing.py:1: expected what its room may use, got socket"
    ]


def test_a_stale_exemption_is_reported() -> None:
    """An exemption of a deleted file and one without a use are named with their reasons."""
    gone = exempt("core/gitdailies_core/gone.py", "os", "it was here")
    unused = exempt("core/gitdailies_core/values/times.py", "socket", "no more")
    exemptions: tuple[Exemption, ...] = (gone, unused, *EXEMPTIONS)

    assert list(stale(ROOT, exemptions)) == [
        "core/gitdailies_core/gone.py: expected a use of os (it was here), got none",
        "core/gitdailies_core/values/times.py: expected a use of socket (no more), got none",
    ]


def test_no_room_but_its_own_names_an_adapter() -> None:
    """No text in the rooms for all vendors is the name of an adapter, in any letter case."""
    named = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in modules(ROOT)
        if path.relative_to(ROOT).parts[0] in ("core", "server", "relay", "dora", "history")
        for text in strings(path)
        if text.casefold() in ADAPTERS
    }

    assert named == {("core/gitdailies_core/events/events.py", "pagerduty")}, (
        "the example of an incident's source"
    )


def loaded_by(module: str) -> set[str]:
    """Return the modules that are there once *module* is imported."""
    listed = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_command_imports_a_room_only_when_a_subcommand_runs() -> None:
    """`gitdailies --help` loads neither the relay nor the server, no store and no HTTP client."""
    heavy = {"gitdailies_relay", "gitdailies_dora", "gitdailies_server", "gitdailies_connection"}
    heavy |= HEAVY - {"rich"}

    assert heavy & loaded_by("gitdailies_cli.main") == set()


# They read or write YAML.
READERS = {"connect", "mirrors", "services", "teams", "translate", "up", "history"}
HEAVY = {"requests", "sqlalchemy", "alembic", "starlette", "httptools", "yaml", "jsonschema", "orjson"}
HEAVY |= {"numpy", "rich", "structlog", "urllib3"}


# The command loads each of its subcommands in a process of that one.
EACH = f"""
import importlib, os, sys
from gitdailies_cli.main import COMMANDS
for name, (module, *_) in COMMANDS.items():
    if not os.fork():
        importlib.import_module("gitdailies_cli." + module)
        print(name, *{HEAVY!r} & set(sys.modules))
        break
    os.wait()
"""


def test_a_subcommand_loads_what_is_slow_only_when_it_uses_it() -> None:
    """The help of a subcommand, and a run that sends nothing, wait for no HTTP client and no store."""
    done = subprocess.run([sys.executable, "-c", EACH], capture_output=True, text=True, check=True)
    loaded = {name: {*names} - {"yaml"} for name, *names in map(str.split, done.stdout.splitlines())}
    read = {line.split()[0] for line in done.stdout.splitlines() if " yaml" in line}

    assert (loaded, read <= READERS) == ({name: set() for name in COMMANDS}, True)


# Relays may be shown, and people signed in by a provider.
UNUSED = {
    "gitdailies_dora": "requests urllib3 sqlalchemy alembic joserfc markdown_it yaml jsonschema",
    "gitdailies_relay": "sqlalchemy alembic psycopg numpy jinja2",
}


@pytest.mark.parametrize("server", UNUSED)
def test_a_server_loads_what_is_slow_only_when_it_uses_it(server: str) -> None:
    """A server whose settings ask for no more starts without an HTTP client, and without migrations."""
    assert {*UNUSED[server].split()} & loaded_by(f"{server}.server") == set()


def test_figures_start_no_threads() -> None:
    """NumPy starts no thread for each core, since nothing here needs its linear algebra."""
    listed = "import os, gitdailies_dora.figures.answers.columns; print(len(os.listdir('/proc/self/task')))"
    line = ["env", "-u", "OPENBLAS_NUM_THREADS", sys.executable, "-c", listed]
    done = subprocess.run(line, capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("command", "unused", "said"),
    [
        (f"deploy --repo larkspur/ledger --sha {'a' * 40}", HEAVY, '"larkspur/ledger"'),
        ("incident start INC-7 --repo larkspur/ledger", HEAVY, '"larkspur/ledger"'),
        ("history import deploys.csv", {"requests", "urllib3"}, "1 event of 1 row; nothing was sent"),
    ],
    ids=["deploy", "incident", "history import"],
)
def test_a_dry_run_loads_nothing_that_sends(
    command: str, unused: set[str], said: str, tmp_path: Path
) -> None:
    """`--dry-run` prints what would be sent, without the time that an HTTP client takes to load."""
    deploy = f"deployed,larkspur/ledger,{'a' * 40},2026-03-04T09:00:00Z\n"
    (tmp_path / "deploys.csv").write_text(f"kind,repo,commitSHA,time\n{deploy}")
    run = "import sys; from gitdailies_cli.main import main\ntry: main(sys.argv[1:])\nfinally: "
    listed = f"{run}print(sorted({unused!r} & set(sys.modules)), file=sys.stderr)"
    line = [sys.executable, "-c", listed, *command.split(), "--dry-run"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert said in done.stdout + done.stderr
    assert done.stderr.endswith("[]\n")
