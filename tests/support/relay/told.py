"""Deliveries with messages about deploys and pushes, as they come out of a pack and its routes."""

from gitdailies_core.reasons import Reason
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import Message
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_server.storage.timestamps import now_us

from tests.support.core.pushes import PRODUCTION


def told(
    name: str,
    *messages: Message,
    source: str = "ci",
    place: DeployTarget = PRODUCTION,
    refusal: Reason | None = None,
) -> Delivery:
    """A delivery with these messages, whose deploys count at *place* unless *refusal* says why not."""
    routed = tuple(
        RoutedMessage(message, f"{name}-{index}", refusal=refusal, place=None if refusal else place)
        if isinstance(message, Deploy)
        else RoutedMessage(message, f"{name}-{index}")
        for index, message in enumerate(messages)
    )
    return Delivery(name, now_us(), "default", Interpretation(source, "application/json", b"{}", "", routed))
