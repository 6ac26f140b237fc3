"""A source that two installed distributions claim: no command guesses which one is meant."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from gitdailies_core.sources import registry

from tests.support.machine import command

STRANGER = Path(__file__).parents[2] / "unit/core/data/stranger"
CLAIMED = (
    "'opsgenie' is claimed by gitdailies-rival and by the packs of gitdailies-integrations;"
    " uninstall one of them, or give yours another name"
)
CONFIGURATION = """\
gitdailies: {url: "http://127.0.0.1:9/webhooks", key: {env: KEY}}
sources: {opsgenie: {adapter: opsgenie, header: X-Token, secrets: [{env: SECRET}]}}
services: {"*": {repo: "larkspur/{service}"}}
"""


@pytest.fixture(scope="module", autouse=True)
def rival(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have a distribution on the path that pip has installed, with an adapter in code named opsgenie."""
    source, target = tmp_path_factory.mktemp("source") / "rival", tmp_path_factory.mktemp("target")
    shutil.copytree(STRANGER, source, ignore=shutil.ignore_patterns("__pycache__"))
    project = source / "pyproject.toml"
    text = project.read_text().replace("gitdailies-beacon", "gitdailies-rival")
    project.write_text(text.replace("beacon = ", "opsgenie = "))
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    pip = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(target)
        patch.setenv("PYTHONPATH", str(target), os.pathsep)
        for name in ("_points", "adapter"):  # which remember what is installed
            patch.setattr(registry, name, cache(getattr(registry, name).__wrapped__))
        yield


@pytest.mark.parametrize(
    "line",
    [
        "sources",
        "sources show opsgenie",
        "sources show opsgenie --effective",
        "sources test opsgenie",
        "translate opsgenie body.json",
        "init --source opsgenie",
        "check --config gitdailies.yml",
        "relay --config gitdailies.yml",
        "history fetch opsgenie --config gitdailies.yml --since 2026-01-01",
    ],
)
def test_both_owners_are_named(line: str, tmp_path: Path) -> None:
    """Each command that looks the source up ends with 2, names both owners, and says what to do."""
    (tmp_path / "body.json").write_text("{}")
    if "--config" in line:
        (tmp_path / "gitdailies.yml").write_text(CONFIGURATION)
    done = command(*line.split(), cwd=tmp_path, env={"KEY": "k", "SECRET": "s"})
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert CLAIMED in " ".join(done.stderr.split())


def test_other_sources_are_read_as_before(tmp_path: Path) -> None:
    """A name with one owner is not touched by the quarrel about another one."""
    for name in ("alertmanager", "pagerduty"):
        done = command("sources", "show", name, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
