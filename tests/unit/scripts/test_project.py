"""project.toml is read strictly: a wrong key or value is named with its remedy."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.releasing.project import FILE, KEYS, Home, Project, lines, of, read

ROOT = Path(__file__).parents[3]


def test_the_file_of_this_tree_has_every_key_and_no_other() -> None:
    """The file lists every name that exists, so that an owner need not look for one."""
    tables = tomllib.loads((ROOT / FILE).read_text("utf-8"))

    assert tuple(f"{table}.{name}" for table, values in tables.items() for name in values) == KEYS
    assert isinstance(of(ROOT), Project)


def test_the_examples_in_the_file_have_the_right_forms() -> None:
    """Each example in a comment of the file is a value that the reader takes."""
    text = (ROOT / FILE).read_text("utf-8")
    filled, count = re.subn(r'^(\w+ = )"[^"]*"( +#.*such as )(\S+)$', r'\1"\3"\2\3', text, flags=re.MULTILINE)

    assert count >= 8
    assert read(filled).mirrors.buildkite.endswith("-buildkite-plugin")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[homes]\nowner = "a"', "homes: this key does not exist; did you mean home"),
        ('[home]\nowners = "a"', "home.owners: this key does not exist; did you mean home.owner"),
        (
            '[mirrors]\nzig = "a"',
            "mirrors.zig: this key does not exist; expected one of github_action, buildkite, gitlab",
        ),
        ("home = 3", "home: expected a table [home], got 3"),
        ("[home]\nowner = 3", "home.owner: expected text in quotes, got 3"),
        ("[home]\nowner = a", "expected TOML, got a fault: "),
        ('[home]\nowner = "a b"', "home.owner: expected a name, such as larkspur, got 'a b'"),
        (
            '[home]\nrepository = "https://github.com/a/b"',
            "home.repository: expected a repository on github.com without https://, such as",
        ),
        ('[home]\nrepository = "github.com/a"', "home.repository: expected a repository on github.com"),
        ('[home]\ndocs = "http://a.example.com"', "home.docs: expected an address that begins with https://"),
        ('[home]\ndocs = "https://a.example.com/"', "home.docs: expected an address"),
        ('[home]\nsecurity = "nobody"', "home.security: expected a mail address, got 'nobody'"),
        ('[home]\naffiliation = "a\\nb"', "home.affiliation: expected one line, got 'a\\nb'"),
        ('[registries]\nimage = "ghcr.io/A/b"', "registries.image: expected registry and path in lower case"),
        ('[registries]\nimage = "ghcr.io/a/b:1"', "registries.image: expected registry and path"),
        ('[registries]\norb = "a/b@1"', "registries.orb: expected namespace and name without a version"),
        ('[mirrors]\ngithub_action = "gitlab.com/a/b"', "mirrors.github_action: expected a repository on"),
        ('[mirrors]\nbuildkite = "github.com/a/b"', "mirrors.buildkite: expected a repository whose name"),
        ('[mirrors]\ngitlab = "gitlab.com"', "mirrors.gitlab: expected a project of a GitLab"),
    ],
)
def test_a_fault_is_named(text: str, said: str) -> None:
    """A fault names the file, the key, what was expected and what was there."""
    with pytest.raises(ValueError, match="^" + re.escape(f"{FILE}: {said}")):
        read(text)


def test_a_name_that_is_not_set_is_empty() -> None:
    """A missing key or table is a name that is not decided yet."""
    project = read('[home]\nowner = "larkspur"')

    assert project.value("home.owner") == "larkspur"
    assert {project.value(key) for key in KEYS if key != "home.owner"} == {""}


def test_every_name_is_a_line() -> None:
    """The version has no v, and each key of project.toml is a line, set or not."""
    found = lines("v1.20.3", Project(home=Home(owner="larkspur")))

    assert found[:2] == ["version=1.20.3", "home_owner=larkspur"]
    assert [line.split("=")[0] for line in found[1:]] == [key.replace(".", "_") for key in KEYS]


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2", "v1.2.3-rc1", "v01.2.3", "main", "v1.2.3\nx=y", ""])
def test_any_other_tag_is_refused(tag: str) -> None:
    """What is no tag of a release makes no line."""
    with pytest.raises(ValueError, match=r"expected vX\.Y\.Z"):
        lines(tag, Project())


def test_it_needs_nothing_installed() -> None:
    """The command runs on the standard library alone, before anything is set up."""
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts" / "releasing" / "project.py")]
    done = subprocess.run([*command, "v0.1.0"], capture_output=True, text=True)
    wrong = subprocess.run([*command, "0.1.0"], capture_output=True, text=True)

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "version=0.1.0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
