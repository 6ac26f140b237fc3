"""`gitdailies up` as a newcomer meets it: start, paste, look, stop, start again."""

import json
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from gitdailies_cli.commands.start import demo, up
from gitdailies_connection.config.load import load

from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.machine import Process, command, environment, get, post
from tests.support.processes import eventually
from tests.support.servers import free_port

FLAGS = ("--dora-port", "--relay-port", "--status-port")
SECRETS = (
    "webhook-key",
    "read-key",
    "relay-status-key",
    "pagerduty-secret",
    "datadog-token",
    "squadcast-token",
)


class Started:
    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "gitdailies-data"
        self.ports = free_port(), free_port()
        self.start("first")

    def start(self, name):
        dora, relay = self.ports
        flags = ("--dora-port", dora, "--relay-port", relay)
        self.process = Process(self.folder, "up", *flags, name=name)
        self.printed = self.process.wait_for(" events\n")
        self.lines = re.findall(r"^.* demo \w+(?=  )", self.printed, re.MULTILINE)
        self.listing = re.search(r"^.* events$", self.printed, re.MULTILINE)[0]

    def events(self):
        key = (self.data / "read-key").read_text().strip()
        return get(f"http://127.0.0.1:{self.ports[0]}/api/events", key)["events"]

    def new_events(self, before, count):
        """Wait until *count* events are there that were not *before*, and return these."""
        eventually(lambda: len(self.events()) >= len(before) + count)
        return [event for event in self.events() if event not in before]

    def paste(self, line):
        shell = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=30
        )
        assert shell.returncode == 0, shell.stderr
        return shell.stdout


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    running = Started(tmp_path_factory.mktemp("up"))
    yield running
    running.process.stop()


@pytest.fixture
def alone(tmp_path):
    """A start of one test, for what others would not expect in the shared one. Tests have no order."""
    running = Started(tmp_path)
    yield running
    running.process.stop()


@pytest.fixture(autouse=True)
def short_incidents(monkeypatch):
    """A demo in this process waits one second for the end. The lines that are pasted wait as ever."""
    monkeypatch.setattr(demo, "_LASTS_SECONDS", 1)


def test_each_line_gives_one_event_at_every_paste(started):
    """The lines give a deploy, or an incident of each vendor and its end. The last line prints them."""
    before = started.events()
    with ThreadPoolExecutor() as pool:
        printed = list(pool.map(started.paste, started.lines))
    new = started.new_events(before, 7)

    vendors = "pagerduty", "datadog", "squadcast"
    assert [text.partition(": accepted by ")[0] for text in printed] == ["deploy", *vendors]
    assert {event["repo"] for event in new} == {"larkspur/checkout-api"}
    incidents = [f"incident{word} {name}" for word in ("Resolved", "Started") for name in sorted(vendors)]
    assert sorted(f"{one['kind']} {one.get('source')}" for one in new) == ["deployed None", *incidents]
    listed = started.paste(started.listing)
    assert [one["id"] for one in new if one["id"] not in listed] == []


def test_a_demo_without_names_sends_a_deploy_and_an_incident(started):
    """`gitdailies demo` sends both, and names the page that shows them and what takes them out again."""
    before = started.events()
    sent = command("demo", cwd=started.folder)
    new = started.new_events(before, 3)

    assert (sent.returncode, sent.stderr) == (0, "")
    assert f"http://127.0.0.1:{started.ports[0]}/events" in sent.stdout
    assert "demo --undo` takes them out again" in sent.stdout
    assert [event["kind"] for event in new] == ["deployed", "incidentStarted", "incidentResolved"]
    # The incident is attributed to the deploy: it is the next second that it names.
    (incident,) = (event["id"] for event in new if event["kind"] == "incidentStarted")
    (deploy,) = (event["id"] for event in new if event["kind"] == "deployed")
    eventually(
        lambda: f"attributed to deploy {deploy}" in command("why", incident, cwd=started.folder).stdout
    )


