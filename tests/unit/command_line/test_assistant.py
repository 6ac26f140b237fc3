"""What an assistant gets of an answer: what is not sure, and what is too long or not ours."""

from typing import Any

import msgspec
import pytest
from gitdailies_cli.receiver.assistant.answers import TEXTS, TOOLS, takes, told
from gitdailies_dora.api.openapi import document
from gitdailies_dora.figures.answers.tally import Tally, figures_of
from gitdailies_dora.figures.history.corrections import OF_DEPLOY, OF_INCIDENT, OF_REWORK

# Ninety deploys. None failed.
ALL_WELL: dict[str, Any] = msgspec.to_builtins(figures_of(Tally(deploys=90), 90, None))


def figures(**fail: Any) -> dict[str, Any]:
    return {**ALL_WELL, "changeFailRate": {**ALL_WELL["changeFailRate"], **fail}}


def answer(found: dict[str, Any]) -> dict[str, Any]:
    return told("figures", {}, found, "http://dora.example")["answer"]


def failed(
    count: int, value: float | None, between: tuple[float, float], *, by_chance: float | None, **evidence: int
) -> dict[str, Any]:
    """Return the fields of the change fail rate, with how many deploys each kind of evidence accuses."""
    told = {"failed": count, "value": value, "range": dict(zip(("low", "high"), between, strict=True))}
    return {**told, "byChance": by_chance, "evidence": {"corrected": 0, **evidence}}


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [
        ({}, None),
        (
            failed(14, 0.09, (0.07, 0.16), by_chance=6.04, named=1, remedied=5, time=8),
            "changeFailRate: only time accuses 8 of 14; by chance: 6.0",
        ),
        (
            failed(2, None, (0.0, 0.02), by_chance=None, named=0, remedied=0, time=2),
            "changeFailRate: only time accuses 2 of 2; by chance: not known",
        ),
        ({"settled": 19}, "changeFailRate: it rests on few deploys, 19; say the counts"),
        ({"settled": 20}, None),
    ],
)
def test_what_is_not_sure_is_said(fail: dict[str, Any], sentence: str | None) -> None:
    """A range, what is there by chance, and few deploys are a sentence each; else there is none."""
    found = answer({"windowSeconds": 86400.0, "figures": figures(**fail)})["figures"]
    assert found["notSure"] == ([] if sentence is None else [sentence])
    assert ("about 9 % failed, between 7 and 16 %; " in found["inWords"]) == (fail.get("value") == 0.09)


def test_a_bucket_has_no_words() -> None:
    """Its rates are null, so a sentence about them would be wrong."""
    assert answer({"buckets": [{**figures(), "whole": True}]}) == {"buckets": [{**figures(), "whole": True}]}


def test_what_only_looks_like_figures_stays_as_it_is() -> None:
    """A field of an event may have any name and any value."""
    odd = {"note": {"changeFailRate": "0 % failed"}, "n": [1, None, True, {"kind": []}]}
    assert answer(odd) == odd
    huge = figures(value=1.0, failed=9, settled=9, range={"low": 1e308, "high": 1e308})
    assert answer({"note": huge}) == {"note": huge}


def test_long_lists_of_commits_are_cut() -> None:
    """The first ones are there, and how many there are."""
    found = answer({"commits": [{"sha": str(number)} for number in range(300)]})
    assert (len(found["commits"]), found["commitsInAll"]) == (20, 300)
    assert "commitsInAll" not in answer({"commits": found["commits"]})


def test_every_correction_is_offered() -> None:
    """The words are those of the API, and each has a path there."""
    words = {*OF_INCIDENT, *OF_DEPLOY, *OF_REWORK}
    assert set(TEXTS["correct"]["properties"]["what"]["enum"]) == set(TEXTS["corrections"]) == words
    paths = document()["paths"]
    assert all(
        {"put", "delete"} <= paths[path.format("{id}")].keys() for path, _ in TEXTS["corrections"].values()
    )


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_takes_what_the_interface_takes(name: str) -> None:
    """Each parameter that a tool names is one of its request, and is described there."""
    taken = takes(name, document())
    assert list(taken["properties"]) == TOOLS[name]["takes"]
    assert set(taken["required"]) == set(TOOLS[name]["needs"])
