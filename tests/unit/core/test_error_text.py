"""How values are named in messages: short, harmless, never raising."""

from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.error_text import got
from hypothesis import given

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (1.5, "1.5"),
        (10**5000, "a number of 16610 bits"),
        ("a", "'a'"),
        ("", "''"),
        ("é\n\x1b[31m", "'\\xe9\\n\\x1b[31m'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 61, "'" + "x" * 60 + "\\u2026'"),
        ([1, 2], "a list of 2"),
        ((), "a list of 0"),
        ({"key": "secret"}, "an object"),
        (b"secret", "bytes"),
        (object, "type"),
    ],
    ids=lambda value: ascii(value)[:20] if not isinstance(value, int) else str(value.bit_length()),
)
def test_a_value_is_named(value: Any, expected: str) -> None:
    """Scalars are shown, shortened and escaped; lists and objects are named by their type."""
    assert got(value) == expected


@given(anything)
def test_any_value_is_named_on_one_line(value: Any) -> None:
    """The name of any value is printable ASCII of bounded length."""
    name = got(value)

    assert name.isascii()
    assert name.isprintable()
    assert len(name) < 60 * 10 + 10
