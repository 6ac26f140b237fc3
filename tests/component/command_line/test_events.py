"""`gitdailies events` against the DORA server: the events it lists, their forms, and `--follow`."""

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.component.command_line.conftest import DoraServer
from tests.support.machine import Process, command, environment
from tests.support.processes import eventually

REPO = "larkspur/quay"
SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"


@pytest.fixture(scope="module")
def reading(dora):
    """The options that name the server, and its environment with a key that may read, and one to send."""
    return ("--url", dora.url), {
        "GITDAILIES_READ_KEY": dora.new_key("events", "--allow", "read"),
        "GITDAILIES_WEBHOOK_URL": dora.url,
        "GITDAILIES_WEBHOOK_KEY": dora.key,
    }


@pytest.fixture
def send(run, reading):
    """Report a deploy of the repository with an id."""

    def report(id_, *more, repo=REPO, **env):
        reported = run("deploy", "--repo", repo, "--sha", SHA, "--id", id_, *more, **reading[1], **env)
        assert reported.returncode == 0, reported.stderr

    return report


def test_the_newest_events_come_last_one_a_line(run, reading, send):
    """Elsewhere than on a terminal, each event is a line of JSON, as the API has it, the newest last."""
    server, env = reading
    for number in range(4):
        send(f"newest-{number}", "--environment", f"stage-{number}")
    ran = run("events", *server, "--repo", REPO, "--text", "newest-", "--limit", "3", **env)

    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (ran.returncode, ran.stderr) == (0, "note: these are the newest 3; --limit prints more\n")
    assert [event["id"] for event in events] == ["newest-1", "newest-2", "newest-3"]
    assert all(event["receivedAt"] and event["commitSHA"] == SHA for event in events)


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (("--environment", "qa"), ["filter-qa"]),
        (("--kind", "incidentStarted"), []),
        (("--since", "2026-03-04"), ["filter-qa", "filter-prod"]),
        (("--since", "30m"), ["filter-prod"]),
        (("--text", "filter-P"), ["filter-prod"]),
    ],
)
def test_filters(run, reading, send, filters, ids):
    """Each filter gives the events that fit; a span counts back from now."""
    server, env = reading
    repo = "larkspur/filtered"
    send("filter-old", "--environment", "old", "--time", "2026-03-03T08:00:00Z", repo=repo)
    send("filter-qa", "--environment", "qa", "--time", "2026-03-04T08:00:00Z", repo=repo)
    send("filter-prod", "--environment", "production", repo=repo)
    ran = run("events", *server, "--repo", repo, *filters, **env)

    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ids


def test_a_wrong_start_is_named_as_it_was_typed(run, reading):
    """The error names --since, and that a span is possible."""
    server, env = reading
    ran = run("events", *server, "--since", "lastweek", **env)

    assert ran.stderr.startswith("gitdailies: --since (a span like 7d, or a time): expected a date")
    assert "'lastweek'" in ran.stderr


def test_a_terminal_gets_a_table(run, reading, send, tmp_path):
    """On a terminal each event is a line in columns below their names, and not JSON."""
    server, env = reading
    send("table-1", "--environment", "production", repo="larkspur/table")
    leader, follower = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "gitdailies_cli", "events", *server, "--repo", "larkspur/table"],
        cwd=tmp_path,
        env=environment(env),
        stdout=follower,
        check=True,
        timeout=60,
    )
    os.close(follower)
    printed = os.read(leader, 65536).decode()
    os.close(leader)

    head, *lines = printed.splitlines()
    assert head.split() == ["time", "kind", "where", "event", "what"]
    assert [line.split()[1:] for line in lines] == [
        ["deployed", "larkspur/table", "production", "table-1", SHA[:12]]
    ]
    assert lines[0].index("deployed") == head.index("kind")
    again = run("events", *server, "--repo", "larkspur/table", "--format", "table", **env)
    assert again.stdout.splitlines()[0] == head


def test_new_events_follow(reading, send, tmp_path):
    """`--follow` prints each event once that comes later and fits, and none that came before the limit."""
    server, env = reading
    repo = "larkspur/followed"
    send("before", "--environment", "a", repo=repo)
    following = Process(tmp_path, "events", *server, "--repo", repo, "--follow", env=env)
    try:
        following.wait_for("before")
        send("later-1", "--environment", "b", repo=repo)
        send("elsewhere", "--environment", "b", repo="larkspur/other")
        following.wait_for("later-1")
        send("later-2", "--environment", "c", repo=repo)
        following.wait_for("later-2")
    finally:
        code = following.stop()

    ids = [json.loads(line)["id"] for line in following.out.read_text().splitlines()]
    assert ids == ["before", "later-1", "later-2"]
    assert code == 130


def test_nothing_says_so(run, reading):
    """An empty list is a sentence on standard error, and no error."""
    server, env = reading
    ran = run("events", *server, "--repo", "larkspur/none", **env)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "no events match\n")


def test_a_wrong_key_is_3_and_is_not_printed(run, reading):
    """A key that the server does not know ends with 3; no line has it."""
    planted = "gdk_planted0123456789abcdefghijklmnopqrstuv"
    ran = run("events", *reading[0], GITDAILIES_READ_KEY=planted)

    assert ran.returncode == 3
    assert "expected a valid key" in ran.stderr
    assert "planted" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["events", "report"])
def test_without_a_server_it_says_what_to_set(run, name):
    """Without an address, a command that reads names the option, the variable and the file."""
    ran = run(name)

    assert ran.returncode == 2
    assert ran.stderr == (
        "gitdailies: no server is set: use --url, GITDAILIES_WEBHOOK_URL or a gitdailies.yml\n"
    )


class Followed:
    """A server of its own, and the command that follows it."""

    def __init__(self, folder):
        self.folder = folder
        self.server = DoraServer(folder)
        self.send("before")
        env = {"GITDAILIES_READ_KEY": self.server.new_key("reads", "--allow", "read")}
        self.command = Process(
            folder, "events", "--url", self.server.url, "--follow", env=env, name="follows"
        )
        self.command.wait_for("before")

    def send(self, id_):
        sends = {"GITDAILIES_WEBHOOK_KEY": self.server.key}
        given = ("--repo", "a/b", "--sha", SHA, "--id", id_, "--url", self.server.url)
        assert command("deploy", *given, cwd=self.folder, env=sends).returncode == 0


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    running = Followed(tmp_path_factory.mktemp("followed"))
    yield running
    running.command.stop()
    running.server.process.stop()


def test_a_server_that_ends_is_asked_again(followed):
    """While it follows, a server that does not answer is a note, and no event is lost after its return."""
    server = followed.server
    address = server.url.removeprefix("http://").removesuffix("/webhooks")
    server.process.stop()
    eventually(lambda: "asking again" in followed.command.err.read_text())
    store = ("--store", server.store)
    server.process = Process(followed.folder, "dora", "--listen", address, *store, name="again")
    server.process.wait_for("listens on")
    followed.send("returned")
    followed.command.wait_for("returned")


def test_a_server_whose_store_was_restored_is_read_anew(followed):
    """While it follows, a restore is a note, and the newest events and later ones follow."""
    restored = command("restore", "--restored", "--store", followed.server.store, cwd=followed.folder)
    assert restored.returncode == 0
    eventually(lambda: "was restored" in followed.command.err.read_text())
    followed.send("after")
    followed.command.wait_for("after")
