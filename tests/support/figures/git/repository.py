"""A real git repository of a week of work, the same in every run; `derivation.md` reads it by hand."""

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in (("NAME", "Lark"), ("EMAIL", "lark@example.com"))
    },
}


class Repository:
    """A repository at *path*; `shas` are its commits by the name that they were given."""

    def __init__(self, path: Path, shas: dict[str, str] | None = None) -> None:
        self.path = path
        self.shas = {} if shas is None else shas
        if not path.exists():
            path.mkdir(parents=True)
            self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: str = "2026-03-02T08:00:00Z") -> str:
        """Run git at a moment of its commits' clock."""
        dates = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": at}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**ENVIRONMENT, **dates},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def commit(self, name: str, at: str) -> str:
        """Commit a file of its own, so that nothing ever conflicts."""
        (self.path / name).write_text(name)
        self.git("add", name)
        self.git("commit", "--quiet", f"--message={name}", at=at)
        return self.named(name)

    def named(self, name: str, revision: str = "HEAD") -> str:
        """Give a commit a name."""
        self.shas[name] = self.git("rev-parse", revision).strip()
        return self.shas[name]


def week(path: Path) -> Repository:
    """Build the repository of `derivation.md`."""
    made = Repository(path)
    made.commit("c1", "2026-03-02T08:00:00Z")
    made.commit("c2", "2026-03-02T09:00:00Z")

    made.git("switch", "--quiet", "--create", "pay")
    made.commit("p1", "2026-03-02T11:00:00Z")
    made.commit("p2", "2026-03-02T12:00:00Z")
    made.git("switch", "--quiet", "main")
    made.commit("c3", "2026-03-02T13:00:00Z")
    made.git("merge", "--quiet", "--no-ff", "--no-edit", "pay", at="2026-03-03T09:00:00Z")
    made.named("m1")

    made.git("switch", "--quiet", "--create", "search")
    made.commit("s1", "2026-03-03T11:00:00Z")
    made.commit("s2", "2026-03-03T12:00:00Z")
    made.git("switch", "--quiet", "main")
    made.git("merge", "--quiet", "--ff-only", "search")

    made.git("switch", "--quiet", "--create", "wish")
    made.commit("w1", "2026-03-03T16:00:00Z")
    made.commit("w2", "2026-03-03T17:00:00Z")
    made.git("switch", "--quiet", "main")
    made.git("merge", "--quiet", "--squash", "wish")
    made.git("commit", "--quiet", "--message=q1", at="2026-03-04T08:00:00Z")
    made.named("q1")
    made.git("revert", "--no-edit", "HEAD", at="2026-03-04T11:00:00Z")
    made.named("r1")

    made.git("switch", "--quiet", "--create", "hot", made.shas["s2"])
    made.commit("h1", "2026-03-04T13:00:00Z")
    made.git("switch", "--quiet", "main")
    made.git("merge", "--quiet", "--no-ff", "--no-edit", "hot", at="2026-03-04T14:00:00Z")
    made.named("m2")
    made.commit("c4", "2026-03-04T20:00:00Z")  # by a clock that is five hours ahead
    made.commit("c5", "2026-03-01T00:00:00Z")  # by one that is days behind, before its own parents
    made.commit("c6", "2026-03-05T08:00:00Z")
    return made
