"""Read gitdailies.yml into settings, and report all its faults at once.

`configuration.schema.json` defines the structure. This module, `services` and `sources` check what a schema
cannot.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

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
from gitdailies_connection.config.secret_source import NO_SOURCE
from gitdailies_connection.config.sections import repositories, services, sources, teams
from gitdailies_connection.config.sections import settings as sections
from gitdailies_connection.config.sections.sign_in import read_sign_in
from gitdailies_connection.config.sections.trusted_ci import read_trusted_ci

STORE = "sqlite:gitdailies-data/relay.db"

_DEFAULTS = sections.Defaults()
_WORDS = tuple(kind.word for kind in KINDS)
_FIELDS = tuple(dict.fromkeys(field.name for kind in KINDS for field in kind.fields))


def load(path: Path, *, defaults: sections.Defaults = _DEFAULTS) -> sections.Configuration:
    """Read a file; raises ConfigurationError, whose `complaints` have one line for each fault."""
    return read(_text(path), path, defaults=defaults)


def load_dora(path: Path) -> sections.DoraSettings:
    """Read `dora`, `teams` and `repositories`, which may be all of the file.

    Raises ConfigurationError as `load` does.
    """
    reading = _reading(_text(path), path, "dora with settings")
    renames = repositories.renames(reading)
    settings = _dora(reading, renames, repositories.service_paths(reading, renames))
    reading.finish()
    return settings


def load_dora_alone(path: Path) -> sections.DoraSettings | None:
    """Read a file that has nothing but `dora`, `teams` and `repositories`; None if it has more."""
    reading = _reading(_text(path), path, "gitdailies with url and key")
    names = set(reading.names(()))
    return load_dora(path) if names and names <= {"dora", "teams", "repositories"} else None


def read(text: str, path: Path, *, defaults: sections.Defaults = _DEFAULTS) -> sections.Configuration:
    """Read the text of *path*: messages name that file, and paths are relative to its folder."""
    reading = _reading(text, path, "gitdailies with url and key")
    if reading.absent(("gitdailies",)):
        reading.fault(
            ("gitdailies",), f"expected {schema()['properties']['gitdailies']['x-expected']}, got nothing"
        )
    renames = repositories.renames(reading)
    paths = repositories.service_paths(reading, renames)
    configuration = sections.Configuration(
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
            f"{path}:{line}: webhooks: this section is now called `dora`; rename it, and keep its contents"
        )
    return SettingsReader(document, path.parent)


def _destination(reading: SettingsReader) -> sections.Destination:
    place: Place = ("gitdailies",)
    dialect: Place = (*place, "dialect")
    allow_http = reading.of((*place, "allow_http"), bool, default=False)
    for where, known in (("kinds", _WORDS), ("rename", ("kind", *_FIELDS))):
        for name in reading.names((*dialect, where)):
            _known(reading, (*dialect, where, name), name, known)
    for where in ("drop", "add"):
        for index, name in enumerate(reading.get((*dialect, where)) or ()):
            _known(reading, (*dialect, where, index), name, _FIELDS)
    destination = reading.settings(
        place,
        reading.settings(dialect, sections.Destination("", NO_SOURCE), {"path": str}),
        {
            "url": partial(addresses.check_receiver, allow_http=allow_http),
            "key": reading.secret,
            "receiver": str,
            "proxy": addresses.check_proxy,
            "ca_file": reading.path,
        },
    )
    try:
        destination.dialect(destination.receiver or OURS)
    except ConfigurationError as error:
        where, _, text = str(error).removeprefix("dialect.").partition(": ")
        reading.fault((*dialect, where), text)
    return destination


def _known(reading: SettingsReader, place: Place, name: str, known: Sequence[str]) -> None:
    if name not in known:
        reading.fault(
            place, f"expected one of {', '.join(known)}, got {got(name)}{did_you_mean(name, known)}"
        )


def _relay(reading: SettingsReader, defaults: sections.Defaults) -> sections.RelaySettings:
    place: Place = ("relay",)

    def store(text: str) -> sections.StoreSetting:
        setting = sections.StoreSetting.parse(text, reading.folder)
        if setting.has_password:
            raise ValueError(
                "expected an address without a password, got one with it; put the password into a file "
                "that PGPASSFILE names, mode 600"
            )
        return setting

    default = sections.RelaySettings(
        store(STORE)
        if defaults.data is None
        else sections.StoreSetting(sections.SQLITE, path=defaults.data / "relay.db"),
        listen=addresses.Listen(defaults.host, 8701),
        status=addresses.Listen(defaults.host, 8702),
    )
    attempt = reading.of(("gitdailies", "timeout_seconds"), float, 0.0)
    settings = reading.settings(
        place,
        replace(default, lease_seconds=max(default.lease_seconds, 2 * attempt)),
        {
            "store": store,
            "listen": addresses.parse_listen,
            "status": addresses.parse_listen,
            "status_key": reading.secret,
        },
        trusted_proxies=reading.each((*place, "trusted_proxies"), addresses.parse_network),
    )
    lease = settings.lease_seconds
    if lease <= attempt:
        expected = f"expected more than gitdailies.timeout_seconds, which is {attempt:g}"
        reading.fault((*place, "lease_seconds"), f"{expected}, got {lease:g}")
    if settings.listen == settings.status and settings.listen.port:
        where = "status" if reading.get((*place, "status")) is not None else "listen"
        reading.fault(
            (*place, where), f"expected listen and status to differ, got {settings.listen} for both"
        )
    return settings


def _dora(reading: SettingsReader, renames: Renames, paths: ServicePaths) -> sections.DoraSettings:
    place: Place = ("dora",)
    mirrors, mirror_folders = _mirrors(reading, (*place, "mirrors"), renames)
    reading.of((*place, "timezone"), timezones.zone, None)
    settings = reading.settings(
        place,
        sections.DoraSettings(),
        {"window_hours": float},
        deploys=reading.settings((*place, "deploys"), sections.DeploySettings()),
        mirrors=mirrors,
        mirror_folders=mirror_folders,
        trusted_proxies=reading.each((*place, "trusted_proxies"), addresses.parse_network),
        teams=teams.teams(reading, renames),
        repositories=renames,
        service_paths=paths,
        relay=_relays(reading, (*place, "relay")),
        sign_in=read_sign_in(reading),
        trusted_ci=read_trusted_ci(reading),
    )
    # A repository may be written in another case: then it is the nearest line around it.
    places = [
        place for place in settings.in_force if not reading.absent(place if place[0] == "dora" else place[:1])
    ]
    return replace(settings, where={place: reading.where(place) for place in places})


def _relays(reading: SettingsReader, place: Place) -> tuple[sections.RelayAddress, ...]:
    value = reading.get(place)
    places = [(*place, index) for index in range(len(value))] if isinstance(value, list) else [place]
    found: dict[str, sections.RelayAddress] = {}
    for where in places if value is not None else ():
        allow_http = reading.of((*where, "allow_http"), bool, default=False)
        relay = reading.settings(
            where,
            sections.RelayAddress("relay", "http://localhost", NO_SOURCE),
            {"url": partial(addresses.check_receiver, allow_http=allow_http), "key": reading.secret},
        )
        if relay.name in found:
            reading.fault((*where, "name"), f"expected names that differ, got {got(relay.name)} twice")
        found[relay.name] = relay
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
        path = reading.of((*place, name), reading.path, Path())
        owner = name.removesuffix("/*")
        if owner != name:
            if path.name.count(sections.MIRROR_NAME) != 1 or "*" in owner or not REPO.accepts(f"{owner}/a"):
                expected = f"an owner and a path like mirrors/{sections.MIRROR_NAME}.git"
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
        before, _, behind = path.name.partition(sections.MIRROR_NAME)
        for one in sorted(path.parent.glob(f"{glob.escape(before)}*{glob.escape(behind)}")):
            repo = f"{owner}/{one.name[len(before) : len(one.name) - len(behind)]}"
            if REPO.accepts(repo) and one.is_dir():
                found.setdefault(renames.present(repo).casefold(), one)
    return MappingProxyType(found), MappingProxyType(folders)
