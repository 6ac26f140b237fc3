"""The settings of a server that its figures depend on."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import timedelta, tzinfo
from fnmatch import translate
from functools import cache, cached_property
from typing import Any

from gitdailies_connection.config import timezones
from gitdailies_connection.config.sections.settings import DeploySettings, DoraSettings
from gitdailies_core.errors import UsageError
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.renames import NO_RENAMES, Renames

# The version of the definitions. It is in every answer with figures, so that a changed definition never
# looks like a changed team.
DEFINITIONS = "2026-2"

# The folded form of every production name. The name of another environment is never empty.
PRODUCTION = ""
# The tier that makes an environment production, whatever its name.
PRODUCTION_TIER = "production"

# The usual window of earlier versions. Reasons and pages say what it would attribute.
WIDE_WINDOW_US = 72 * 3_600_000_000

_LONGEST_WINDOW = timedelta(days=366)
_GLOB = re.compile(r"[*?\[]")
_BRANCH_PREFIX = "refs/heads/"


def exact_environment(name: str | None) -> str | None:
    """Return an environment's own name: as given, without case and outer spaces; None if none is named."""
    return (name or "").strip().casefold() or None


@dataclass(frozen=True)
class FigureSettings:
    """The window after a deploy, the time zone of days, the names of production, and what is a hotfix.

    *production* and *hotfix*, which names branches, may hold globs. *count_same_commit* counts a deploy
    of the commit that is there already, if another run made it. *renames* join the histories of
    repositories that had other names. With *failures* `evidence`, a deploy did not fail if only the time of
    an incident says so.

    Raises UsageError for a window that is not positive or longer than 366 days, an unknown time zone, or
    no name of production.
    """

    window: timedelta = timedelta(hours=DoraSettings.window_hours)
    timezone: str = DoraSettings.timezone
    production: tuple[str, ...] = DoraSettings.production
    count_same_commit: bool = DoraSettings.count_same_commit
    hotfix: tuple[str, ...] = DeploySettings.hotfix
    renames: Renames = NO_RENAMES
    failures: str = DoraSettings.failures

    @classmethod
    def of(cls, configured: DoraSettings) -> "FigureSettings":
        """Return the settings in a configuration."""
        return cls(
            timedelta(hours=configured.window_hours),
            configured.timezone,
            configured.production,
            configured.count_same_commit,
            configured.deploys.hotfix,
            configured.repositories,
            configured.failures,
        )

    def __post_init__(self) -> None:
        if not timedelta(0) < self.window <= _LONGEST_WINDOW:
            raise UsageError(f"window: expected more than nothing and at most 366 days, got {self.window}")
        if not self.production or not all(name.strip() for name in self.production):
            raise UsageError("production: expected at least one name, none of them empty, got none")
        _ = self.zone

    def __getstate__(self) -> dict[str, Any]:
        # A question takes its settings to a reader process. What was computed from them stays here.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone that `timezone` names."""
        try:
            return timezones.zone(self.timezone)
        except ValueError as error:
            raise UsageError(f"timezone: {error}") from None

    @property
    def by_evidence(self) -> bool:
        return self.failures == "evidence"

    @cached_property
    def window_us(self) -> int:
        return self.window // timedelta(microseconds=1)

    @property
    def production_name(self) -> str:
        """The name by which production is shown: the first one that is no glob, else the first one."""
        return next((name for name in self.production if not _GLOB.search(name)), self.production[0])

    def repo(self, name: str) -> str:
        """Return the repository in which an event counts: its folded present name."""
        return self.renames.key(name)

    def environment(self, name: str | None, tier: str | None = None) -> str:
        """Return the environment in which an event counts. An event without a name counts as production.

        That of the examples never does.
        """
        key = exact_environment(name)
        if key is None:
            return PRODUCTION
        says_so = tier == PRODUCTION_TIER or self._is_production(key)
        return PRODUCTION if says_so and key != EXAMPLE.environment else key

    def is_hotfix_branch(self, branch: str | None) -> bool:
        """Whether a deploy of *branch* is a hotfix."""
        if not branch or not self.hotfix:
            return False
        return self._is_hotfix(branch.removeprefix(_BRANCH_PREFIX).casefold())

    @cached_property
    def _is_production(self) -> Callable[[str], bool]:
        return cache(_matcher(self.production))

    @cached_property
    def _is_hotfix(self) -> Callable[[str], bool]:
        return cache(_matcher(self.hotfix))


def _matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether a folded name fits one of *globs*, or is one of them."""
    names = [glob.strip().casefold() for glob in globs]
    pattern = re.compile("|".join(map(translate, names)))
    return lambda name: name in names or pattern.match(name) is not None
