"""PostgreSQL that fails over: etcd, three databases under Patroni and HAProxy, as processes of one machine.

They run with the files of `deployment/cluster`. Variables set other addresses and paths, as the page says.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.campaign.cluster import kill_with_children
from tests.support.postgresql import USER
from tests.support.processes import eventually
from tests.support.programs import PATH, postgresql_programs, program
from tests.support.servers import free_port

SHIPPED = Path(__file__).parents[2] / "deployment" / "cluster"
PASSWORD = "pw-8c1d6e0b7a"
DATABASES = ("database-1", "database-2", "database-3")


@dataclass
class Database:
    """One machine of the cluster: Patroni, and the PostgreSQL that it starts."""

    name: str
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    port: int = field(default_factory=free_port)
    api: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = background(
            self.folder / f"{self.name}.log",
            *("patroni", self.folder / "patroni.yml"),
            environ={
                **self.environ,
                "PATRONI_NAME": self.name,
                "PATRONI_POSTGRESQL_LISTEN": f"127.0.0.1:{self.port}",
                "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"127.0.0.1:{self.port}",
                "PATRONI_POSTGRESQL_DATA_DIR": str(self.folder / self.name),
                "PATRONI_POSTGRESQL_PGPASS": str(self.folder / f"{self.name}.pgpass"),
                "PATRONI_RESTAPI_LISTEN": f"127.0.0.1:{self.api}",
                "PATRONI_RESTAPI_CONNECT_ADDRESS": f"127.0.0.1:{self.api}",
            },
        )

    def kill(self) -> None:
        """End Patroni and PostgreSQL at once, as when the machine loses its power."""
        assert self.process is not None
        self.process.kill()
        with suppress(FileNotFoundError):
            file = self.folder / self.name / "postmaster.pid"
            kill_with_children(int(file.read_text().splitlines()[0]))
        self.process.wait()

    def leads(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.api}/primary", timeout=2).status_code == 200
        return False

    def members(self) -> list[dict[str, Any]]:
        """Return what Patroni knows of all databases."""
        found: list[dict[str, Any]] = requests.get(f"http://127.0.0.1:{self.api}/cluster", timeout=5).json()[
            "members"
        ]
        return found


@dataclass
class Patroni:
    """The databases, the port of HAProxy that leads to the one that leads, and the file of the password."""

    folder: Path
    databases: tuple[Database, ...]
    port: int = field(default_factory=free_port)

    @property
    def through_haproxy(self) -> str:
        return f"postgresql://gitdailies@127.0.0.1:{self.port}/gitdailies"

    @property
    def by_its_hosts(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.databases)
        return f"postgresql://gitdailies@{hosts}/gitdailies?target_session_attrs=read-write"

    @property
    def environ(self) -> dict[str, str]:
        return {"PGPASSFILE": str(self.folder / "pgpass")}

    def leader(self) -> Database | None:
        return next((one for one in self.databases if one.leads()), None)

    def is_whole(self) -> bool:
        """Say whether one database leads, two follow it, and commits wait for one of them."""
        leader = self.leader()
        if leader is None:
            return False
        states = sorted((one["role"], one["state"]) for one in leader.members())
        return states == [("leader", "running"), ("replica", "streaming"), ("sync_standby", "streaming")]


@contextmanager
def patroni() -> Iterator[Patroni]:
    """Run three databases and etcd until the block ends. `haproxy` leads to them."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("postgresql: expected it on this machine, got none; `make setup` installs it or says how")
    # A folder next to pytest's ones, since only the owner can open the parents of those.
    folder = Path(tempfile.mkdtemp(prefix="gitdailies-patroni-"))
    (folder / "pgpass").write_text(f"*:*:*:gitdailies:{PASSWORD}\n")
    (folder / "pgpass").chmod(0o600)
    (folder / "postgresql-password").write_text(PASSWORD)
    etcd = free_port()
    environ = {
        "PATH": f"{programs}:{PATH}",
        "PATRONI_ETCD3_HOSTS": f"127.0.0.1:{etcd}",
        "GITDAILIES_PASSWORD_FILE": str(folder / "postgresql-password"),
        "PATRONI_SUPERUSER_PASSWORD": "pw-of-postgres",
        "PATRONI_REPLICATION_PASSWORD": "pw-of-replicator",
    }
    made = Patroni(folder, tuple(Database(name, folder, environ) for name in DATABASES))
    shutil.copy(SHIPPED / "new-database.sh", folder)
    # The one path that no variable replaces.
    config = (SHIPPED / "patroni.yml").read_text().replace("/etc/patroni/", f"{folder}/")
    (folder / "patroni.yml").write_text(config)
    for path in (folder, folder / "postgresql-password"):
        if USER is not None:
            shutil.chown(path, USER)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(_etcd(folder, etcd))
        for one in made.databases:
            one.start()
            stack.callback(one.kill)
        eventually(made.is_whole, 120)
        yield made


@contextmanager
def haproxy(folder: Path, config: str) -> Iterator[None]:
    """Run HAProxy with *config* until the block ends."""
    file = folder / "haproxy.cfg"
    file.write_text(config)
    process = background(folder / "haproxy.log", program("haproxy"), "-db", "-f", file, user=None)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def shipped_haproxy(servers: Mapping[str, int], checks: Mapping[str, int], binds: Mapping[int, int]) -> str:
    """Return our configuration of HAProxy with the ports of this machine, by name or by shipped port."""

    def server(found: re.Match[str]) -> str:
        name = found[1]
        check = f" port {checks[name]}" if name in checks else ""
        return f"server {name} 127.0.0.1:{servers[name]}{check}"

    text = re.sub(r"server (\S+) \1:\d+", server, (SHIPPED / "haproxy.cfg").read_text())
    return re.sub(r"bind :(\d+)", lambda found: f"bind 127.0.0.1:{binds[int(found[1])]}", text)


def background(
    log: Path, *command: str | Path, environ: Mapping[str, str] | None = None, user: str | None = USER
) -> subprocess.Popen[bytes]:
    """Start a program with *environ* alone, and its output in a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [program(str(command[0])), *command[1:]],
            cwd=log.parent,
            env={"PATH": PATH, "LANG": os.environ.get("LANG", "C.UTF-8"), **(environ or {})},
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


@contextmanager
def _etcd(folder: Path, port: int) -> Iterator[None]:
    address, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    process = background(
        folder / "etcd.log",
        *("etcd", "--data-dir", folder / "etcd"),
        *("--listen-client-urls", address, "--advertise-client-urls", address),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", f"default={peers}"),
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()
