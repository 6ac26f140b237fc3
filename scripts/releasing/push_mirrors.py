"""Publish the steps that need a repository of their own: one commit and one tag for each release.

    python scripts/releasing/push_mirrors.py --dist dist --version 1.2.3

It reads the repositories from project.toml and takes each tree from *dist*. The commit follows the last
one on the branch main and holds exactly the tree. Branch and tag are pushed together or not at all.
Running it again changes nothing. A tag that exists with another tree is refused. It is never moved.

The tokens are MIRRORS_TOKEN and GITLAB_MIRROR_TOKEN. git gets them by its environment, so that
no process list, address or error shows them.
"""

import argparse
import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    # Python puts the folder of the script on the path, and not the root.
    sys.path.insert(0, str(ROOT))

from scripts.releasing import project  # noqa: E402

BRANCH = "refs/heads/main"


@dataclass(frozen=True)
class Mirror:
    """A step's tree below dist/, the form of its tags, and the variable and the user of its token."""

    tree: str
    tag: str
    token: str
    user: str


# By the key below `mirrors` in project.toml. GitLab's catalog wants tags without a v.
MIRRORS: Mapping[str, Mirror] = {
    "github_action": Mirror("mirrors/github-action", "v{}", "MIRRORS_TOKEN", "x-access-token"),
    "buildkite": Mirror("mirrors/buildkite", "v{}", "MIRRORS_TOKEN", "x-access-token"),
    "gitlab": Mirror("mirrors/gitlab", "{}", "GITLAB_MIRROR_TOKEN", "oauth2"),
}


class Fault(Exception):
    """What cannot be published, and what to do."""


def push(tree: Path, remote: str, tag: str, *, author: str, environ: Mapping[str, str]) -> str:
    """Publish *tree* at *remote* as *tag*; return what was done. Raises Fault."""
    if not tree.is_dir():
        raise Fault(f"{tree}: there is no such folder; run `make release` first")
    with tempfile.TemporaryDirectory() as folder:
        git = _Git(Path(folder), tree, environ)
        git("init", "--quiet", "--bare")
        known = dict(line.split("\t")[::-1] for line in git("ls-remote", remote).splitlines())
        git("add", "--all", "--force", ".")
        # What is uploaded from one job to the next loses the right to be executed.
        programs = [
            str(file.relative_to(tree))
            for file in sorted(tree.rglob("*"))
            if file.is_file() and file.read_bytes().startswith(b"#!")
        ]
        if programs:
            git("update-index", "--chmod=+x", *programs)
        made, there = git("write-tree"), known.get(f"refs/tags/{tag}")
        if there is not None:
            git("fetch", "--quiet", "--depth=1", remote, f"refs/tags/{tag}")
            if git("rev-parse", "FETCH_HEAD^{tree}") == made:
                return f"{remote}: {tag} exists already"
            raise Fault(
                f"{remote}: {tag} exists with other files; a tag is never moved, so make a new version"
            )
        parent = []
        if BRANCH in known:
            git("fetch", "--quiet", "--depth=1", remote, BRANCH)
            parent = ["-p", known[BRANCH]]
        who = ("-c", f"user.name={author}", "-c", f"user.email={author}@users.noreply.github.com")
        commit = git(*who, "commit-tree", *parent, "-m", f"Release {tag}", made)
        git("push", "--quiet", "--atomic", remote, f"{commit}:{BRANCH}", f"{commit}:refs/tags/{tag}")
        return f"{remote}: {tag} published"


@dataclass(frozen=True)
class _Git:
    """git in a bare repository *folder*, with the files of *tree*."""

    folder: Path
    tree: Path
    environ: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        command = ["git", f"--git-dir={self.folder}", f"--work-tree={self.tree.resolve()}", *arguments]
        environ = {**self.environ, "GIT_TERMINAL_PROMPT": "0"}
        # Only `add` needs the files; git refuses a work tree for a repository that is being made.
        if arguments[0] == "init":
            command = ["git", "init", *arguments[1:], str(self.folder)]
        done = subprocess.run(
            command, cwd=self.tree, env=environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Fault(f"git {arguments[0]}: {done.stderr.strip() or f'ended with {done.returncode}'}")
        return done.stdout.strip()


def with_token(environ: Mapping[str, str], user: str, token: str) -> dict[str, str]:
    """Return an environment with which git sends *token*. It holds no other token."""
    left = {name: value for name, value in environ.items() if not name.endswith("_TOKEN")}
    if not token:
        return left
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {
        **left,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description="Publish the steps in repositories of their own.")
    arguments.add_argument("--dist", type=Path, default=ROOT / "dist")
    arguments.add_argument("--version", required=True)
    options = arguments.parse_args()
    names = project.of(ROOT)
    faults = 0
    for key, mirror in MIRRORS.items():
        repository = names.value(f"mirrors.{key}")
        if not repository:
            print(f"mirrors.{key} is not set in project.toml: not published")
            continue
        environ = with_token(os.environ, mirror.user, os.environ.get(mirror.token, ""))
        try:
            tag = mirror.tag.format(options.version)
            tree, remote = options.dist / mirror.tree, f"https://{repository}.git"
            print(push(tree, remote, tag, author=names.home.owner or "release", environ=environ))
        except Fault as fault:
            faults += 1
            print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
