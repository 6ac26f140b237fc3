"""One corpus of bodies, read by the reference and by orjson behind `guarded`."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.values import strict_json
from hypothesis import example, given

REFUSED = "refused"
DECODERS = {"reference": strict_json.loads, "orjson": strict_json.guarded(orjson.loads)}

CORPUS: dict[str, tuple[bytes, Any]] = {
    # numbers
    "NaN": (b"NaN", REFUSED),
    "NaN inside": (b'{"a": [NaN]}', REFUSED),
    "infinity": (b"Infinity", REFUSED),
    "minus infinity": (b"-Infinity", REFUSED),
    "a float beyond doubles": (b"1e999", REFUSED),
    "a negative float beyond doubles": (b"-1e999", REFUSED),
    "the largest double": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "a float that is too small": (b"1e-999", 0.0),
    "no digits but zero, however large the exponent": (b"0e999999999999", 0.0),
    "minus zero": (b"-0", 0),
    "minus zero, a float": (b"-0.0", -0.0),
    "the largest of 64 bits": (b"18446744073709551615", 2**64 - 1),
    "one more than 64 bits": (b"18446744073709551616", 1.8446744073709552e19),
    "the least of 64 bits": (b"-9223372036854775808", -(2**63)),
    "one less than 64 bits": (b"-9223372036854775809", -9.223372036854775808e18),
    "thirty digits": (b"123456789012345678901234567890", 1.2345678901234568e29),
    "four hundred zeros": (b"1" + b"0" * 400, REFUSED),
    "five thousand digits": (b"1" * 5000, REFUSED),
    "five thousand decimals": (b"0." + b"1" * 5000, 1 / 9),
    "beyond 53 bits": (b"9007199254740993", 2**53 + 1),
    "a leading zero": (b"01", REFUSED),
    "a plus sign": (b"+1", REFUSED),
    "no digit after the point": (b"1.", REFUSED),
    "no digit before the point": (b".5", REFUSED),
    "hexadecimal": (b"0x1", REFUSED),
    "an underscore": (b"1_0", REFUSED),
    "a digit of another script": ("١".encode(), REFUSED),
    # depth
    "100 lists": (b"[" * 100 + b"]" * 100, ...),
    "101 lists": (b"[" * 101 + b"]" * 101, REFUSED),
    "100 objects": (b'{"a":' * 100 + b"1" + b"}" * 100, ...),
    "101 objects": (b'{"a":' * 101 + b"1" + b"}" * 101, REFUSED),
    "lists and objects by turns": (b'[{"a":' * 51 + b"1" + b"}]" * 51, REFUSED),
    "100,000 lists": (b"[" * 100_000 + b"]" * 100_000, REFUSED),
    "100,000 lists without an end": (b"[" * 100_000, REFUSED),
    "many lists side by side": (b"[" + b"[]," * 500 + b"[]]", [[]] * 501),
    "brackets in text": (b'"' + b"[{" * 500 + b'"', "[{" * 500),
    "brackets after an escaped quote": (b'["\\"' + b"[" * 200 + b'"]', ['"' + "[" * 200]),
    "brackets after an escaped backslash": (b'["\\\\",' + b"[" * 200 + b"]" * 201, REFUSED),
    "brackets in text after an escaped backslash": (b'["\\\\\\"' + b"[" * 200 + b'"]', ['\\"' + "[" * 200]),
    "closing before opening": (b"]" * 200 + b"[" * 200, REFUSED),
    # text
    "a pair of surrogates": (b'"\\ud83d\\ude00"', "😀"),
    "a pair in upper case": (b'"\\uD83D\\uDE00"', "😀"),
    "a high surrogate alone": (b'"\\ud800"', REFUSED),
    "a low surrogate alone": (b'"\\udc00"', REFUSED),
    "a pair the wrong way round": (b'"\\ude00\\ud83d"', REFUSED),
    "a high surrogate before a letter": (b'"\\ud800\\u0041"', REFUSED),
    "a lone surrogate in a name": (b'{"\\ud800": 1}', REFUSED),
    "a lone surrogate deep inside": (b'[{"a": [{"b": "\\udfff"}]}]', REFUSED),
    "a lone surrogate after a pair": (b'"\\ud83d\\ude00\\ud83d"', REFUSED),
    "lone halves around escaped backslashes": (b'"\\ud83d\\\\\\\\\\ude00"', REFUSED),
    "a lone surrogate under a name that comes again": (b'{"a": "\\ud800", "a": 1}', REFUSED),
    "a lone surrogate, encoded": (b'"\xed\xa0\x80"', REFUSED),
    "a backslash before ud800": (b'"\\\\ud800"', "\\ud800"),
    "an escaped zero": (b'"\\u0000"', "\x00"),
    "a raw zero": (b'"\x00"', REFUSED),
    "a raw line feed in text": (b'"\n"', REFUSED),
    "a raw delete": (b'"\x7f"', "\x7f"),
    "an unknown escape": (b'"\\x41"', REFUSED),
    "a short escape": (b'"\\u12"', REFUSED),
    "a line separator": ('"\u2028"'.encode(), "\u2028"),
    # encodings
    "a byte order mark": (b"\xef\xbb\xbf{}", REFUSED),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), REFUSED),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), REFUSED),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), REFUSED),
    "no UTF-8": (b'"\xff"', REFUSED),
    "UTF-8 longer than it need be": (b'"\xc0\x80"', REFUSED),
    "UTF-8 beyond Unicode": (b'"\xf4\x90\x80\x80"', REFUSED),
    "UTF-8 cut short": (b'"\xc3', REFUSED),
    # names
    "a name twice": (b'{"a": 1, "a": 2}', {"a": 2}),
    "a name twice, once escaped": (b'{"\\u0061": 1, "a": 2}', {"a": 2}),
    "a name without quotes": (b"{a: 1}", REFUSED),
    "a number for a name": (b"{1: 2}", REFUSED),
    # whole bodies
    "empty": (b"", REFUSED),
    "blank": (b" \n", REFUSED),
    "cut short": (b'{"a": [1, ', REFUSED),
    "text without an end": (b'"a', REFUSED),
    "garbage after it": (b"{} x", REFUSED),
    "two bodies": (b"{}{}", REFUSED),
    "a zero after it": (b"{}\x00", REFUSED),
    "white space around": (b" \t\r\n{} \t\r\n", {}),
    "white space of another kind": ("\u00a0{}".encode(), REFUSED),
    "a form feed": (b"\x0c{}", REFUSED),
    "a trailing comma": (b"[1,]", REFUSED),
    "a comment": (b"// no\n{}", REFUSED),
    "single quotes": (b"'a'", REFUSED),
    "a word cut short": (b"nul", REFUSED),
    "a word in capitals": (b"True", REFUSED),
    "not an object": (b"null", None),
}


def outcome(decoder: Any, body: bytes) -> Any:
    """Return the value read with its type and sign, or that it was refused."""
    try:
        value = decoder(body)
    except UnreadableBody:
        return REFUSED
    return repr(value)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("case", CORPUS)
def test_the_corpus_is_read_by_the_rules(case: str, decoder: str) -> None:
    """Both decoders give the value that the corpus names, of the same type and sign, or refuse."""
    body, expected = CORPUS[case]

    found = outcome(DECODERS[decoder], body)

    if expected is ...:
        assert found != REFUSED
    else:
        assert found == (REFUSED if expected is REFUSED else repr(expected))


FRAGMENTS = [
    *(b'"', b"\\", b"u", b"d8", b"00", b"\\ud83d", b"\\ude00", b"\\\\", b'"\\/', b"\xed", b"\xa0", b"\x80"),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"a"', b'"a":', b" ", b"\n", b"\x00", b"\xc3\xa9"),
    *(b"1", b"0", b"-", b"e", b".", b"9" * 19, b"E+", b"true", b"null", b"NaN"),
]


@given(st.one_of(st.binary(max_size=20), st.lists(st.sampled_from(FRAGMENTS), max_size=10).map(b"".join)))
@example(b'"\\"[')
def test_both_decoders_agree_on_any_bytes(body: bytes) -> None:
    """For any bytes both decoders give the same value, or both refuse."""
    assert outcome(DECODERS["reference"], body) == outcome(DECODERS["orjson"], body)


@given(st.lists(st.sampled_from([b"[", b"]", b'{"a":', b"}", b'"["', b'"\\""', b"1,"]), max_size=400))
def test_the_bound_on_depth_counts_brackets_outside_of_text(parts: list[bytes]) -> None:
    """A body is too deep exactly if a reading byte by byte finds more open brackets than allowed."""
    body = b"[" * 60 + b"".join(parts)
    depth = deepest = 60
    for part in parts:
        depth += {b"[": 1, b'{"a":': 1, b"]": -1, b"}": -1}.get(part, 0)
        deepest = max(deepest, depth)

    with pytest.raises(UnreadableBody) as refused:
        strict_json.loads(body + b"}" if deepest <= strict_json.DEEPEST else body)

    assert ("levels of nesting" in str(refused.value)) == (deepest > strict_json.DEEPEST)


def test_duplicate_names_are_refused_where_asked() -> None:
    """With `duplicates=False` a name that occurs twice in one object is refused at any level, and named."""
    with pytest.raises(UnreadableBody, match=r"expected each name once, got 'a' twice in one object"):
        strict_json.loads(b'[{"b": {"a": 1, "a": 1}}]', duplicates=False)

    assert strict_json.loads(b'{"a": {"a": 1}, "b": [{"a": 1}]}', duplicates=False)["a"] == {"a": 1}


TWICE = {
    "in an object": b'{"a":1,"a":1}',
    "deep inside": b'[{"b":[{"a":"x","a":"x"}]}]',
    "once escaped": b'{"\\u0061":1,"a":1}',
    "in the second object": b'[{"a":1},{"b":1,"b":2}]',
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
unique_by_orjson = strict_json.guarded(orjson.loads, orjson.dumps)


def told(decoder: Callable[[bytes], Any], body: bytes) -> str:
    """Return what a decoder makes of a body, or in what words it refuses it."""
    try:
        return repr(decoder(body))
    except UnreadableBody as error:
        return f"refused: {error}"


@pytest.mark.parametrize("body", [*(body for body, _ in CORPUS.values()), *TWICE.values()])
def test_with_each_name_once_both_say_the_same(body: bytes) -> None:
    """Where a name may occur only once, orjson gives the value or the refusal of the reference."""
    assert told(unique_by_orjson, body) == told(partial(strict_json.loads, duplicates=False), body)


@given(JSON)
def test_compact_bodies_are_read_alike(value: Any) -> None:
    """Of a compact body, which orjson reads alone, both make the same value."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert told(unique_by_orjson, body) == told(partial(strict_json.loads, duplicates=False), body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a"\n 1}', "body: not valid JSON at line 2, column 2: expected ':' delimiter"),
        (b'"\xff"', "body: expected UTF-8, got other bytes at offset 1"),
        (b"[NaN]", "body: expected JSON, got NaN"),
        (b"1e999", "body: expected a number that fits a double, got '1e999'"),
        (b"[" * 101, "body: expected at most 100 levels of nesting, got more"),
        (b'"\\ud800"', "body: expected text that UTF-8 can hold, got half of a surrogate pair"),
    ],
)
def test_a_refusal_says_what_was_expected(body: bytes, message: str) -> None:
    """Both decoders name the place and the fault in the same words."""
    for decoder in DECODERS.values():
        with pytest.raises(UnreadableBody) as refused:
            decoder(body)
        assert str(refused.value) == message


def test_a_decoder_that_recurses_too_deep_is_answered_by_the_reference() -> None:
    """A RecursionError of the faster decoder is no crash: the reference reads the body instead."""

    def recursing(body: bytes) -> Any:
        raise RecursionError

    assert strict_json.guarded(recursing)(b"[1]") == [1]
