"""`gitdailies metrics`: the same numbers from a store as from a server, and its exit codes."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load_dora
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.dora.running import in_thread
from tests.support.figures.asking import alike, deploy, started, worked
from tests.support.figures.asking import ended as resolved
from tests.support.figures.worked.expected import QUESTIONS, expected
from tests.support.processes import ended
from tests.support.servers import answer, serving

OPTIONS = [part for name, text in QUESTIONS["shop"].items() for part in (f"--{name}", text)]


# Filters that fit nothing, each with what the command says.
NEAREST = {
    ("--repo", "larkspur/ledgr"): "repo: no event has 'larkspur/ledgr'; did you mean larkspur/ledger",
    ("--environment", "prodution"): "environment: no event has 'prodution'; did you mean production",
    ("--environment", "stagin"): "environment: no event has 'stagin'; did you mean staging",
    ("--service", "nothing-like-it"): "service: no event has 'nothing-like-it'",
}
PERIOD = ("--from", QUESTIONS["shop"]["from"], "--now", QUESTIONS["shop"]["now"])


def run(*options: str, cwd: str = ".", **environment: str) -> subprocess.CompletedProcess[str]:
    return ended("metrics", *options, folder=Path(cwd), environ={"PATH": "/usr/bin:/bin", **environment})


def test_a_store_and_its_server_give_the_same_answer(tmp_path: Path) -> None:
    """The store while the server runs, the server, and the store after it ended give one answer."""
    store = f"sqlite:{tmp_path / 'w.db'}"
    teams = tmp_path / "gitdailies.yml"
    teams.write_text("teams:\n  pay:\n    repos: [larkspur/led*]\n")
    of_team = ("--team", "PAY", "--config", str(teams), "--json")
    settings = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=72))
    with in_thread(tmp_path / "w.db", settings=settings, teams=load_dora(teams).teams) as receiver:
        key = receiver.key("all", "send", "read")
        assert receiver.post(key, worked()).status_code == 202
        receiver.get(key, "/api/metrics")  # so that everything is derived, and the settings are stored
        during = run("--store", store, *OPTIONS, "--json")
        of_server = run("--url", receiver.url, *OPTIONS, "--json", GITDAILIES_READ_KEY=key)
        file = tmp_path / "server.yml"
        file.write_text(f"gitdailies: {{url: {receiver.url}/webhooks, key: {{env: KEY}}}}\n")
        of_file = run("--config", str(file), *OPTIONS, "--json", GITDAILIES_READ_KEY=key, KEY=key)
        assert json.loads(of_file.stdout) == json.loads(of_server.stdout)
        asked = [*PERIOD, "--url", receiver.url, *of_team]
        team_of_server = json.loads(run(*asked, GITDAILIES_READ_KEY=key).stdout)
    after = run("--store", store, *OPTIONS, "--json")
    answers = [json.loads(ran.stdout) for ran in (during, of_server, after)]
    assert answers[0] == answers[1] == answers[2]
    alike(answers[0]["figures"], expected("shop"))
    by_repo = json.loads(run("--store", store, *PERIOD, "--repo", "larkspur/ledger", "--json").stdout)
    team_of_store = json.loads(run("--store", store, *PERIOD, *of_team).stdout)
    assert team_of_store == team_of_server
    assert team_of_store["figures"] == by_repo["figures"]
    assert by_repo["figures"]["deploymentFrequency"]["deploys"] > 0
    assert "every repository, production, team pay: " in run("--store", store, *PERIOD, *of_team[:-1]).stdout
    table = run("--store", store, *OPTIONS).stdout
    assert "6 to 11 of 18 failed" in table
    assert "; definitions 2026-2\n" in table
    assert "18 deploys: 4 failed for certain (2 rolled back or fixed, 2 named by an incident); 7 had" in table
    assert "; 1 too new to tell, 2 failed or may have failed in the last 72 h; unlinked incidents: 1" in table
    assert "by a remedy alone: 1, median 6 h" in table
    assert re.search(r"p90 \d[^,]*, \d+ recovered", table)
    # Of few, one in ten is none, as on the page.
    few = run("--store", store, *PERIOD, "--from", "2026-03-26", "--repo", "larkspur/shop").stdout
    assert re.search(r"p90 –, [1-4] recovered", few)
    rework = answers[0]["figures"]["deploymentReworkRate"]
    assert f"{rework['rework']} of {rework['deploys']} deploys; inferred: {rework['inferred']}" in table
    assert "days count from" not in table
    of_ledger = run("--store", store, *OPTIONS, "--repo", "larkspur/ledger").stdout
    assert "days count from 2026-03-16T23:00:00Z on" in of_ledger
    assert "no deploys match" not in table
    nothing = run("--store", store, *OPTIONS, "--repo", "larkspur/none").stdout
    assert "no deploys match; change --from, --repo, --environment" in nothing
    for given, text in NEAREST.items():
        assert f"{text}\n" in run("--store", store, *PERIOD, *given).stdout
    early = run("--store", store, "--now", "2020-01-01", "--repo", "larkspur/ledger").stdout
    assert "no event has" not in early
    in_csv = run("--store", store, *OPTIONS, "--csv").stdout
    assert in_csv.startswith("repo,environment,service,team,span,from")


def test_each_fault_has_its_exit_code(tmp_path: Path) -> None:
    """No store and a wrong question end with 2, no answer with 1, a refused key with 3; no key is shown."""
    absent = run("--store", f"sqlite:{tmp_path / 'none.db'}")
    assert (absent.returncode, (tmp_path / "none.db").exists()) == (2, False)
    assert run("--json", "--csv").returncode == 2
    unnamed = run("--store", f"sqlite:{tmp_path / 'w.db'}", "--team", "pay", cwd=str(tmp_path))
    assert (unnamed.returncode, "--team: teams are in gitdailies.yml" in unnamed.stderr) == (2, True)
    assert run("--url", "http://127.0.0.1:9").returncode == 2
    with in_thread(tmp_path / "w.db") as receiver:
        sender, reader = receiver.key("ci"), receiver.key("reader", "read")
        refused = run("--url", receiver.url, GITDAILIES_READ_KEY=sender)
        assert (refused.returncode, sender in refused.stderr) == (3, False)
        for store in (("--url", receiver.url), ("--store", f"sqlite:{receiver.store}")):
            for since, message in (("yesterday", "a date"), ("2999-01-01", "a time up to")):
                wrong = run(*store, "--from", since, GITDAILIES_READ_KEY=reader)
                assert (wrong.returncode, wrong.stdout) == (2, "")
                assert f"from: expected {message}" in wrong.stderr
        for url in (receiver.url, f"{receiver.url}/", f"{receiver.url}/webhooks"):
            assert run("--url", url, GITDAILIES_READ_KEY=reader).returncode == 0


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        (
            "127.0.0.1:8700",
            2,
            "--url: expected an http or https address, got one that does not begin with http:// or https://",
        ),
        ("http://127.0.0.1:9", 1, "127.0.0.1:9: connection refused"),
        ("http://me:pw@127.0.0.1:9", 2, "--url: expected an http or https address without user and password"),
    ],
)
def test_an_address_without_a_server_is_reported_as_by_other_commands(
    url: str, code: int, message: str
) -> None:
    """The message is the sender's, without the name of a Python class."""
    ran = run("--url", url, GITDAILIES_READ_KEY="x")
    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr.startswith(f"gitdailies: {message}")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer("404 Not Found", b'{"detail": "no such page"}'), "answered with 404: no such page"),
        (answer("200 OK", b"<html>", Content_Type="text/html"), "answered, but not with figures"),
        (answer("200 OK", b"{}"), "answered, but not with figures"),
        (answer("302 Found", Location="https://sso.example/in"), "answered with 302: a redirect to"),
    ],
)
def test_another_kind_of_server_is_named(reply: bytes, message: str) -> None:
    """The message begins with the option and the address, and then describes the answer."""
    with serving(reply) as server:
        url = server.url.removesuffix("/webhooks")
        ran = run("--url", url, GITDAILIES_READ_KEY="x")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"gitdailies: --url: {url} {message}")


