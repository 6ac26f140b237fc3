"""`translate`: one line of JSON a file, with the state of the files before it."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def test_each_file_is_a_line_and_earlier_ones_count(run):
    """Trigger, a repeat of it, acknowledgement and resolve give a start, two reasons and an end."""
    folder = files("gitdailies_pagerduty") / "examples"
    names = ("triggered", "triggered", "acknowledged", "resolved")
    deliveries = [folder / f"incident.{name}.payload.json" for name in names]
    shown = run("translate", "pagerduty", *deliveries, "--json")

    outcomes = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [[event["kind"] for event in line.get("events", ())] for line in outcomes] == [
        ["incidentStarted"],
        [],
        [],
        ["incidentResolved"],
    ]
    assert outcomes[1]["ignored"]["text"] == "a redelivery of something stored"
    assert outcomes[2]["ignored"]["code"] == "update"
    assert "neither starts nor ends" in outcomes[2]["ignored"]["text"]


def test_what_cannot_be_read_is_quarantined_or_rejected(run, tmp_path):
    """An unknown shape is `quarantined`, no JSON is `rejected`, each with where and what was expected."""
    (tmp_path / "shape.json").write_text('{"event": {"id": "x", "event_type": "incident.triggered"}}')
    (tmp_path / "broken.json").write_text('{"event": ')
    shown = run("translate", "pagerduty", "shape.json", "broken.json", "--json")

    shape, broken = (json.loads(line) for line in shown.stdout.splitlines())
    assert shape["quarantined"] == {
        "code": "unexpected_payload",
        "text": "event.data: expected an object, got nothing",
    }
    assert broken["rejected"]["code"] == "invalid_json"
    assert broken["rejected"]["text"].startswith("body: not valid JSON")


def test_what_the_relay_would_quarantine_is_quarantined(run, tmp_path):
    """A service without a line, one of two, and an unknown word. A job that no route names is ignored."""
    (tmp_path / "token").write_text("lk-token-for-tests")
    (tmp_path / "gitdailies.yml").write_text(
        "gitdailies: {url: http://127.0.0.1:9/webhook, key: {file: token}}\n"
        "services: {ledger-worker: {repo: larkspur/ledger-worker}}\n"
        "sources:\n"
        "  rootly: {adapter: rootly, secrets: [{file: token}]}\n"
        "  opsgenie: {adapter: opsgenie, header: X-Relay-Token, secrets: [{file: token}]}\n"
        "  jenkins: {adapter: jenkins, secrets: [{file: token}]}\n"
    )
    packs = files("gitdailies_sources") / "packs"
    outcomes = {}
    of_opsgenie = ("opsgenie/Create", "opsgenie/custom-action")
    for example in (*of_opsgenie, "rootly/incident.created", "jenkins/finalized.success"):
        pack, stem = example.split("/")
        shown = run("translate", pack, packs / pack / "examples" / f"{stem}.payload.json", "--json")
        line = json.loads(shown.stdout)
        outcomes[stem] = {name: line[name]["code"] for name in ("ignored", "quarantined") if name in line}

    assert outcomes == {
        "Create": {"quarantined": "unmapped"},
        "custom-action": {"quarantined": "unknown_type"},
        "incident.created": {"quarantined": "unmapped"},
        "finalized.success": {"ignored": "no_route"},
    }


def test_headers_are_given_or_lie_beside_the_file(run, tmp_path):
    """GitHub's event is in a header alone: by --header, or in NAME.headers.json beside NAME.json."""
    folder = files("gitdailies_sources") / "packs/github/examples"
    body = folder / "deployment_status.success.actions.payload.json"
    (tmp_path / "body.json").write_bytes(body.read_bytes())
    beside, without, given = (
        json.loads(run("translate", "github", *words, "--json").stdout)
        for words in ((body,), ("body.json",), ("body.json", "--header", "X-GitHub-Event: deployment_status"))
    )

    assert [event["kind"] for event in beside["events"]] == ["deployed"]
    assert "events" not in without
    assert given["events"][0]["id"] == beside["events"][0]["id"]


