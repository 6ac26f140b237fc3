"""The report of services without a line: its text, and that pasted lines make them count."""

import json
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load, read
from gitdailies_core.errors import ConfigurationError
from gitdailies_relay.operations.services import PLACEHOLDER, lines_to_paste, unmapped_services
from gitdailies_relay.store import store
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay.deliveries import STARTED_AT, pagerduty, signed, squadcast
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

AWKWARD = 'attic "two": \\ #1 – 屋根裏\u200b'


def paste(file: Path, printed: str) -> str:
    """Put the lines under `services`, as a person does."""
    return file.read_text().replace("services:\n", f"services:\n{printed}")


@pytest.mark.parametrize("name", ["attic", "true", "12", "- a", AWKWARD])
def test_what_is_printed_can_be_pasted(relay: Relay, receiver: Receiver, name: str) -> None:
    """With the printed line and a repository in the file, a replay counts the service's incidents."""
    pagerduty("incident.triggered", "Q1", service=name).post(relay.url)
    printed = relay.command("unmapped").replace(PLACEHOLDER, "larkspur/attic")
    relay.edit("services:\n", f"services:\n{printed}")
    relay.command("replay", "--unmapped")
    (arrival,) = eventually(lambda: receiver.of("Q1"))
    assert (arrival.event["repo"], arrival.event["time"]) == ("larkspur/attic", STARTED_AT)
    assert relay.command("unmapped") == "# every service that was named has a line\n"


def test_a_repository_that_was_forgotten_is_asked_for(relay: Relay) -> None:
    """A report that is pasted unchanged is refused, and the error names the line."""
    pagerduty("incident.triggered", "Q1", service="attic").post(relay.url)
    file = relay.file
    with pytest.raises(ConfigurationError, match=f"services.P-attic.repo: .* got '{PLACEHOLDER}'"):
        read(paste(file, relay.command("unmapped")), file)


def test_every_service_is_named_once_with_how_often(relay: Relay) -> None:
    """Repeats and letter case add up; sources stay apart; the most frequent comes first."""
    for incident, service in (("Q1", "Attic"), ("Q1", "attic"), ("Q2", "attic"), ("Q3", "cellar")):
        pagerduty("incident.triggered", incident, service=service).post(relay.url)
    squadcast("v2.incident.triggered", "S1", service="attic").post(relay.url)
    pagerduty("incident.triggered", "Q4").post(relay.url)
    signed(b"{}").post(relay.url)
    rows = json.loads(relay.command("unmapped", "--json"))
    assert [(s["source"], s["service"], s["deliveries"], s["incidents"]) for s in rows] == [
        ("pagerduty", "Attic", 3, 2),
        ("pagerduty", "cellar", 1, 1),
        ("squadcast", "attic", 1, 1),
    ]
    assert rows[0]["aliases"] == ["P-Attic"]


def test_a_delivery_without_a_service_asks_for_no_line_of_all_others(relay: Relay) -> None:
    """Where no service is named, the report has no line to paste: `*` would take every other service, too."""
    pagerduty("incident.triggered", "Q1", service="attic").post(relay.url)
    with transaction(SqliteDatabase(relay.store)) as connection:
        (body,) = connection.execute("SELECT body FROM quarantine").fetchone()
        bare = json.loads(body)
        bare["event"]["data"]["service"] = None
        connection.execute("UPDATE quarantine SET body = ?", (json.dumps(bare).encode(),))
    printed = relay.command("unmapped").splitlines()
    assert (
        "  # The delivery names no service. Have the vendor send it; the vendor's page says how." in printed
    )
    assert all(line.lstrip().startswith("#") for line in printed)


def test_what_several_sources_name_is_one_line(relay: Relay) -> None:
    """A service that two sources name, in any case, is pasted once, or the file would be refused."""
    pagerduty("incident.triggered", "Q1", service="Attic").post(relay.url)
    squadcast("v2.incident.triggered", "S1", service="attic").post(relay.url)
    printed = relay.command("unmapped")
    assert [line for line in printed.splitlines() if PLACEHOLDER in line][1:] == [
        f'  "Attic": {{repo: {PLACEHOLDER}}}'
    ]
    assert ("  # pagerduty, 1 delivery" in printed, "  # squadcast, 1 delivery" in printed) == (True, True)
    file = relay.file
    assert "attic" in read(paste(file, printed.replace(PLACEHOLDER, "larkspur/attic")), file).routes.table


def test_a_line_for_all_others_is_not_printed_a_second_time(relay: Relay) -> None:
    """If the `*` line needs the service's name, the report says so and can still be pasted."""
    file = relay.file
    relay.edit("services:\n", 'services:\n  "*": {repo: "larkspur/{service}"}\n')
    bare = json.loads(pagerduty("incident.triggered", "Q1", service="attic").body)
    bare["event"]["data"]["service"] = None
    answer = signed(json.dumps(bare).encode()).post(relay.url).json()
    assert answer["reasons"] == [
        "unmapped: services: expected a service named, for 'larkspur/{service}', got none"
    ]
    printed = relay.command("unmapped")
    assert 'The delivery names no service, but the line "*" needs its name' in printed
    assert "*" in read(paste(file, printed), file).routes.table


def test_a_body_that_can_be_read_no_more_is_left_out(relay: Relay) -> None:
    """One damaged body, and one of a source that is gone, do not spoil the report."""
    for service in ("attic", "cellar", "roof"):
        pagerduty("incident.triggered", service, service=service).post(relay.url)
    with transaction(SqliteDatabase(relay.store)) as connection:
        connection.execute("UPDATE quarantine SET body = x'ff' WHERE reason LIKE '%attic%'")
        connection.execute("UPDATE quarantine SET source = 'gone' WHERE reason LIKE '%roof%'")
    configuration = load(relay.file)
    with store.reading(SqliteDatabase(relay.store)) as connection:
        found = unmapped_services(connection, configuration.sources, configuration.routes)
    assert [one.service for one in found] == ["cellar"]
    assert list(lines_to_paste(found))[-1] == f'  "P-cellar": {{repo: {PLACEHOLDER}}}'


def test_a_name_that_is_too_long_for_a_repository_is_unmapped(tmp_path: Path) -> None:
    """Where the line for all others gives a repository of 256 characters, the vendor is not put off."""
    file = configure(tmp_path)
    file.write_text(paste(file, '  "*": {repo: "larkspur/{service}"}\n'))
    with in_thread(file) as relay:
        answers = [
            pagerduty("incident.triggered", f"Q{length}", service="s" * length).post(relay.url)
            for length in (246, 247)
        ]
        (quarantined,) = relay.failed()["quarantined"]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert (quarantined["delivery"], quarantined["code"]) == (answers[1].json()["delivery"], "unmapped")
    assert "got 256 characters, 255 are allowed from 'larkspur/{service}'" in quarantined["reason"]
