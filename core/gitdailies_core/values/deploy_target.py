"""Where deploys and incidents count."""

from __future__ import annotations

from typing import NamedTuple


class DeployTarget(NamedTuple):
    """A repository, an environment or None, and a service or None."""

    repo: str
    environment: str | None = None
    service: str | None = None
