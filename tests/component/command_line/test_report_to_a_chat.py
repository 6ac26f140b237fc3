"""`gitdailies report --send`: a chat gets the numbers of the page, once, and no secret is shown."""

import json
import re
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.dora.made_up_week import events_of
from tests.support.dora.running import in_thread
from tests.support.empty_stores import DORA
from tests.support.json_server import JsonHandler, listening
from tests.support.machine import Process

WEEK = "2026-W46"
MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
PLANTED = "T0PLANTED/B0PLANTED/xoxplantedsecret"
HOSTILE = "<!channel> *Search* [here](https://example.invalid) & more"
TO = ("--to", "env:CHAT")
SLACK = ("--send", "slack", *TO)


def later(**parts):
    return (MONDAY + timedelta(**parts)).isoformat()


class Chat(JsonHandler):
    """Answers with the next of `answers` after `pause` seconds, repeats the last one, keeps each message."""

    got: list[dict[str, Any]]
    answers: list[tuple[int | None, dict[str, str]]]
    pause: float

    def reply(self):
        self.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        time.sleep(self.pause)
        status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status is None:
            self.close_connection = True
            return
        self.send_json(status, {"message": f"no webhook at {self.path}"} if status >= 400 else None, headers)


@pytest.fixture
def chat():
    """A chat that answers as told, at an address that is a secret."""
    with ExitStack() as opened:

        def open_one(*answers, pause=0.0):
            got = []
            told = [answer if isinstance(answer, tuple) else (answer, {}) for answer in answers]
            address = opened.enter_context(listening(Chat, got=got, answers=told or [(200, {})], pause=pause))
            return f"{address}/services/{PLANTED}", got

        yield open_one


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with a made-up week, a clear change after it, and an incident with a hostile title."""
    incident = {"incidentId": "INC-99", "repo": "larkspur/auth", "environment": "production"}
    about = {"title": HOSTILE, "severity": "SEV-1", "causedBy": "none"}
    hostile = [
        {"kind": "incidentStarted", **incident, **about, "time": later(days=5, hours=1)},
        {"kind": "incidentResolved", **incident, "time": later(days=5, hours=9)},
    ]
    deploy = {"kind": "deployed", "repo": "larkspur/shop", "environment": "production"}
    many = [
        {
            **deploy,
            "commitSHA": f"{number:040x}",
            "time": later(weeks=1, hours=2 * number),
            "commits": [{"sha": f"{number:040x}", "time": later(days=4, hours=2 * number)}],
        }
        for number in range(60)
    ]
    events = [*events_of(MONDAY), *hostile, *many]
    store = tmp_path_factory.mktemp("dora") / "dora.db"
    DORA.put(store)
    with in_thread(store) as running:
        assert running.post(running.key("sends"), events).status_code == 202
        yield running, running.key("chat", "read")


@pytest.fixture
def report(run, server):
    """Run `gitdailies report`; the address of the chat is in the variable CHAT."""

    running, key = server

    def run_it(*arguments, address="", week=WEEK, **env):
        given = {"GITDAILIES_READ_KEY": key, "CHAT": address, "NO_PROXY": "127.0.0.1", **env}
        ran = run("report", "--url", running.url, "--week", week, *arguments, **given)
        assert "xoxplanted" not in ran.stdout + ran.stderr
        assert key not in ran.stdout + ran.stderr
        return ran

    return run_it


def words(text):
    """Return the text of a message without links and marks, for comparison."""
    text = re.sub(r"<[^|>]+\|([^>]*)>", r"\1", text)
    text = re.sub(r"\]\(http://127[^)]*\)", "", text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("• ", "- ")
    return re.sub(r"[\\*\[]", "", text)


def texts_of(kind, body):
    if kind == "slack":
        return "\n".join(block["text"]["text"] for block in body["blocks"])
    if kind == "teams":
        return "\n".join(block["text"] for block in body["attachments"][0]["content"]["body"])
    return body["text"]


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook"])
def test_a_chat_gets_the_numbers_of_the_review(report, chat, kind):
    """Every figure, and every outage, reads as in the Markdown that the server writes."""
    address, got = chat()
    ran = report("--send", kind, "--to", "env:CHAT", address=address)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "sent to env CHAT\n", "")
    sent = words(texts_of(kind, got[0]))
    figures = [line for line in report().stdout.splitlines() if line.startswith("- ") and "[ ]" not in line]
    assert len(figures) > 8
    for line in figures:
        assert words(line).removeprefix("- ") in sent
    assert "Slowest changes" not in sent
    assert re.search(r"\d+ needs? a decision", sent)


def test_the_webhook_has_the_review_as_numbers(report, chat):
    """A program reads the JSON of the review beside its text."""
    address, got = chat()
    report("--send", "webhook", "--to", "env:CHAT", address=address)

    assert got[0]["review"] == json.loads(report("--format", "json").stdout) | {
        "asOf": got[0]["review"]["asOf"]
    }


def test_a_hostile_title_calls_nobody(report, chat):
    """A title cannot mention a channel or be a link."""
    address, got = chat()
    report(*SLACK, address=address)

    text = texts_of("slack", got[0])
    assert "<!channel>" not in text
    assert "&lt;!channel&gt;" in text
    assert "<https://example.invalid" not in text


def test_a_message_is_sent_once(report, chat):
    """The second run sends nothing, another week is another message, and --again sends it again."""
    address, got = chat()
    report(*SLACK, address=address)
    second = report(*SLACK, address=address)

    assert second.returncode == 0
    assert second.stdout.startswith("not sent: it was sent at ")
    assert len(got) == 1
    report(*SLACK, address=address, week="2026-W45")
    report(*SLACK, "--again", address=address)
    assert len(got) == 3


def test_two_runs_at_once_send_once(server, chat, tmp_path):
    """Processes that start together send one message; the others wait until the chat has answered."""
    # Three processes start within this pause.
    (running, key), (address, got) = server, chat(pause=3.0)
    env = {"GITDAILIES_READ_KEY": key, "CHAT": address}
    asked = ("report", "--url", running.url, "--week", WEEK, *SLACK)
    runs = [Process(tmp_path, *asked, env=env, name=f"run{number}") for number in range(3)]
    # Signal 0 does nothing, so each ends by itself.
    assert [one.stop(0) for one in runs] == [0, 0, 0]
    printed = [one.printed for one in runs]
    assert sorted(one.startswith("sent to") for one in printed) == [False, False, True]
    assert sum(one.startswith("not sent: it was sent") for one in printed) == 2
    assert len(got) == 1


def test_without_a_clear_change_nothing_is_sent(report, chat):
    """A week like the others has nothing to say."""
    address, got = chat()
    ran = report(*SLACK, "--only-clear", address=address, week="2026-W45")

    assert (ran.returncode, ran.stdout) == (0, "not sent: no figure changed clearly in 2026-W45\n")
    assert got == []


def test_a_clear_change_is_sent_alone(report, chat):
    """Only the figures that changed clearly are in the message, with the week before."""
    address, got = chat()
    ran = report(*SLACK, "--only-clear", address=address, week="2026-W47")

    assert ran.returncode == 0, ran.stderr
    lines = texts_of("slack", got[0]).splitlines()
    assert lines[0].startswith("*Week of 16 November 2026")
    assert len(lines) > 1
    assert all("*clearly " in line for line in lines[1:] if line)


def test_a_busy_chat_is_asked_again(report, chat):
    """429 with a pause, and 503, are tried again; the message comes once."""
    address, got = chat((429, {"Retry-After": "1"}), 503, 200)
    ran = report("--send", "teams", "--to", "env:CHAT", address=address)

    assert ran.returncode == 0, ran.stderr
    assert len(got) == 3


def test_an_address_that_is_gone_ends_with_a_sentence(report, chat):
    """A chat that refuses ends with 3, and nothing is remembered: the right address can be given."""
    address, got = chat(404)
    ran = report(*SLACK, address=address)

    assert ran.returncode == 3
    assert ran.stderr.startswith(
        "gitdailies: env CHAT: the chat refused the message: answered 404: no webhook at /services/***"
    )
    report(*SLACK, address=address)
    assert len(got) == 2


def test_where_nothing_listens_nothing_was_sent(report):
    """A dead address ends with 1 after some attempts, and says that nothing was sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/services/{PLANTED}"
    ran = report(*SLACK, address=address)

    assert ran.returncode == 1
    assert "env CHAT: nothing was sent after 4 attempts: " in ran.stderr
    assert "connection refused" in ran.stderr


