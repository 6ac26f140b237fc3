"""The scripts that start a step: what they read without Python is what core's tables name.

The script for PowerShell is parsed and compared, and no test runs it.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from gitdailies_core.ci.job.facts import SUCCEEDED
from gitdailies_core.values import http_answers

from scripts.builders import script
from scripts.builders.launchers import variables
from scripts.platforms import Folder, folder_of, folders
from tests.support import powershell
from tests.support.octopus_agent import body

ROOT = Path(__file__).resolve().parents[3]
LAUNCH = (ROOT / "ci-steps" / "launch.ps1").read_text("utf-8")
EVERY = [folder for folder in folders(ROOT) if folder.form != "octopus"]
SCRIPTS = [folder for folder in EVERY if folder.form == "script" and folder.file]


@cache
def built(module: str) -> str:
    return script.for_windows(folder_of(ROOT, module))


@pytest.mark.parametrize("name", ["launch.ps1", "octopus", *(folder.module for folder in SCRIPTS)])
def test_it_is_powershell(name: str) -> None:
    """Each script and Octopus' body parse, have no placeholder, and have and call the same functions."""
    text = LAUNCH if name == "launch.ps1" else body("PowerShell") if name == "octopus" else built(name)
    tree = powershell.parsed(text)

    assert powershell.faults(tree) == []
    assert not tree.has_error
    assert re.findall(r"@[A-Z_]{3,}@", text) == []
    assert powershell.called(tree) - powershell.THEIRS == set(powershell.functions(tree))
    # PowerShell 5.1 reads a file without a mark of its encoding in the code page of the machine.
    assert text.isascii() or name == "octopus"


def test_a_fault_is_found() -> None:
    """A bracket that is left out is seen by the parser, so that the test above can fail."""
    broken = LAUNCH.replace("function Test-Rule($Rules) {", "function Test-Rule($Rules {", 1)

    assert broken != LAUNCH
    assert powershell.faults(powershell.parsed(broken)) != []


def test_both_launchers_read_the_same_variables() -> None:
    """Every variable that one of the two scripts reads, the other reads too."""
    here = {name for folder in EVERY for name in names(folder)}
    shell = (ROOT / "ci-steps" / "launch.sh").read_text("utf-8")

    assert {name for name in here if f"${{{name}:-}}" not in shell} == set()
    assert {name for name in here if f"'{name}'" not in LAUNCH} == set()


def names(folder: Folder) -> set[str]:
    """Return every variable of `[fallback]` and of the table's rows that it does not replace."""
    known = variables.known(folder)
    rows = {part for row in known.rows.values() for name in row for part in name.split("/")}
    whens = {*known.no_pull, *known.skip, *known.only}
    found = rows | whens | {*known.refuse, known.marker} | ({known.trunk} if known.trunk else set())
    # An owner and a name are one text in PowerShell.
    return {name for name in found if not name.startswith(("PIPELINE_GIT_REPO", "CIRCLE_PROJECT"))}


def test_words_and_statuses_are_those_of_core() -> None:
    """What is a success, and what an HTTP status means, is what core says."""
    [words] = re.findall(r"^\$Succeeded = (.+)$", LAUNCH, re.MULTILINE)
    report = powershell.functions(powershell.parsed(LAUNCH))["Send-Report"]
    statuses = [
        {int(number) for number in re.findall(r"\d+", listed)}
        for listed in re.findall(r"((?:\d{3}, )+\d{3}) -(?:not)?contains", report)
    ]

    assert set(re.findall(r"'(\w+)'", words)) == SUCCEEDED
    assert statuses == [
        set(http_answers.ADDRESS_STATUSES),
        set(http_answers.KEY_STATUSES),
        set(http_answers.AGAIN_STATUSES | http_answers.RECEIVER_STATUSES),
    ]


@pytest.mark.parametrize("wrong", ["fallback", "launcher"])
def test_a_wrong_key(wrong: str) -> None:
    """A key that neither table knows is refused by the file that has it."""
    folder, keys = folder_of(ROOT, "jenkins"), {"pulls": "X"}
    folder = replace(folder, fallback=keys) if wrong == "fallback" else replace(folder, launcher=keys)

    with pytest.raises(ValueError, match=r"ci-steps/jenkins/step\.toml: .* got pulls; see scripts/builders/"):
        variables.known(folder)


def test_rules_with_words() -> None:
    """NAME=WORD … is a rule; a star is any word, and two quotes stand for a variable that is not set."""
    folder = replace(
        folder_of(ROOT, "jenkins"),
        fallback={"no_pull": ["QUEUE=*"], "skip": ["ACTION=stop verify"], "only": ['EVENT="" PUSH']},
    )
    lines = variables.for_shell([variables.known(folder)])

    assert "case ${QUEUE:-} in ?*) pull= ;; esac" in lines
    assert "case ${ACTION:-} in stop | verify) skip='ACTION says that nothing is deployed' ;; esac" in lines
    assert 'case ${EVENT:-} in "" | PUSH) ;; *) sha= ;; esac' in lines
