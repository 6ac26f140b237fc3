"""Where deploys and incidents count."""

from typing import Final, NamedTuple


class DeployTarget(NamedTuple):
    """A repository, an environment or None, and a service or None."""

    repo: str
    environment: str | None = None
    service: str | None = None


# Where the examples count that a relay sends to itself. No setting makes this environment production.
EXAMPLE: Final = DeployTarget("gitdailies/example", "gitdailies-example")