def test_check_names_what_has_no_events_at_the_server(tmp_path: Path) -> None:
    """With a key that may read, `check` compares names with the events, but the demo's; without, none."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("all", "send", "read")
        assert receiver.post(key, worked()).status_code == 202
        receiver.get(key, "/api/metrics")
        text = Path(__file__).with_name("names.yml").read_text().replace("URL", receiver.url)
        (tmp_path / "gitdailies.yml").write_text(text)
        ran = [
            ended("check", "--json", folder=tmp_path, environ={"PATH": "/usr/bin:/bin", "KEY": key, **more})
            for more in ({}, {"GITDAILIES_READ_KEY": key})
        ]
    found = [[one["text"] for one in json.loads(one.stdout)["findings"]] for one in ran]
    assert found[1][: len(found[0])] == found[0]
    assert found[1][len(found[0]) :] == [
        "pay lists larkspur/ledgr, which has no events; did you mean larkspur/ledger",
        "pay lists wob of larkspur/store, a service without events; did you mean web",
        "services.shop: larkspur/stor has no events; did you mean larkspur/store",
        "services.wabs: no deploy of larkspur/store names the service webs; did you mean web",
    ]
    assert [one.returncode for one in ran] == [0, 0]


def test_incidents_of_a_wrong_repository_are_named_and_moved(tmp_path: Path) -> None:
    """`check` names what has incidents and no deploys, `incident move` moves them, and back."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("all", "send", "read", "correct")
        misspelt = started("s9", "04T09:10:00", incident="Q9", repo="larkspur/ledgr")
        example = started("s8", "04T09:10:00", incident="Q8", repo="gitdailies/example")
        assert receiver.post(key, [*worked(), misspelt, example]).status_code == 202
        (tmp_path / "gitdailies.yml").write_text(
            f"gitdailies: {{url: {receiver.url}/webhooks, key: {{env: KEY}}}}\n"
            "services: {ledger: {repo: larkspur/ledgr}}\n"
        )
        environ = {"PATH": "/usr/bin:/bin", "KEY": key, "GITDAILIES_READ_KEY": key}

        def command(*words: str) -> subprocess.CompletedProcess[str]:
            return ended(*words, folder=tmp_path, environ=environ)

        sentence = "larkspur/ledgr has incidents and no deploys; did you mean larkspur/ledger"
        checked = command("check").stdout
        assert (sentence in checked, "gitdailies/example" in checked) == (True, False)
        move = ("incident", "move", "--from", "larkspur/ledgr", "--to")
        refused = command(*move, "larkspur/ledgre", "--reason", "a typo")
        assert (refused.returncode, "did you mean larkspur/ledger" in refused.stderr) == (2, True)
        assert command(*move, "ledger").returncode == 2, "a reason is needed"
        for words, says in (
            (("--dry-run",), "1 incident of larkspur/ledgr, 1 open: would be moved to larkspur/ledger\n"),
            (("--reason", "a"), "1 incident of larkspur/ledgr, 1 open: moved to larkspur/ledger\n"),
            (("--undo",), "1 incident of larkspur/ledgr, 1 open: moved back from larkspur/ledger\n"),
        ):
            done = command(*move, "ledger", *words)
            assert (done.stdout, done.stderr, done.returncode) == (says, "", 0)
        assert command(*move, "ledger", "--undo").returncode == 1
        command(*move, "ledger", "--reason", "a")
        checked = command("check").stdout
        assert sentence not in checked
        assert "services.ledger: larkspur/ledgr has no events; did you mean larkspur/ledger" in checked


