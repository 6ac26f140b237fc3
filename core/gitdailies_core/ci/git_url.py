"""Read addresses of repositories: find the slug in an address, and remove its user name."""

from __future__ import annotations

import re

# https://user:token@host:8443/group/sub/name.git/, and the same with ssh://, git:// or git+ssh://.
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/:@]+)(?::[0-9]+)?/(.*)$", re.IGNORECASE)
# git@host:group/name.git, as ssh has it. C:\work and C:/work are Windows paths.
_SCP = re.compile(r"^(?:[^/@:]+@)?([^/:@]{2,}):(?!//)(.*)$")
_USER = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)

# Some parts of a path do not belong to the name: `_git` and, with ssh, `v3` of Azure, and `scm` of
# Bitbucket Data Center.
_AZURE_HOSTS = ("dev.azure.com", "ssh.dev.azure.com", ".visualstudio.com")


def slug(address: str) -> str | None:
    """Return `owner/name` of a repository's address, with more parts if it has subgroups.

    Returns None for a path on this machine and for an address with fewer than two parts.
    """
    found = _ADDRESS.match(address.strip()) or _SCP.match(address.strip())
    if not found or address.strip().lower().startswith("file:"):
        return None
    host, path = found.group(1).lower(), re.split(r"[?#]", found.group(2))[0].strip("/")
    parts = [part for part in path.split("/") if part]
    if parts and parts[-1].lower().endswith(".git"):
        parts[-1] = parts[-1][: -len(".git")]
    if host.endswith(_AZURE_HOSTS):
        parts = _azure(host, parts)
    elif len(parts) > 2 and parts[0] == "scm":
        parts = parts[1:]
    return "/".join(parts) if len(parts) > 1 and all(parts) else None


def without_user(address: str) -> str:
    """Return *address* without user name and password. These never leave the machine."""
    return _USER.sub(r"\1", address.strip())


def _azure(host: str, parts: list[str]) -> list[str]:
    # All forms become organization/project/name.
    parts = [part for part in parts if part not in ("_git", "v3", "DefaultCollection")]
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.partition(".")[0], *parts]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*parts, parts[-1]] if len(parts) == 2 else parts
