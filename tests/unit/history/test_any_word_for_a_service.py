"""An incident that a webhook has reported and a file brings again: one id, whatever the service is called."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.records import Decision
from gitdailies_core.incidents.routing import Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.sources.protocol import STARTED, Change, Service

BEGAN = datetime(2026, 3, 4, 20, 0, 0, tzinfo=UTC)
LINES = """
gitdailies: {url: 'https://example.com/webhooks', key: {env: KEY}}
services: {PLEDGR1: {repo: northlight/ledger}, Ledger: {repo: northlight/ledger}}
"""
MAPPING = """
events:
  - kind: {text: incidentStarted}
    time: created_on
    repo: {service: COLUMN}
    source: {text: pd}
    incidentId: id
  - kind: {text: incidentResolved}
    time: resolved_on
    repo: {service: COLUMN}
    source: {text: pd}
    incidentId: id
"""


def relayed(*services: Service) -> Decision:
    table = {"PLEDGR1": [Route("northlight/ledger")], "books": [Route("northlight/ledger")]}
    change = Change(
        state=STARTED, word="triggered", incident="QOPEN", at=BEGAN, started_at=BEGAN, services=services
    )
    targets = Routes.make(table).route(change).targets
    return decide(source="pd", change=change, targets=targets, refusal=None, records=MemoryRecords())


def imported(services: str, column: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Import a file with an incident whose service is in two columns; the mapping reads one."""
    monkeypatch.chdir(folder)
    Path("gitdailies.yml").write_text(LINES)
    Path("m.yml").write_text(MAPPING.replace("COLUMN", column))
    Path("h.csv").write_text(
        "id,created_on,resolved_on,service_id,service_name\n"
        f"QOPEN,2026-03-04T20:00:00Z,2026-03-04T21:00:00Z,{services}\n"
    )
    options = ("--mapping", "m.yml", "--dry-run", "--json")
    return CliRunner().invoke(gitdailies, ["history", "import", "h.csv", *options])


@pytest.mark.parametrize("column", ["service_id", "service_name"])
def test_a_row_has_the_id_of_the_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """The webhook says Ledger, and the row PLEDGR1 or Ledger; no second name keeps the end from its start."""
    ran = imported("PLEDGR1,Ledger", column, tmp_path, monkeypatch)

    assert ran.exit_code == 0, ran.output
    first = json.loads(ran.stdout)["first"]
    (live,) = relayed(Service("Ledger", ("PLEDGR1",))).events
    assert first[INCIDENT_STARTED]["id"] == live.id
    assert all("service" not in event for event in first.values())


def test_a_fault_of_a_row_is_printed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without a line is one fault, although both items of the mapping need it."""
    ran = imported("x,x", "service_id", tmp_path, monkeypatch)

    assert str(ran.exception).startswith("1 fault, nothing was sent")
    assert ran.output.count("h.csv:2: service_id: expected a service") == 1
