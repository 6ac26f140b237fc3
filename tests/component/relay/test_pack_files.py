"""A pack in a file of one's own: it reads as a shipped one, and each delivery says which pack read it."""

import json
import re
from pathlib import Path

import pytest
import requests
from gitdailies_connection.config.load import load
from gitdailies_core.errors import ConfigurationError
from gitdailies_sources import shipped

from tests.support.dora.with_relay import STATUS_KEY, with_status_key
from tests.support.pack_versions import identity_of
from tests.support.processes import run
from tests.support.relay.deliveries import in_json
from tests.support.relay.running import Relay, add_source, configure, in_thread

TOKEN = "og-planted-8d3f"
FILE = "adapter: {file: packs/opsgenie.yaml}"
IDENTITY = r"opsgenie \d+ \([0-9a-f]{8}\)"


def with_pack(file: Path, adapter: str = FILE, more: str = "") -> Path:
    """Add a source to *file* that reads the pack in a file, and write a copy of the shipped one there."""
    (file.parent / "packs").mkdir(exist_ok=True)
    (file.parent / "packs/opsgenie.yaml").write_text(shipped.text("opsgenie"))
    add_source(file, "opsgenie", TOKEN, f"{adapter}, header: X-Relay-Token{more}")
    return file


def post(relay: Relay, alert: str, **details: str) -> str:
    """Send the start of an alert; return the id of the delivery."""
    told = {"alertId": alert, "alias": alert, "message": "5xx", "createdAt": 1772615561000}
    body = {"action": "Create", "alert": {**told, "details": details}}
    answer = in_json("opsgenie", body, X_Relay_Token=TOKEN).post(relay.url)
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["delivery"])


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_copy_reads_as_the_shipped_one(tmp_path: Path) -> None:
    """Name, identity and words are the same, and so is the name by which the source knows its adapter."""
    source = load(with_pack(configure(tmp_path))).sources["opsgenie"]
    own = shipped.provider.load("opsgenie")
    assert source.pack is not None
    assert (source.adapter, identity_of(source.pack)) == ("opsgenie", identity_of(own))
    assert source.pack.table == own.table


def test_an_override_changes_a_pack_in_a_file(tmp_path: Path) -> None:
    """Its fields are replaced as those of a shipped one, and a wrong one names its line in gitdailies.yml."""
    file = with_pack(configure(tmp_path), more=", override: {incident: {service: alert.team}}")
    overridden = load(file).sources["opsgenie"].pack
    assert identity_of(overridden) != identity_of(shipped.provider.load("opsgenie"))
    replaced(file, "service: alert.team", "servcie: alert.team")
    with pytest.raises(ConfigurationError, match=r"gitdailies.yml:\d+: sources.opsgenie.override.incident"):
        load(file)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    severity: {",
            "    severty: {",
            r"{file}:\d+: messages\.incident\.severty: .*did you mean severity",
        ),
        (
            "name: opsgenie",
            "name: pagerduty",
            r"{file}:1: name: 'pagerduty' is an adapter in code; write another name",
        ),
        ("proof:", "proof: [", r"{file}:\d+: not valid YAML"),
    ],
)
def test_a_fault_names_the_file_and_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Each is that of a pack, with the nearest name."""
    file = with_pack(configure(tmp_path))
    pack = tmp_path / "packs/opsgenie.yaml"
    replaced(pack, old, new)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert re.match(expected.format(file=re.escape(str(pack))), str(caught.value)), str(caught.value)


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    """A mapping next to it is refused, and so is a setting without the file."""
    file = with_pack(configure(tmp_path), "adapter: {file: packs/none.yaml}")
    with pytest.raises(ConfigurationError, match=r"yml:\d+: .*adapter\.file: .*sources show NAME --yaml"):
        load(file)
    file = with_pack(configure(tmp_path), more=", mapping: {proof: github}")
    with pytest.raises(ConfigurationError, match=r"opsgenie\.mapping: .*got both"):
        load(file)
    with pytest.raises(ConfigurationError, match=r"adapter\.file: expected .*, got nothing"):
        load(with_pack(configure(tmp_path), "adapter: {}"))


def test_each_delivery_says_which_pack_read_it(tmp_path: Path) -> None:
    """API, `explain` and `show` have name, version and hash; after a reload, those of the changed file."""
    file = with_pack(with_status_key(tmp_path))
    with in_thread(file) as relay:
        first = post(relay, "A1", service="shop")
        replaced(tmp_path / "packs/opsgenie.yaml", "version: 1", "version: 7")
        replaced(tmp_path / "packs/opsgenie.yaml", "state: action", "state: {first_of: [action, act]}")
        relay.edit("", "")
        second = post(relay, "A2", service="shop")
        key = {"Authorization": f"Bearer {STATUS_KEY}"}
        answers = [
            requests.get(f"{relay.status_url}/deliveries/{id_}", headers=key, timeout=20).json()
            for id_ in (first, second)
        ]
        (before,), (after,) = ([one["pack"] for one in answer["messages"]] for answer in answers)
        assert re.fullmatch(IDENTITY, before)
        assert re.fullmatch(IDENTITY, after)
        assert (before.split()[1], after.split()[1]) == ("1", "7")
        assert before.split()[2] != after.split()[2]
        explained = relay.command("explain", "A1", "--json")
        assert json.loads(explained)["deliveries"][0]["pack"] == before
        for command in ("explain A1", f"show {first}"):
            assert f", read by {before})" in relay.command(*command.split())


def test_the_command_shows_what_a_file_changes(tmp_path: Path) -> None:
    """`diff` prints the lines, nothing for a copy; the list and `--effective` name the file."""
    file = with_pack(configure(tmp_path))

    def done(*arguments: str) -> str:
        return run("sources", *arguments, "--config", file.name, folder=tmp_path).stdout

    assert done("diff", "opsgenie") == ""
    assert done("show", "opsgenie", "--yaml") == shipped.text("opsgenie")
    replaced(tmp_path / "packs/opsgenie.yaml", "state: action", "state: act")
    replaced(tmp_path / "packs/opsgenie.yaml", "title: Opsgenie", "title: Our Opsgenie")
    assert "-    state: action\n+    state: act\n" in done("diff", "opsgenie")
    assert re.search(r"^ *opsgenie +Our Opsgenie.* incident +\S*packs/opsgenie\.yaml", done(), re.MULTILINE)
    assert re.search(r"state: act +# \S*packs/opsgenie\.yaml:\d+", done("show", "opsgenie", "--effective"))
    refused = run("sources", "diff", "pagerduty", "--config", file.name, folder=tmp_path, expected=2)
    assert "expected a source with adapter: {file: PATH}" in refused.stderr