def test_a_demo_is_undone(alone):
    """`demo --undo` erases all of it from both stores, beside the running servers, and nothing else.

    An event that fell on the demo's repository stays. An incident that a line counted elsewhere does not.
    """
    key = (alone.data / "webhook-key").read_text().strip()
    mine = {"kind": "deployed", "repo": "larkspur/checkout-api", "commitSHA": "4f0c2d6b8e1a", "id": "mine"}
    post(f"http://127.0.0.1:{alone.ports[0]}/webhooks", json.dumps(mine).encode(), {"webhook-key": key})
    file = alone.data / "gitdailies.yml"
    text = file.read_text()
    file.write_text(text.replace("{repo: larkspur/checkout-api,", "{repo: larkspur/own,", 1))
    assert command("reload", cwd=alone.folder).returncode == 0
    command("demo", "pagerduty", cwd=alone.folder)
    eventually(lambda: "larkspur/own" in {event["repo"] for event in alone.events()})
    file.write_text(text)
    assert command("reload", cwd=alone.folder).returncode == 0
    command("demo", cwd=alone.folder)
    cut_short = Process(alone.folder, "demo", "pagerduty", name="cut-short")
    cut_short.wait_for("accepted by")
    cut_short.stop()
    eventually(lambda: alone.events()[-1]["kind"] == "incidentStarted")
    undone = command("demo", "--undo", cwd=alone.folder)

    assert (undone.returncode, undone.stderr) == (0, "")
    assert undone.stdout.endswith(
        "kept, because the demo did not send it: 1 event of larkspur/checkout-api\n"
    )
    assert re.findall(r"\((.+)\): erased \d+ ", undone.stdout) == ["the DORA server", "relay"]
    assert [event["id"] for event in alone.events()] == ["mine"]
    assert "no open incidents" in command("relay", "incidents", "--config", alone.data / "gitdailies.yml",
                                           cwd=alone.folder).stdout  # fmt: skip


def test_reload_waits_and_prints_what_is_wrong(started):
    """It ends when both servers have the file. Faults of the file, and of a secret it names, are printed."""
    file = started.data / "gitdailies.yml"
    text = file.read_text()
    done = command("reload", cwd=started.folder)
    assert (done.returncode, done.stderr, done.stdout.count("its server has reloaded")) == (0, "", 2)
    try:
        file.write_text(text.replace("services:", "servces:", 1))
        wrong = command("reload", cwd=started.folder)
        file.write_text(text.replace("datadog-token", "no-such-token"))
        missing = command("reload", cwd=started.folder)
    finally:
        file.write_text(text)
        again = command("reload", cwd=started.folder)
    assert (wrong.returncode, "did you mean services" in wrong.stderr) == (2, True)
    assert (missing.returncode, "did not reload: file" in missing.stderr) == (2, True)
    assert again.returncode == 0


def test_reload_without_a_server_says_what_to_type(tmp_path):
    """Where none runs, also after one was killed, the command ends with 2 and signals nobody."""
    (tmp_path / "gitdailies-data").mkdir()
    (tmp_path / "gitdailies-data/dora.db.lock").write_text("1\n")
    file = tmp_path / "gitdailies.yml"
    file.write_text("gitdailies: {url: 'http://127.0.0.1:9/webhooks', key: {env: KEY}}\n")
    nobody = command("reload", cwd=tmp_path)
    assert nobody.returncode == 2
    assert "no server with an SQLite store runs here" in nobody.stderr


def test_a_demo_without_a_server_names_what_to_start(tmp_path):
    """Without the folder of `gitdailies up`, `demo` ends with 2 and says to start it."""
    nothing = command("demo", cwd=tmp_path)

    assert nothing.returncode == 2
    assert "start `gitdailies up` in this folder first" in nothing.stderr


