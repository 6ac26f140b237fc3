"""The tables of words: complete against the vendors' documentation, and shown unchanged on their pages."""

import json
from pathlib import Path

import pytest
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import RESOLVED, STARTED, STATES, UPDATED

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parents[3]
# Each vendor's words, as its documentation and other receivers list them, with what each must mean.
WORDS = {file.stem: json.loads(file.read_text()) for file in sorted((DATA / "words").glob("*.json"))}


@pytest.mark.parametrize("name", WORDS)
def test_a_table_holds_every_word_of_its_vendor_and_no_other(name):
    """Each documented word is in the table as started, resolved, updated or ignored with a reason."""
    table = registry.adapter(name).table
    found = {state: {w for w, meaning in table.items() if meaning == state} for state in STATES}
    ignored = {word: reason for word, reason in table.items() if reason not in STATES}

    expected = WORDS[name]
    assert found == {state: set(expected[state]) for state in (STARTED, RESOLVED, UPDATED)}
    assert set(ignored) == set(expected["ignored"])
    assert all(len(reason.split()) > 2 for reason in ignored.values())


def test_every_adapter_of_this_project_has_its_words_listed():
    """Each adapter has a list of documented words in tests/contract/adapters/data/words/NAME.json."""
    adapters = {folder.name.removesuffix("-adapter") for folder in ROOT.glob("*-adapter")}

    missing = sorted(f"tests/contract/adapters/data/words/{name}.json" for name in adapters - set(WORDS))
    assert missing == [], "write the vendor's documented words by started, resolved, updated and ignored"
    assert set(WORDS) <= adapters
