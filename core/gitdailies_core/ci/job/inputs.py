"""The inputs that a user set for a deploy, each in its form. Wrong ones are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable, NamedTuple

from gitdailies_core.ci.job.facts import (
    SUCCEEDED,
    UNSUCCESSFUL,
    branch_of,
    filled_in,
    full_sha,
    given,
    repo_of,
)
from gitdailies_core.ci.job.userinfo import without_users
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import DEPLOY_TYPES, SHA
from gitdailies_core.values.times import parse, text_of

# A value of `sha`: the commit of the checkout.
CHECKOUT = "checkout"


class Repository(NamedTuple):
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


def _time_input(text: str) -> str:
    try:
        return text_of(parse(text, "time"))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _status_input(text: str) -> str:
    if text.lower() not in SUCCEEDED | UNSUCCESSFUL:
        raise UsageError(f"status: expected a word like success, failure or cancelled, got {got(text)}")
    return text


def _type_input(text: str) -> str:
    if text not in DEPLOY_TYPES:
        raise UsageError(f"type: expected one of {', '.join(DEPLOY_TYPES)}, got {got(text)}")
    return text


_FORMS: Mapping[str, Callable[[str], Any]] = {
    "time": _time_input,
    "status": _status_input,
    "type": _type_input,
    "url": without_users,
    "paths": lambda text: tuple(line.strip() for line in text.splitlines() if line.strip(" \t!/")),
}


class Inputs(NamedTuple):
    """The inputs that a user set. Build them with `make`, which refuses wrong values.

    `sha` is whole, or CHECKOUT, or what a person typed. `revision` is a text that only git can read, such as
    a tag. `renamed` says that `repos` is another name of the job's repository. `no_branch` says why the
    branch that was set is none, such as a tag's ref.
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
    paths: tuple[str, ...] = ()
    revision: str | None = None
    renamed: bool = False
    no_branch: str | None = None

    @classmethod
    def make(
        cls, texts: Mapping[str, str | None], *, repos: Iterable[str] = (), short: bool = False
    ) -> Inputs:
        """Read raw texts by name. *repos* holds `PATH` or `PATH@SHA`, several separated by spaces or commas.

        Empty, `<nil>`, `null` and the like mean not given. If *short*, the beginning of a SHA will do.
        Raises UsageError with a complaint for each wrong input.
        """
        read: dict[str, Any] = {}
        complaints: list[str] = []
        for name, text in texts.items():
            if name not in cls._fields or name in ("repos", "revision", "renamed", "no_branch"):
                raise TypeError(f"Inputs has no input {name!r}")
            try:
                read[name] = filled_in(name, text)
                if read[name] and name in _FORMS:
                    read[name] = _FORMS[name](read[name])
            except UsageError as error:
                complaints += error.complaints
        found: list[Repository] = []
        for text in repos:
            try:
                if given(text):
                    found += _repositories(text, short)
            except UsageError as error:
                complaints += error.complaints
        if complaints:
            raise UsageError(*complaints)
        read["sha"], read["revision"] = _commit_of(read.get("sha"), short)
        read["paths"] = read.get("paths") or ()
        if read.get("branch"):
            branch = branch_of(read["branch"])
            if not branch:
                read["no_branch"] = f"{got(read['branch'])} was set, which is no branch"
            read["branch"] = branch
        return cls(repos=tuple(found), **read)


def _repositories(text: str, short: bool) -> Iterator[Repository]:
    # Users and passwords are removed before the text is split, because a password may hold a comma.
    parts, given_parts = (one.replace(",", " ").split() for one in (without_users(text), text))
    for part in filter(given, parts):
        # What had a user was an address, also without a scheme.
        yield _repository(part if part in given_parts or "://" in part else f"https://{part}", short)


def _repository(text: str, short: bool) -> Repository:
    path, at, sha = filled_in("repo", text).partition("@")  # type: ignore[union-attr]
    path = path.strip("/")
    if "://" in text or ":" in path or not all(path.split("/")) or "/" not in path:
        named = repo_of(text)
        remedy = f"; did you mean {named}" if named else ""
        raise UsageError(f"repo: expected a repository like larkspur/checkout-api, got {got(text)}{remedy}")
    return Repository(path, _commit_sha(sha, short) if at else None)


def _commit_of(text: str | None, short: bool) -> tuple[str | None, str | None]:
    """Return the commit that *text* names, and what git may know better."""
    if not text or text.lower() == CHECKOUT:
        return text and CHECKOUT, None
    whole = full_sha(text)
    if whole:
        return whole, None
    typed = text.lower() if short and SHA.accepts(text) and text.strip("0") else None
    return typed, text


def no_commit(text: str, where: str) -> UsageError:
    """Return the error about a text that names no commit."""
    return UsageError(
        f"{where}: expected a commit of 40 or 64 hexadecimal digits, got {got(text)}; "
        "git rev-parse prints them in full"
    )


def _commit_sha(sha: str, short: bool) -> str:
    name, _ = _commit_of(given(sha), short)
    if name and name != CHECKOUT:
        return name
    if short:
        raise UsageError(f"repo: expected a commit of {SHA.expected}, got {got(sha)}")
    raise no_commit(sha, "repo")
