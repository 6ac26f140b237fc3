"""The guide for a new vendor works: its lines, pasted in their order, make a pack that keeps the contract."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml

from scripts.generators import source_packs

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add a vendor\n")[2].partition("\n### ")[0]
BLOCK = re.compile(r"^( +)```(\w+)\n(.*?)^ +```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`((?:examples/)?[\w.]+\.(?:json|yaml))`")
PACK = "sources/gitdailies_sources/packs/lantern"


def clone(folder: Path) -> None:
    """Make what the guide needs of a clone: the packs, the page that lists them, and the programs."""
    source = ROOT / "sources/gitdailies_sources"
    packs = sorted((source / "packs").iterdir())[3:]
    shutil.copytree(
        source,
        folder / "sources/gitdailies_sources",
        ignore=lambda _folder, names: [name for name in names if name in {pack.name for pack in packs}],
    )
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs/source-packs.md", folder / "docs")
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "gitdailies").write_text(f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n')
    (programs / "gitdailies").chmod(0o755)


def test_the_lines_of_the_guide_make_a_pack(tmp_path: Path) -> None:
    """Each file is written and each command runs; at the end the pack keeps the contract and has its page."""
    clone(tmp_path)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "sources"), "pack": PACK}
    ran: list[str] = []
    for match in BLOCK.finditer(GUIDE):
        kind, text = match[2], textwrap.dedent(match[3])
        if kind != "sh":
            name = NAME.findall(GUIDE[: match.start()])[-1]
            (tmp_path / ("" if name == "opened.json" else PACK) / name).write_text(text, "utf-8")
        elif "scripts/generate.py" not in text:
            done = subprocess.run(
                ["sh", "-e", "-c", text], cwd=tmp_path, env=environ, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
            ran.append(done.stdout)
            if "--pack" in text:
                drafted = yaml.safe_load((tmp_path / PACK / "source.yaml").read_text("utf-8"))
    assert ran[-1] == "lantern: keeps the contract\n"
    # The draft finds what the guide's own pack reads.
    incident, corrected = (
        one["messages"]["incident"]
        for one in (drafted, yaml.safe_load((tmp_path / PACK / "source.yaml").read_text("utf-8")))
    )
    for field in ("state", "incident", "title", "service", "severity"):
        assert incident.get(field, corrected[field]) == corrected[field]
    written = source_packs.texts(tmp_path)
    assert "| `incident.opened` | **starts** an incident |" in written[f"{PACK}/README.md"]
    assert "Lantern" in written["docs/source-packs.md"]
