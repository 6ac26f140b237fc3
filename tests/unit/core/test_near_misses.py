"""Names of fields that are nearly right are refused; names that mean something else are not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events import near_misses
from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.kind import Kind
from hypothesis import given
from hypothesis import strategies as st

ALL = frozenset().union(*(kind.names for kind in KINDS))
KNOWN = [(kind, name) for kind in KINDS for name in sorted(kind.names)]

# What people add to an event for themselves, one a line.
FOREIGN = (Path(__file__).parent / "data" / "foreign-names.txt").read_text().split()


def refusal(body: dict[str, Any], kind: Kind) -> str:
    with pytest.raises(InvalidEvent) as refused:
        near_misses.refuse(body, kind)
    return str(refused.value)


def one_edit(name: str) -> Iterator[str]:
    """Every deletion and swap of neighbors, and some insertions and substitutions."""
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]
        yield name[:place] + name[place + 1 : place + 2] + name[place] + name[place + 2 :]
        for letter in "aex1_ é":
            yield name[:place] + letter + name[place:]
            yield name[:place] + letter + name[place + 1 :]
    yield name + "s"


@pytest.mark.parametrize(("kind", "name"), KNOWN, ids=lambda value: getattr(value, "word", value))
def test_one_edit_of_a_known_name_is_refused(kind: Kind, name: str) -> None:
    """A typing error in a name of four letters or more is refused, unless three letters are left."""
    for wrong in set(one_edit(name)) - ALL if len(name) >= 4 else ():
        if len(wrong) > 3:
            assert "did you mean" in refusal({wrong: "x"}, kind), wrong


@pytest.mark.parametrize(("kind", "name"), KNOWN, ids=lambda value: getattr(value, "word", value))
def test_case_and_separators_make_no_other_name(kind: Kind, name: str) -> None:
    """A name in capitals, in snake case, with hyphens, or between underscores is refused."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    forms = {name.upper(), name.lower(), name.title(), snake, snake.replace("_", "-"), f"_{name}", f"{name} "}
    for wrong in forms - {name}:
        assert f"did you mean {name}?" in refusal({wrong: "x"}, kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_two_edits_of_a_long_name_are_refused(kind: Kind) -> None:
    """From eight letters on, two edits are a typing error; a name with more behind it is another one."""
    for name in kind.names:
        twice = {name[1:-1], name + "xx", "xx" + name, name[1] + name[0] + name[2:-1]} - ALL
        assert len(name) < 8 or all(near_misses.meant(wrong, kind.names, ALL) for wrong in twice)
        assert len(name) >= 8 or near_misses.meant(f"{name}_xyz", kind.names, ALL) == ""


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("environmnet", "environment"),
        ("ENVIROMENT", "environment"),
        ("timestamp", "time"),
        ("timeStamp", "time"),
        ("date", "time"),
        ("sha", "commitSHA"),
        ("commit", "commitSHA"),
        ("commit_sha", "commitSHA"),
        ("env", "environment"),
        ("repository", "repo"),
        ("ref", "branch"),
        ("comits", "commits"),
        ("kinds", "kind"),
    ],
)
def test_the_name_that_was_meant_is_named(wrong: str, name: str) -> None:
    """The refusal names the wrong field and the right one, also where the right one is there too."""
    body = {**KINDS[0].example, wrong: "x"}
    assert refusal(body, KINDS[0]) == f"{wrong}: this field does not exist; did you mean {name}?"


@pytest.mark.parametrize(
    ("commit", "message"),
    [
        (
            {"sha": "abcdef0", "timestamp": "x"},
            "commits[1].timestamp: this field does not exist; did you mean time?",
        ),
        ({"sha": "abcdef0", "tiem": "x"}, "commits[1].tiem: this field does not exist; did you mean time?"),
        ({"commit": "abcdef0"}, "commits[1].commit: this field does not exist; did you mean sha?"),
        ({"SHA": "abcdef0"}, "commits[1].SHA: this field does not exist; did you mean sha?"),
        ({"parent": []}, "commits[1].parent: this field does not exist; did you mean parents?"),
    ],
)
def test_names_inside_commits(commit: dict[str, str], message: str) -> None:
    """The same holds inside commits, whose names are sha, time, parents and outside."""
    assert refusal({"commits": [{"sha": "abcdef1"}, commit]}, KINDS[0]) == message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_foreign_names_are_not_refused(kind: Kind) -> None:
    """Names that people add for themselves, names of other kinds and names of three letters pass."""
    near_misses.refuse(dict.fromkeys([*FOREIGN, *(ALL - kind.names), "tie", "rep", "x" * 1000, ""]), kind)
    near_misses.refuse(
        {"commits": [dict.fromkeys(["sha", "id", "message", "author", "url", "ref"]), 7]}, kind
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_right_names_are_not_refused(kind: Kind) -> None:
    """The names of a kind pass, and those of the other kinds."""
    near_misses.refuse(dict.fromkeys(kind.names), kind)
    assert not any(near_misses.meant(name, kind.names, ALL) for name in ALL)


@pytest.mark.parametrize("wrong", ["Kind", "knid", "kinds", "kind "])
def test_a_misspelled_kind_is_named(wrong: str) -> None:
    """An event without a kind that has a name close to it."""
    with pytest.raises(InvalidEvent, match=r"did you mean kind\?"):
        near_misses.refuse_kind({wrong: "deployed"})
    near_misses.refuse_kind({"kind": "deployed", wrong: 1})


@given(st.text())
def test_any_name_can_be_compared(name: str) -> None:
    """No name is an error, and each can be put into an event or is refused."""
    near_misses.meant(name, KINDS[0].names, ALL)
    Event.from_wire({**KINDS[0].example, name + "\x00": 1})