def test_what_may_have_arrived_is_not_sent_again(report, chat):
    """Where the connection ends before the answer, a person decides."""
    address, got = chat(None, 200)
    first = report(*SLACK, address=address)
    second = report(*SLACK, address=address)

    assert (first.returncode, second.returncode) == (1, 1)
    assert "the message may have arrived" in first.stderr
    assert "send it with --again" in second.stderr
    assert len(got) == 1
    assert report(*SLACK, "--again", address=address).returncode == 0
    assert len(got) == 2


@pytest.mark.parametrize(
    ("arguments", "address", "told"),
    [
        (("--send", "slack"), "", "--to: expected env:NAME or file:PATH, got nothing"),
        (("--send", "slack", "--to", f"https://x/{PLANTED}"), "", "--to: expected env:NAME or file:PATH"),
        (("--send", "slack", "--to", "env:NO"), "", "env NO: this variable is not set"),
        (SLACK, f"http://example.com/{PLANTED}", "env CHAT: expected https"),
        (SLACK, f"https://169.254.169.254/{PLANTED}", "env CHAT: expected"),
        (("--only-clear",), "", "--only-clear, --sent and --again need --send"),
        (("--send", "slack", "--format", "json"), "", "leave it out with --send"),
    ],
)
def test_a_wrong_option_says_what_is_expected(report, arguments, address, told):
    """A wrong option ends with 2 before anything is sent."""
    ran = report(*arguments, address=address)

    assert ran.returncode == 2
    assert told in ran.stderr


def test_a_folder_that_cannot_be_used_is_named(report, chat, tmp_path):
    """A file stays as it is, and nothing is sent that could not be remembered."""
    address, got = chat()
    (tmp_path / "notes").write_text("mine")
    assert "--sent" in report(*SLACK, "--sent", "notes", address=address).stderr
    assert "--sent: cannot write into" in report(*SLACK, "--sent", "absent/notes", address=address).stderr
    assert (tmp_path / "notes").read_text() == "mine"
    assert got == []
