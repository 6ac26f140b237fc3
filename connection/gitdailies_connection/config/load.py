"""Read gitdailies.yml into settings, and report all its faults at once.

`configuration.schema.json` defines the structure. This module, `services` and `sources` check what a schema
cannot.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gitdailies_core.deploys.service_paths import ServicePaths
from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import REPO
from gitdailies_core.events.receivers import OURS
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.renames import Renames

from gitdailies_connection import addresses
from gitdailies_connection.config import timezones
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.document.schema_errors import is_secret, schema
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.sections import repositories, services, sources, teams
from gitdailies_connection.config.sections.settings import (
    MIRROR_NAME,
    SQLITE,
    Configuration,
    Defaults,
    DeploySettings,
    Destination,
    DoraSettings,
    RelayAddress,
    RelaySettings,
    StoreSetting,
)
from gitdailies_connection.config.sections.sign_in import read_sign_in
from gitdailies_connection.config.sections.trusted_ci import read_trusted_ci

NAME = "gitdailies.yml"
STORE = "sqlite:gitdailies-data/relay.db"

# The settings of a relay that need no more than a type.
_PLAIN_OF_RELAY: Mapping[str, Callable[[Any], Any]] = {
    "status_hosts": tuple,
    **dict.fromkeys(
        ("give_up_days", "quarantine_days", "filtered_days", "delivered_days", "closed_occurrence_days"),
        float,
    ),
    **dict.fromkeys(("in_flight", "queue_bytes", "connections"), int),
}
_WORDS = tuple(kind.word for kind in KINDS)
_FIELDS = tuple(dict.fromkeys(field.name for kind in KINDS for field in kind.fields))


def load(
    path: Path,
    *,
    defaults: Defaults = Defaults(),  # noqa: B008  frozen
) -> Configuration:
    """Read a file; raises ConfigurationError, whose `complaints` have one line for each fault."""
    return read(_text(path), path, defaults=defaults)


def load_dora(path: Path) -> DoraSettings:
    """Read `dora`, `teams` and `repositories`, which may be all of the file.

    Raises ConfigurationError as `load` does.
    """
    reading = _reading(_text(path), path, "dora with settings")
    renames = repositories.renames(reading)
    settings = _dora(reading, renames, repositories.service_paths(reading, renames))
    reading.finish()
    return settings


def load_dora_alone(path: Path) -> DoraSettings | None:
    """Read a file that has nothing but `dora`, `teams` and `repositories`; None if it has more."""
    reading = _reading(_text(path), path, "gitdailies with url and key")
    names = set(reading.names(()))
    return load_dora(path) if names and names <= {"dora", "teams", "repositories"} else None


def read(
    text: str,
    path: Path,
    *,
    defaults: Defaults = Defaults(),  # noqa: B008  frozen
) -> Configuration:
    """Read the text of *path*: messages name that file, and paths are relative to its folder."""
    reading = _reading(text, path, "gitdailies with url and key")
    if reading.absent(("gitdailies",)):
        reading.fault(
            ("gitdailies",), f"expected {schema()['properties']['gitdailies']['x-expected']}, got nothing"
        )
    renames = repositories.renames(reading)
    paths = repositories.service_paths(reading, renames)
    configuration = Configuration(
        path=path,
        gitdailies=_destination(reading),
        relay=_relay(reading, defaults),
        routes=replace(services.routes(reading, renames), paths=paths),
        sources=sources.sources(reading),
        dora=_dora(reading, renames, paths),
    )
    reading.finish()
    return configuration


def _text(path: Path) -> str:
    return yaml_document.read_text(path, remedy="; `gitdailies init` writes a first one")


def _reading(text: str, path: Path, expected: str) -> SettingsReader:
    document = yaml_document.parse(text, str(path), hidden=is_secret)
    if document.value is None:
        raise ConfigurationError(f"{path}: expected {expected}, got an empty file")
    if isinstance(document.value, dict) and "webhooks" in document.value:
        line = document.line(("webhooks",))
        raise ConfigurationError(
            f"{path}:{line}: webhooks: this section is called `dora` now; rename it, and leave what is in it"
        )
    return SettingsReader(document, path.parent)


def _destination(reading: SettingsReader) -> Destination:
    place: Place = ("gitdailies",)
    dialect: Place = (*place, "dialect")
    default = Destination("", sources.secret(reading, (*place, "key")))
    allow_http = reading.of((*place, "allow_http"), bool, default.allow_http)
    for where, known in (("kinds", _WORDS), ("rename", ("kind", *_FIELDS))):
        for name in reading.names((*dialect, where)):
            _known(reading, (*dialect, where, name), name, known)
    for where in ("drop", "add"):
        for index, name in enumerate(reading.get((*dialect, where)) or ()):
            _known(reading, (*dialect, where, index), name, _FIELDS)
    destination = Destination(
        url=reading.of((*place, "url"), lambda url: addresses.check_receiver(url, allow_http=allow_http), ""),
        key=default.key,
        receiver=reading.get((*place, "receiver")),
        kinds=reading.of((*dialect, "kinds"), MappingProxyType, MappingProxyType({})),
        rename=reading.of((*dialect, "rename"), MappingProxyType, MappingProxyType({})),
        drop=reading.of((*dialect, "drop"), tuple, ()),
        add=reading.of((*dialect, "add"), tuple, ()),
        path=reading.get((*dialect, "path")),
        proxy=reading.of((*place, "proxy"), addresses.check_proxy, None),
        ca_file=reading.of((*place, "ca_file"), lambda path: reading.folder / path, None),
        timeout_seconds=reading.of((*place, "timeout_seconds"), float, default.timeout_seconds),
        allow_http=allow_http,
    )
    try:
        destination.dialect(destination.receiver or OURS)
    except ConfigurationError as error:
        where, _, text = str(error).removeprefix("dialect.").partition(": ")
        reading.fault((*dialect, where), text)
    return destination


def _lease_seconds(reading: SettingsReader, place: Place, default: float) -> float:
    attempt = reading.of(("gitdailies", "timeout_seconds"), float, 0.0)
    lease = reading.of(place, float, max(default, 2 * attempt))
    if lease <= attempt:
        reading.fault(
            place, f"expected more than gitdailies.timeout_seconds, which is {attempt:g}, got {lease:g}"
        )
    return lease


def _known(reading: SettingsReader, place: Place, name: str, known: Sequence[str]) -> None:
    if name not in known:
        reading.fault(
            place, f"expected one of {', '.join(known)}, got {got(name)}{did_you_mean(name, known)}"
        )


def _relay(reading: SettingsReader, defaults: Defaults) -> RelaySettings:
    place: Place = ("relay",)

    def store(text: str) -> StoreSetting:
        setting = StoreSetting.parse(text, reading.folder)
        if setting.has_password:
            raise ValueError(
                "expected an address without a password, got one with it; put the password into a file "
                "that PGPASSFILE names, mode 600"
            )
        return setting

    default = RelaySettings(
        store(STORE) if defaults.data is None else StoreSetting(SQLITE, path=defaults.data / "relay.db"),
        listen=addresses.Listen(defaults.host, 8701),
        status=addresses.Listen(defaults.host, 8702),
    )
    settings = RelaySettings(
        store=reading.of((*place, "store"), store, default.store),
        listen=reading.of((*place, "listen"), addresses.parse_listen, default.listen),
        status=reading.of((*place, "status"), addresses.parse_listen, default.status),
        status_key=(
            None
            if reading.get((*place, "status_key")) is None
            else sources.secret(reading, (*place, "status_key"))
        ),
        lease_seconds=_lease_seconds(reading, (*place, "lease_seconds"), default.lease_seconds),
        **{
            name: reading.of((*place, name), kind, getattr(default, name))
            for name, kind in _PLAIN_OF_RELAY.items()
        },
        trusted_proxies=_networks(reading, (*place, "trusted_proxies")),
    )
    if settings.listen == settings.status and settings.listen.port:
        where = "status" if reading.get((*place, "status")) is not None else "listen"
        reading.fault(
            (*place, where), f"expected listen and status to differ, got {settings.listen} for both"
        )
    return settings


def _networks(reading: SettingsReader, place: Place) -> tuple[addresses.Network, ...]:
    read = (
        reading.of((*place, index), addresses.parse_network, None)
        for index, _ in enumerate(reading.get(place) or ())
    )
    return tuple(network for network in read if network is not None)


def _dora(reading: SettingsReader, renames: Renames, paths: ServicePaths) -> DoraSettings:
    place: Place = ("dora",)
    default = DoraSettings()
    timezone = reading.of((*place, "timezone"), str, default.timezone)
    reading.of((*place, "timezone"), timezones.zone, None)
    mirrors, mirror_folders = _mirrors(reading, (*place, "mirrors"), renames)
    settings = DoraSettings(
        window_hours=reading.of((*place, "window_hours"), float, default.window_hours),
        timezone=timezone,
        production=reading.of((*place, "production"), tuple, default.production),
        count_same_commit=reading.of((*place, "count_same_commit"), bool, default.count_same_commit),
        failures=reading.of((*place, "failures"), str, default.failures),
        deploys=DeploySettings(reading.of((*place, "deploys", "hotfix"), tuple, default.deploys.hotfix)),
        mirrors=mirrors,
        mirror_folders=mirror_folders,
        trusted_proxies=_networks(reading, (*place, "trusted_proxies")),
        teams=teams.teams(reading, renames),
        repositories=renames,
        service_paths=paths,
        corrections=reading.of((*place, "corrections"), str, default.corrections),
        relay=_relays(reading, (*place, "relay")),
        sign_in=read_sign_in(reading),
        trusted_ci=read_trusted_ci(reading),
    )
    # A repository may be written in another case: then it is the nearest line around it.
    places = [
        place for place in settings.in_force if not reading.absent(place if place[0] == "dora" else place[:1])
    ]
    return replace(settings, where={place: reading.where(place) for place in places})


def _relays(reading: SettingsReader, place: Place) -> tuple[RelayAddress, ...]:
    value = reading.get(place)
    places = [(*place, index) for index in range(len(value))] if isinstance(value, list) else [place]
    found: dict[str, RelayAddress] = {}
    for where in places if value is not None else ():
        name = reading.of((*where, "name"), str, "relay")
        allow_http = reading.of((*where, "allow_http"), bool, default=False)
        url = reading.of(
            (*where, "url"), partial(addresses.check_receiver, allow_http=allow_http), "http://localhost"
        )
        if name in found:
            reading.fault((*where, "name"), f"expected names that differ, got {got(name)} twice")
        found[name] = RelayAddress(name, url, sources.secret(reading, (*where, "key")))
    return tuple(found.values())


def _mirrors(
    reading: SettingsReader, place: Place, renames: Renames
) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
    """Read the path of each repository's mirror, by its present name in lower case, and those of owners.

    A line of an owner covers each folder that exists. A line of one repository goes first.
    """
    found: dict[str, Path] = {}
    folders: dict[str, Path] = {}
    for name in reading.names(place):
        path = reading.of((*place, name), lambda path: reading.folder / path, Path())
        owner = name.removesuffix("/*")
        if owner != name:
            if path.name.count(MIRROR_NAME) != 1 or "*" in owner or not REPO.accepts(f"{owner}/a"):
                expected = f"an owner and a path like mirrors/{MIRROR_NAME}.git"
                reading.fault((*place, name), f"expected {expected}, got {got(name)} and {got(path.name)}")
            folders[owner.casefold()] = path
            continue
        if not REPO.accepts(name):
            reading.fault((*place, name), f"expected {REPO.expected}, got {got(name)}")
        present = renames.present(name).casefold()
        if present in found:
            reading.fault((*place, name), f"expected one mirror of {present}, got a second one")
        found[present] = path
    for owner, path in folders.items():
        before, _, behind = path.name.partition(MIRROR_NAME)
        for one in sorted(path.parent.glob(f"{glob.escape(before)}*{glob.escape(behind)}")):
            repo = f"{owner}/{one.name[len(before) : len(one.name) - len(behind)]}"
            if REPO.accepts(repo) and one.is_dir():
                found.setdefault(renames.present(repo).casefold(), one)
    return MappingProxyType(found), MappingProxyType(folders)
