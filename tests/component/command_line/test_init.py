"""`init` by options and by questions: the file works as it is, and its secrets are private."""

import json
import os
import pty
import stat
import subprocess
import sys
import time

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.deploys.routing import DeployRoutes
from gitdailies_core.sources import registry

from tests.support.machine import environment

KEY = "planted-key-0123456789"


def findings(run, *file, **env):
    checked = run("check", "--json", *file, **env)
    return checked.returncode, json.loads(checked.stdout)["findings"]


def test_the_sources_that_were_named_work(run, tmp_path, receiver):
    """The file has the sources, each with a secret in a private file, and `check` finds no fault."""
    made = run(
        *("init", "--url", receiver.url, "--source", "pagerduty", "--source", "circleci"),
        *("--source", "datadog", "--repo", "larkspur/shop"),
    )
    code, found = findings(run, GITDAILIES_WEBHOOK_KEY="key")
    settings = load(tmp_path / "gitdailies.yml")

    assert (made.returncode, made.stderr) == (0, "")
    assert code == 0
    assert {one["level"] for one in found} <= {"ok", "warning"}
    assert any("valid, 3 sources" in one["text"] for one in found)
    assert list(settings.sources) == ["pagerduty", "circleci", "datadog"]
    assert settings.routes.table["*"][0].repo == "larkspur/shop"
    for name in settings.sources:
        file = tmp_path / f"{name}-secret"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert f"{name}-secret holds a random secret" in made.stdout
        assert file.read_text().strip() not in made.stdout + (tmp_path / "gitdailies.yml").read_text()


@pytest.mark.parametrize("name", ["circleci", "aws", "kubernetes"])
def test_a_tool_of_many_jobs_gets_lines_for_those_that_deploy(run, tmp_path, name):
    """The file has the pack's own example of a route as comments. Without its marks, the file loads."""
    made = run("init", "--source", name)
    assert (
        f"{name} reports more than deploys: say under route in gitdailies.yml what counts, and where"
        in made.stdout
    )

    file = tmp_path / "gitdailies.yml"
    assert load(file).sources[name].route == DeployRoutes()
    lines = file.read_text().split("    # route:\n")[1].split("\n\n")[0].splitlines()
    route = "\n".join(line.replace("# ", "", 1) for line in lines)
    file.write_text(file.read_text().replace("    # route:\n" + "\n".join(lines), f"    route:\n{route}"))
    loaded = load(file).sources[name].route
    assert len(loaded.lines) + len(loaded.globs) == len(lines) >= 1


def test_check_names_a_source_of_which_no_deploy_counts(run, tmp_path, receiver):
    """One whose tool reports every job, and that has no line of route; GitLab needs none."""
    run("init", "--url", receiver.url, "--source", "jenkins", "--source", "gitlab")
    code, found = findings(run, GITDAILIES_WEBHOOK_KEY="key")

    assert code == 0
    assert [one["text"] for one in found if "route" in one["text"]] == [
        "sources.jenkins.route: none, so no deploy counts"
    ]
    assert {one["level"] for one in found if "route" in one["text"]} == {"warning"}
    file = tmp_path / "gitdailies.yml"
    file.write_text(file.read_text().replace("adapter: jenkins", "adapter: jenkins\n    route: {ship: }"))
    assert [one for one in findings(run, GITDAILIES_WEBHOOK_KEY="key")[1] if "route" in one["text"]] == []


@pytest.mark.matrix(every=5)
@pytest.mark.parametrize("name", registry.installed())
def test_every_source_can_be_named_or_says_what_it_needs(run, tmp_path, name):
    """For each installed tool, the file loads, or the error names the command that prints its settings."""
    made = run("init", "--source", name)

    if made.returncode == 0:
        assert list(load(tmp_path / "gitdailies.yml").sources) == [name]
    else:
        assert made.returncode == 2
        assert f"`gitdailies sources show {name}`" in made.stderr
        assert not (tmp_path / "gitdailies.yml").exists()


def test_a_wrong_name_writes_nothing(run, tmp_path):
    """A misspelled tool gets a suggestion, and neither the file nor a secret is written."""
    made = run("init", "--source", "pagerdutty")

    assert made.returncode == 2
    assert "did you mean pagerduty" in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_is_there_stays(run, tmp_path):
    """With --force the file is written again, and the secret that a tool knows already is kept."""
    run("init", "--source", "pagerduty")
    before = (tmp_path / "pagerduty-secret").read_text()
    (tmp_path / "gitdailies.yml").write_text("mine")
    refused = run("init", "--source", "pagerduty")
    assert (tmp_path / "gitdailies.yml").read_text() == "mine"
    again = run("init", "--source", "pagerduty", "--force")

    assert (refused.returncode, again.returncode) == (2, 0)
    assert "--force overwrites it" in refused.stderr
    assert "pagerduty-secret is kept" in again.stdout
    assert (tmp_path / "pagerduty-secret").read_text() == before


class Person:
    """A person at a terminal, who types answers to a command."""

    def __init__(self, folder, *arguments):
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gitdailies_cli", *arguments],
            cwd=folder,
            env=environment(),
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        self.screen = ""

    def answer(self, question, text):
        end = time.monotonic() + 60
        while question not in self.screen:
            assert time.monotonic() < end, self.screen
            self.screen += os.read(self._leader, 4096).decode()
        self.screen = self.screen.rpartition(question)[2]
        os.write(self._leader, f"{text}\n".encode())

    def finish(self):
        printed = self.screen
        try:
            while part := os.read(self._leader, 4096).decode():
                printed += part
        except OSError:
            pass
        os.close(self._leader)
        return self.process.wait(60), printed


def test_questions_are_asked_on_a_terminal(run, tmp_path, receiver):
    """Each answer goes into the file; a wrong one is asked again; the key is hidden and private."""
    person = Person(tmp_path, "init")
    person.answer("Address for events", receiver.url)
    person.answer("Webhook key", KEY)
    person.answer("Tools that send webhooks", "pagerdutty")
    person.answer("did you mean pagerduty", "pagerduty, github")
    person.answer("as owner/name", "shop")
    person.answer("got 'shop'", "larkspur/shop")
    code, printed = person.finish()
    settings = load(tmp_path / "gitdailies.yml")

    assert code == 0, printed
    assert "run `gitdailies check gitdailies.yml`" in printed
    assert (settings.gitdailies.url, list(settings.sources)) == (receiver.url, ["pagerduty", "github"])
    assert settings.gitdailies.key.file.read_text() == f"{KEY}\n"
    assert stat.S_IMODE(settings.gitdailies.key.file.stat().st_mode) == 0o600
    assert KEY not in printed + (tmp_path / "gitdailies.yml").read_text()
    assert findings(run)[0] == 0


def test_enter_takes_what_is_in_brackets(run, tmp_path):
    """With Enter alone, the file is the one of a pipe: no source, and the key from a variable."""
    person = Person(tmp_path, "init")
    for question in ("Address for events", "Webhook key", "Tools that send", "as owner/name"):
        person.answer(question, "")
    code, _ = person.finish()
    asked = (tmp_path / "gitdailies.yml").read_text()
    run("init", "--force")

    assert code == 0
    assert asked == (tmp_path / "gitdailies.yml").read_text()
