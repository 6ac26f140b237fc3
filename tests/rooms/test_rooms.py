"""Allowed imports, read from syntax trees; for each rule a forbidden import is refused."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from gitdailies_cli.main import COMMANDS

from tests.rooms.reading import strings
from tests.rooms.rules import EXEMPTIONS, Exemption, exempt, faults, modules, stale

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ADAPTERS = set(PROJECT["entry-points"]["gitdailies.adapters"])

# The indentation of a planted line: at the end of the module, or inside a function.
INSIDE = "\n\n\ndef planted() -> None:\n    {}\n"

PLANTS = [
    ("pagerduty-adapter/gitdailies_pagerduty/adapter.py", "import os", "os"),
    ("datadog-adapter/gitdailies_datadog/adapter.py", "from time import time", "time.time"),
    ("pagerduty-adapter/gitdailies_pagerduty/table.py", "import yaml", "yaml"),
    (
        "squadcast-adapter/gitdailies_squadcast/adapter.py",
        "import gitdailies_pagerduty",
        "gitdailies_pagerduty",
    ),
    (
        "pagerduty-adapter/gitdailies_pagerduty/adapter.py",
        "from gitdailies_core.sources import registry",
        "gitdailies_core.sources.registry",
    ),
    (
        "pagerduty-adapter/gitdailies_pagerduty/adapter.py",
        "from gitdailies_pagerduty import reader",
        "reader",
    ),
    (
        "pagerduty-adapter/gitdailies_pagerduty/adapter.py",
        "from gitdailies_core import retry",
        "gitdailies_core.retry",
    ),
    ("pagerduty-adapter/gitdailies_pagerduty/adapter.py", "import gitdailies_core", "gitdailies_core"),
    ("datadog-adapter/gitdailies_datadog/adapter.py", "NOW = Request.now()", "now()"),
    ("core/gitdailies_core/events/events.py", "import yaml", "yaml"),
    ("core/gitdailies_core/incidents/state_machine.py", "NOW = datetime.now()", "now()"),
    ("core/gitdailies_core/values/times.py", "TODAY = datetime.today()", "today()"),
    ("core/gitdailies_core/retry.py", "TEXT = open('seen')", "open()"),
    ("core/gitdailies_core/events/schema.py", "from pathlib import Path", "pathlib.Path"),
    ("core/gitdailies_core/incidents/decision.py", "print('seen')", "print()"),
    ("core/gitdailies_core/incidents/routing.py", "import gitdailies_relay", "gitdailies_relay"),
    ("core/gitdailies_core/sources/registry.py", "import os", "os"),
    ("core/gitdailies_core/contract/checks.py", "TEXT = open('seen')", "open()"),
    ("core/gitdailies_core/ci/step.py", "import requests", "requests"),
    ("core/gitdailies_core/ci/platforms/__init__.py", "TEXT = open('seen')", "open()"),
    ("connection/gitdailies_connection/http/sender.py", "import click", "click"),
    ("server/gitdailies_server/storage/sqlite.py", "import gitdailies_relay", "gitdailies_relay"),
    ("relay/gitdailies_relay/intake/app.py", "import_module('gitdailies_datadog')", "gitdailies_datadog"),
    ("relay/gitdailies_relay/intake/app.py", "__import__(name)", "import_module(…)"),
    ("relay/gitdailies_relay/intake/app.py", "import gitdailies_dora", "gitdailies_dora"),
    ("history/gitdailies_history/files/rows.py", "import os", "os"),
    ("history/gitdailies_history/files/formats.py", "TEXT = open('seen')", "open()"),
    ("history/gitdailies_history/sending/sending.py", "import gitdailies_relay", "gitdailies_relay"),
    ("dora/gitdailies_dora/api/app.py", "import gitdailies_relay", "gitdailies_relay"),
    ("dora/gitdailies_dora/api/app.py", "from scripts import join", "scripts.join"),
    ("command-line/gitdailies_cli/main.py", "import gitdailies_squadcast", "gitdailies_squadcast"),
    ("github-action/gitdailies_github_action/past.py", "import os", "os"),
    (
        "github-action/gitdailies_github_action/past.py",
        "from gitdailies_core.ci import step",
        "gitdailies_core.ci.step",
    ),
    ("ci-history/gitdailies_ci_history/octopus.py", "import requests", "requests"),
]


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


def test_the_command_imports_a_room_only_when_a_subcommand_runs() -> None:
    """`gitdailies --help` loads neither the relay nor the server, no store and no HTTP client."""
    listed = "import json, sys; import gitdailies_cli.main; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    heavy = {"gitdailies_relay", "gitdailies_dora", "gitdailies_server", "gitdailies_connection"}
    heavy |= HEAVY - {"rich"}

    assert heavy & set(json.loads(done.stdout)) == set()


# They read or write YAML.
READERS = {"connect", "mirrors", "services", "teams", "translate", "up", "history"}
HEAVY = {"requests", "sqlalchemy", "alembic", "starlette", "httptools", "yaml", "jsonschema", "orjson"}
HEAVY |= {"numpy", "rich", "structlog", "urllib3"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_subcommand_loads_what_is_slow_only_when_it_uses_it(name: str) -> None:
    """The help of a subcommand, and a run that sends nothing, wait for no HTTP client and no store."""
    module = f"gitdailies_cli.{COMMANDS[name][0]}"
    listed = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)

    assert (HEAVY - ({"yaml"} if name in READERS else set())) & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize(
    ("server", "unused"),
    [
        # Relays may be shown, and people signed in by a provider.
        (
            "gitdailies_dora",
            {"requests", "urllib3", "sqlalchemy", "alembic", "joserfc", "markdown_it", "yaml", "jsonschema"},
        ),
        ("gitdailies_relay", {"sqlalchemy", "alembic", "psycopg", "numpy", "jinja2"}),
    ],
)
def test_a_server_loads_what_is_slow_only_when_it_uses_it(server: str, unused: set[str]) -> None:
    """A server whose settings ask for no more starts without an HTTP client, and without migrations."""
    listed = f"import json, sys, {server}.server; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)

    assert unused & set(json.loads(done.stdout)) == set()


def test_figures_start_no_threads() -> None:
    """NumPy starts no thread for each core, since nothing here needs its linear algebra."""
    listed = "import os, gitdailies_dora.figures.answers.columns; print(len(os.listdir('/proc/self/task')))"
    line = ["env", "-u", "OPENBLAS_NUM_THREADS", sys.executable, "-c", listed]
    done = subprocess.run(line, capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "--repo", "larkspur/ledger", "--sha", "a" * 40, "--dry-run"),
        ("incident", "start", "INC-7", "--repo", "larkspur/ledger", "--dry-run"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_dry_run_loads_nothing_that_sends(arguments: tuple[str, ...]) -> None:
    """`--dry-run` prints the event, without the time that an HTTP client takes to load."""
    run = f"import sys; from gitdailies_cli.main import main\ntry: main({list(arguments)!r})\nfinally: "
    listed = f"{run}print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)

    assert '"larkspur/ledger"' in done.stdout
    assert done.stderr.endswith("[]\n")


def test_an_import_that_sends_nothing_loads_no_http_client(tmp_path: Path) -> None:
    """`gitdailies history import --dry-run` reads and counts rows without what sends them."""
    rows = tmp_path / "deploys.csv"
    rows.write_text(f"kind,repo,commitSHA,time\ndeployed,larkspur/ledger,{'a' * 40},2026-03-04T09:00:00Z\n")
    run = "import sys; from gitdailies_cli.main import main\ntry: main(sys.argv[1:])\nfinally: "
    listed = f"{run}print({{'requests', 'urllib3'}} & set(sys.modules), file=sys.stderr)"
    line = [sys.executable, "-c", listed, "history", "import", str(rows), "--dry-run"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "1 event of 1 row; nothing was sent" in done.stdout + done.stderr
    assert done.stderr.endswith("set()\n")
