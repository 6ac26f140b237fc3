"""Events as JSON: the same text and ids as those of the standard library and of `Event.digest`."""

from __future__ import annotations

import json
from typing import Any

from gitdailies_core.events.events import KINDS, Event, Kind
from gitdailies_core.events.ids import content_id
from gitdailies_history.plan.encoding import encode
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.forms import examples

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
TEXTS: st.SearchStrategy[Any] = (
    st.sampled_from(
        ["a", "a/b", "Größe", "\x7f", '"\\/', "\u2028", "https://example.com/?a=1&b", "rollback", "staging"]
    )
    | st.text()
)
OF_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "repo": st.sampled_from(["a/b", "larkspur/größe"]),
    "commitSHA": st.just(SHA),
    "incidentId": st.sampled_from(["INC-7", "größe"]),
}
LISTS = {"commits": [{"time": "2025-03-04T08:55:12Z", "sha": SHA}], "reverts": [SHA]}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw events of every kind, some with unknown fields."""
    kind: Kind = draw(st.sampled_from(KINDS))
    fields: dict[str, Any] = {}
    for field in kind.fields:
        value = draw(OF_FIELDS.get(field.name, TEXTS))
        if field.required or (
            draw(st.booleans()) and field.type.form == "text" and field.type.accepts(value)
        ):
            fields[field.name] = value
    if draw(st.booleans()) and kind.lists:
        fields |= LISTS
    unknown = draw(st.dictionaries(st.sampled_from(["x", "ä", "source"]), TEXTS | NUMBERS, max_size=2))
    return Event.from_wire(
        {"kind": kind.word, **fields, **{name: unknown[name] for name in unknown if name not in kind.names}}
    )


DEPLOY = Event.make("deployed", repo="a/b", commitSHA=SHA, time="2025-03-04T08:55:12Z")
START = Event.make("incidentStarted", repo="a/b", incidentId="7", time="2025-03-04T08:55:12Z")


@settings(deadline=None, max_examples=examples(500))
@given(events())
@example(DEPLOY)
@example(DEPLOY.replace(branch="größe"))
@example(DEPLOY.replace(id="7", type="rollback", commits=LISTS["commits"]))
@example(Event.from_wire({**DEPLOY.to_wire(), "source": "ci"}))
@example(Event.from_wire({**DEPLOY.to_wire(), "x": 1e16}))
@example(START)
@example(START.replace(source="pagerduty"))
@example(START.replace(source="pagerduty", title="Größe"))
@example(START.replace(source="pagerduty", id="7"))
def test_an_event_is_encoded_as_json_encodes_it_and_named_by_its_digest(event: Event) -> None:
    """The JSON is that of the standard library; an id is the event's own, or that of its digest."""
    encoded = encode(event)

    wire = event.to_wire()
    named = event.id or ("" if event.get("source") else content_id(event.digest()))
    if named:
        wire["id"] = named
    assert encoded.id == named
    assert encoded.body == json.dumps(wire, ensure_ascii=False, separators=(",", ":"))
    assert encoded.values == event.to_wire()
