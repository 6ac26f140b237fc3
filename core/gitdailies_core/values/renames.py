"""Former names of repositories: an event that has one counts for the repository as it is called now."""

from dataclasses import dataclass
from functools import cached_property

_GIT_SUFFIX = ".git"


def folded(name: str) -> str:
    """Return a name of a repository or a service as it is compared: without case and a trailing `.git`."""
    key = name.strip().casefold()
    return key.removesuffix(_GIT_SUFFIX) or key


@dataclass(frozen=True)
class Renames:
    """Pairs of a former name of a repository and its present one, which is never a former name itself."""

    pairs: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _present(self) -> dict[str, str]:
        return {folded(former): name for former, name in self.pairs}

    @cached_property
    def _spelled(self) -> dict[str, str]:
        return {folded(name): name for _, name in self.pairs}

    def present(self, name: str) -> str:
        """Return the present name of a repository, given by any of its names."""
        return self._present.get(folded(name), name) if self.pairs else name

    def key(self, name: str) -> str:
        """Return the folded present name of a repository, given by any of its names."""
        return folded(self.present(name))

    def spelling(self, repo: str) -> str | None:
        """Return how the file spells a renamed repository, given by its folded present name, or None."""
        return self._spelled.get(repo)


NO_RENAMES = Renames()
