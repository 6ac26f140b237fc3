"""Ask the core on the path about the kind `frozen`, which it has only if its table was changed."""

import json

import gitdailies_core
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.ids import content_id
from gitdailies_core.events.schema import event_schema
from jsonschema import Draft202012Validator

EXAMPLE = dict(KINDS[0].example)
FAULTY = {**EXAMPLE, "until": "soon"}


def refusal(body: object) -> str:
    try:
        Event.from_wire(body)
    except InvalidEvent as error:
        return str(error)
    return ""


event = Event.make(EXAMPLE["kind"], repo=EXAMPLE["repo"], until=EXAMPLE["until"])
schema = event_schema()
print(
    json.dumps(
        {
            "core": gitdailies_core.__file__,
            "event": Event.from_wire(EXAMPLE).to_wire(),
            "changed": event.replace(environment="production").to_wire(),
            "refused": refusal({"kind": "frozen"}),
            "unknown": refusal({"kind": "thawed"}),
            "schema": sorted(schema["$defs"]),
            "valid": [Draft202012Validator(schema).is_valid(body) for body in (EXAMPLE, FAULTY)],
            "ours": Dialect.make().write(event),
            "documented": Dialect.make(receiver="documented").write(event),
            "renamed": Dialect.make(kinds={"frozen": "freeze"}, rename={"until": "ends"}).write(event),
            "id": content_id(event.digest()),
        }
    )
)
