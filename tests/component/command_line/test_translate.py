"""`translate`: one line of JSON a file, with the state of the files before it."""

import json
from importlib.resources import files


def test_each_file_is_a_line_and_earlier_ones_count(run):
    """Trigger, a repeat of it, acknowledgement and resolve give a start, two reasons and an end."""
    folder = files("gitdailies_pagerduty") / "examples"
    names = ("triggered", "triggered", "acknowledged", "resolved")
    shown = run(
        "translate", "pagerduty", *(folder / f"incident.{name}.payload.json" for name in names), "--json"
    )

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
    assert broken["rejected"]["text"].startswith("body: expected JSON")


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


def test_an_unknown_adapter_names_the_nearest(run, tmp_path):
    """A typo in the adapter's name ends with code 2 and the name that was meant."""
    (tmp_path / "x.json").write_text("{}")
    shown = run("translate", "pagerdutty", "x.json")

    assert shown.returncode == 2
    assert "no adapter named 'pagerdutty'; did you mean pagerduty\n" in shown.stderr


def test_a_misspelled_path_of_a_mapping_is_hinted(run, tmp_path):
    """What a delivery may lack is no error, so a misspelled path to it is absent without a word elsewhere."""
    (tmp_path / "gitdailies.yml").write_text(
        """
        gitdailies: {url: http://127.0.0.1:1/webhooks, key: {env: KEY}}
        services: {checkout-api: {repo: larkspur/checkout-api}}
        sources:
          pager:
            secrets: [{env: TOKEN}]
            mapping:
              proof: {token: {header: X-Token}}
              state: status
              states: {down: started, up: resolved}
              incident: check.uuid
              started_at: now
              resolved_at: now
              service: check.slug
              title: check.nme
        """
    )
    check = {"uuid": "b7", "slug": "checkout-api", "name": "Checkout"}
    for status in ("down", "up"):
        sent = {"now": "2026-03-04T09:12:41Z", "status": status, "check": check}
        (tmp_path / f"{status}.json").write_text(json.dumps(sent))
    shown = run("translate", "pager", "down.json", "up.json")

    assert shown.stderr == ""
    kinds = [line.split()[0] for line in shown.stdout.splitlines() if line.startswith("  incident")]
    assert kinds == ["incidentStarted", "incidentResolved"]
    assert shown.stdout.count("  hint: title: check.nme: found nothing; did you mean check.name\n") == 2
    printed = run("translate", "pager", "down.json", "--json").stdout
    assert json.loads(printed)["hints"] == ["title: check.nme: found nothing; did you mean check.name"]
    assert "mapping in gitdailies.yml" in run("sources").stdout
