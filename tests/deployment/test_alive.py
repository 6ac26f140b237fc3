"""`gitdailies alive`, the health check of the image: it asks the server that runs, whichever it is."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from gitdailies_cli import find_config

from tests.support.processes import eventually, run, running
from tests.support.relay.running import configure
from tests.support.servers import free_port

HOST, DATA = find_config.HOST_VARIABLE, find_config.DATA_VARIABLE


def alive(process: int, folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Ask from another folder than the server's, as a health check does."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "gitdailies_cli", "alive", "--process", str(process), *options]
    return subprocess.run(
        command, cwd=elsewhere, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60
    )


def ports(file: Path) -> Path:
    """Give the relay of *file* a status port that is known before it starts."""
    file.write_text(file.read_text().replace("status: 127.0.0.1:0", f"status: 0.0.0.0:{free_port()}"))
    return file


def test_a_relay_is_found_by_its_configuration(tmp_path: Path) -> None:
    """Its health is asked at relay.status of the file that it found in its own folder."""
    ports(configure(tmp_path))
    with running("relay", folder=tmp_path) as server:
        for options in ((), ("--ready",)):
            done = alive(server.process.pid, tmp_path, *options)
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith("relay  127.0.0.1:")
    assert alive(server.process.pid, tmp_path).returncode == 1


def test_the_dora_server_is_found_by_its_address(tmp_path: Path) -> None:
    """Their health is asked at --listen; while nothing can be written they are alive and not ready."""
    port = free_port()
    arguments = ("--listen", f"0.0.0.0:{port}", "--store", "sqlite:w.db")
    with running("dora", *arguments, folder=tmp_path) as server:
        assert alive(server.process.pid, tmp_path, "--ready").stdout == f"dora  127.0.0.1:{port}  ok\n"
        with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            eventually(lambda: alive(server.process.pid, tmp_path, "--ready").returncode == 1)
            assert alive(server.process.pid, tmp_path).returncode == 0


def test_both_servers_of_up_are_found(tmp_path: Path) -> None:
    """With the variables of the image `up` listens on all addresses, and shows one that opens."""
    first, relay, status = (str(free_port()) for _ in range(3))
    environ = {HOST: "0.0.0.0", DATA: str(tmp_path / "data")}
    arguments = ("--dora-port", first, "--relay-port", relay, "--status-port", status)
    command = [sys.executable, "-m", "gitdailies_cli", "up", *arguments]
    output = tmp_path / "output"
    with output.open("wb") as opened:
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, **environ}, stdout=opened, stderr=opened
        )
    try:
        eventually(lambda: alive(process.pid, tmp_path, **environ).returncode == 0)
        done = alive(process.pid, tmp_path, "--ready", **environ)
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["relay", "dora"]
        eventually(lambda: " events\n" in output.read_text())
        printed = output.read_text()
        people = [line for line in printed.splitlines() if not line.startswith("{")]
        assert not any("0.0.0.0" in line for line in people)
        assert f"http://127.0.0.1:{first}/join/" in printed
        assert f":{first}" in done.stdout
    finally:
        process.terminate()
        process.wait(30)


def test_a_server_behind_an_init_is_found(tmp_path: Path) -> None:
    """The number of the parent does, as that of an init of a container would."""
    port = free_port()
    command = f"{sys.executable} -m gitdailies_cli dora --listen 127.0.0.1:{port} --store sqlite:w.db & wait"
    parent = subprocess.Popen(["sh", "-c", command], cwd=tmp_path, start_new_session=True)
    try:
        eventually(lambda: alive(parent.pid, tmp_path).returncode == 0)
    finally:
        os.killpg(parent.pid, signal.SIGTERM)
        parent.wait(30)


def test_a_server_that_hangs_is_not_alive(tmp_path: Path) -> None:
    """A stopped process takes connections and answers none, so the check fails, in less than 10 s."""
    arguments = ("--listen", f"127.0.0.1:{free_port()}", "--store", "sqlite:w.db")
    with running("dora", *arguments, folder=tmp_path) as server:
        server.process.send_signal(signal.SIGSTOP)
        try:
            done = alive(server.process.pid, tmp_path)
        finally:
            server.process.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert "no answer" in done.stderr


def test_a_command_that_serves_nothing_is_no_server(tmp_path: Path) -> None:
    """Any other process ends the check with 1 and a sentence, and so does one that has ended."""
    process = subprocess.Popen(["sleep", "60"])
    assert "no server runs" in alive(process.pid, tmp_path).stderr
    process.kill()
    process.wait()
    done = run("alive", "--process", str(process.pid), folder=tmp_path, expected=1)
    assert "no server runs" in done.stderr


def test_the_variables_of_the_image_are_defaults_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address and folder come from the variables only where the file names none."""
    monkeypatch.setenv(HOST, "0.0.0.0")
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    file = tmp_path / "gitdailies.yml"
    file.write_text('gitdailies: {url: "http://127.0.0.1:1/webhooks", key: {env: KEY}}\n')
    relay = find_config.load_configuration(file).relay
    assert (str(relay.listen), str(relay.status)) == ("0.0.0.0:8701", "0.0.0.0:8702")
    assert relay.store.path == tmp_path / "data" / "relay.db"
    with file.open("a") as opened:
        opened.write("relay: {listen: 127.0.0.1:1, status: 127.0.0.1:2, store: sqlite:own.db}\n")
    relay = find_config.load_configuration(file).relay
    assert (str(relay.listen), str(relay.status)) == ("127.0.0.1:1", "127.0.0.1:2")
    assert relay.store.path == tmp_path / "own.db"
