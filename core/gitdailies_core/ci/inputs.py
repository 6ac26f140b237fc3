"""The inputs that a user set for a deploy. Wrong ones are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitdailies_core.ci.facts import branch_of, filled_in, given
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

if TYPE_CHECKING:
    from gitdailies_core.ci.input_forms import Repository

# Read by `input_forms`, which most jobs do not need.
WITH_FORM = frozenset({"sha", "time", "status", "type", "url"})


@dataclass(frozen=True)
class Inputs:
    """The inputs that a user set. Build them with `make`, which refuses wrong values.

    `no_branch` says why the branch that was set is none, such as a tag's ref.
    """

    repos: tuple[Repository, ...] = ()
    sha: str | None = None
    branch: str | None = None
    environment: str | None = None
    service: str | None = None
    type: str | None = None
    time: str | None = None
    id: str | None = None
    status: str | None = None
    url: str | None = None
    fixes: str | None = None
    no_branch: str | None = None

    @classmethod
    def make(cls, *, repos: Iterable[str] = (), **texts: str | None) -> Inputs:
        """Read raw texts. *repos* holds `PATH` or `PATH@SHA`, several separated by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. A job knows its commit in full, so a SHA must be
        whole. Raises UsageError with a complaint for each wrong input.
        """
        return cls._read(repos, texts, short=False)

    @classmethod
    def typed(cls, *, repos: Iterable[str] = (), **texts: str | None) -> Inputs:
        """Read texts that a person typed, in the same way; the beginning of a SHA will do."""
        return cls._read(repos, texts, short=True)

    @classmethod
    def _read(cls, repos: Iterable[str], texts: Mapping[str, str | None], *, short: bool) -> Inputs:
        read: dict[str, Any] = {}
        complaints: list[str] = []
        for name, text in texts.items():
            if name not in cls.__annotations__ or name in ("repos", "no_branch"):
                raise TypeError(f"Inputs has no input {name!r}")
            try:
                read[name] = filled_in(name, text)
                if read[name] and name in WITH_FORM:
                    from gitdailies_core.ci.input_forms import in_form

                    read[name] = in_form(name, read[name], short)
            except UsageError as error:
                complaints += error.complaints
        found: list[Repository] = []
        for text in repos:
            try:
                if given(text):
                    from gitdailies_core.ci.input_forms import repositories

                    found += repositories(text, short)
            except UsageError as error:
                complaints += error.complaints
        if complaints:
            raise UsageError(*complaints)
        if read.get("branch"):
            branch = branch_of(read["branch"])
            if not branch:
                read["no_branch"] = f"{got(read['branch'])} was set, which is no branch"
            read["branch"] = branch
        return cls(repos=tuple(found), **read)