def test_messages_are_printed_as_an_example_expects_them(run):
    """With --messages the output equals the expected file of the example."""
    folder = files("gitdailies_squadcast") / "examples"
    for name in ("v2.incident.triggered", "v2.incident.incident_notes_created"):
        shown = run("translate", "squadcast", "--messages", folder / f"{name}.payload.json")

        assert json.loads(shown.stdout) == json.loads((folder / f"{name}.expected.json").read_text())
        assert shown.stderr == ""


def test_a_misspelled_path_of_a_mapping_is_hinted(run, tmp_path):
    """What a delivery may lack is no error, so a misspelled path to it is absent without a word elsewhere."""
    shutil.copy(DATA / "mapping.yml", tmp_path / "gitdailies.yml")
    check = {"uuid": "b7", "slug": "checkout-api", "name": "Checkout"}
    for status in ("down", "up"):
        sent = {"now": "2026-03-04T09:12:41Z", "status": status, "check": check}
        (tmp_path / f"{status}.json").write_text(json.dumps(sent))
    shown = run("translate", "pager", "down.json", "up.json")

    assert shown.stderr == ""
    kinds = [line.split()[0] for line in shown.stdout.splitlines() if line.startswith("  incident")]
    assert kinds == ["incidentStarted", "incidentResolved"]
    hint = "gitdailies.yml:14: sources.pager.mapping.title: check.nme: found nothing; did you mean check.name"
    assert shown.stdout.count(f"hint: {hint}\n") == 1
    printed = run("translate", "pager", "down.json", "--json").stdout
    assert json.loads(printed)["hints"] == [hint]
    assert "mapping in gitdailies.yml" in run("sources").stdout


PACK = (DATA / "lantern.yaml").read_text("utf-8")
WITH_PACKS = """\
gitdailies: {url: http://127.0.0.1:1/webhooks, key: {env: KEY}}
services: {checkout-api: {repo: larkspur/checkout-api}}
sources:
  lantern: {adapter: {file: packs/lantern.yaml}, secrets: [{env: TOKEN}]}
  torch: {adapter: {file: packs/torch.yaml}, secrets: [{env: TOKEN}]}
"""


def with_packs(folder, torch):
    (folder / "packs").mkdir()
    (folder / "gitdailies.yml").write_text(WITH_PACKS)
    (folder / "packs/lantern.yaml").write_text(PACK)
    (folder / "packs/torch.yaml").write_text(torch)
    body = {"now": "2026-03-04T09:12:41Z", "status": "down", "uuid": "b7", "check": "checkout-api"}
    (folder / "down.json").write_text(json.dumps(body))


HINT = "packs/lantern.yaml:18: messages.incident.severity: critical: found nothing; the message has "


@pytest.mark.parametrize("name", ["lantern", "packs/lantern.yaml"])
def test_a_fault_of_another_pack_leaves_this_one_alone(run, tmp_path, name):
    """It is printed with its line; the pack is read by its source's name or by its file."""
    with_packs(tmp_path, PACK.replace("name: lantern", "name: torch").replace("state:", "stat:"))
    shown = run("translate", name, "down.json")

    assert "  incidentStarted  incidentId=b7  repo=larkspur/checkout-api" in shown.stdout
    assert f"hint: {HINT}" in shown.stdout
    assert "packs/torch.yaml:12: messages.incident.stat: " in shown.stderr
    assert f"{name} is read without the others:" in shown.stderr
    failed = run("translate", "torch", "down.json")
    assert (failed.returncode, "packs/torch.yaml:12: " in failed.stderr) == (2, True)


def test_a_pack_is_read_by_its_file_alone(run, tmp_path):
    """Without gitdailies.yml, and beside one that does not name it."""
    with_packs(tmp_path, PACK)
    (tmp_path / "gitdailies.yml").unlink()
    shown = run("translate", "packs/lantern.yaml", "down.json")
    assert "  incidentStarted  incidentId=b7  repo=example/checkout-api" in shown.stdout
    assert f"hint: {HINT}" in shown.stdout
    (tmp_path / "spaces.json").write_text(
        (tmp_path / "down.json").read_text().replace("checkout-api", "The API")
    )
    assert "repo=example/the-api " in run("translate", "packs/lantern.yaml", "spaces.json").stdout
    missing = run("translate", "packs/lantren.yaml", "down.json")
    assert (missing.returncode, "packs/lantren.yaml: no such file" in missing.stderr) == (2, True)


