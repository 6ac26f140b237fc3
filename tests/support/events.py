"""Random events of every kind, for properties of their forms."""

from typing import Any

from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.kind import Kind
from hypothesis import strategies as st

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
