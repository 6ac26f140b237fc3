"""Hostile deliveries for one adapter, for as long as asked, held against one invariant.

Any headers and any body are translated, ignored with a reason, or refused with one of our
errors; what was translated can be written; a delivery is never proven by chance.
"""

import copy
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.contract import checks
from gitdailies_core.contract.mutations import REPLACEMENTS, paths_in, value_at
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.protocol import Adapter, ProofSettings
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.secret import Secret
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

_CASES_A_ROUND = 100


class Examples(tuple[tuple[Request, Any], ...]):
    """Requests, each with its body as JSON or a form's fields; None where it is neither."""

    __slots__ = ()

    def __repr__(self) -> str:
        # Hypothesis writes down what a strategy was made from: here a hundred kilobytes.
        return f"<{len(self)} examples>"


_SECRETS = [Secret("fuzz-4be1f0"), Secret("fuzz-77aa02")]

# Lone surrogates too: JSON can escape them, and nothing could write them again.
_TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)
_SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXT
)
_VALUE = st.one_of(
    st.sampled_from(REPLACEMENTS).map(copy.deepcopy),
    _SCALAR,
    st.recursive(
        _SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
    ),
)
_HEADER = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["", "v1=", "v1=" + "0" * 64, ",,,", "fuzz", "null", FORM, "application/json"]),
)


def fuzz(adapter: Adapter, seconds: float, report: Callable[[str], None] = print) -> int:
    """Search for *seconds*; return how many cases held, raise AssertionError with the first that did not."""
    held = translated = 0
    requests = [example.request for example in checks.examples(adapter)]
    drawn = cases(adapter, Examples((request, _read(request)) for request in requests))

    def check(case: tuple[Request, Mapping[str, Any]]) -> None:
        nonlocal held, translated
        request, options = case
        assert not (fault := checks.fault_of(adapter, request, options)), fault
        assert not (fault := _proof_fault(adapter, request)), fault
        held += 1
        translated += "messages" in checks.outcome(adapter, request, options)

    began, rounds = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        # Each round has its own seed, since one long search stores every example that it saw.
        search = settings(
            max_examples=_CASES_A_ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        seed(f"{adapter.name} {rounds} {time.time_ns()}")(search(given(drawn)(check)))()
        rounds += 1
    took = time.monotonic() - began
    report(
        f"fuzzed {adapter.name}: {held} deliveries in {took:.0f} s, all held; "
        f"{translated} translated, {held - translated} refused"
    )
    # A search that never gets past the envelope proves nothing about the content.
    assert held / 10 < translated < held
    return held


@st.composite
def cases(draw: st.DrawFn, adapter: Adapter, examples: Examples) -> tuple[Request, dict[str, Any]]:
    """Draw a delivery and the adapter's options."""
    body, form = draw(_bodies(examples))
    names = st.sampled_from(["x-pagerduty-signature", "x-relay-token", "authorization", "x-webhook-id"])
    headers = draw(st.dictionaries(names, _HEADER, max_size=3))
    headers["content-type"] = FORM if form else draw(st.sampled_from(["application/json", "", "text/plain"]))
    options = {name: draw(st.sampled_from(option.values)) for name, option in adapter.options.items()}
    return Request.make(headers=headers, body=body), options


@st.composite
def _bodies(draw: st.DrawFn, examples: Examples) -> tuple[bytes, bool]:
    request, whole = draw(st.sampled_from(examples))
    way = draw(st.integers(0, 9))
    if way == 0 or whole is None:
        return draw(_spoiled(request.body)), request.is_form
    if way == 1:
        return draw(st.binary(max_size=300)), draw(st.booleans())
    if way == 2:
        return json.dumps(draw(_VALUE)).encode(), False
    changed = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 4))):
        changed = draw(_changed(changed, examples))
    if isinstance(changed, dict) and (request.is_form or way == 3):
        pairs = {k: v if isinstance(v, str) else json.dumps(v) for k, v in changed.items()}
        return urlencode(pairs, errors="surrogatepass").encode(), True
    return json.dumps(changed, ensure_ascii=way < 7).encode(errors="surrogatepass"), False


@st.composite
def _changed(draw: st.DrawFn, whole: Any, examples: Examples) -> Any:
    """Replace, take away, add or move one value."""
    places = paths_in(whole)
    if not places:
        return draw(_VALUE)
    path = draw(st.sampled_from(places))
    parent, last = value_at(whole, path[:-1]), path[-1]
    way = draw(st.sampled_from(["value", "text", "gone", "new", "moved", "borrowed"]))
    if way == "gone":
        del parent[last]
    elif way == "text" and isinstance(parent[last], str):
        parent[last] = draw(_spoiled_text(parent[last]))
    elif way == "new" and isinstance(parent, dict):
        parent[draw(_TEXT)] = draw(_VALUE)
    elif way == "moved":
        parent[last] = copy.deepcopy(value_at(whole, draw(st.sampled_from(places))))
    elif way == "borrowed" and isinstance(parent, dict):
        _, other = draw(st.sampled_from(examples))
        if isinstance(other, dict) and other:
            name = draw(st.sampled_from(sorted(other)))
            parent[name] = copy.deepcopy(other[name])
    else:
        parent[last] = draw(_VALUE)
    return whole


@st.composite
def _spoiled_text(draw: st.DrawFn, text: str) -> str:
    cut = draw(st.integers(0, len(text)))
    return draw(
        st.sampled_from(
            [
                text[:cut],
                text[cut:],
                text[:cut] + draw(_TEXT) + text[cut:],
                text * 9,
                text.upper(),
                f" {text}\n",
            ]
        )
    )


@st.composite
def _spoiled(draw: st.DrawFn, body: bytes) -> bytes:
    first, second = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
    return body[:first] + draw(st.binary(max_size=8)) + body[second:]


def _read(request: Request) -> Any:
    try:
        return request.form() if request.is_form else json.loads(request.body)
    except Exception:
        return None


def _proof_fault(adapter: Adapter, request: Request) -> str:
    try:
        adapter.verify(request, _SECRETS, ProofSettings("x-relay-token"))
    except (ProofError, ConfigurationError):
        return ""
    except Exception as error:
        return f"verify: expected ProofError, got {type(error).__name__}: {error}"
    return "verify: expected ProofError, got acceptance"
