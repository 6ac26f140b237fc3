"""The guide for a new vendor works: its files are an adapter that meets the contract."""

import importlib
import json
import re
import sys
import textwrap
from pathlib import Path

import pytest
from gitdailies_core import Request, contract

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add a vendor\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^( +)```(\w+)\n(.*?)^ +```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`((?:examples/)?[\w.]+\.(?:py|json))`")


def files() -> dict[str, str]:
    """Return each Python and JSON block of the guide by the file name that its step gives last."""
    found = {}
    for match in BLOCK.finditer(GUIDE):
        if match[2] in ("python", "json"):
            found[NAME.findall(GUIDE[: match.start()])[-1]] = textwrap.dedent(match[3])
    return found


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package `gitdailies_opsgenie` with every file of the guide, made in the guide's order."""
    folder = tmp_path / "gitdailies_opsgenie"
    (folder / "examples").mkdir(parents=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
    create = (folder / "examples/create.payload.json").read_text("utf-8")
    assert '"action": "Create"' in create
    (folder / "examples/close.payload.json").write_text(create.replace("Create", "Close"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield folder
    forget()


def forget():
    """Unload the package, so that the next import reads its files."""
    for module in [name for name in sys.modules if name.split(".")[0] == "gitdailies_opsgenie"]:
        del sys.modules[module]


def test_the_guide_shows_every_file_of_a_package():
    """The guide has a block for each file of an adapter but the expectations, which it lets be generated."""
    assert set(files()) == {
        "__init__.py",
        "table.py",
        "adapter.py",
        "examples/create.payload.json",
        "examples/signatures.json",
        "payload.schema.json",
    }


def test_the_files_of_the_guide_meet_the_contract(package):
    """Without the expected files the only faults are those files; with them there is no fault."""
    adapter = importlib.import_module("gitdailies_opsgenie").adapter
    before = list(contract.faults(adapter))
    for name in ("create", "close"):
        body = (package / f"examples/{name}.payload.json").read_bytes()
        request = Request.make(headers={}, body=body)
        outcome = contract.outcome(adapter, request, contract.defaults(adapter))
        (package / f"examples/{name}.expected.json").write_text(json.dumps(outcome), "utf-8")

    assert [fault.split(":")[0] for fault in before if "missing; run" in fault] == [
        "examples/close.expected.json",
        "examples/create.expected.json",
    ]
    assert list(contract.faults(adapter)) == []


def test_the_words_of_the_guide_are_those_of_its_table(package):
    """The list of words that the guide shows holds the words of the table that it shows."""
    words = json.loads(re.findall(r'`(\{"started".*\})`', GUIDE)[0])
    table = importlib.import_module("gitdailies_opsgenie.table").TABLE

    assert {word: state for state, listed in words.items() for word in listed} == {
        word: meaning if meaning in words else "ignored" for word, meaning in table.items()
    }
