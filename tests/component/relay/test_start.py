"""Faults that stop a relay's start: the error of each is one line that says what to change."""

import socket
from pathlib import Path

import pytest

from tests.support.processes import run, running
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure, in_thread
from tests.support.servers import free_port

CONFIG = "gitdailies.yml"


def refusal(folder: Path, config: str = CONFIG) -> str:
    """Start a relay that must refuse with exit code 2; return its one line."""
    done = run("relay", "--config", config, folder=folder, expected=2)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_second_relay_on_one_file_is_refused_and_the_first_goes_on(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The line names lock and process; the first relay still stores and delivers."""
    configure(tmp_path, url=receiver.url)
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        assert refusal(tmp_path) == (
            f"gitdailies: relay.db.lock: another server uses this file, process id {server.process.pid}"
        )
        assert pagerduty("incident.triggered", "Q1").post(server.address).status_code == 202
    with in_thread(tmp_path / CONFIG):
        pass


@pytest.mark.parametrize("setting", ["listen", "status"])
def test_a_taken_port_names_what_to_change(tmp_path: Path, setting: str) -> None:
    """The line names the address and the setting, and the store is not held."""
    file = configure(tmp_path)
    # Not a port of connections: one could take it before the relay listens there.
    port = free_port()
    address = f"127.0.0.1:{port}"
    with socket.create_server(("127.0.0.1", port)):
        file.write_text(file.read_text().replace(f"{setting}: 127.0.0.1:0", f"{setting}: {address}"))
        line = refusal(tmp_path)
    expected = "cannot listen there: address already in use"
    assert line == f"gitdailies: {address}: {expected}; change relay.{setting} in gitdailies.yml"
    with in_thread(file):
        pass


@pytest.mark.parametrize("name", ["pagerduty-secret", "webhook-key"])
def test_a_missing_secret_is_named(tmp_path: Path, name: str) -> None:
    """A source without its secret, or a destination without its key, is no start."""
    configure(tmp_path)
    (tmp_path / name).unlink()
    assert refusal(tmp_path) == f"gitdailies: file {name}: cannot read it: No such file or directory"


def test_a_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A file of something else is neither overwritten nor taken."""
    configure(tmp_path)
    (tmp_path / "relay.db").write_bytes(b"notes, not a database\n" * 500)
    done = run("relay", "--config", CONFIG, folder=tmp_path, expected=1)
    (line,) = done.stderr.splitlines()
    assert line == "gitdailies: relay.db: cannot open the SQLite file: file is not a database"
    assert (tmp_path / "relay.db").read_bytes().startswith(b"notes")


def test_ipv6_is_served_where_it_is_asked_for(tmp_path: Path) -> None:
    """With `[::1]:PORT` the relay listens on IPv6, and the printed address has its brackets."""
    file = configure(tmp_path)
    file.write_text(file.read_text().replace("listen: 127.0.0.1:0", 'listen: "[::1]:0"'))
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        assert server.address.startswith("http://[::1]:")
        assert pagerduty("incident.triggered", "Q1").post(server.address).status_code == 202
