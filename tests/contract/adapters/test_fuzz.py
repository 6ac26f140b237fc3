"""Fuzzing of every installed adapter; GITDAILIES_FUZZ_SECONDS says for how long each in the long form."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import STARTED, Change
from gitdailies_core.sources.request import Request
from gitdailies_core.values.lenient_times import from_epoch

from tests.contract.adapters.fuzzing import fuzz
from tests.support.forms import short_and_long


@short_and_long("seconds", "GITDAILIES_FUZZ_SECONDS", short=1, long=60, seconds=lambda given: given + 600)
@pytest.mark.parametrize("name", registry.names())
def test_no_delivery_breaks_an_adapter(name: str, seconds: int, measure: Callable[[str], None]) -> None:
    """No headers and no body make an adapter raise a foreign error or say what cannot be written."""
    held = fuzz(registry.adapter(name), seconds, measure)

    assert held > 10 * min(seconds, 60)


def sloppy(**parts: Callable[..., Any]) -> Any:
    """The Datadog adapter with another proof or translation."""
    real = registry.adapter("datadog")
    names = ("name", "table", "options", "examples", "verify", "translate")
    return SimpleNamespace(**{name: getattr(real, name) for name in names} | parts)


def bare_key(request: Request, options: object) -> Any:
    body = request.json()
    name = body["event_id"] if isinstance(body, dict) else "none"
    at = from_epoch("1772615820", "at")
    return (Change(state=STARTED, word="Triggered", incident=f"id-{len(name)}", at=at),)


def unwritable(request: Request, options: object) -> Any:
    at = from_epoch("1772615820", "at")
    return (Change(state=STARTED, word="\ud800", incident="a\ud800", at=at),)


@pytest.mark.parametrize(
    ("parts", "finding"),
    [
        ({"translate": bare_key}, "KeyError|TypeError"),
        ({"translate": unwritable}, "message that can be written, got .*surrogate"),
        ({"verify": lambda *_: None}, "acceptance"),
    ],
)
def test_the_search_finds_a_sloppy_adapter_in_seconds(
    parts: dict[str, Callable[..., Any]], finding: str
) -> None:
    """A bare key, a lone surrogate and a proof of everything are each found within five seconds."""
    with pytest.raises(AssertionError, match=finding):
        fuzz(sloppy(**parts), 5)
