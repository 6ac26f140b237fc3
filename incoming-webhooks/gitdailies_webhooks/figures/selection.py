"""Which deploys and incidents a question is about."""

from __future__ import annotations

from dataclasses import dataclass

from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.period import Span
from gitdailies_webhooks.figures.settings import PRODUCTION, Settings, folded

# Before the year 1, in microseconds.
_BEFORE_ALL = -(2**62)


@dataclass(frozen=True)
class Selection:
    """A period and where; None as repository, environment or service is any."""

    span: Span
    repo: str | None = None
    environment: str | None = PRODUCTION
    service: str | None = None

    @classmethod
    def make(
        cls, span: Span, settings: Settings, *, repo: str = "", environment: str = "", service: str = ""
    ) -> Selection:
        """Make one from names as people write them; "" is not given, which means production or any."""
        return cls(
            span,
            folded(repo) if repo else None,
            settings.environment(environment),
            folded(service) if service else None,
        )

    @classmethod
    def all_until(cls, now: int) -> Selection:
        """Make the one that leaves nothing out, wherever it happened and however long ago."""
        return cls(Span(_BEFORE_ALL, None, now), environment=None)

    def elsewhere(self, place: Place) -> str:
        """Say by what a place is left out, or "" where it is not."""
        if self.repo is not None and place.repo != self.repo:
            return "repository"
        if self.environment is not None and place.environment != self.environment:
            return "environment"
        if self.service is not None and place.service != self.service:
            return "service"
        return ""

    def holds(self, place: Place, at: int) -> bool:
        """Whether what happened at *at* in *place* is asked for."""
        return at in self.span and not self.elsewhere(place)
