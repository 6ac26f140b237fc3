"""JSON as this project reads it, whoever decodes it.

The rules: UTF-8 without a byte order mark; no NaN, no Infinity, no number that overflows to
one; no lone surrogate, anywhere, since it cannot be written again; at most `DEEPEST` levels.
Integers beyond 64 bits become floats. A name that stands twice in one object is refused where
the caller says so (our own API) and the last one holds elsewhere (vendors).

`loads` is the reference, on the standard library. A room may hand core a faster decoder, such
as orjson, behind `guarded`; one corpus of cases runs through both.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Callable

from gitdailies_core.error_text import got
from gitdailies_core.errors import UnreadableBody

DEEPEST = 100
_INT64 = range(-(2**63), 2**64)

# The last quote may be missing, so that text without an end is passed over once, not once a quote.
_TEXT = re.compile(rb'"[^"]*"?')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STEPS = [0] * 256
_STEPS[ord("[")] = _STEPS[ord("{")] = 1
_STEPS[ord("]")] = _STEPS[ord("}")] = -1


def loads(body: bytes, *, duplicates: bool = True) -> Any:
    """Decode *body*; raises UnreadableBody that says where and what was expected."""
    _bounded(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=dict if duplicates else _unique,
        )
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"body: expected UTF-8, got other bytes at offset {error.start}") from None
    except RecursionError:
        raise UnreadableBody(_too_deep()) from None
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise UnreadableBody("body: expected UTF-8 without a byte order mark, got one") from None
        raise UnreadableBody(
            f"body: expected JSON, got {error.msg.lower()} at line {error.lineno} column {error.colno}"
        ) from None
    if "\\u" in text and _lone_surrogate(text):
        raise UnreadableBody("body: expected text that UTF-8 can hold, got half of a surrogate pair")
    return value


def guarded(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Wrap another decoder so that it keeps the rules that it does not keep by itself.

    *decode* must refuse with ValueError what is not UTF-8, NaN, overflow or a lone surrogate.
    """

    def decode_guarded(body: bytes) -> Any:
        _bounded(body)
        try:
            return decode(body)
        except (ValueError, RecursionError):
            # The reference says better what is wrong; it must refuse the same bodies.
            return loads(body)

    return decode_guarded


def _bounded(body: bytes) -> None:
    # Counting brackets costs two microseconds and settles nearly every body.
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return
    # Escapes go first, backslashes in pairs, so that every quote left begins or ends a text. What
    # is no JSON is left to the decoder. All of it runs in C: long lists come this way.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = _TEXT.sub(b"", plain).translate(None, _NO_BRACKETS)
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
    # 20 digits are the most that 64 bits hold; int() of a very long text would be quadratic.
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
    # In the text and not in the value, which no longer shows what stood under a name that came
    # again. Escaped backslashes go first, so that every backslash left begins an escape.
    escapes = text.replace("\\\\", "__")
    return _SURROGATE.search(_PAIR.sub("_", escapes)) is not None
