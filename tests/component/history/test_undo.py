"""`history import --undo`: what an import made goes again, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import KINDS, opened
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_thread
from tests.support.processes import run

ROW = "deployed,larkspur/checkout-api,4f0c2d6b8e1a,production,2025-03-04T{hour}:00:00"


@pytest.fixture(params=KINDS)
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    with opened(request.param, tmp_path) as made, in_thread(made()) as running:
        yield running


def sheet(folder: Path, *hours: int) -> None:
    rows = [ROW.format(hour=hour) for hour in hours]
    (folder / "deploys.csv").write_text("\n".join(["kind,repo,commitSHA,environment,time", *rows]) + "\n")


def history(folder: Path, url: str, key: str, *more: str, expected: int = 0) -> dict[str, Any]:
    arguments = ("history", "import", "deploys.csv", "--url", url, "--json", *more)
    done = run(*arguments, folder=folder, expected=expected, environ={"GITDAILIES_WEBHOOK_KEY": key})
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def times(receiver: Receiver, key: str) -> list[str]:
    return sorted(event["time"] for event in receiver.events(key))


def test_an_import_warns_of_incidents_without_an_end(tmp_path: Path) -> None:
    """It says how many stay open, which, and how one is ended."""
    rows = "Started,INC-3,2025-03-04T09", "Resolved,INC-3,2025-03-04T10", "Started,INC-4,2025-03-04T11"
    lines = "".join(f"incident{row}:00:00Z,larkspur/shop\n" for row in rows)
    (tmp_path / "past.csv").write_text(f"kind,incidentId,time,repo\n{lines}")
    done = run("history", "import", "past.csv", "--dry-run", folder=tmp_path, expected=0, environ={})
    assert "note: 1 incident without an end, open: INC-4; to end one: gitdailies incident" in done.stderr


def test_an_import_with_a_wrong_zone_is_undone_and_made_again(receiver: Receiver, tmp_path: Path) -> None:
    """The wrong events go, those of others stay, and the corrected import counts once."""
    url, send, read = f"{receiver.url}/webhooks", receiver.key("ci"), receiver.key("read", "read")
    may = receiver.key("undo", "delete")
    receiver.post(send, body("deploy", id="mine", time="2025-01-01T00:00:00Z"))
    sheet(tmp_path, 10, 15)
    assert history(tmp_path, url, send, "--timezone", "UTC")["sent"] == 2
    refused = history(tmp_path, url, send, "--timezone", "UTC", "--undo", expected=3)["error"]
    assert "--allow delete" in refused
    # The options are part of what was sent, so with others nothing is found.
    other = history(tmp_path, url, may, "--timezone", "Europe/Berlin", "--undo")
    assert other == {"deleted": 0, "gone": 0, "left": 2}
    assert len(times(receiver, read)) == 3

    assert history(tmp_path, url, may, "--timezone", "UTC", "--undo")["deleted"] == 2
    assert times(receiver, read) == ["2025-01-01T00:00:00Z"]
    assert history(tmp_path, url, send, "--timezone", "Europe/Berlin")["sent"] == 2
    assert times(receiver, read)[1:] == ["2025-03-04T09:00:00Z", "2025-03-04T14:00:00Z"]
    assert history(tmp_path, url, send, "--timezone", "UTC")["sent"] == 2


def test_what_was_there_before_stays(receiver: Receiver, tmp_path: Path) -> None:
    """An event that was there before the import is not deleted with it."""
    url, send, read = f"{receiver.url}/webhooks", receiver.key("ci"), receiver.key("read", "read")
    may = receiver.key("undo", "delete")
    sheet(tmp_path, 10)
    assert history(tmp_path, url, send, "--timezone", "UTC", "--state", "first")["sent"] == 1
    sheet(tmp_path, 10, 11)
    assert history(tmp_path, url, send, "--timezone", "UTC")["unchanged"] == 1
    undo = (url, may, "--timezone", "UTC", "--undo")
    assert history(tmp_path, *undo) == {"deleted": 1, "gone": 0, "left": 1}
    assert times(receiver, read) == ["2025-03-04T10:00:00Z"]
    assert history(tmp_path, *undo, "--state", "first") == {"deleted": 1, "gone": 0, "left": 1}
    assert history(tmp_path, *undo, "--state", "first") == {"deleted": 0, "gone": 0, "left": 2}
    arguments = ("history", "import", "deploys.csv", "--url", *undo[:1], *undo[2:], "--state", "first")
    done = run(*arguments, folder=tmp_path, expected=0, environ={"GITDAILIES_WEBHOOK_KEY": may})
    assert "nothing is left to undo: no event of this import is stored" in done.stderr


def test_another_receiver_cannot_delete(tmp_path: Path) -> None:
    """GitDailies has no request that deletes, so the command says so and asks it nothing."""
    sheet(tmp_path, 10)
    (tmp_path / "gitdailies.yml").write_text(
        "gitdailies: {url: 'http://127.0.0.1:9/webhooks', key: {env: KEY}, receiver: documented}\n"
    )
    command = ("history", "import", "deploys.csv", "--timezone", "UTC", "--undo")
    done = run(*command, folder=tmp_path, environ={"KEY": "k"}, expected=2)
    assert "only the DORA server of this project can delete events" in done.stderr
