"""What to do about a verdict: the table has every word that a reason may have."""

import ast
import inspect
from types import ModuleType

import pytest
from gitdailies_dora.derived.read import verdicts
from gitdailies_dora.figures.words import reasons
from gitdailies_dora.figures.words.advice import ADVICE

from tests.support.figures.worked.expected import WHY

COUNTS = {"counted", "failed", "succeeded", "recovered", "remedied", "rework", "planned"}
TABLES = {*reasons.LEFT_OUT, *reasons.UNKNOWN, *reasons._UNLINKED.values()}


def words_of_calls(module: ModuleType) -> set[str]:
    """Find the words that are written in calls of `Verdict`, one or a choice of two."""
    calls = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Verdict"
    ]
    return {
        part.value
        for call in calls
        if len(call.args) > 2
        for part in ast.walk(call.args[2])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


FOUND = {
    *words_of_calls(reasons),
    *words_of_calls(verdicts),
    *TABLES,
    *(word for words in WHY.values() for word in words.split()),
}


def test_every_word_has_advice() -> None:
    """Each word in the code, its tables and the worked history has a line, and no line is for nothing."""
    chosen = {"window", "other-service"}
    assert set(ADVICE) - chosen == FOUND - chosen
    assert {"pending", "repeat", "behind", "environment"} <= FOUND


@pytest.mark.parametrize("word", sorted(COUNTS))
def test_there_is_nothing_to_do_about_what_counts(word: str) -> None:
    """An event that counts needs no advice."""
    assert ADVICE[word] == ""


@pytest.mark.parametrize(
    ("word", "helps", "done"),
    [
        ("repeat", "dora.count_same_commit", "an attempt of its own"),
        ("no-commits", "mirror", "send the pushes"),
        ("no-paths", "from the CI step alone", "or send pushes"),
        ("no-paths", "`route`", "fetch-depth: 0,"),
        ("no-paths", "mirror in dora.mirrors of this deploy, too", "for the mirror and"),
        ("earlier-lists-none", "`route`", "fetch-depth: 0,"),
        ("no-commits", '`GIT_DEPTH: "0"`', "fetch-depth: 0,"),
        ("unknown-commits", "compare the clocks", "send each commit"),
        ("window", "or the repository that it belongs to", "caused it, report"),
        ("unknown-commits", '`GIT_DEPTH: "0"`', "send each commit"),
    ],
)
def test_advice_is_what_helps(word: str, helps: str, done: str) -> None:
    """It does not name what may be done already, such as a run of its own or pushes that are sent."""
    assert (helps in ADVICE[word], done in ADVICE[word]) == (True, False)


def test_advice_is_a_clause_that_can_end_a_sentence() -> None:
    """Advice begins in lower case, or with a command, and has no end of its own."""
    assert [text for text in ADVICE.values() if text and (text[0].isupper() or text.endswith("."))] == []
