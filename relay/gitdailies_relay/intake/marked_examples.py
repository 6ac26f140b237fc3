"""Examples that the relay sends to itself: they count for a repository of their own, in the environment test.

No service's line, no filter and no route is asked, so that an example never counts for a real repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.deploys.routing import DeployRoute, DeployRoutes
from gitdailies_core.incidents.routing import FALLBACK, Filter, Route, Routes
from gitdailies_core.values.secret import Secret

# Its name has `token` in it, so that it is never stored.
HEADER: Final = "gitdailies-example-token"
REPO: Final = "gitdailies/example"
ENVIRONMENT: Final = "test"

_ROUTES = Routes.make({FALLBACK: [Route(REPO, ENVIRONMENT)]})
# A deploy may have no word that a line could name.
_DEPLOY = DeployRoute(REPO, ENVIRONMENT)
_DEPLOYS = DeployRoutes.make({"": _DEPLOY, "*": _DEPLOY})


def is_example(headers: Mapping[str, str], token: Secret) -> bool:
    """Whether a request has the token that only this process knows."""
    given = headers.get(HEADER)
    return given is not None and token.matches(given.encode())


def as_example(source: Source) -> tuple[Source, Routes]:
    """Return what an example of *source* is read with."""
    return replace(source, only=Filter(), hold_seconds=0, capture=False, route=_DEPLOYS), _ROUTES
