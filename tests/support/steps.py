"""Helpers for tests of steps: a shell with given variables only, checkers, and the DORA server."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import check_jsonschema
from click.testing import CliRunner
from gitdailies_dora.accounts.keys.key_store import create_key

from scripts import dist, joiner
from tests.support.ci_cases import CASES
from tests.support.dora.running import in_thread
from tests.support.empty_stores import DORA
from tests.support.once import made_once
from tests.support.programs import program

ROOT = Path(__file__).parents[2]
KEY = "gdk_planted-5d0c"
# What `pyproject.toml` says; the published files say so, too.
VERSION = joiner.version(ROOT)
# As the platforms call them; dash is what /bin/sh is on Debian, and knows no pipefail.
SHELLS = {"bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"), "dash": ("dash", "-e")}


@cache
def published(module: str) -> Path:
    """Build the published files of a platform, once a run, and return their folder."""
    return made_once(f"dist-{module}", lambda folder: dist.build(folder, [module])) / module


def case(platform: str, name: str) -> dict[str, Any]:
    """Return a case of the CI tables: `environ` in, `expected` out."""
    found: dict[str, Any] = json.loads((CASES / platform / f"{name}.json").read_text("utf-8"))
    return found


def fits_schema(schema: str, *files: Path | str, options: Sequence[str] = ()) -> None:
    """Check files against a schema of check-jsonschema, whose own process takes ten times as long."""
    done = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", schema, *options, *map(str, files)])
    assert done.exit_code == 0, done.output[-2000:]


@dataclass(frozen=True)
class Ended:
    """How a process ended, and all that it printed."""

    code: int
    log: str


def shell(
    name: str,
    text: str,
    *,
    folder: Path,
    environ: Mapping[str, str],
    path: str | None = None,
) -> Ended:
    """Run *text* as a shell's script, with *environ* alone; *path* overrules where programs are found."""
    called, *options = SHELLS[name]
    found = program(called)
    file = folder / f"script.{name}"
    file.write_text(text, "utf-8")
    where = f"{Path(sys.executable).parent}:/usr/bin:/bin" if path is None else path
    return logged([found, *options, str(file)], folder, {"PATH": where, **environ})


def logged(
    command: Sequence[str | Path], folder: Path, environ: Mapping[str, str], seconds: float = 60
) -> Ended:
    """Run a program in *folder* with *environ* alone, with nothing to read."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    return Ended(done.returncode, done.stdout)


def tool(*command: str) -> None:
    """Run a checker of the virtual environment; it must find nothing."""
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run([str(program), *command[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class DoraServer:
    """A running DORA server: where to send, and a key for it."""

    url: str
    key: str
    reader: str

    @property
    def events(self) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            self.url.replace("/webhooks", "/api/events"), headers={"webhook-key": self.reader}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["events"]
        return found


@contextmanager
def dora(folder: Path) -> Iterator[DoraServer]:
    """Run the DORA server as long as the block lasts."""
    store = folder / "dora.db"
    DORA.put(store)
    sender, reader = create_key(store, "sender")[0], create_key(store, "reader", ["read"])[0]
    with in_thread(store) as server:
        yield DoraServer(f"{server.url}/webhooks", sender.reveal(), reader.reveal())
