"""Set up Datadog's webhook by its API: a secret variable, the webhook, and a rule that notifies it.

Sources: "Webhooks Integration" and "Monitors: notification rules" of Datadog's API reference. `payload` and
`custom_headers` are text that holds JSON. The value of a secret variable is never shown again.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from urllib.parse import quote

from gitdailies_core import Fields, Secret
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.connecting import POST, Call, Lookup, Made, Step, Target, Template, Vendor

from gitdailies_datadog.api.rest import Api

_BASE = "/api/v1/integration/webhooks/configuration"
_RULES = "/api/v2/monitor/notification_rule"
_RULE = "notification rule"
_PAGE = 100
HEADER = "X-Relay-Token"


class Connect(Api, Vendor):
    """The vendor `datadog`."""

    parameters: Mapping[str, str] = {
        "monitors?": "tags of monitors that notify it, as env:production,team:pay; else none does yet"
    }
    settings: Mapping[str, str] = {"header": HEADER}
    test_by_hand = "press Test Notifications in a monitor that notifies it"

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        name = _name(target)
        if lookup.get(f"{_BASE}/custom-variables/{_variable(target)}") is not None:
            yield _made_variable(target)
        webhook = lookup.get(f"{_BASE}/webhooks/{quote(name)}")
        if webhook is not None:
            if Fields(webhook).raw("url") != target.url:
                raise UsageError(
                    f"datadog: another webhook is called {name}; rename it, or give --source another name"
                )
            yield _made_webhook(target)
        yield from _rules(lookup, name)

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:
        webhook = {
            "name": _name(target),
            "url": target.url,
            "encode_as": "json",
            "payload": Template("gitdailies_datadog", "templates/monitor.json.txt"),
            "custom_headers": json.dumps({HEADER: f"${_variable(target)}"}),
        }
        variable = {"name": _variable(target), "value": secret, "is_secret": True}
        found = [
            Step(
                Call("make a secret variable for the token", POST, f"{_BASE}/custom-variables", variable),
                lambda _answer: _made_variable(target),
            ),
            Step(
                Call("make the webhook", POST, f"{_BASE}/webhooks", webhook),
                lambda _answer: _made_webhook(target),
            ),
        ]
        tags = [tag.strip() for tag in target.parameters.get("monitors", "").split(",") if tag.strip()]
        if tags:
            attributes = {
                "name": f"GitDailies: {target.source}",
                "filter": {"tags": tags},
                "recipients": [f"webhook-{_name(target)}"],
            }
            rule = {"data": {"type": "monitor-notification-rule", "attributes": attributes}}
            found.append(
                Step(
                    Call("notify it of the monitors with these tags", POST, _RULES, rule),
                    lambda answer: Made.of(answer.object("data"), _RULES, _RULE),
                )
            )
        return tuple(found)


def _name(target: Target) -> str:
    return "gitdailies" if target.source == Connect.name else f"gitdailies-{target.source}"


def _variable(target: Target) -> str:
    return "_".join(re.sub(r"[^A-Z0-9]", "_", part.upper()) for part in (_name(target), "token"))


def _rules(lookup: Lookup, name: str) -> Iterator[Made]:
    for number in count():
        listed = lookup.get(_RULES, [("page", str(number)), ("per_page", str(_PAGE))])
        rows = [] if listed is None else Fields(listed).objects("data")
        for row in rows:
            attributes = row.optional_object("attributes")
            if attributes is not None and attributes.raw("recipients") == [f"webhook-{name}"]:
                yield Made.of(row, _RULES, _RULE)
        if len(rows) < _PAGE:
            return


def _made_variable(target: Target) -> Made:
    name = _variable(target)
    return Made.at(f"{_BASE}/custom-variables/{name}", "secret variable", name)


def _made_webhook(target: Target) -> Made:
    name = _name(target)
    return Made.at(f"{_BASE}/webhooks/{quote(name)}", "webhook", name)


connect = Connect()
