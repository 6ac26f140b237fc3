"""Read `dora.sign_in` into its settings, with a fault for each wrong or contradicting one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitdailies_core.error_text import got

from gitdailies_connection import addresses
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.sign_in import (
    OWNER,
    HeaderSettings,
    OpenIdSettings,
    RoleSettings,
    SignInSettings,
)

_PLACE: Place = ("dora", "sign_in")


def read_sign_in(reading: SettingsReader) -> SignInSettings:
    """Read `dora.sign_in`, and add a fault for ways to sign in that cannot work together."""
    default = SignInSettings()
    settings = SignInSettings(
        passwords=reading.of((*_PLACE, "passwords"), bool, default.passwords),
        openid=_openid(reading) if reading.names((*_PLACE, "openid")) else None,
        header=_header(reading) if reading.names((*_PLACE, "header")) else None,
        roles=RoleSettings(
            groups=reading.of((*_PLACE, "roles", "groups"), MappingProxyType, default.roles.groups),
            email_domains=_domains(reading, (*_PLACE, "roles", "email_domains")),
            everyone=reading.of((*_PLACE, "roles", "everyone"), str, ""),
        ),
    )
    if reading.get(_PLACE) is not None:
        _check_together(reading, settings)
    return settings


def _openid(reading: SettingsReader) -> OpenIdSettings:
    place: Place = (*_PLACE, "openid")
    default = OpenIdSettings("", "")
    scopes = reading.of((*place, "scopes"), tuple, default.scopes)
    if "openid" not in scopes:
        reading.fault((*place, "scopes"), "expected scopes with openid, got none")
    return OpenIdSettings(
        issuer=reading.of((*place, "issuer"), addresses.check_https, ""),
        client_id=reading.of((*place, "client_id"), str, ""),
        client_secret=reading.of(
            (*place, "client_secret"), lambda value: SecretSource.of(value, reading.folder), None
        ),
        scopes=scopes,
        groups_claim=reading.of((*place, "groups_claim"), str, default.groups_claim),
        title=reading.of((*place, "title"), str, ""),
        ca_file=reading.of((*place, "ca_file"), lambda path: reading.folder / path, None),
    )


def _header(reading: SettingsReader) -> HeaderSettings:
    place: Place = (*_PLACE, "header")
    settings = HeaderSettings(
        **{name: reading.of((*place, name), str, "") for name in ("name", "groups", "email")}
    )
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
