"""Names with `*`."""

import re
import time

import pytest
from gitdailies_core.values import patterns
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "name", "fits"),
    [
        ("team-*", "team-payments", True),
        ("team-*", "team-", True),
        ("team-*", "my team-payments", False),
        ("*-api", "checkout-api", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c", False),
        ("checkout [prod] *", "checkout [prod] eu", True),
        ("checkout [prod] *", "checkout p eu", False),
        ("what? *", "whats up", False),
        ("what? *", "what? up", True),
        ("two\nlines*", "two\nlines\nmore", True),
        (r"back\*", r"back\slash", True),
    ],
)
def test_a_star_matches_any_text_and_nothing_else_is_special(text: str, name: str, fits: bool) -> None:
    """A pattern matches the whole name; brackets, question marks and backslashes stand for themselves."""
    assert patterns.matches(text, name) == fits


def test_many_stars_are_quick() -> None:
    """A pattern that almost fits a long name is refused at once."""
    started = time.process_time()
    assert not patterns.matches("*a" * 20 + "b", "a" * 255)
    assert time.process_time() - started < 1


@given(st.lists(st.sampled_from(["a", "b", "*"]), max_size=8), st.text(alphabet="ab", max_size=12))
def test_a_pattern_fits_as_its_meaning_says(parts: list[str], text: str) -> None:
    """A star is any characters: the same as in a regular expression."""
    pattern = "".join(parts)
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None
    assert patterns.matches(pattern, text) is expected