def test_why_answers_for_each_occurrence_of_an_incident(tmp_path: Path) -> None:
    """An incident that was reopened has a verdict for each start, the newest first; an event has its own."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("all", "send", "read")
        events = [
            deploy("d1", "03T09:00:00"),
            started("first", "03T10:00:00", "INC-1"),
            resolved("over", "03T11:00:00", "INC-1"),
            started("again", "09T10:00:00", "INC-1"),
        ]
        assert receiver.post(key, events).status_code == 202
        receiver.get(key, "/api/metrics")
        environ = {"PATH": "/usr/bin:/bin", "GITDAILIES_READ_KEY": key}

        def why(*asked: str) -> str:
            ran = ended("why", *asked, "--url", receiver.url, folder=tmp_path, environ=environ)
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        text, found = why("INC-1"), json.loads(why("INC-1", "--json"))
        one = json.loads(why("again", "--json"))
    assert text.index("(event again)") < text.index("attributed to deploy d1") < len(text)
    assert text.count("(event ") == 2
    assert (found["event"]["id"], [other["event"]["id"] for other in found["others"]]) == ("again", ["first"])
    assert [other["verdicts"][0]["word"] for other in found["others"]] == ["failed"]
    assert (one["event"]["id"], "others" in one) == ("again", False)


def test_a_part_of_a_day_has_no_rate_and_answers_go_to_the_quick_check(tmp_path: Path) -> None:
    """Under one observed day the command writes the time, as the pages do; its address has what is known."""
    with in_thread(tmp_path / "w.db") as receiver:
        deploy = {"kind": "deployed", "repo": "larkspur/ledger", "commitSHA": "a" * 40}
        at = {"time": "2026-03-04T01:00:00Z"}
        assert receiver.post(receiver.key("all", "send"), {**deploy, **at}).status_code == 202
    options = "--store", f"sqlite:{tmp_path / 'w.db'}", "--from", "2026-03-04"
    assert "1 deploy in 1 h 30 min" in run(*options, "--now", "2026-03-04T01:30:00Z").stdout
    answer = json.loads(run(*options, "--now", "2026-03-04T01:30:00Z", "--json").stdout)
    assert answer["figures"]["deploymentFrequency"]["value"] is None
    address = run(*options, "--now", "2026-03-14", "--quick-check").stdout
    assert address == "https://dora.dev/quickcheck/?deployfreq=3&changefailure=0&rework=0&v=2025\n"
    assert "use one of --json, --csv and --quick-check" in run(*options, "--csv", "--quick-check").stderr