def test_a_refused_demo_says_so(started):
    """A secret that is not the server's ends `demo` with code 3, and the secret is not printed."""
    file = started.data / "datadog-token"
    right = file.read_text()
    copied = started.folder / "copied"
    copied.mkdir()
    (copied / "gitdailies.yml").write_text((started.data / "gitdailies.yml").read_text())
    for name in SECRETS:
        (copied / name).write_text("planted-wrong-secret-0123456789" if name == file.name else right)
    refused = command("demo", "datadog", "--data", copied, cwd=started.folder)

    assert refused.returncode == 3
    assert "expected the datadog event to be accepted, got 401" in refused.stderr
    assert "planted" not in refused.stdout + refused.stderr


def test_a_demo_proves_itself_by_what_the_file_names(started):
    """`demo` takes the first of the secrets that gitdailies.yml names for the source."""
    file = started.data / "gitdailies.yml"
    text = file.read_text()
    (started.data / "pagerduty-next").write_text("a-secret-that-came-later-0123456789\n")
    (started.data / "pagerduty-next").chmod(0o600)
    assert "{file: pagerduty-secret}" in text
    try:
        file.write_text(text.replace("{file: pagerduty-secret}", "{file: pagerduty-next}"))
        started.process.hang_up("configuration reloaded")
        sent = command("demo", "pagerduty", cwd=started.folder)
        file.write_text(text.replace("  squadcast:\n", "  other:\n"))
        without = command("demo", "squadcast", cwd=started.folder)
    finally:
        file.write_text(text)
        started.process.hang_up("configuration reloaded")

    assert (sent.returncode, sent.stderr) == (0, "")
    assert (without.returncode, "expected a secret of sources.squadcast" in without.stderr) == (2, True)


def test_the_pages_are_connected_to_the_relay(started):
    """Without a line of configuration, the pages list what the relay received, and its services."""
    store = f"sqlite:{started.data / 'dora.db'}"
    invited = command("dora", "--invite-owner", "--store", store, cwd=started.folder)
    link = re.search(r"/join/[\w-]+", invited.stdout + invited.stderr)[0]
    owner = Visitor(Receiver(f"http://127.0.0.1:{started.ports[0]}", started.data / "dora.db"))
    assert owner.join(link, "Kim").status_code == 303
    command("demo", "pagerduty", cwd=started.folder)
    eventually(lambda: "incident.triggered" in owner.get("/deliveries").text)
    page = owner.get("/settings/services").text
    assert "Not mapped yet: 0 services" in page
    assert re.search(r"gitdailies\.yml, line \d+", page)
    assert "no line" not in page


def test_everything_in_the_data_folder_is_for_its_owner_alone(started):
    """No file that `up` makes can be read by others, nor can the folder."""
    assert stat.S_IMODE(started.data.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in started.data.iterdir()} == {0o600}


def test_check_finds_nothing_wrong_with_what_up_wrote(started):
    """The first gitdailies.yml passes `gitdailies check` against the running servers."""
    checked = command("check", started.data / "gitdailies.yml", cwd=started.folder)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_taken_port_names_the_flag_to_change(started, tmp_path):
    """A port in use ends the start with code 2 and one line, which names the flag that changes it."""
    taken = started.ports[1]
    flags = ("--dora-port", free_port(), "--relay-port", taken, "--status-port", free_port())
    refused = command("up", "--data", tmp_path / "data", *flags, cwd=tmp_path)

    assert refused.returncode == 2
    assert refused.stderr == (
        f"gitdailies: 127.0.0.1:{taken}: cannot listen there: address already in use; "
        "change --relay-port, or stop what runs there\n"
    )


