"""`check` names each fault, and `init` writes a correct file."""

import json
import re
import subprocess
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

import yaml
from gitdailies_cli.commands.start import init
from gitdailies_connection import published
from jsonschema import Draft202012Validator

from tests.support.shell_scripts import repository


def test_init_writes_what_check_can_read(run, tmp_path, receiver):
    """The first file loads; `check` then names only what is not set up yet."""
    assert run("init", "--url", receiver.url).returncode == 0
    checked = run("check", "--json", GITDAILIES_WEBHOOK_KEY="key")

    levels = {finding["level"] for finding in json.loads(checked.stdout)["findings"]}
    assert checked.returncode == 0
    assert levels == {"ok", "warning"}
    assert receiver.bodies == []

    (tmp_path / "gitdailies.yml").rename(tmp_path / "other.yml")
    for named in (("other.yml",), ("--config", "other.yml")):
        assert run("check", *named, GITDAILIES_WEBHOOK_KEY="key").stdout.startswith("ok ")
    both = run("check", "other.yml", "--config", "other.yml")
    assert (both.returncode, "got both" in both.stderr) == (2, True)


def test_init_names_the_schema_to_editors(run, tmp_path):
    """The first line names a file of the installed package; the rest of the file keeps to that schema."""
    run("init")
    text = (tmp_path / "gitdailies.yml").read_text()
    found = re.match(r"# yaml-language-server: \$schema=file://(\S+)\n", text)

    schema = json.loads(Path(unquote(found[1])).read_text())
    assert "mapping" in schema["$defs"]["source"]["properties"]
    assert list(Draft202012Validator(schema).iter_errors(yaml.safe_load(text))) == []


def test_init_of_a_release_names_its_address(monkeypatch):
    """A release has the address in its metadata, so that the line is the same for everyone."""
    released = Message()
    released["Project-URL"] = "Homepage, https://gitdailies.example"
    released["Project-URL"] = "Schema, https://gitdailies.example/v1.2.0/gitdailies.schema.json"
    released["Project-URL"] = "Source, https://gitdailies.example/tree/v1.2.0"
    monkeypatch.setattr(published, "metadata", lambda _name: released)
    published.address.cache_clear()

    assert init.schema_address() == "https://gitdailies.example/v1.2.0/gitdailies.schema.json"
    assert published.page("docs/relay.md") == "https://gitdailies.example/blob/v1.2.0/docs/relay.md"
    published.address.cache_clear()


def test_check_looks_at_mirrors_as_the_server_does(run, tmp_path, receiver):
    """A complete mirror is ok; a shallow or missing one is a fault with a remedy."""
    repository(tmp_path / "whole")
    cut = ["git", "clone", "--quiet", "--bare", "--depth", "1", f"file://{tmp_path}/whole", tmp_path / "cut"]
    subprocess.run(cut, check=True)
    run("init", "--url", receiver.url)
    text = (tmp_path / "gitdailies.yml").read_text().rpartition("dora:\n")[0]
    mirrors = "".join(f"    larkspur/{name}: {name}\n" for name in ("whole", "cut", "gone"))
    (tmp_path / "gitdailies.yml").write_text(f"{text}dora:\n  mirrors:\n{mirrors}")
    checked = run("check", "--json", GITDAILIES_WEBHOOK_KEY="key")

    found = {finding["text"]: finding for finding in json.loads(checked.stdout)["findings"]}
    messages = {
        name: text for text in found for name in ("whole", "cut", "gone") if f"larkspur/{name}:" in text
    }
    assert checked.returncode == 2
    assert [found[messages[name]]["level"] for name in ("whole", "cut", "gone")] == ["ok", "fault", "fault"]
    assert "expected a full history, got a shallow clone; run git fetch --unshallow in it" in messages["cut"]
    assert "expected a git repository that this user can read" in messages["gone"]
    assert "git clone --mirror" in found[messages["gone"]]["remedy"]


def test_check_reads_a_file_of_the_dora_server_alone(run, tmp_path):
    """A file with only dora needs no receiver; a typo in it is reported like any other."""
    file = tmp_path / "gitdailies.yml"
    file.write_text("dora:\n  window_hours: 48\n  mirrors: {larkspur/gone: gone}\n")
    checked = run("check", "--json")
    levels = [finding["level"] for finding in json.loads(checked.stdout)["findings"]]
    assert (checked.returncode, levels) == (2, ["ok", "fault"])

    file.write_text("dora:\n  window_hours: 48\n")
    checked = run("check")
    assert (checked.returncode, checked.stdout.count("\n")) == (0, 1)
    assert "it has only dora" in checked.stdout

    file.write_text("dora:\n  window: 48\n")
    checked = run("check")
    assert checked.returncode == 2
    assert "gitdailies.yml:2" in checked.stderr
    assert "window_hours" in checked.stderr
    assert "expected url and key" not in checked.stderr


def test_check_asks_the_relays_of_the_pages(run, tmp_path):
    """A file of the DORA server alone, whose relay does not run, is a fault with a remedy."""
    (tmp_path / "key").write_text("k")
    relay = '{url: "http://127.0.0.1:1", key: {file: key}}'
    (tmp_path / "gitdailies.yml").write_text(f"dora:\n  relay: {relay}\n")
    checked = run("check")

    assert checked.returncode == 2
    assert "FAULT     dora.relay relay at http://127.0.0.1:1:" in checked.stdout
    assert "Start the relay" in checked.stdout


def checked_store(run, tmp_path, receiver, store):
    """Check a file with a source and this store; return the exit code and the finding about the store."""
    run("init", "--url", receiver.url, "--source", "pagerduty", "--repo", "a/b")
    file = tmp_path / "gitdailies.yml"
    file.write_text(re.sub(r"store: \S+", f"store: {store}", file.read_text()))
    assert f"store: {store}" in file.read_text()
    ran = run("check", "--json", GITDAILIES_WEBHOOK_KEY="key")
    (found,) = [one for one in json.loads(ran.stdout)["findings"] if one["text"].startswith("relay.store:")]
    return ran.returncode, found


def test_check_opens_the_store_of_the_relay(run, tmp_path, receiver):
    """A database that does not answer is a fault before the relay starts; its password is not printed."""
    code, found = checked_store(run, tmp_path, receiver, "postgresql://kim@127.0.0.1:1/relay")

    assert (code, found["level"]) == (2, "fault")
    assert found["text"].startswith("relay.store: postgresql://127.0.0.1:1/relay")
    assert found["remedy"]


def test_check_makes_no_store(run, tmp_path, receiver):
    """A file that the relay will make is fine, and is not made; below a file, none can be made."""
    code, found = checked_store(run, tmp_path, receiver, "sqlite:data/relay.db")
    assert (code, found["level"]) == (0, "ok")
    assert not (tmp_path / "data").exists()

    (tmp_path / "gitdailies.yml").unlink()
    code, found = checked_store(run, tmp_path, receiver, "sqlite:pagerduty-secret/relay.db")
    assert (code, found["level"]) == (2, "fault")
    assert "is no folder that this user may write to" in found["text"]
