"""The documentation is true: its examples run, its links lead somewhere, nothing is left out."""

import os
import re
import sys
from pathlib import Path

import pytest
from gitdailies_cli.main import COMMANDS
from gitdailies_connection.config.load import load, load_dora, read
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_core.errors import GitDailiesError

from tests.support.figures.git.repository import week
from tests.support.json_server import JsonHandler, listening
from tests.support.machine import Process, command, environment
from tests.support.processes import typed
from tests.support.programs import program
from tests.support.relay.deliveries import SECRETS, pagerduty
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "docs", ROOT / "deployment")
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *(page for one in FOLDERS for page in one.rglob("*.md"))}
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")

# Lines that set a machine up instead of using one: `make test` is what runs this very test, and
# the tests of a fresh machine and of the image start `gitdailies up` themselves.
SET_UP = re.compile(r"^(make |python3 -m venv|\.venv/bin/|docker |uvx )")


def named(page):
    return str(page.relative_to(ROOT))


def blocks(language, pages=None):
    return [
        pytest.param(text, id=f"{named(page)}:{page.read_text()[: match.start()].count(chr(10)) + 1}")
        for page in (pages or PAGES)
        for match in BLOCK.finditer(page.read_text())
        if match[1] == language
        for text in (match[2],)
    ]


def test_who_reads_of_the_signal_reads_of_the_command():
    """Every page, template and message that names SIGHUP names `gitdailies reload`, too."""
    templates = (ROOT / "dora").rglob("*.html")
    messages = [*(ROOT / "command-line").rglob("*.py"), *(ROOT / "relay").rglob("*.py")]
    texts = {page: page.read_text() for page in [*PAGES, *templates]}
    # In code, a message is one line, and names of signals are elsewhere.
    lines = [line for file in messages for line in file.read_text().splitlines() if '"' in line]
    of_signals = {page: text for page, text in texts.items() if "SIGHUP" in text}
    assert [named(page) for page, text in of_signals.items() if "gitdailies reload" not in text] == []
    told = [line.strip() for line in lines if re.search(r"[sS]end (the \w+ )?SIGHUP", line)]
    assert told == ['"reload: no server with an SQLite store runs here; send SIGHUP to the servers, "']


OF_TOOLS = [*ROOT.glob("*-adapter/README.md"), *(ROOT / "sources").rglob("README.md")]


@pytest.mark.parametrize("page", [*OF_TOOLS, ROOT / "docs/do/connect-a-tool.md"], ids=named)
def test_steps_by_hand_fit_what_up_started(page):
    """A page whose lines take a secret from a variable says which file to use after `gitdailies up`."""
    text = page.read_text()
    if "{env: " in text:
        assert "of mode 600 in `gitdailies-data`" in text
        assert "`gitdailies reload`" in text


@pytest.mark.parametrize("readme", sorted(ROOT.glob("ci-steps/*/README.md")), ids=named)
def test_a_step_sends_to_the_server_with_the_pages(readme):
    """The address on a step's page is that of the DORA server, not the relay; the page leads to the key."""
    text = readme.read_text()
    assert "https://hooks." not in text
    assert "https://dora." not in text or "docs/ci-steps.md#address-and-key" in text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_local_link_leads_to_a_file(page):
    """Every link of a page to a local file leads to an existing file."""
    for path, _ in LINK.findall(page.read_text()):
        if not re.match(r"[a-z]+:", path):
            assert (page.parent / path).exists(), path


@pytest.mark.parametrize(
    "text",
    blocks("yaml", [ROOT / "docs" / n for n in ("configuration.md", "events.md", "sign-in.md")]),
)
def test_every_configuration_shown_loads(text, tmp_path):
    """Each gitdailies.yml in the documentation is accepted unchanged, with the generated file of the page."""
    file = tmp_path / "gitdailies.yml"
    (tmp_path / "services.generated.yml").write_text(generated_services())
    file.write_text(text)
    assert load_dora(file) != DoraSettings() if text.startswith(("dora:", "repositories:")) else load(file)


