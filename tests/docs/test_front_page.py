"""The pages at the root: short, true for what is published, and with the names of project.toml alone."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
from gitdailies_cli.commands.start.up import DORA_PORT, RELAY_PORT, up

from scripts.generators import front_page
from scripts.releasing.project import Home, Project, Registries
from scripts.releasing.published import Published

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deployment" / "Dockerfile").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
NAMES = Project(
    home=Home(
        owner="zz-home-probe", repository="github.com/zz-home-probe/integrations", security="zz@probe.example"
    ),
    registries=Registries(package="gitdailies-integrations", image="ghcr.io/zz-home-probe/gitdailies"),
)
PUBLISHED = Published(NAMES, "9.8.7")
CLONE = Published(Project(), "")


def commands(text: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_the_front_page_is_short() -> None:
    """It has at most 70 lines with text, and none that has to be scrolled through for long."""
    lines = [line for line in README.splitlines() if line and not line.startswith("<!--")]
    assert len(lines) <= 70
    assert max(map(len, lines)) <= 200


@pytest.mark.parametrize("names", [PUBLISHED, CLONE], ids=["published", "clone"])
def test_the_container_is_started_as_it_is_built(names: Published) -> None:
    """The command publishes the ports of both servers, to this machine alone, and keeps the data."""
    (run,) = [words for words in commands(front_page.start(names)) if words[:2] == ["docker", "run"]]
    published = [value for word, value in itertools.pairwise(run) if word == "-p"]
    assert published == [f"127.0.0.1:{port}:{port}" for port in (DORA_PORT, RELAY_PORT)]
    volume = re.search(r"^VOLUME (.+)$", DOCKERFILE, re.MULTILINE)[1]
    assert run[run.index("-v") + 1] == f"gitdailies:{volume}"
    assert run[-2:] == [names.image() or "gitdailies", "up"]


def test_what_is_published_is_named_with_its_version() -> None:
    """Image and package have the names of project.toml and the released version. No clone is needed."""
    text = front_page.start(PUBLISHED)
    assert "ghcr.io/zz-home-probe/gitdailies:9.8.7" in text
    assert "'gitdailies-integrations[all]==9.8.7'" in text
    assert "clone" not in text
    assert "make run" not in text


def test_the_command_is_on_the_path_after_what_the_page_shows() -> None:
    """What `gitdailies up` prints to paste begins with `gitdailies`; `uvx` alone would not put it there."""
    lines = commands(front_page.start(PUBLISHED))

    install = ["uv", "tool", "install", "gitdailies-integrations[all]==9.8.7"]
    assert lines[-2:] == [install, ["gitdailies", "up"]]


def test_a_name_alone_is_not_published() -> None:
    """Before the first release, the page says what works in a clone, whatever names are set."""
    assert front_page.start(Published(NAMES, "")) == front_page.start(CLONE)
    assert "Nothing is published yet" in front_page.start(CLONE)


def test_each_flag_that_is_named_exists() -> None:
    """The flags for ports on the front page are options of `gitdailies up`."""
    flags = set(re.findall(r"`(--[a-z-]+port)`", README))
    assert len(flags) == 3
    assert flags <= {name for parameter in up.params for name in parameter.opts}


def test_the_project_is_called_independent_unless_its_owner_says_otherwise() -> None:
    """The sentence of `affiliation` takes the place of ours."""
    assert front_page.INDEPENDENT in README or "affiliation" not in README
    assert front_page.INDEPENDENT in front_page.texts(ROOT)["README.md"]


def test_a_mail_address_for_vulnerabilities_is_shown_if_there_is_one() -> None:
    """SECURITY.md always names the private form, and the address if project.toml has one."""
    assert "zz@probe.example" in front_page.report(PUBLISHED)
    assert front_page.report(CLONE).endswith("of this repository.")
