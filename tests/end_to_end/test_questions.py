"""What a person asks a running `gitdailies up` in its folder, without naming a server or a key."""

import json

import pytest

from tests.support.machine import Process, command
from tests.support.processes import eventually
from tests.support.relay.deliveries import SECRETS, pagerduty
from tests.support.servers import free_port

VENDORS = "Q1LARK7XW2M4CD"
MORE = "note: these are the newest 1; --limit prints more\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder where `gitdailies up` runs: a deploy and an incident."""
    here = tmp_path_factory.mktemp("asked")
    (here / "gitdailies-data").mkdir(0o700)
    (here / "gitdailies-data/pagerduty-secret").write_text(SECRETS["pagerduty-secret"])
    dora, relay = free_port(), free_port()
    process = Process(here, "up", "--dora-port", dora, "--relay-port", relay)
    process.wait_for(" events\n")
    deploy = ("--repo", "larkspur/checkout-api", "--sha", "4f0c2d6b" * 5, "--environment", "production")
    assert command("deploy", *deploy, "--id", "first", cwd=here).returncode == 0
    answer = pagerduty("incident.triggered", VENDORS).post(f"http://127.0.0.1:{relay}")
    answer.raise_for_status()
    eventually(lambda: VENDORS in command("events", cwd=here).stdout)
    yield here
    process.stop()


def ask(folder, *arguments, **env):
    ran = command(*arguments, cwd=folder, env=env)
    return ran.returncode, ran.stdout, ran.stderr


def test_events_are_found_without_an_address(folder):
    """In the folder of `gitdailies up`, its server and its key are found."""
    code, printed, errors = ask(folder, "events", "--kind", "deployed")

    assert (code, errors) == (0, "")
    assert [json.loads(line)["id"] for line in printed.splitlines()] == ["first"]


def test_the_address_of_the_folder_may_be_in_the_variable_of_ci_jobs(folder):
    """The same server is found with the variable, as a shell has it that also reports deploys."""
    address = (folder / "gitdailies-data/gitdailies.yml").read_text().partition("url: ")[2].split()[0]
    code, printed, errors = ask(folder, "events", "--limit", "1", GITDAILIES_WEBHOOK_URL=address)

    assert (code, errors, len(printed.splitlines())) == (0, MORE, 1)


def test_the_key_of_the_folder_goes_to_no_other_server(folder):
    """With another address, the command wants another key, and does not send that of the folder."""
    code, _, errors = ask(folder, "events", "--url", "http://127.0.0.1:9")

    assert (code, errors) == (
        2,
        "gitdailies: GITDAILIES_READ_KEY: this variable is not set or empty; put a key in it that may read\n",
    )


def test_why_names_the_page_of_what_was_refused(folder):
    """A refused request has no event, so no id; the error says which page lists it."""
    code, _, errors = ask(folder, "why", "refused-1")

    assert code == 2
    assert "got 'refused-1'; the page Deliveries, under Refused requests, lists what was refused" in errors


def test_why_asks_the_relay_for_what_only_it_knows(folder):
    """The id of a delivery, which the receiver does not know, gives what `relay explain` says."""
    explained = json.loads(command("relay", "explain", VENDORS, "--json", cwd=folder).stdout)
    delivery = explained["deliveries"][0]["delivery"]
    code, printed, errors = ask(folder, "why", delivery)

    assert (code, errors) == (0, "")
    head, *lines = printed.splitlines()
    assert head == "The receiver has no such event or incident. The relay knows:"
    assert lines == command("relay", "explain", delivery, cwd=folder).stdout.splitlines()
    as_json = json.loads(ask(folder, "why", delivery, "--json")[1])
    assert as_json["relay"]["incident"] == VENDORS


def test_why_without_a_key_asks_the_relay_and_says_so(folder, tmp_path):
    """Where no key may read, the relay's answer comes with a note that the receiver was not asked."""
    config = (folder / "gitdailies-data/gitdailies.yml").read_text()
    data = folder / "gitdailies-data"
    for name in ("webhook-key", "pagerduty-secret", "datadog-token", "squadcast-token"):
        config = config.replace(f"{{file: {name}}}", f'{{file: "{data / name}"}}')
    file = tmp_path / "gitdailies.yml"
    file.write_text(config.replace("sqlite:relay.db", f"sqlite:{data}/relay.db"))
    code, printed, errors = ask(tmp_path, "why", VENDORS)

    assert code == 0
    assert (
        "note: the receiver was not asked: GITDAILIES_READ_KEY: this variable is not set or empty" in errors
    )
    assert printed.startswith(f"The relay knows:\nincident {VENDORS}\n")


@pytest.mark.parametrize("command_", ["why", "relay explain"])
def test_an_id_that_nobody_knows_is_2(folder, command_):
    """An id that neither the receiver nor the relay has ends with code 2 and names both."""
    code, printed, errors = ask(folder, *command_.split(), "nowhere")

    assert (code, printed) == (2, "")
    assert "'nowhere'" in errors
    assert "receiver" in errors


def test_report_is_found_without_an_address(folder):
    """The review of the last whole week needs no address here."""
    code, printed, errors = ask(folder, "report")

    assert (code, errors) == (0, "")
    assert printed.startswith("#")
