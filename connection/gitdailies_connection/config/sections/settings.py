"""The settings of gitdailies.yml as frozen values; `load` reads the file into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gitdailies_core.deploys.routing import DeployRoutes
from gitdailies_core.deploys.service_paths import NO_PATHS, ServicePaths
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.receivers import DOCUMENTED
from gitdailies_core.incidents.routing import Filter, Routes
from gitdailies_core.sources.protocol import Adapter, ProofSettings
from gitdailies_core.values.renames import NO_RENAMES, Renames
from gitdailies_core.values.secret import Secret

from gitdailies_connection.addresses import Listen, Network, origin
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections import postgresql_address
from gitdailies_connection.config.sections.sign_in import SignInSettings
from gitdailies_connection.config.sections.trusted_ci import TrustedCi

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
# Stands for the name of a repository in the path of a mirror.
MIRROR_NAME = "{name}"
# In addresses, the name of the group of all that is in no team.
NO_TEAM = "none"


@dataclass(frozen=True)
class Destination:
    """The receiver of events: its address, its key, and how events are written for it.

    `receiver` is `ours`, `documented`, or None; with None, the sender asks the receiver which it is.
    """

    url: str
    key: SecretSource
    receiver: str | None = None
    kinds: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    path: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 10.0
    allow_http: bool = False

    @property
    def address(self) -> str:
        """The address for POST: `url`, with its path replaced by `dialect.path` if that is set."""
        return self.url if self.path is None else origin(self.url) + self.path

    def dialect(self, receiver: str | None = None) -> Dialect:
        """Return the dialect for *receiver*, or for the receiver set here, or for `documented`."""
        return Dialect.make(
            receiver=receiver or self.receiver or DOCUMENTED,
            kinds=self.kinds,
            rename=self.rename,
            drop=self.drop,
            add=self.add,
            path=self.path,
        )


@dataclass(frozen=True)
class StoreSetting:
    """A database: the file of SQLite, or the address of PostgreSQL, which may contain a password."""

    kind: str
    path: Path | None = None
    url: Secret | None = None
    has_password: bool = False

    @classmethod
    def parse(cls, text: str, folder: Path) -> "StoreSetting":
        """Parse `sqlite:PATH`, relative to *folder*, or `postgresql://…`.

        Raises ValueError, which does not repeat the address.
        """
        if text.startswith("sqlite:"):
            path = text.removeprefix("sqlite:")
            if not path.startswith("//") and path.strip("/. ") and path != ":memory:":
                return cls(SQLITE, path=folder / path)
        if text.startswith(("postgresql://", "postgres://")):
            url, has_password = postgresql_address.parse(text)
            return cls(POSTGRESQL, url=url, has_password=has_password)
        raise ValueError("expected sqlite:PATH or postgresql://HOST/DATABASE, got something else")

    def __str__(self) -> str:
        return f"{SQLITE}:{self.path}" if self.url is None else self.url.origin


@dataclass(frozen=True)
class Defaults:
    """What holds where gitdailies.yml names no address and no store.

    *data* is the folder of stores; with None it is `gitdailies-data` next to the file.
    """

    host: str = "127.0.0.1"
    data: Path | None = None


@dataclass(frozen=True)
class RelaySettings:
    """How the relay listens, stores and retries. With `status_key`, programs may ask about deliveries."""

    store: StoreSetting
    listen: Listen = field(default_factory=lambda: Listen("127.0.0.1", 8701))
    status: Listen = field(default_factory=lambda: Listen("127.0.0.1", 8702))
    status_hosts: tuple[str, ...] = ()
    status_key: SecretSource | None = None
    give_up_days: float = 7.0
    quarantine_days: float = 30.0
    filtered_days: float = 7.0
    delivered_days: float = 7.0
    closed_occurrence_days: float = 90.0  # also for deliveries, pushes, deploys and what people did
    in_flight: int = 16
    queue_bytes: int = 64 * 1024 * 1024
    lease_seconds: float = 60.0
    connections: int = 512
    store_connections: int = 8
    store_is_durable: bool = False
    trusted_proxies: tuple[Network, ...] = ()


@dataclass(frozen=True)
class Source:
    """One sender of webhooks, served at /hooks/NAME; `options` has every option of its adapter.

    With `keep_people`, stored bodies keep the fields of people. `file` has the pack, if it is no installed
    one, and `adapter` its name. `mapping` describes a tool that is in no pack, `override` replaces single
    fields of a pack, and `pack` is what they were compiled to. With `capture`, every delivery is quarantined.
    `proof` is what it says about its proof, besides the secrets. `route` says which words of the tool are
    deploys, and where they count. A start is sent only where the incident is still open `hold` after it came.
    """

    name: str
    adapter: str
    secrets: tuple[SecretSource, ...]
    proof: ProofSettings = field(default_factory=ProofSettings)
    only: Filter = field(default_factory=Filter)
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    keep_people: bool = False
    mapping: Any = None
    override: Any = None
    file: Path | None = None
    pack: Adapter | None = field(default=None, compare=False, repr=False)
    capture: bool = False
    route: DeployRoutes = field(default_factory=DeployRoutes)
    hold: timedelta = timedelta()


@dataclass(frozen=True)
class DeploySettings:
    """What a deploy is: one of a branch that fits one of the globs `hotfix` is a hotfix."""

    hotfix: tuple[str, ...] = ()


@dataclass(frozen=True)
class RelayAddress:
    """A relay whose deliveries the pages show: a name for people, its status address, and its key."""

    name: str
    url: str
    key: SecretSource


@dataclass(frozen=True)
class TeamSettings:
    """A team: its repositories, and single services of others, each a repository and a service.

    All of them may hold `*`. `key` is its name in addresses, and `name` the one that is shown.
    """

    key: str
    name: str
    repos: tuple[str, ...] = ()
    services: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DoraSettings:
    """How the DORA server computes figures, how people sign in, the proxies, the teams, and the relays.

    `production` may hold globs. `mirrors` are paths by repository, and `mirror_folders`
    by owner, with `MIRROR_NAME` in place of the repository's name. `teams` has its own place in the file.
    `corrections` says who may correct what events count for on the pages: members, too, or owners alone.
    `trusted_ci` are the CI platforms whose jobs report without a key.
    `failures` says whether the time of an incident makes a deploy fail (all) or not (evidence).
    `store_connections` are those to PostgreSQL, at most, and `store_is_durable` permits fsync = off.
    `repositories` are former names, and `service_paths` globs, which have a place of their own in it, too.
    `where` says the file and the line, or the option, of each setting that makes the figures and is set.
    """

    window_hours: float = 24
    timezone: str = "UTC"
    production: tuple[str, ...] = ("production", "prod", "prd", "live")
    count_same_commit: bool = False
    deploys: DeploySettings = field(default_factory=DeploySettings)
    mirrors: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    mirror_folders: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    trusted_proxies: tuple[Network, ...] = ()
    teams: tuple[TeamSettings, ...] = ()
    repositories: Renames = NO_RENAMES
    service_paths: ServicePaths = field(default_factory=lambda: NO_PATHS)
    corrections: str = "members"
    relay: tuple[RelayAddress, ...] = ()
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    trusted_ci: tuple[TrustedCi, ...] = ()
    failures: str = "all"
    store_connections: int = 8
    store_is_durable: bool = False
    where: Mapping[Place, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    @property
    def in_force(self) -> Mapping[Place, Any]:
        """What each setting that makes the figures is, by its place in the file, as JSON has it."""
        found: dict[Place, Any] = {
            ("dora", "window_hours"): self.window_hours,
            ("dora", "timezone"): self.timezone,
            ("dora", "production"): list(self.production),
            ("dora", "deploys", "hotfix"): list(self.deploys.hotfix),
            ("dora", "count_same_commit"): self.count_same_commit,
            ("dora", "failures"): self.failures,
        }
        for repo, path in self.mirrors.items():
            found["dora", "mirrors", repo] = str(path)
        for team in self.teams:
            found["teams", team.key] = [team.name, *team.repos, *map(": ".join, team.services)]
        for former, present in self.repositories.pairs:
            found.setdefault(("repositories", present, "was"), []).append(former)
        for repo, services in self.service_paths.items():
            for service, globs in services.items():
                found["repositories", repo, "services", service, "paths"] = list(globs)
        return found


@dataclass(frozen=True)
class Configuration:
    """All of gitdailies.yml."""

    path: Path
    gitdailies: Destination
    relay: RelaySettings
    routes: Routes
    sources: Mapping[str, Source]
    dora: DoraSettings = field(default_factory=DoraSettings)
