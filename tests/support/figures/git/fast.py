"""Repositories of any size and shape, made by one `git fast-import`."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.support.figures.git.repository import ENVIRONMENT

_WHO = "Lark <lark@example.com>"


def seconds(text: str) -> int:
    """Return a time as git has it."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Stream:
    """What becomes a bare repository: commits by their number, from 1 on, and refs."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._count = 0

    def commit(self, at: int, *parents: int, message: str = "work", path: str = "file") -> int:
        """Add a commit that changes a file; return its number."""
        self._count += 1
        joined = "".join(f"{'merge' if place else 'from'} :{one}\n" for place, one in enumerate(parents))
        # A root would else have what was made before it as its parent.
        begin = "" if parents else "reset refs/made\n"
        head = f"commit refs/made\nmark :{self._count}\ncommitter {_WHO} {at} +0000\n"
        change = f"M 644 inline {path}\n{_data(str(self._count))}"
        self._parts.append(f"{begin}{head}{_data(f'{message} {self._count}')}{joined}{change}")
        return self._count

    def tag(self, name: str, commit: int, at: int | None = None) -> None:
        """Add a tag made at a time, or a lightweight one."""
        if at is None:
            self._parts.append(f"reset refs/tags/{name}\nfrom :{commit}\n")
        else:
            self._parts.append(f"tag {name}\nfrom :{commit}\ntagger {_WHO} {at} +0000\n{_data(name)}")

    def branch(self, name: str, commit: int) -> None:
        self._parts.append(f"reset refs/heads/{name}\nfrom :{commit}\n")

    def make(self, path: Path) -> dict[int, str]:
        """Make the bare repository at *path*; return the SHA of each commit."""
        git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=path.parent)
        marks = path.parent / f"{path.name}.marks"
        stream = "".join(self._parts)
        arguments = ("fast-import", "--quiet", "--force", f"--export-marks={marks}")
        git(*arguments, cwd=path, given=stream)
        git("update-ref", "-d", "refs/made", cwd=path)
        lines = marks.read_text().split("\n")
        return {int(line.split()[0][1:]): line.split()[1] for line in lines if line}


def git(*arguments: str, cwd: Path, given: str = "") -> str:
    """Run git in a folder."""
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, input=given.encode(), capture_output=True, check=True
    )
    return done.stdout.decode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
