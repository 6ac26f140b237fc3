"""The files of each service of a repository, by globs of git, as in a workflow's `paths`."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from gitdailies_core.error_text import got

# The globs of each service, by repository and service, both folded.
ServicePaths: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
NO_PATHS: ServicePaths = MappingProxyType({})

# In git, `**` is any number of folders where it is all that is between two slashes.
_PART = re.compile(r"(?:(?<=/)|^)\*\*/|(?:(?<=/)|^)\*\*$|\*+|.", re.DOTALL)
_MEANS = {"**/": "(?:.*/)?", "**": ".*", "?": "[^/]"}


def checked(glob: str) -> str:
    """Return a glob; raises ValueError `expected, got` for one that matches no file, or not as git has it."""
    path = glob.removeprefix("!")
    wrong = {".", ".."}.intersection(path.split("/")) or {"[", "]", "\\"}.intersection(path)
    if wrong or not path.strip("/"):
        raise ValueError(f"expected a path like services/api/**, with *, ** and ? alone, got {got(glob)}")
    return glob


def touched(services: Mapping[str, Sequence[str]], files: Sequence[str]) -> dict[str, bool]:
    """Say of each service, given with its globs, whether one of *files* is of it.

    A path without a glob is a file, or a folder with all that is below it. `!` before a glob takes files out.
    """
    return {name: any(_fits(globs, file) for file in files) for name, globs in services.items()}


def _fits(globs: Sequence[str], file: str) -> bool:
    wanted = [glob for glob in globs if not glob.startswith("!")]
    if any(_pattern(glob[1:]).fullmatch(file) for glob in globs if glob.startswith("!")):
        return False
    return not wanted or any(_pattern(glob).fullmatch(file) for glob in wanted)


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    path = glob.lstrip("/")
    found = "".join(
        _MEANS.get(part) or ("[^/]*" if part[0] == "*" else re.escape(part)) for part in _PART.findall(path)
    )
    return re.compile(rf"{found}|{re.escape(path.rstrip('/'))}/.*", re.DOTALL)