def generated_services():
    """Return the example of a generated file of services."""
    page = (ROOT / "docs/configuration.md").read_text()
    shown = [match[2] for match in BLOCK.finditer(page)]
    return next(text for text in shown if text.startswith("# Written by `gitdailies services import`"))


def test_the_error_shown_is_the_real_one():
    """The example of an error is word for word the message of that mistake."""
    page = (ROOT / "docs/configuration.md").read_text()
    shown = next(line for line in page.splitlines() if line.startswith("gitdailies.yml:"))
    text = next(match[2] for match in BLOCK.finditer(page) if match[1] == "yaml")
    with pytest.raises(GitDailiesError) as caught:
        read(text.replace("adapter: pagerduty", "adapter: pagerdutty"), Path("gitdailies.yml"))

    line = re.match(r"gitdailies.yml:(\d+)", str(caught.value))[1]
    assert str(caught.value) == re.sub(r":\d+:", f":{line}:", shown, count=1)


def test_every_command_has_a_section():
    """The page of the command names each subcommand in a heading."""
    page = (ROOT / "docs/command-line.md").read_text()
    assert {name for name in COMMANDS if f"## `gitdailies {name}`" not in page} == set()


@pytest.mark.parametrize("text", blocks("python"))
def test_every_python_example_compiles(text):
    """Each Python block is whole."""
    compile(text, "example", "exec")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A folder where `gitdailies up` runs and knows the docs' incident, and `gitdailies` on the path."""
    program("curl")
    folder = tmp_path_factory.mktemp("docs")
    (folder / "gitdailies-data").mkdir(0o700)
    (folder / "gitdailies-data/pagerduty-secret").write_text(SECRETS["pagerduty-secret"])
    relay, dora = free_port(), free_port()
    process = Process(folder, "up", "--dora-port", dora, "--relay-port", relay, name="up")
    process.wait_for(" events\n")
    pagerduty("incident.triggered", "Q1LARK7XW2M4CD").post(f"http://127.0.0.1:{relay}").raise_for_status()
    (folder / "opened.json").write_text(blocks("json", [ROOT / "docs/sources.md"])[0].values[0])
    for name in ("checkout-api", "pay"):
        (folder / "catalog" / name).mkdir(parents=True)
        (folder / "catalog" / name / "catalog-info.yaml").write_text(component(name))
    week(folder / "remote" / "larkspur" / "checkout-api.git")
    (folder / "bin").mkdir()
    script = folder / "bin" / "gitdailies"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n')
    script.chmod(0o755)
    (folder / "dora-port").write_text(str(dora))
    with listening(Chat) as chat:
        (folder / "chat").write_text(chat)
        yield folder
    process.stop()


class Chat(JsonHandler):
    """Takes every message."""

    def reply(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_json(200, None)


def component(name):
    """Return the entity of Backstage that the example of a generated file comes from."""
    known = {"checkout-api": ("P1SVC07", "larkspur/checkout-api"), "pay": ("P1SVC11", "larkspur/mono")}
    id_, repo = known[name]
    annotations = f"{{pagerduty.com/service-id: {id_}, github.com/project-slug: {repo}}}"
    return f"kind: Component\nmetadata: {{name: {name}, annotations: {annotations}}}\n"


def test_the_generated_file_shown_is_the_real_one(machine):
    """The example of a generated file is word for word what the command above it writes."""
    ran = command("services", "import", "--from", "backstage", "catalog/", cwd=machine)
    assert ran.stdout == generated_services()


SHELL = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("text", blocks("sh", SHELL))
def test_every_command_shown_works(text, machine):
    """Each shell block of README and docs, typed line by line into a running system, ends with code 0."""
    port = (machine / "dora-port").read_text()
    environ = environment(
        {
            "PATH": f"{machine / 'bin'}{os.pathsep}{os.environ['PATH']}",
            # What would be cloned from the network is cloned from the machine's folder.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{machine / 'remote'}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
    )
    for line in text.splitlines():
        if line.strip() and not SET_UP.match(line):
            line = line.replace("https://hooks.slack.com", (machine / "chat").read_text())
            ran = typed(line.replace("127.0.0.1:8700", f"127.0.0.1:{port}"), machine, environ)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
