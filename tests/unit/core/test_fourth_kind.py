"""A new kind of event is one entry in core's table with its example, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gitdailies_core
import pytest

CORE = Path(gitdailies_core.__file__).parent
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The answers of a copy of core about a kind that was added to its table."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(CORE, copy / "gitdailies_core")
    table = copy / "gitdailies_core" / "events" / "events.py"
    text = table.read_text("utf-8")
    opening = "KINDS: tuple[Kind, ...] = (\n"
    assert text.count(opening) == 1
    table.write_text(text.replace(opening, opening + (DATA / "fourth_kind.entry.txt").read_text("utf-8")))
    run = subprocess.run(
        [sys.executable, DATA / "fourth_kind.questions.py"],
        env={"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    assert Path(answers["core"]).is_relative_to(copy)
    return answers


def test_its_example_is_an_event(found: Any) -> None:
    """The kind's word, fields and required fields follow from the entry."""
    assert found["event"] == {
        "kind": "frozen",
        "repo": "larkspur/checkout-api",
        "until": "2026-03-05T00:00:00Z",
    }
    assert found["changed"] == {**found["event"], "environment": "production"}
    assert found["refused"] == "repo: expected a repository like 'larkspur/checkout-api', got nothing"
    assert found["unknown"].startswith("kind: expected one of frozen, deployed, ")


def test_its_schema_is_generated(found: Any) -> None:
    """JSON Schema has the kind and agrees with the code on the example and on a faulty one."""
    assert found["schema"] == ["deployed", "frozen", "incidentResolved", "incidentStarted"]
    assert found["valid"] == [True, False]


def test_its_names_are_in_the_dialect(found: Any) -> None:
    """It is written, renamed and left out like any other, by what the entry says is documented."""
    assert found["ours"] == found["event"]
    assert found["documented"] == {"kind": "frozen", "repo": "larkspur/checkout-api"}
    assert found["renamed"] == {
        "kind": "freeze",
        "repo": "larkspur/checkout-api",
        "ends": "2026-03-05T00:00:00Z",
    }


def test_it_is_named_like_any_other(found: Any) -> None:
    """It has a digest of its content, and so an id."""
    assert found["id"].startswith("content-")
