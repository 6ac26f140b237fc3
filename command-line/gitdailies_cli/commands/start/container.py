"""How a person outside runs a command in the container that this process is in."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from gitdailies_cli.find_config import HOST_VARIABLE

# Files that the engines make in each container.
_PODMAN, _DOCKER = Path("/run/.containerenv"), Path("/.dockerenv")


def prefix() -> str:
    """Return the beginning of a command line, like `docker exec 4f1c2b7d90aa `, or "" outside our image.

    The engines name a container after its host name, unless it is given one.
    """
    if not os.environ.get(HOST_VARIABLE):
        return ""
    engine = "podman" if _PODMAN.exists() else "docker" if _DOCKER.exists() else ""
    return f"{engine} exec {socket.gethostname()} " if engine else ""
