"""`gitdailies up` as a newcomer meets it: start, paste, look, stop, start again."""

import re
import stat
import subprocess
import time

import pytest

from tests.support.machine import Process, command, environment, get, until
from tests.support.programs import program
from tests.support.servers import free_port

SECRETS = ("webhook-key", "read-key", "pagerduty-secret", "datadog-token", "squadcast-token")


class Started:
    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "gitdailies-data"
        self.ports = free_port(), free_port()
        self.start("first")

    def start(self, name):
        webhooks, relay = self.ports
        flags = ("--webhooks-port", webhooks, "--relay-port", relay)
        self.process = Process(self.folder, "up", *flags, name=name)
        self.printed = self.process.wait_for("/api/events\n")
        self.lines = re.findall(r"^(?:curl|body).*$", self.printed, re.MULTILINE)

    def events(self):
        key = (self.data / "read-key").read_text().strip()
        return get(f"http://127.0.0.1:{self.ports[0]}/api/events", key)["events"]

    def paste(self, line):
        shell = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=30
        )
        assert shell.returncode == 0, shell.stderr
        return shell.stdout


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    program("curl")
    running = Started(tmp_path_factory.mktemp("up"))
    yield running
    running.process.stop()


def test_each_line_pasted_twice_gives_two_events_within_a_second(started):
    """A deploy, a PagerDuty, a Datadog and a Squadcast line each give one new event at every paste."""
    assert len(started.lines) == 5
    sources = []
    for line in started.lines[:4]:
        for _ in range(2):
            before = {event["id"] for event in started.events()}
            started.paste(line)
            pasted_at = time.monotonic()
            new = until(lambda before=before: [e for e in started.events() if e["id"] not in before])

            seconds = time.monotonic() - pasted_at
            asked_at = time.monotonic()
            started.events()
            # A busy machine is slow to answer, too.
            assert seconds < max(1, 20 * (time.monotonic() - asked_at))
            assert len(new) == 1
            assert new[0]["repo"] == "larkspur/checkout-api"
            sources.append(new[0].get("source", new[0]["kind"]))
    assert sources == [name for name in ("deployed", "pagerduty", "datadog", "squadcast") for _ in range(2)]


def test_the_last_line_shows_what_has_arrived(started):
    """The line under `what has arrived` prints the events."""
    started.paste(started.lines[0])

    assert '"kind":"deployed"' in started.paste(started.lines[4])


def test_explain_tells_the_story_of_a_pasted_incident(started):
    """`relay explain` names delivery, proof, event, attempt and occurrence of an incident."""
    started.paste(started.lines[1])
    incident = until(lambda: [e for e in started.events() if e.get("source") == "pagerduty"])[-1]
    printed = until(
        lambda: (
            "delivered"
            in (out := command("relay", "explain", incident["incidentId"], cwd=started.folder).stdout)
            and out
        )
    )

    for part in ("incident.triggered", "pagerduty-secret", incident["id"], "202 delivered", "open from"):
        assert part in printed


def test_everything_in_the_data_folder_is_for_its_owner_alone(started):
    """No file that `up` makes can be read by others, nor can the folder."""
    assert stat.S_IMODE(started.data.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in started.data.iterdir()} == {0o600}


def test_check_finds_nothing_wrong_with_what_up_wrote(started):
    """The first gitdailies.yml passes `gitdailies check` against the running servers."""
    checked = command("check", started.data / "gitdailies.yml", cwd=started.folder)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_second_server_on_the_same_data_is_refused(started):
    """A second `up` on one folder ends with code 2 and names the process that has it."""
    second = command("up", "--webhooks-port", free_port(), "--relay-port", free_port(), cwd=started.folder)

    assert second.returncode == 2
    assert "another server uses this file" in second.stderr


def test_a_taken_port_names_the_flag_to_change(started, tmp_path):
    """A port in use ends the start with code 2 and the flag that changes it."""
    for taken, flag in ((started.ports[0], "--webhooks-port"), (started.ports[1], "--relay-port")):
        ports = {"--webhooks-port": free_port(), "--relay-port": free_port(), flag: taken}
        flags = [part for name, port in ports.items() for part in (name, port)]
        refused = command("up", "--data", tmp_path / flag, *flags, cwd=tmp_path)

        assert refused.returncode == 2
        assert flag in refused.stderr
        assert str(taken) in refused.stderr


def test_a_second_start_finds_everything(started):
    """After Ctrl-C and a second start, the events are still stored and the printed commands still work."""
    count = len(started.events())
    started.paste(started.lines[1])
    before = until(lambda: len(found := started.events()) > count and found)
    secrets = {name: (started.data / name).read_text() for name in SECRETS}

    assert started.process.stop() == 0
    assert "Traceback" not in started.process.printed
    started.start("second")

    assert started.events() == before
    assert {name: (started.data / name).read_text() for name in SECRETS} == secrets
    started.paste(started.lines[2])
    until(lambda: len(started.events()) == len(before) + 1)


def test_other_ports_are_written_where_commands_look(started):
    """A start with other ports writes them into gitdailies.yml, where other commands find the servers."""
    assert started.process.stop() == 0
    file, old = started.data / "gitdailies.yml", started.ports
    before = file.read_text()
    started.ports = free_port(), free_port()
    started.start("elsewhere")

    assert "runs, version" in command("relay", "status", cwd=started.folder).stdout
    assert command("deploy", "--repo", "a/b", "--sha", "4f0c2d6b" * 5, cwd=started.folder).returncode == 0
    changed = [line for line in file.read_text().splitlines() if line not in before.splitlines()]
    assert [line.split(":")[0].strip() for line in changed] == ["url", "listen", "status"]
    assert not any(str(port) in line for port in old for line in changed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_set_in_another_way_is_named(started):
    """If the file sets the port in another way, it is left unchanged and the start prints what to set."""
    assert started.process.stop() == 0
    file = started.data / "gitdailies.yml"
    text = file.read_text().replace("  listen:", "  # listen:")
    file.write_text(text)
    started.start("left as it is")

    assert file.read_text() == text
    assert "set relay.listen to" in started.process.printed


def test_ports_that_cannot_be_written_end_no_server(started):
    """If the file cannot be written, the servers still run, and the start prints the reason."""
    assert started.process.stop() == 0
    in_the_way = started.data / "gitdailies.yml.part"
    in_the_way.mkdir()
    started.ports = free_port(), free_port()
    started.start("in the way")
    in_the_way.rmdir()

    assert "cannot write the ports: is a directory" in started.process.printed
    started.paste(started.lines[0])


def test_no_secret_is_printed_or_logged(started):
    """None of the keys and secrets that `up` made shows in its output."""
    for name in SECRETS:
        assert (started.data / name).read_text().strip() not in started.process.printed
