"""Which release runs: its version, and the commit where it is known."""

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from gitdailies_connection import published

VERSION = version(published.PACKAGE)
COMMIT = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d59e7f1a2b"


def told(monkeypatch: pytest.MonkeyPatch, origin: Mapping[str, object] | None, variable: str = "") -> str:
    """Return the release of a package that was installed from *origin*, in an image with *variable*."""

    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(published, "distribution", lambda _: Installed())
    monkeypatch.setenv("GITDAILIES_BUILT_FROM", variable)
    return published.release.__wrapped__()


def test_the_commit_is_that_of_the_image_or_of_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image and an install from Git name their commit; a wheel and a copied folder do not know it."""
    git = {"url": "git+https://example.com", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert told(monkeypatch, None) == VERSION
    assert told(monkeypatch, None, COMMIT) == f"{VERSION} (4f0c2d6b)"
    assert told(monkeypatch, git) == f"{VERSION} (4f0c2d6b)"
    assert told(monkeypatch, {"url": "file:///tmp", "dir_info": {}}) == VERSION


def test_a_clone_that_is_used_in_place_has_its_own_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is read from Git; a folder without a repository, and a machine without Git, have none."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    assert told(monkeypatch, origin) == VERSION
    git = ["git", "-C", str(folder), "-c", "user.name=Kim", "-c", "user.email=kim@larkspur.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert told(monkeypatch, origin) == f"{VERSION} ({head[:8]})"
    monkeypatch.setenv("PATH", "/nowhere")
    assert told(monkeypatch, origin) == VERSION
