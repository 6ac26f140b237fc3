"""How people sign in to the DORA server: the frozen settings of `dora.sign_in`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from gitdailies_connection.config.secret_source import SecretSource

OWNER = "owner"


@dataclass(frozen=True)
class OpenIdSettings:
    """An OpenID Connect provider, and how this server is known there.

    `client_secret` is None for a public client. `title` is the name of the provider on the button.
    """

    issuer: str
    client_id: str
    client_secret: SecretSource | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    title: str = ""
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """What pages call the provider."""
        return self.title or urlsplit(self.issuer).netloc


@dataclass(frozen=True)
class HeaderSettings:
    """The headers of a trusted proxy with the name, the groups and the email address of the person."""

    name: str
    groups: str = ""
    email: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All the headers, in lower case."""
        return tuple(name.lower() for name in (self.name, self.groups, self.email) if name)


@dataclass(frozen=True)
class RoleSettings:
    """The role of each group and each email domain. `everyone` is the role of all others, or "" for none."""

    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    email_domains: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    everyone: str = ""

    @property
    def given(self) -> frozenset[str]:
        """Every role that somebody may get."""
        return frozenset({*self.groups.values(), *self.email_domains.values(), self.everyone} - {""})


@dataclass(frozen=True)
class SignInSettings:
    """The ways to sign in."""

    passwords: bool = True
    openid: OpenIdSettings | None = None
    header: HeaderSettings | None = None
    roles: RoleSettings = field(default_factory=RoleSettings)

    @property
    def is_single(self) -> bool:
        """Whether people may sign in with an account of another system."""
        return self.openid is not None or self.header is not None
