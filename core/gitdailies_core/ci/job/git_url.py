"""Find the slug in the address of a repository."""

from __future__ import annotations

import re
from urllib.parse import unquote

# https://user:token@host:8443/group/sub/name.git/, and the same with ssh://, git:// or git+ssh://. A
# password may hold an @, and a host may be an IPv6 address in brackets.
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+)"
_ADDRESS = rf"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/]*@)?{_HOST}(?::[0-9]*)?/(.*)$"
# git@host:group/name.git, as ssh has it, and [git@host:22]:group/name.git with a port. C:\\work and
# C:/work are Windows paths.
_SCP = r"^(?:[^/@:]+@)?(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]{2,}):(?!//)(.*)$"
_SCP_PORT = r"^\[(?:[^/@:\]]+@)?([^/@:\[\]]+):[0-9]+\]:(?!//)(.*)$"
# user:token@host/group/name.git and token@host/group/name.git, without a scheme.
_BARE = rf"^[^/@\s]*:[^\s]*@{_HOST}(?::[0-9]+)?/(.*)$"
_BARE_USER = rf"^[^/@:\s]+@{_HOST}/(.*)$"

# Some parts of a path do not belong to the name: `_git` and, with ssh, `v3` of Azure, and `scm` of
# Bitbucket Data Center.
_AZURE_HOSTS = ("dev.azure.com", "ssh.dev.azure.com", ".visualstudio.com")
# Their `a/scm/b/c` is a group, and no Bitbucket below a path of its own.
_NEVER_BITBUCKET_SERVER = ("github.com", "gitlab.com", "bitbucket.org")
_CODECOMMIT = "git-codecommit."


def slug(address: str) -> str | None:
    """Return `owner/name` of a repository's address, with more parts if it has subgroups.

    Returns None for a path on this machine, for an address with fewer than two parts, and for AWS
    CodeCommit, whose repositories have no owner.
    """
    address = address.strip()
    forms = (_ADDRESS, _SCP_PORT, _BARE, _SCP, _BARE_USER)
    found = next((match for match in (re.match(form, address) for form in forms) if match), None)
    if not found or address.lower().startswith(("file:", "codecommit:")):
        return None
    host, path = found.group(1).lower(), re.split(r"[?#]", found.group(2))[0].strip("/")
    if host.startswith(_CODECOMMIT):
        return None
    parts = [_decoded(part) for part in path.split("/") if part]
    if parts and parts[-1].lower().endswith(".git"):
        parts[-1] = parts[-1][: -len(".git")]
    if host.endswith(_AZURE_HOSTS):
        parts = _azure(host, parts)
    elif "_git" in parts[:-1]:
        parts = _azure_server(parts)
    elif len(parts) > 2 and parts[0] == "scm":
        parts = parts[1:]
    elif len(parts) == 4 and parts[1] == "scm" and host not in _NEVER_BITBUCKET_SERVER:
        # The server has a path of its own, such as /bitbucket.
        parts = parts[2:]
    return "/".join(parts) if len(parts) > 1 and all(parts) else None


def _decoded(part: str) -> str:
    """Return a part of a path without escapes. A repository's name can hold no space and no slash."""
    plain = unquote(part)
    return part if re.search(r"[\s/\x00-\x1f\x7f\ufffd]", plain) else plain


def _azure(host: str, parts: list[str]) -> list[str]:
    # All forms become organization/project/name.
    parts = [part for part in parts if part not in ("_git", "v3", "DefaultCollection")]
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.partition(".")[0], *parts]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*parts, parts[-1]] if len(parts) == 2 else parts


def _azure_server(parts: list[str]) -> list[str]:
    """Return collection/project/name. The server may have a path of its own before them, often `tfs`."""
    at = parts.index("_git")
    before, name = parts[:at], parts[at + 1]
    if len(before) > 1 and before[0].lower() == "tfs":
        before = before[1:]
    # A project's first repository has the project's name, and the address has that name only once.
    return [*before[-2:], name] if len(before) > 1 else [*before, name, name]
