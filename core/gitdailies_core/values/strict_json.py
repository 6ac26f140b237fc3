"""Strict JSON: the rules by which every part of this project decodes a body.

* The body is UTF-8 without a byte order mark.
* NaN, Infinity and numbers that overflow to them are refused.
* A lone surrogate is refused, because it cannot be written again.
* At most `DEEPEST` levels of nesting are accepted.
* Integers beyond 64 bits become floats.
* A name that occurs twice in one object: our own API refuses it, and of a vendor's body the last one counts.

`loads` is the reference implementation, on the standard library. A room may pass core a faster
decoder, such as orjson, wrapped in `guarded`. The same test cases run through both.
"""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UnreadableBody

DEEPEST = 100
_INT64 = range(-(2**63), 2**64)

_NO_BRACKETS_OR_QUOTES = bytes(set(range(256)) - set(b'[]{}"'))
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STEPS = [0] * 256
_STEPS[ord("[")] = _STEPS[ord("{")] = 1
_STEPS[ord("]")] = _STEPS[ord("}")] = -1


def loads(body: bytes, *, duplicates: bool = True) -> Any:
    """Decode *body*. Raises UnreadableBody that says what was expected and where.

    Without *duplicates*, a name that occurs twice in one object is refused.
    """
    _bounded(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=None if duplicates else _unique,
        )
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"body: expected UTF-8, got other bytes at offset {error.start}") from None
    except RecursionError:
        raise UnreadableBody(_too_deep()) from None
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise UnreadableBody("body: expected UTF-8 without a byte order mark, got one") from None
        raise UnreadableBody(
            f"body: not valid JSON at line {error.lineno}, column {error.colno}: {parse_fault(error)}"
        ) from None
    if "\\u" in text and _lone_surrogate(text):
        raise UnreadableBody("body: expected text that UTF-8 can hold, got half of a surrogate pair")
    return value


def parse_fault(error: Any) -> str:
    """Return the fault in a JSONDecodeError, without its place: expected ',' delimiter."""
    text = str(error.msg).replace("Expecting", "expected").lower().rstrip(": ")
    return text.removesuffix(" at").removesuffix(" starting")


def guarded(
    decode: Callable[[bytes], Any], encode: Callable[[Any], bytes] | None = None
) -> Callable[[bytes], Any]:
    """Wrap another decoder so that it follows the rules of `loads`.

    *decode* itself must raise ValueError for bytes that are not UTF-8, for NaN, for overflow and
    for a lone surrogate. With *encode*, which writes a value as compact JSON, a name that occurs twice is
    refused. If it writes the body again, byte for byte, there is none: a value holds each name once.
    """

    def decode_guarded(body: bytes) -> Any:
        _bounded(body)
        try:
            value = decode(body)
            if encode is None or encode(value) == body:
                return value
        except (ValueError, RecursionError):
            pass  # The reference gives a better message, and it refuses the same bodies.
        return loads(body, duplicates=encode is None)

    return decode_guarded


def _bounded(body: bytes) -> None:
    # Few opening brackets, as in nearly every body, cannot nest deep. `replace` finds a byte four times as
    # fast as `count`, and it stops after the given number.
    most = DEEPEST + 1
    if len(body) - len(body.replace(b"[", b"", most).replace(b"{", b"", most)) <= DEEPEST:
        return
    # Remove escapes first, backslashes in pairs. Then every remaining quote begins or ends a text, so that
    # every other piece between quotes is text. The decoder refuses a body that is not JSON. All steps run in
    # C because long lists get here.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(plain.translate(None, _NO_BRACKETS_OR_QUOTES).split(b'"')[::2])
    levels = accumulate(map(_STEPS.__getitem__, brackets))
    if any(map(DEEPEST.__lt__, levels)):
        raise UnreadableBody(_too_deep())


def _too_deep() -> str:
    return f"body: expected at most {DEEPEST} levels of nesting, got more"


def _no_constant(name: str) -> Any:
    raise UnreadableBody(f"body: expected JSON, got {name}")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise UnreadableBody(f"body: expected a number that fits a double, got {got(text)}")
    return number


def _integer(text: str) -> Any:
    # 64 bits hold at most 20 digits. int() of a very long text takes quadratic time.
    if len(text) > 20:
        return _finite(text)
    number = int(text)
    return number if number in _INT64 else _finite(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UnreadableBody(f"body: expected each name once, got {got(name)} twice in one object")
        found[name] = value
    return found


def _lone_surrogate(text: str) -> bool:
    # Search the text, because the decoded value has lost the first of two equal names. Remove
    # escaped backslashes first. Then every remaining backslash begins an escape.
    escapes = text.replace("\\\\", "__")
    return _SURROGATE.search(_PAIR.sub("_", escapes)) is not None
