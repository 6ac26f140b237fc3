"""The page about your own tool is true: its delivery, read by its mapping, prints what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load

PAGE = (Path(__file__).resolve().parents[2] / "docs/sources.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [match[2] for match in BLOCK.finditer(PAGE) if match[1] == language]


def test_the_delivery_becomes_the_events_shown(tmp_path: Path) -> None:
    """`translate` prints the lines of the page, among other fields, and the mapping is under twenty lines."""
    (tmp_path / "opened.json").write_text(blocks("json")[0])
    mapping = blocks("yaml")[0]
    (tmp_path / "gitdailies.yml").write_text(mapping)
    assert len(mapping[mapping.index("  pager:") :].splitlines()) < 20
    command, _, *shown = blocks("text")[0].splitlines()
    ran = subprocess.run(
        [sys.executable, "-m", "gitdailies_cli", *command.removeprefix("$ gitdailies ").split()],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    printed = ran.stdout.splitlines()[1:]
    assert ran.returncode == 0, ran.stderr
    assert len(printed) == len(shown) == 2
    for line, expected in zip(printed, shown, strict=True):
        assert set(expected.split()) <= set(line.split()), line


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_configuration_of_the_page_loads(text: str, tmp_path: Path) -> None:
    """Each gitdailies.yml is accepted unchanged."""
    (tmp_path / "gitdailies.yml").write_text(text)
    assert load(tmp_path / "gitdailies.yml").sources
