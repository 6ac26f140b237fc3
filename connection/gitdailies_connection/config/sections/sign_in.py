"""`dora.sign_in`: how people sign in to the DORA server, as frozen settings, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitdailies_core.error_text import got

from gitdailies_connection import addresses
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.secret_source import SecretSource

if TYPE_CHECKING:
    # A command without a configuration starts without YAML.
    from gitdailies_connection.config.reader import SettingsReader

OWNER = "owner"
_PLACE: Place = ("dora", "sign_in")


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


def read_sign_in(reading: SettingsReader) -> SignInSettings:
    """Read `dora.sign_in`, and add a fault for ways to sign in that cannot work together."""
    roles: Place = (*_PLACE, "roles")
    domains = _domains(reading, (*roles, "email_domains"))
    settings = reading.settings(
        _PLACE,
        SignInSettings(),
        openid=_openid(reading) if reading.names((*_PLACE, "openid")) else None,
        header=_header(reading) if reading.names((*_PLACE, "header")) else None,
        roles=reading.settings(roles, RoleSettings(), email_domains=domains),
    )
    if reading.get(_PLACE) is not None:
        _check_together(reading, settings)
    return settings


def _openid(reading: SettingsReader) -> OpenIdSettings:
    place: Place = (*_PLACE, "openid")
    settings = reading.settings(
        place,
        OpenIdSettings("", ""),
        {"issuer": addresses.check_https, "client_secret": reading.secret, "ca_file": reading.path},
    )
    if "openid" not in settings.scopes:
        reading.fault((*place, "scopes"), "expected scopes with openid, got none")
    return settings


def _header(reading: SettingsReader) -> HeaderSettings:
    place: Place = (*_PLACE, "header")
    settings = reading.settings(place, HeaderSettings(""))
    if len(set(settings.names)) < len(settings.names):
        reading.fault(place, "expected a different header for each, got one twice")
    if not reading.get(("dora", "trusted_proxies")):
        reading.fault(
            place, "expected dora.trusted_proxies with the proxy that sets the header, got no proxy"
        )
    return settings


def _domains(reading: SettingsReader, place: Place) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in reading.names(place):
        role = reading.of((*place, name), str, "")
        if name.casefold() in found:
            reading.fault((*place, name), f"expected domains that differ, got {got(name)} twice")
        found[name.casefold()] = role
    return MappingProxyType(found)


def _check_together(reading: SettingsReader, settings: SignInSettings) -> None:
    if settings.is_single and not settings.roles.given:
        reading.fault(
            (*_PLACE, "roles"), "expected a role for a group, for a domain of mail or for everyone, got none"
        )
    if settings.passwords:
        return
    if not settings.is_single:
        reading.fault((*_PLACE, "passwords"), "expected openid or header if passwords is false, got neither")
    elif OWNER not in settings.roles.given:
        reading.fault(
            (*_PLACE, "passwords"),
            "expected a group or domain with the role owner if passwords is false, got none",
        )
