"""An account of another system: how it is read, and which role and name it gives here. Pure."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from gitdailies_connection.config.sections.sign_in import HeaderSettings, OpenIdSettings, RoleSettings
from gitdailies_core.errors import GitDailiesError, UsageError

from gitdailies_dora.accounts import people

HEADER = "header"
_MOST_GROUPS = 1000
_LONGEST_SUBJECT = 255
# The claims that may name a person, the one that people like best first.
_NAMES = ("name", "preferred_username", "email")


class SignInRefused(GitDailiesError):
    """A sign-in that is not accepted. The message names the reason, and no token, code or secret."""

    status_hint = 403


@dataclass(frozen=True)
class Account:
    """An account: its provider, its name there, and what the provider says about it.

    *provider* is the issuer of OpenID Connect, or `header`. *names* may name the person, the best first.
    *email* is "" where the provider has not verified it.
    """

    provider: str
    subject: str
    names: tuple[str, ...]
    groups: frozenset[str] = frozenset()
    email: str = ""

    @property
    def hash(self) -> bytes:
        """What the store knows it by."""
        return hashlib.sha256(f"{self.provider}\n{self.subject}".encode("utf-8", "replace")).digest()


def role_of(account: Account, roles: RoleSettings) -> str:
    """Return the highest role that the account gets, or ""."""
    domain = account.email.rpartition("@")[2].casefold()
    found = {roles.groups[group] for group in account.groups if group in roles.groups}
    if domain in roles.email_domains:
        found.add(roles.email_domains[domain])
    if roles.everyone:
        found.add(roles.everyone)
    return next((role for role in people.ROLES if role in found), "")


def names_for(account: Account) -> Iterator[str]:
    """Yield names for a new person without end, the best first: one that is taken is not used."""
    known = [name for name in map(_name, account.names) if name]
    yield from known
    first = (known or ["New person"])[0]
    for number in count(2):
        yield f"{first[: people.LONGEST_NAME - 10]} ({number})"


def account_of_claims(claims: Mapping[str, Any], settings: OpenIdSettings) -> Account:
    """Return the account that verified claims of a provider describe; raises SignInRefused."""
    verified = claims.get("email_verified")
    email = claims.get("email")
    return Account(
        provider=settings.issuer,
        subject=_subject(claims.get("sub")),
        names=tuple(claims[name] for name in _NAMES if isinstance(claims.get(name), str)),
        groups=_groups(claims.get(settings.groups_claim)),
        # Some providers write the word as text.
        email=email if isinstance(email, str) and verified in (True, "true") else "",
    )


def account_of_headers(headers: Mapping[str, Sequence[str]], settings: HeaderSettings) -> Account | None:
    """Return the account that a trusted proxy names, None if it names none.

    *headers* holds the values of each header by its name in lower case. Raises SignInRefused if a header is
    there twice: one of the two may be from the client.
    """
    given = {name: headers.get(name.lower(), ()) for name in (settings.name, settings.groups, settings.email)}
    for name, values in given.items():
        if len(values) > 1:
            raise SignInRefused(f"{name}: the proxy sent this header {len(values)} times, expected once")
    text = {name: values[0].strip() if values else "" for name, values in given.items()}
    if not text[settings.name]:
        return None
    email = text[settings.email] if settings.email else ""
    return Account(
        provider=HEADER,
        subject=_subject(text[settings.name]),
        names=(text[settings.name], email),
        groups=_groups(text[settings.groups].split(",") if settings.groups else []),
        email=email,
    )


def _subject(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_SUBJECT or "\x00" in value:
        raise SignInRefused(f"the account has no name of 1 to {_LONGEST_SUBJECT} characters")
    return value


def _groups(value: object) -> frozenset[str]:
    """Return the groups of a claim: a list of names, or one name."""
    items = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(item.strip() for item in items[:_MOST_GROUPS] if isinstance(item, str) and item.strip())


def _name(text: str) -> str:
    try:
        return people.checked_name(text[: people.LONGEST_NAME])
    except UsageError:
        return ""