def test_a_name_without_a_line_has_the_line_to_write(run, tmp_path):
    """Of services and of `route`, as YAML that can be pasted."""
    with_packs(tmp_path, PACK)
    (tmp_path / "gitdailies.yml").write_text(WITH_PACKS.replace("checkout-api: {", "shop: {"))
    shown = run("translate", "lantern", "down.json").stdout
    line = 'services: {"checkout-api": {repo: OWNER/NAME}} in gitdailies.yml'
    assert f"unmapped: no line under services for 'checkout-api'; to count it, write {line}\n" in shown
    deploy = PACK.replace("down: started, up: resolved", "down: deployed").replace(
        "incident: uuid", "route: check"
    )
    deploy = deploy.replace("started_at", "sha: {text: " + "a" * 40 + "}\n    deployed_at")
    (tmp_path / "packs/torch.yaml").write_text(
        deploy.replace("    severity: critical\n", "").replace("    resolved_at: now\n", "")
    )
    shown = run("translate", "packs/torch.yaml", "down.json").stdout
    line = 'route: {"checkout-api": {repo: OWNER/NAME, environment: production}} in its source'
    assert f"no route names 'checkout-api'; to count it, write {line} in gitdailies.yml\n" in shown


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ("    incident: uuid", "     incident: uuid", 14, "align it with the keys above"),
        ("severity: critical", "severity: {{critical}}", 18, "write ${x} for {{x}}"),
    ],
)
def test_wrong_yaml_has_its_line_and_what_to_write(run, tmp_path, before, after, line, expected):
    """A wrong indentation, and the braces of another language."""
    with_packs(tmp_path, PACK.replace(before, after))
    shown = run("translate", "packs/torch.yaml", "down.json")
    assert f"packs/torch.yaml:{line}: " in shown.stderr
    assert expected in shown.stderr


def test_a_hint_about_an_override_has_its_line(run, tmp_path):
    """What the pack itself has is not the user's to correct."""
    with_packs(tmp_path, PACK)
    text = WITH_PACKS.replace(
        "packs/lantern.yaml}", "packs/lantern.yaml}, override: {incident: {title: chck}}"
    )
    (tmp_path / "gitdailies.yml").write_text(text)
    shown = run("translate", "lantern", "down.json")
    title = (
        "gitdailies.yml:4: sources.lantern.override.incident.title: chck: found nothing; did you mean check"
    )
    assert f"hint: {title}\n" in shown.stdout


def test_a_hint_about_an_override_is_about_no_key_of_the_pack(run, tmp_path):
    """Jira's pack names a header as its key: without it the override has no fault."""
    (tmp_path / "gitdailies.yml").write_text(
        "gitdailies: {url: http://127.0.0.1:1/webhooks, key: {env: KEY}}\n"
        "sources: {jira: {adapter: jira, secrets: [{env: KEY}], override: {incident: {title: issue.key}}}}\n"
    )
    body = files("gitdailies_sources") / "packs/jira/examples/issue_created.payload.json"
    (tmp_path / "b.json").write_bytes(body.read_bytes())
    assert "hint" not in run("translate", "jira", "b.json").stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gitdailies: {key: {hunter2: 1, hunter2: 2}}\n", "gitdailies.yml:1: gitdailies.key: expected each"),
        ("- gitdailies\n", "gitdailies.yml:1: top level: expected"),
        ("gitdailies\n", "gitdailies.yml:1: top level: expected"),
    ],
)
def test_a_fault_of_the_whole_file_is_the_same_for_check(run, tmp_path, text, expected):
    """It shows no secret, and is no fault of the command."""
    (tmp_path / "gitdailies.yml").write_text(text)
    shown = run("translate", "jira", "b.json")
    assert (shown.returncode, expected in shown.stderr, "hunter2" in shown.stderr) == (2, True, False)
    assert shown.stderr == run("check").stderr
