"""The inputs that a user set for a deploy. Wrong ones are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from gitdailies_core.ci.facts import FAILED, SUCCEEDED, branch_of, full_sha, given, repo_of
from gitdailies_core.ci.userinfo import without_users
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import DEPLOY_TYPES, SHA
from gitdailies_core.values.times import parse, text_of

# A reference that was not replaced. Azure leaves an unknown one as a dollar and parentheses. Octopus
# has a number sign before the braces. No comment here shows that, because Octopus replaces it in scripts.
_UNFILLED = r"^(\$\(.*\)|\$?\$\{.*\}|#\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|<<.*>>)$"


@dataclass(frozen=True)
class Repository:
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


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
                read[name] = _filled_in(name, text)
                if read[name] and name in _READ:
                    read[name] = _READ[name](read[name], short)
            except UsageError as error:
                complaints += error.complaints
        found: list[Repository] = []
        for text in repos:
            try:
                found += _repositories(text, short)
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


def _filled_in(name: str, text: str | None) -> str | None:
    text = given(text)
    if text and text[0] in "$#<" and re.match(_UNFILLED, text):
        raise UsageError(f"{name}: expected a value, got {got(text)}, which nothing filled in")
    return text


def _time(text: str, _short: bool) -> str:
    try:
        return text_of(parse(text, "time"))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _status(text: str, _short: bool) -> str:
    if text.lower() not in SUCCEEDED | FAILED:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(text)}")
    return text


def _type(text: str, _short: bool) -> str:
    if text not in DEPLOY_TYPES:
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(text)}")
    return text


# The inputs that have a form. The second argument is whether the beginning of a SHA will do.
_READ: Mapping[str, Callable[[str, bool], str]] = {
    "sha": lambda text, short: _commit_sha(text, "sha", short),
    "time": _time,
    "status": _status,
    "type": _type,
    "url": lambda text, _short: without_users(text),
}


def _repositories(text: str, short: bool) -> Iterator[Repository]:
    # Users and passwords are removed before the text is split, because a password may hold a comma.
    parts, given_parts = (one.replace(",", " ").split() for one in (without_users(text), text))
    for part in filter(given, parts):
        # What had a user was an address, also without a scheme.
        yield _repository(part if part in given_parts or "://" in part else f"https://{part}", short)


def _repository(text: str, short: bool) -> Repository:
    path, at, sha = _filled_in("repo", text).partition("@")  # type: ignore[union-attr]
    path = path.strip("/")
    if "://" in text or ":" in path or not all(path.split("/")) or "/" not in path:
        named = repo_of(text)
        remedy = f"; did you mean {named}" if named else ""
        raise UsageError(f"repo: expected a repository like larkspur/checkout-api, got {got(text)}{remedy}")
    return Repository(path, _commit_sha(sha, "repo", short) if at else None)


def _commit_sha(sha: str, where: str, short: bool) -> str:
    name = full_sha(sha)
    if not name and short:
        text = given(sha)
        if text and SHA.accepts(text) and text.strip("0"):
            return text.lower()
        raise UsageError(f"{where}: expected a commit of {SHA.expected}, got {got(sha)}")
    if not name:
        raise UsageError(
            f"{where}: expected a commit of 40 or 64 hexadecimal digits, got {got(sha)}; "
            "git rev-parse prints them in full"
        )
    return name
