"""`mirrors fetch` makes and fetches the mirrors of gitdailies.yml, and a line may be for all of an owner."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load_dora
from gitdailies_core.errors import ConfigurationError

from tests.support.dora.running import Receiver, in_thread

FILE = """\
gitdailies: {{url: {url}/webhooks, key: {{env: GITDAILIES_WEBHOOK_KEY}}}}
dora:
  mirrors:
    Larkspur/Ledger: elsewhere/ledger.git
    "larkspur/*": mirrors/{{name}}.git
"""
GIT = ("git", "-c", "user.name=kim", "-c", "user.email=kim@larkspur.example")


def commit(folder: Path) -> str:
    """Add a commit to the repository of a folder, which it makes. Return its SHA."""
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--allow-empty", "-m", "m"], cwd=folder, check=True)
    return head(folder)


def head(folder: Path) -> str:
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()


@pytest.fixture
def receiver_here(tmp_path: Path) -> Iterator[Receiver]:
    with in_thread(tmp_path / "dora.db") as running:
        yield running


@pytest.fixture
def deployed(receiver_here: Receiver, tmp_path: Path) -> Path:
    """A file with a line for an owner, and a server that knows two of the owner's repositories."""
    for name in ("shop", "ledger"):
        sha = commit(tmp_path / "origin" / "larkspur" / f"{name}.git")
        event = {"kind": "deployed", "repo": f"larkspur/{name}", "commitSHA": sha}
        assert receiver_here.post(receiver_here.key(name, "send"), event).status_code == 202
    (tmp_path / "gitdailies.yml").write_text(FILE.format(url=receiver_here.url))
    return tmp_path


@pytest.fixture
def fetch(run: Callable[..., subprocess.CompletedProcess[str]], receiver_here: Receiver, deployed: Path):
    key = receiver_here.key("reads", "read")

    def fetch(*given: str) -> subprocess.CompletedProcess[str]:
        return run("mirrors", "fetch", *given, GITDAILIES_READ_KEY=key)

    return fetch


def test_missing_mirrors_are_made_and_all_are_fetched(fetch, deployed: Path) -> None:
    """The server's repositories get a mirror each, in the place of their line; later runs fetch."""
    ran = fetch("--from", f"file://{deployed}/origin/{{repo}}.git")
    assert ran.returncode == 0
    assert sorted(ran.stdout.splitlines()) == ["larkspur/ledger: made", "larkspur/shop: made"]
    assert load_dora(deployed / "gitdailies.yml").mirrors == {
        "larkspur/ledger": deployed / "elsewhere/ledger.git",
        "larkspur/shop": deployed / "mirrors/shop.git",
    }

    sha = commit(deployed / "origin" / "larkspur" / "shop.git")
    ran = fetch()
    assert (ran.returncode, ran.stdout.count("fetched")) == (0, 2)
    assert head(deployed / "mirrors" / "shop.git") == sha


def test_a_mirror_that_cannot_be_made_is_named(fetch, deployed: Path) -> None:
    """The others are made. The command ends with 1 and says how many are missing."""
    (deployed / "origin" / "larkspur" / "shop.git").rename(deployed / "gone")
    ran = fetch("--from", f"file://{deployed}/origin/{{repo}}.git")

    assert ran.returncode == 1
    assert ran.stdout == "larkspur/ledger: made\n"
    assert "larkspur/shop: fatal" in ran.stderr
    assert "1 of 2 mirrors could not be fetched" in ran.stderr


def test_a_missing_mirror_names_the_option_that_makes_it(fetch) -> None:
    """Without --from, only mirrors that exist are fetched."""
    ran = fetch()

    assert ran.returncode == 1
    assert "ledger.git: no such mirror; --from creates it" in ran.stderr


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/shop.git",
        "https://kim:hunter2@git.example/{repo}.git",
        "https://[{repo}",
        "https://kim:hunter2@a\u2100b/{repo}",
    ],
)
def test_an_address_needs_a_place_for_the_name_and_no_password(fetch, address: str) -> None:
    """Addresses are seen in process lists, so a password in one is refused and not shown."""
    ran = fetch("--from", address)

    assert ran.returncode == 2
    assert "expected an address with {repo} and without a password" in ran.stderr
    assert "hunter2" not in ran.stderr


@pytest.mark.parametrize(
    "line", ['"larkspur/*": mirrors', '"larkspur/*": "{name}/{name}-{name}"', '"lark*/*": "m/{name}.git"']
)
def test_a_line_of_an_owner_needs_a_place_for_the_name(tmp_path: Path, line: str) -> None:
    """The error says what such a line looks like."""
    file = tmp_path / "gitdailies.yml"
    file.write_text(f"dora:\n  mirrors:\n    {line}\n")

    with pytest.raises(ConfigurationError, match=r"expected an owner and a path like mirrors/\{name\}\.git"):
        load_dora(file)
