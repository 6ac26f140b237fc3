"""Examples that the relay sends to itself: they count now, for a repository and an environment of their own.

No service's line, no filter and no route is asked, so that an example never counts for a real repository.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.deploys.routing import DeployRoute, DeployRoutes
from gitdailies_core.incidents.routing import FALLBACK, Filter, Route, Routes
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import Change, Message
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.secret import Secret

from gitdailies_relay.accepting.interpret import Interpretation

# Its name has `token` in it, so that it is never stored.
HEADER: Final = "gitdailies-example-token"

_ROUTES = Routes.make({FALLBACK: [Route(EXAMPLE.repo, EXAMPLE.environment)]})
# A deploy may have no word that a line could name.
_DEPLOY = DeployRoute(EXAMPLE.repo, EXAMPLE.environment)
_DEPLOYS = DeployRoutes.make({"": _DEPLOY, "*": _DEPLOY})


def is_example(headers: Mapping[str, str], token: Secret) -> bool:
    """Whether a request has the token that only this process knows."""
    given = headers.get(HEADER)
    return given is not None and token.matches(given.encode())


def as_example(source: Source) -> tuple[Source, Routes]:
    """Return what an example of *source* is read with."""
    return replace(source, only=Filter(), hold=timedelta(), capture=False, route=_DEPLOYS), _ROUTES


def marked(interpretation: Interpretation, now: datetime) -> Interpretation:
    """Return an example as one of *now*, whose incident has a title that says so."""
    lines = ("an example, for which no line of gitdailies.yml is asked",)
    messages = [
        one._replace(message=_marked(one.message, now), lines=lines) for one in interpretation.messages
    ]
    return interpretation._replace(messages=tuple(messages), deciding=())


def _marked(message: Message, now: datetime) -> Message:
    if isinstance(message, Change):
        return replace(message, at=now, again_at=None, title=f"Example: {message.title or message.incident}")
    if isinstance(message, Deploy):
        # What the vendor tells the state of may have the name of something real.
        repo, environment, _ = EXAMPLE
        return replace(message, at=now, object="", repo=repo, environment=environment, tier=None)
    return message
