"""Events as JSON: the same text and ids as those of the standard library and of `Event.digest`."""

import json

from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import content_id
from gitdailies_history.plan.encoding import encode
from hypothesis import example, given, settings

from tests.support.events import LISTS, SHA, events
from tests.support.forms import examples

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
