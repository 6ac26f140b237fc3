"""Set up Squadcast's outgoing webhook by its API.

Source: "Webhooks" in Squadcast's published OpenAPI document (SquadcastHub/squadcast-sdk-go). The document
does not list the words of triggers. These are those of its deliveries, version v2, and an answer that does
not repeat them is refused, so that no webhook stays that sends nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from gitdailies_core import Fields, PayloadError, Secret
from gitdailies_core.sources.connecting import POST, Call, Lookup, Made, Step, Target, Vendor

from gitdailies_squadcast.api.rest import Api

_PATH = "/extensions/event-webhooks"
_PAGE = 50
HEADER = "X-Relay-Token"
_CLASS = "incident"
EVENTS = ("triggered", "resolved", "acknowledged", "reassigned", "tags_updated")


class Connect(Api, Vendor):
    """The vendor `squadcast`."""

    parameters: Mapping[str, str] = {"team?": "the id of one team, instead of all teams"}
    settings: Mapping[str, str] = {"header": HEADER}
    test_by_hand = (
        "look at the webhook's triggers in Squadcast, whose API does not document their words, "
        "and trigger a test incident"
    )

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        """A listing has names alone; the webhook itself has its addresses."""
        offset = 0
        while True:
            query = [("page-limit", str(_PAGE)), ("offset", str(offset))]
            rows = Fields(lookup.get(_PATH, query)).object("data").objects("result")
            for row in rows:
                if row.raw("name") != _name(target):
                    continue
                whole = lookup.get(f"{_PATH}/{quote(row.text('id'), safe='')}")
                urls = [] if whole is None else _unwrapped(Fields(whole)).objects("urls")
                if any(one.raw("url") == target.url for one in urls):
                    yield Made.of(row, _PATH)
            offset += len(rows)
            if len(rows) < _PAGE:
                return

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:
        team = target.parameters.get("team")
        body = {
            "name": _name(target),
            "description": "Starts and ends of incidents for GitDailies",
            "triggers": [{"event_class": _CLASS, "event_type": event} for event in EVENTS],
            "urls": [{"url": target.url, "method": "POST"}],
            "header": {HEADER: secret},
            "max_retry": 3,
            "trigger_type": "automatic",
            "is_all_teams_configured": team is None,
            **({"teams": [team]} if team else {}),
        }
        return (Step(Call("make the webhook", POST, _PATH, body), _made_as_asked),)


def _name(target: Target) -> str:
    return f"GitDailies: {target.source}"


def _unwrapped(answer: Fields) -> Fields:
    # Most answers of this API have the object under `data`; the document of this one has it alone.
    return answer.object("data") if answer.has("data") else answer


def _made_as_asked(answer: Fields) -> Made:
    webhook = _unwrapped(answer)
    kept = {one.raw("event_type") for one in webhook.objects("triggers")}
    if not set(EVENTS) <= kept:
        raise PayloadError(f"{webhook.where('triggers')}: expected {', '.join(EVENTS)}, got others")
    return Made.of(webhook, _PATH)


connect = Connect()
