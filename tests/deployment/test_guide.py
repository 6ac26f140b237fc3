"""The commands of the pages about operating that `tests/docs` cannot run with `gitdailies up`."""

import os
import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_dora.sql.database import database_of

from tests.support.databases import postgresql_url
from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread as dora_in_thread
from tests.support.processes import eventually, run, running, typed
from tests.support.programs import program
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure, in_thread
from tests.support.servers import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = "\n".join((DOCS / page).read_text() for page in ("operating.md", "do/back-up.md"))
BLOCKS = [dedent(block) for block in re.findall(r"^ *```bash\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)]
STOPPED = re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
SQLITE = [block for block in BLOCKS if "pg_" not in block]
POSTGRESQL = "".join(block for block in BLOCKS if "pg_" in block)
DORA = "sqlite:gitdailies-data/dora.db"


def paste(block: str, folder: Path, **replaced: str) -> None:
    """Run each line as a person would, with *replaced* addresses in place of those of the guide."""
    for line in block.splitlines():
        if (called := line.split()[0]) != "gitdailies":
            program(called)
        for old, new in replaced.items():
            line = line.replace(old, new)
        done = typed(line, folder, os.environ)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_commands_with_running_servers(tmp_path: Path) -> None:
    """Each command ends with code 0 while a relay and the DORA server runs on SQLite."""
    port = free_port()
    configured(tmp_path, "sqlite:gitdailies-data/relay.db", port)
    with running("relay", folder=tmp_path), running("dora", "--listen", "127.0.0.1:0", folder=tmp_path):
        paste("".join(SQLITE), tmp_path, **{"127.0.0.1:8702": f"127.0.0.1:{port}"})


def configured(folder: Path, store: str, port: int = 0) -> None:
    file = configure(folder)
    text = file.read_text().replace("status: 127.0.0.1:0", f"status: 127.0.0.1:{port}")
    file.write_text(text.replace("sqlite:relay.db", store))


def fill(folder: Path, store: str = DORA) -> None:
    """Give the relay an incident and the DORA server a deploy, and stop both."""
    with in_thread(folder / "gitdailies.yml") as relay:
        assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
    with dora_in_thread(database_of(StoreSetting.parse(store, folder))) as dora:
        assert dora.post(dora.key("ci"), body("deploy", id="restored")).status_code == 202


def holds_both(folder: Path, store: str = DORA) -> bool:
    explained = run("relay", "explain", "Q1", "--config", "gitdailies.yml", folder=folder).stdout
    erased = run("erase", "--event", "restored", "--dry-run", "--store", store, folder=folder).stdout
    return "incidentStarted" in explained and "to erase: 1 event" in erased


@pytest.mark.parametrize("block", STOPPED)
def test_a_backup_is_restored(block: str, tmp_path: Path) -> None:
    """What the guide's lines back up, its lines restore, after the stores were lost."""
    configured(tmp_path, "sqlite:gitdailies-data/relay.db")
    fill(tmp_path)
    (backup,) = (one for one in SQLITE if "gitdailies backup" in one)
    paste(backup, tmp_path)
    shutil.rmtree(tmp_path / "gitdailies-data")
    paste(block, tmp_path)
    assert holds_both(tmp_path)


def test_commands_with_postgresql(tmp_path: Path) -> None:
    """A dump of both schemas, restored into an empty database, holds what was accepted."""
    with postgresql_url() as url, postgresql_url() as empty:
        configured(tmp_path, url)
        fill(tmp_path, url)
        paste(
            POSTGRESQL,
            tmp_path,
            **{"postgresql://db.example/relay": url, "postgresql://db.example/new": empty},
        )
        configured(tmp_path, empty)
        assert holds_both(tmp_path, empty)


def test_the_lines_that_the_command_prints_back_up_and_restore(tmp_path: Path) -> None:
    """For PostgreSQL `backup` and `restore` print a line. Pasted, they bring both stores back."""
    with postgresql_url() as url, postgresql_url() as empty:
        configured(tmp_path, url)
        fill(tmp_path, url)
        asked = run("backup", "both.dump", "--store", url, folder=tmp_path, expected=2)
        paste(asked.stderr.splitlines()[-1], tmp_path)
        asked = run("restore", "both.dump", "--store", empty, folder=tmp_path, expected=2)
        restored, _, told = asked.stderr.splitlines()[-3:]
        paste(f"{restored}\n{told}", tmp_path)
        configured(tmp_path, empty)
        assert holds_both(tmp_path, empty)
        asked = run("restore", "both.dump", folder=tmp_path, expected=2)
        assert "--dbname=postgresql://HOST/DATABASE" in asked.stderr


def test_a_move_to_postgresql_counts_what_began_before_it_once(tmp_path: Path) -> None:
    """An incident that began in the old store ends in the new one, and the id of its start is the same."""
    with receiving() as receiver, postgresql_url() as url:
        file = configure(tmp_path, url=receiver.url)
        with in_thread(file) as old:
            pagerduty("incident.triggered", "Q1").post(old.url)
            eventually(lambda: receiver.of("Q1"))
        file.write_text(file.read_text().replace("sqlite:relay.db", url))
        with in_thread(file) as new:
            pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(new.url)
            arrivals = eventually(lambda: (found := receiver.of("Q1"))[2:] and found)
    assert [one.event["kind"] for one in arrivals] == [
        "incidentStarted",
        "incidentStarted",
        "incidentResolved",
    ]
    assert arrivals[0].id == arrivals[1].id
