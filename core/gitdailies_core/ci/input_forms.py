"""The forms of inputs: what a commit, a time, a status, a type, an address and a repository look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from gitdailies_core.ci.facts import FAILED, SUCCEEDED, filled_in, full_sha, given, repo_of
from gitdailies_core.ci.userinfo import without_users
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import DEPLOY_TYPES, SHA
from gitdailies_core.values.times import parse, text_of


@dataclass(frozen=True)
class Repository:
    """The repository of a deploy: `PATH` or `PATH@SHA`."""

    path: str
    sha: str | None = None


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


FORMS: Mapping[str, Callable[[str, bool], str]] = {
    "sha": lambda text, short: _commit_sha(text, "sha", short),
    "time": _time,
    "status": _status,
    "type": _type,
    "url": lambda text, _short: without_users(text),
}


def in_form(name: str, text: str, short: bool) -> str:
    """Return an input as it is used; with *short*, the beginning of a SHA will do. Raises UsageError."""
    return FORMS[name](text, short)


def repositories(text: str, short: bool) -> Iterator[Repository]:
    """Read `PATH` or `PATH@SHA`, several separated by spaces or commas. Raises UsageError."""
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
