"""Only `reveal` shows the text of a secret."""

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from gitdailies_core.values.secret import Secret, redact

PLANTED = "pl4nted-s3cret-Zx9"
SECRET = Secret(PLANTED, "env PAGERDUTY_SECRET")


def traced(*, with_locals: bool) -> str:
    """Fail in a frame that holds the secret and write the traceback out."""
    try:
        held = SECRET
        held.missing  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        written = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
        return "".join(written.format())
    return ""


def logged() -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.emit(logging.makeLogRecord({"msg": "%s %r %s", "args": (SECRET, SECRET, [SECRET])}))
    return stream.getvalue()


SHOWN: dict[str, Callable[[], str]] = {
    "repr": lambda: repr(SECRET),
    "str": lambda: str(SECRET),
    "format": lambda: f"{SECRET} {SECRET!r} {SECRET!s} {SECRET:>40}",
    "percent": lambda: "%s %r %a" % (SECRET, SECRET, SECRET),  # noqa: UP031
    "inside others": lambda: repr([SECRET, {SECRET: SECRET}, (SECRET,)]),
    "json": lambda: json.dumps({"key": SECRET}, default=str),
    "dir": lambda: str(dir(SECRET)),
    "traceback": lambda: traced(with_locals=False),
    "traceback with locals": lambda: traced(with_locals=True),
    "log": logged,
}


@pytest.mark.parametrize("way", SHOWN)
def test_a_secret_does_not_show(way: str) -> None:
    """Every text form of a secret shows its origin at most."""
    text = SHOWN[way]()

    assert text
    assert PLANTED not in text


def test_a_secret_names_its_origin() -> None:
    """A message can say which secret is meant without the secret."""
    assert repr(SECRET) == "Secret(env PAGERDUTY_SECRET)"
    assert repr(Secret(PLANTED)) == "Secret(***)"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_carried_away(way: Callable[[Any], Any]) -> None:
    """Pickling and copying are refused without showing it."""
    with pytest.raises(TypeError, match="a secret is not pickled") as refused:
        way({"key": SECRET} if way is not copy.copy else SECRET)

    assert PLANTED not in str(refused.value)


def test_a_secret_reveals_and_compares() -> None:
    """`reveal` gives the text; equal texts are equal secrets, and a secret is no text."""
    assert SECRET.reveal() == PLANTED
    assert Secret(PLANTED) == SECRET
    assert hash(Secret(PLANTED)) == hash(SECRET)
    assert Secret("other") != SECRET
    assert SECRET != PLANTED
    assert (bool(SECRET), bool(Secret(""))) == (True, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(PLANTED.encode(), True), (PLANTED.encode() + b" ", False), (b"", False), (b"\xff\xfe", False)],
)
def test_a_secret_matches_the_same_bytes_only(given: bytes, expected: bool) -> None:
    """Bytes match if they are the secret's own, be they text or not."""
    assert SECRET.matches(given) is expected


def test_secrets_are_taken_out_of_what_others_wrote() -> None:
    """Every occurrence of every given secret is replaced; an empty one replaces nothing."""
    text = f"wrong key {PLANTED} for {PLANTED}, token T"

    assert redact(text, SECRET, "token", Secret(""), "") == "wrong key *** for ***, *** T"
