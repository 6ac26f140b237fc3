"""The commits of tags, read from mirrors of repositories, each once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gitdailies_core.errors import GitDailiesError, UsageError


class TagCommits:
    """Give a repository's tags with their commits, by the repository's name in any case."""

    def __init__(self, mirrors: Mapping[str, Path]) -> None:
        self._mirrors = mirrors
        self._read: dict[str, Mapping[str, str]] = {}

    def __call__(self, repo: str) -> Mapping[str, str] | None:
        """Return the commit of each tag, None for a repository without a mirror; raises UsageError."""
        name = repo.casefold()
        if name not in self._mirrors:
            return None
        if name not in self._read:
            from gitdailies_dora.mirrors.repository import Mirror

            try:
                self._read[name] = Mirror(self._mirrors[name]).tags()
            except GitDailiesError as error:
                raise UsageError(f"mirrors.{repo}: {error}") from None
        return self._read[name]
