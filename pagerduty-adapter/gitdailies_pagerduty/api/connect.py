"""Set up PagerDuty's webhook subscription by its API.

Source: "Webhook subscriptions" of PagerDuty's REST API reference. The secret is in the answer that makes the
subscription, and in no later one. The address cannot be changed afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence

from gitdailies_core import Fields, Secret
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.connecting import POST, Call, Lookup, Made, Step, Target, Vendor

from gitdailies_pagerduty.api import rest

_PATH = "/webhook_subscriptions"
_WHAT = "webhook subscription"
EVENTS = (
    "incident.triggered",
    "incident.resolved",
    "incident.reopened",
    "incident.priority_updated",
    "incident.service_updated",
)


class Connect(rest.Api, Vendor):
    """The vendor `pagerduty`."""

    parameters: Mapping[str, str] = {
        "service?": "the id of one service, instead of the whole account",
        "team?": "the id of one team, instead of the whole account",
    }
    gives_secret = True

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        for row in rest.listed(lookup, _PATH, "webhook_subscriptions"):
            method = row.optional_object("delivery_method")
            if method is not None and method.raw("url") == target.url:
                yield Made.of(row, _PATH, _WHAT)

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:  # noqa: ARG002  it gives the secret
        body = {
            "webhook_subscription": {
                "type": "webhook_subscription",
                "description": f"GitDailies: {target.source}",
                "delivery_method": {"type": "http_delivery_method", "url": target.url},
                "events": list(EVENTS),
                "filter": _filter(target.parameters),
            }
        }
        return (
            Step(
                Call("make the webhook subscription", POST, _PATH, body),
                lambda answer: Made.of(answer.object("webhook_subscription"), _PATH, _WHAT),
                _secret,
            ),
        )

    def test(self, made: Sequence[Made], target: Target) -> Call | None:  # noqa: ARG002
        return Call("send a ping", POST, f"{_PATH}/{made[0].id}/ping", None, (200, 202, 204))


def _filter(parameters: Mapping[str, str]) -> Mapping[str, str]:
    if len(parameters) > 1:
        raise UsageError("--with: expected service or team for pagerduty, got both")
    for name, value in parameters.items():
        return {"type": f"{name}_reference", "id": value}
    return {"type": "account_reference"}


def _secret(answer: Fields) -> Secret:
    method = answer.object("webhook_subscription").object("delivery_method")
    return Secret(method.text("secret"), "PagerDuty's answer")


connect = Connect()
