"""A local git repository: which commits it has, and which commits are between two of them.

It is read as data. Nothing is fetched. A repository's own files can name programs to run and other
commits to believe; all of that is off: hooks, monitors, filters, replaced and grafted commits. Git gets
only SHAs, on standard input or after `--end-of-options`, and globs of gitdailies.yml after `--`.
"""

import os
import re
import subprocess
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from gitdailies_core.ci.deploys.git_log import pathspecs
from gitdailies_core.errors import GitDailiesError

from gitdailies_dora.figures.history.ancestry import Between
from gitdailies_dora.figures.history.events import Commit

MOST_COMMITS = 20_000
_LONGEST_SECONDS = 20.0
_LAST_SECOND = 253_402_300_799  # of the year 9999
_SHA = re.compile(r"[0-9a-f]{7,64}")
# A tag is a commit, or an object that names one. No name has a space.
_TAG = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname:lstrip=2)"
_LINE = re.compile(r"([0-9]{1,20}) ([<>])([0-9a-f]{40,64})")

# See `git help config` and `git help git`. An option and a variable of the same effect are for different
# versions of git.
_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.disambiguate=commit"),
    *("-c", "log.showSignature=false"),
    *("-c", "protocol.allow=never"),
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


class MirrorUnreadable(GitDailiesError):
    """A repository cannot be read; the message says where, why and what to do."""


class Mirror:
    """The repository at *path*, bare or with a checkout.

    One thread at a time may read it. Any thread may stop it. A call of git ends after *seconds*.
    """

    def __init__(self, path: Path, seconds: float | None = None) -> None:
        self.path = path.absolute()
        self._seconds = _LONGEST_SECONDS if seconds is None else seconds
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def fault(self) -> str:
        """Return the reason why it cannot be read, or ""; it is the text of the error that reading raises."""
        try:
            self._require_full_history()
        except MirrorUnreadable as error:
            return str(error)
        return ""

    def commits(self, named: Iterable[str]) -> dict[str, str | None]:
        """Return the full SHA of each full or abbreviated SHA; None if the repository does not have it.

        Raises MirrorUnreadable.
        """
        shas = sorted({sha for sha in named if _SHA.fullmatch(sha)})
        self._require_full_history()
        # Git answers with two lines for each: the object with this SHA, and the commit if it is a tag.
        lines = "".join(f"{sha}\n{sha}^{{commit}}\n" for sha in shas)
        output = self.ask("cat-file", "--batch-check=%(objectname) %(objecttype)", given=lines).splitlines()
        found: dict[str, str | None] = dict.fromkeys(shas)
        for sha, (object_, commit) in zip(shas, zip(output[::2], output[1::2], strict=True), strict=True):
            # A branch may have a name that looks like the beginning of a SHA.
            if object_.startswith(sha) and commit.endswith(" commit"):
                found[sha] = commit.partition(" ")[0]
        return found

    def tags(self) -> dict[str, str]:
        """Return the full SHA of the commit of each tag. A tag of something else is left out.

        Raises MirrorUnreadable.
        """
        found = {}
        for line in self.ask("for-each-ref", f"--format={_TAG}", "refs/tags").splitlines():
            kind, sha, kind_inside, sha_inside, name = line.split(" ")
            if "commit" in (kind, kind_inside):
                found[name] = sha if kind == "commit" else sha_inside
        return found

    def between(self, earlier: str, later: str, *paths: str) -> Between:
        """Return the commits between two commits, given by their full SHAs.

        With *paths*, globs of a service, those ahead say whether they are outside. Raises MirrorUnreadable.
        """
        for sha in (earlier, later):
            if not _SHA.fullmatch(sha):
                raise ValueError(f"commit: expected a SHA, got {sha!a}")
        output = self.ask(
            "rev-list",
            "--left-right",
            "--no-merges",
            "--timestamp",
            f"--max-count={MOST_COMMITS + 1}",
            "--end-of-options",
            f"{earlier}...{later}",
        )
        inside = self._touching(earlier, later, paths)
        ahead, behind = [], []
        for line in output.splitlines():
            match = _LINE.fullmatch(line)
            if match is None:
                raise MirrorUnreadable(f"{self.path}: expected a commit a line from git, got {line[:200]!a}")
            seconds, side, sha = match.groups()
            if side == ">":
                outside = None if inside is None else sha not in inside
                ahead.append(Commit(sha, _us(int(seconds)), outside=outside))
            else:
                behind.append(sha)
        if len(ahead) + len(behind) > MOST_COMMITS:
            return Between((), (), cut=True)
        return Between(tuple(ahead), tuple(behind))

    def _touching(self, earlier: str, later: str, paths: Sequence[str]) -> frozenset[str] | None:
        if not paths:
            return None
        asked = ("--full-history", "--no-merges", f"{earlier}..{later}", "--", *pathspecs(paths))
        return frozenset(self.ask("rev-list", *asked).split())

    def stop(self) -> None:
        """End the git process that runs, and start no other."""
        with self._lock:
            self._stopped = True
            if self._running is not None:
                with suppress(OSError):
                    self._running.kill()

    def _require_full_history(self) -> None:
        """Refuse a shallow clone, which treats the commits where its history was cut as the first ones."""
        if self.ask("rev-parse", "--is-shallow-repository").strip() != "false":
            raise MirrorUnreadable(
                f"{self.path}: expected a full history, got a shallow clone; run git fetch --unshallow in it"
            )

    def ask(self, *arguments: str, given: str = "") -> str:
        """Return what git prints. No argument may come from the repository. Raises MirrorUnreadable."""
        # With --git-dir, git reads a repository that belongs to another user, and runs nothing in it.
        folder = self.path / ".git"
        command = ["git", f"--git-dir={folder if folder.exists() else self.path}", *_OPTIONS, *arguments]
        try:
            code, out, err = self._run(command, given.encode())
        except OSError as error:
            raise MirrorUnreadable(
                f"git: cannot be started ({(error.strerror or '').lower()}); install git"
            ) from None
        except subprocess.TimeoutExpired:
            raise MirrorUnreadable(f"{self.path}: git did not finish within {self._seconds:g} s") from None
        if code != 0:
            reason = err.decode("utf-8", "replace").strip().partition("\n")[0][:200] or f"exit code {code}"
            raise MirrorUnreadable(
                f"{self.path}: expected a git repository that this user can read, got {reason!a}"
            )
        return out.decode("utf-8", "replace")

    def _run(self, command: Sequence[str], given: bytes) -> tuple[int, bytes, bytes]:
        with self._lock:
            if self._stopped:
                raise MirrorUnreadable("git: not started, since the server is stopping")
            running = self._running = subprocess.Popen(  # noqa: S603
                command,
                env={**_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        try:
            out, err = running.communicate(given, timeout=self._seconds)
        finally:
            with self._lock:
                self._running = None
            if running.poll() is None:
                running.kill()
                running.communicate()
        return running.returncode, out, err


def _us(seconds: int) -> int | None:
    # Git writes 0 for a date that it cannot parse.
    return seconds * 1_000_000 if 0 < seconds <= _LAST_SECOND else None
