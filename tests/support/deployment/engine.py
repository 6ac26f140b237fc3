"""Containers without a daemon and without a network: buildah builds images, podman runs them.

Each run has a storage of its own. The image that ours is built from is a root of Debian, which the set-up
of the tests makes (`tests/deployment/containers/make_root.sh`). It also stands for PostgreSQL and nginx.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import PATH, program
from tests.support.steps import logged

ROOT = Path(__file__).resolve().parents[3]
MADE = ROOT / ".tools" / "containers" / "root.tar"
RECIPES = ROOT / "tests" / "deployment" / "containers"
# The names in our files, as Docker completes them.
BASE, DEBIAN = "docker.io/library/python:3.13-slim", "docker.io/library/debian:trixie-slim"
PEERS = {"postgresql": "docker.io/library/postgres:17", "nginx": "docker.io/library/nginx:1.28"}

GUIDE = ROOT / "docs" / "do" / "one-machine.md"
VERSION, REVISION = "9.9.9", "0123456789abcdef0123456789abcdef01234567"

_STORAGE = """[storage]
driver = "{driver}"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
# A container of CI may have fewer rights than buildah would like to hand on, and no image may be fetched.
BUILD = (
    *("--pull=never", "--format=docker", "--isolation=chroot"),
    *("--ulimit=nofile=20000:20000", "--ulimit=nproc=20000:20000"),
)
_SUDO = '#!/bin/sh\nexec "$@"\n'


@dataclass(frozen=True)
class Engine:
    """A storage of images and containers, and how programs find it."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def run(self, *command: str | Path, expected: int | None = 0, folder: Path = ROOT) -> str:
        """Run a program with this storage; return what it printed."""
        done = logged(command, folder, self.environ, 1200)
        assert expected is None or done.code == expected, f"{command}: {done.log}"
        return done.log.strip()

    def podman(self, *arguments: str | Path, expected: int | None = 0) -> str:
        return self.run("podman", *arguments, expected=expected)

    def typed(self, line: str, folder: Path) -> str:
        """Run a line of the guide as a person would; return what it printed."""
        return self.run("sh", "-c", line, folder=folder)

    def build(self, name: str) -> None:
        """Build what stands for the image *name* of the compose file."""
        recipe = RECIPES / f"{name}.Containerfile"
        self.run("buildah", "bud", *BUILD, "--tag", PEERS[name], "--file", recipe, RECIPES)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what there is to know about a container or an image."""
        found: list[dict[str, Any]] = json.loads(self.podman("inspect", name))
        return found[0]

    def address(self, container: str) -> str:
        """Return an address at which this machine reaches a container."""
        networks = self.inspect(container)["NetworkSettings"]["Networks"]
        return next(network["IPAddress"] for network in networks.values() if network["IPAddress"])

    def empty(self) -> None:
        """Remove all pods, containers, volumes and networks, and keep the images."""
        for command in ("pod rm", "rm --time=0 --volumes", "volume rm"):
            self.podman(*command.split(), "--all", "--force", expected=None)
        self.podman("network", "prune", "--force", expected=None)

    @contextmanager
    def health_checks(self) -> Iterator[None]:
        """Run the checks that compose waits for, as the timers of systemd do where it is process 1."""
        done = threading.Event()

        def check() -> None:
            while not done.wait(1):
                for name in self.podman("ps", "--format={{.Names}}", expected=None).splitlines():
                    self.podman("healthcheck", "run", name, expected=None)

        thread = threading.Thread(target=check)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(60)


@contextmanager
def built() -> Iterator[Engine]:
    """Yield an engine with the image, built by the line of the guide where no network can be reached."""
    with engine() as made:
        (line,) = re.findall(r"^docker build .*", GUIDE.read_text(), re.MULTILINE)
        arguments = f"--build-arg VERSION={VERSION} --build-arg REVISION={REVISION}"
        made.run("unshare", "--net", "sh", "-c", line.replace("docker build", f"docker build {arguments}"))
        yield made


@contextmanager
def engine() -> Iterator[Engine]:
    """Yield an engine with the base image; skip the test where images cannot be built."""
    if os.geteuid() != 0:
        pytest.skip("images: expected root, which builds them without a daemon; run these tests as root")
    for name in ("buildah", "podman", "runc"):
        program(name)
    if not MADE.is_file():
        pytest.skip(f"{MADE}: expected this file, got none; `make setup` makes it")
    # Not the folder of pytest, because sockets need short paths.
    folder = Path(tempfile.mkdtemp(prefix="gitdailies-images-"))
    docker = (RECIPES / "docker.sh").read_text()
    for name, text in {
        "containers.conf": (RECIPES / "containers.conf").read_text().replace("FOLDER", str(folder)),
        ".config/containers/policy.json": _POLICY,
        "bin/docker": docker.replace("BUILD", " ".join(BUILD)).replace("PYTHON", sys.executable),
        "bin/sudo": _SUDO,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    made = Engine(
        folder,
        {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{PATH}",
            "HOME": str(folder),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        },
    )
    try:
        for driver in ("overlay", "vfs"):
            (folder / "storage.conf").write_text(_STORAGE.format(folder=folder, driver=driver))
            if re.search(r"sha256:\w+$", made.podman("import", "--quiet", MADE, BASE, expected=None)):
                break
        made.podman("tag", BASE, DEBIAN)
        yield made
    finally:
        made.empty()
        made.run("buildah", "rm", "--all", expected=None)
        _unmount(folder)
        # Not into a mount that is left.
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)


def _unmount(folder: Path) -> None:
    """Unmount what a build or a container that was killed left mounted below *folder*."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if Path(mount).is_relative_to(folder):
            subprocess.run(["umount", mount], check=False, capture_output=True)