def test_a_second_start_elsewhere_finds_everything(started):
    """After Ctrl-C, a start with other ports has every event and writes the ports into gitdailies.yml."""
    before = started.events()
    started.paste(started.lines[0])
    before += started.new_events(before, 1)
    secrets = {name: (started.data / name).read_text() for name in SECRETS}
    file, old = started.data / "gitdailies.yml", started.ports
    text = file.read_text()

    assert started.process.stop() == 0
    assert "Traceback" not in started.process.printed
    started.ports = free_port(), free_port()
    started.start("second")

    assert started.events() == before
    assert {name: (started.data / name).read_text() for name in SECRETS} == secrets
    started.paste(started.lines[2])
    eventually(lambda: len(started.events()) == len(before) + 2)
    assert "runs, version" in command("relay", "status", cwd=started.folder).stdout
    assert command("deploy", "--repo", "a/b", "--sha", "4f0c2d6b" * 5, cwd=started.folder).returncode == 0
    changed = [line for line in file.read_text().splitlines() if line not in text.splitlines()]
    assert [line.split(":")[0].strip() for line in changed] == ["url", "listen", "status"]
    assert not any(str(port) in line for port in old for line in changed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("relay", "dora", "status"),
    [(0, 8700, 0), (8701, 8700, 8702), (8701, 8702, 8703), (65535, 8700, 65534), (65534, 65535, 65533)],
)
def test_the_port_of_the_status_is_a_free_one_beside_the_relay(tmp_path, relay, dora, status):
    """The highest ports have none above them. The file, which later starts read, has a legal one."""
    settings = load(up._prepare(tmp_path, up.Flags(None, dora, relay, None)))
    assert settings.relay.status.port == status
    again = up._with_flags(settings, up.Flags(None, None, relay, None))
    assert again.relay.status.port == status


def test_a_port_set_in_another_way_is_named(tmp_path, capsys):
    """If the file sets the port in another way, it is left unchanged and the start prints what to set."""
    flags = up.Flags(None, 8700, 8801, None)
    file = up._prepare(tmp_path, flags)
    text = file.read_text().replace("  listen:", "  # listen:")
    file.write_text(text)
    up._store_ports(file, up._with_flags(load(file), flags))

    assert file.read_text() == text
    assert "set relay.listen to 127.0.0.1:8801," in capsys.readouterr().err


def test_ports_that_cannot_be_written_end_no_server(tmp_path):
    """If the file cannot be written, the servers still run, and the start prints the reason."""
    data = tmp_path / "gitdailies-data"
    up._prepare(data, up.Flags(None, None, None, None))
    (data / "gitdailies.yml.part").mkdir()
    running = Started(tmp_path)
    events = running.events()
    running.process.stop()

    assert "cannot write the ports: is a directory" in running.process.printed
    assert events == []


def test_no_secret_is_printed_or_logged(started):
    """None of the keys and secrets that `up` made shows in its output."""
    for name in SECRETS:
        assert (started.data / name).read_text().strip() not in started.process.printed


def test_a_container_prints_addresses_that_a_browser_can_open(tmp_path):
    """With 0.0.0.0, the printed addresses are of 127.0.0.1, or those that the flags give."""
    ports = [str(free_port()) for _ in FLAGS]
    flags = [part for pair in zip(FLAGS, ports, strict=True) for part in pair]
    plain = Process(tmp_path, "up", *flags, env={"GITDAILIES_HOST": "0.0.0.0"}, name="plain")
    printed = plain.wait_for(" events\n")
    reached = post(f"http://127.0.0.2:{ports[0]}/webhooks", b"{}", {})[0]
    assert command("check", "gitdailies-data/gitdailies.yml", cwd=tmp_path).returncode == 0
    plain.stop()
    public, relay = "http://localhost:9700", "https://relay.example.com"
    mapped = ("--host", "0.0.0.0", "--public-url", f"{public}/", "--public-relay-url", relay)
    published = Process(tmp_path, "up", *flags, *mapped, name="published")
    elsewhere = published.wait_for(" events\n")
    published.stop()

    assert reached == 401
    assert "0.0.0.0" not in printed + elsewhere
    assert f"first owner: open http://127.0.0.1:{ports[0]}/join/" in printed
    assert "first owner: open http://localhost:9700/join/" in elsewhere
    assert "deploys go to      http://localhost:9700/webhooks\n" in elsewhere
    assert "tools post to      https://relay.example.com/hooks/pagerduty\n" in elsewhere
