"""Repositories, commits and branches as senders write them."""

import re
from urllib.parse import unquote

from gitdailies_core.ci.job import git_url

_HEX = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# `main@sha1:…` of Flux, `…@…` of an image's tag, and the address of a commit.
_MARKED = re.compile(r"(?:sha1:|git-|@|/commit/|/commits/)([0-9a-f]{40}(?:[0-9a-f]{24})?)(?![0-9a-z])")
_REPO = re.compile(r"[^/\s:@?#]+(?:/[^/\s:@?#]+)+")
# A package URL: `pkg:github/owner/name@version?vcs_url=…`.
_PACKAGE = re.compile(r"pkg:/*([A-Za-z0-9.+-]+)/(.+)")
_VCS_URL = re.compile(r"[?&]vcs_url=([^&#]+)")
# The hosts whose packages are their repositories.
_HOSTS = ("github", "gitlab", "bitbucket")
_COMMIT_PATH = re.compile(
    r"/-?/?(?:commits?|tree|blob|pull|merge_requests|compare|deployments)(?:/.*|$)", re.DOTALL
)
# No name, ref or address is longer. The patterns would try each character of a longer word as a first one.
_LONGEST = 2000
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+.][0-9A-Za-z.+-]*)?")


def repo(text: str) -> str | None:
    """Return `owner/name` of a name, or of the address of a repository or a commit; None for another text."""
    text = _short(text)
    if text.startswith("pkg:"):
        return _of_package(text)
    if "://" in text or re.match(r"[^/@\s]*@?[^/@:\s]{2,}:[^/]", text):
        return git_url.slug(_COMMIT_PATH.sub("", text) if "://" in text else text)
    plain = text.strip("/").removesuffix(".git")
    return plain if _REPO.fullmatch(plain) else None


def _short(text: str) -> str:
    """Return a text without outer spaces; nothing for a longer one, which names nothing."""
    plain = text.strip()
    return plain if len(plain) <= _LONGEST else ""


def _of_package(text: str) -> str | None:
    """Return the repository of a package URL: that of its `vcs_url`, or the package of a known host."""
    address = _VCS_URL.search(text)
    if address is not None:
        return git_url.slug(unquote(address[1]).removeprefix("git+").partition("@")[0])
    found = _PACKAGE.match(text)
    if found is None or found[1].lower() not in _HOSTS:
        return None
    return repo(unquote(re.split(r"[@?#]", found[2])[0]))


def sha(text: str) -> str | None:
    """Return the whole commit SHA that a text is or holds, in lower case; None for another text."""
    plain = _short(text).lower()
    marked = _MARKED.search(plain)
    found = plain if _HEX.fullmatch(plain) else marked[1] if marked else None
    # Zeros mean that there is no commit.
    return None if found is None or not found.strip("0") else found


def branch(text: str, *, tag: bool = False) -> str | None:
    """Return the branch that a ref names; None for a tag, a commit and a version, which name none."""
    plain = _short(text)
    if tag or plain.startswith("refs/tags/"):
        return None
    plain = plain.removeprefix("refs/heads/").removeprefix("refs/remotes/").removeprefix("origin/")
    # Flux: `main@sha1:…`, `main/…` before 2.0, and `sha1:…` of a commit without a branch.
    plain = re.sub(r"(?:^|@)sha(?:1|256):.*$|/[0-9a-f]{40}$", "", plain)
    if not plain or plain.startswith("refs/") or _HEX.fullmatch(plain.lower()) or _VERSION.fullmatch(plain):
        return None
    return plain
