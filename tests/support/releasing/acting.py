"""Runs .github/workflows/release.yml under act on this machine, with doubles of what it does not own.

Each third-party action is replaced by a composite that writes down what it was given. So are the programs
`docker` and `gh`, and `make`, which stands for a release that was built. Everything else is real: the
shell of each step, the scripts of this project, git, the package that is tried, and both servers.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.github_action.acting import of_act
from tests.support.programs import program
from tests.support.releasing.owner import NAMES, VERSION, owned
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
TOKENS = {
    "GITHUB_TOKEN": "planted-github",
    "MIRRORS_TOKEN": "planted-mirrors",
    "GITLAB_MIRROR_TOKEN": "planted-gitlab",
}
TOKENS["CIRCLECI_CLI_TOKEN"] = "planted-circleci"
# What `make release` leaves: files to publish, and trees for the mirrors.
FILES = (
    f"gitdailies_integrations-{VERSION}-py3-none-any.whl",
    f"gitdailies_integrations-{VERSION}.tar.gz",
    "report_deploy.py",
    "orb.yml",
    "RELEASE_NOTES.md",
)
TREES = ("mirrors/github-action", "mirrors/buildkite", "mirrors/gitlab")
# An action, and programs. Words in capitals are replaced.
DOUBLES = Path(__file__).parent / "doubles"
_RUN: dict[str, str] = yaml.safe_load((DOUBLES / "actions.yml").read_text("utf-8"))


@dataclass(frozen=True)
class Run:
    """What a run left: its log and exit code, and the folders of results and of the mirrors."""

    log: str
    code: int
    results: Path
    remotes: Path

    def lines(self, name: str) -> list[str]:
        return (self.results / name).read_text("utf-8").splitlines() if (self.results / name).exists() else []

    def given(self, job: str, action: str) -> dict[str, str]:
        """Return the inputs that *action* got in *job*."""
        return dict(line.split("=", 1) for line in self.lines(f"{job}.{action}.with"))


def act(folder: Path, *, release: Path | None = None, names: Callable[[str], str] = owned) -> Run:
    """Run the workflow in *folder* for the tag of VERSION.

    *release* is a folder `dist/` that was built, in place of a small one; *names* changes project.toml.
    """
    repository, results, remotes = folder / "repository", folder / "results", folder / "remotes"
    results.mkdir()
    _repository(repository, names)
    if release is None:
        _release(results / "release")
    else:
        shutil.copytree(release, results / "release")
    for key in ("github_action", "buildkite", "gitlab"):
        subprocess.run(["git", "init", "-q", "--bare", str(remotes / mirror(key))], check=True)
    (folder / "gitconfig").write_text(
        "".join(
            f'[url "file://{remotes}/{host}/"]\n\tinsteadOf = https://{host}/\n'
            for host in ("github.com", "gitlab.com")
        )
    )
    (folder / "event.json").write_text(json.dumps({"ref": f"refs/tags/v{VERSION}"}))
    options = ["push", "--workflows", str(WORKFLOW.relative_to(ROOT))]
    options += ["--eventpath", str(folder / "event.json")]
    for action in used():
        options += ["--local-repository", f"{action}={_double(folder / 'doubles', action)}"]
    options += ["--env", f"RESULTS={results}", "--env", f"GIT_CONFIG_GLOBAL={folder / 'gitconfig'}"]
    path = f"{_programs(folder / 'bin')}:{os.environ['PATH']}"
    runners = ("ubuntu-24.04", "ubuntu-24.04-arm")
    done = of_act(options, repository, folder, TOKENS, path=path, runners=runners)
    return Run(done.log, done.code, results, remotes)


def used() -> list[str]:
    """Return each third-party action of the workflow, with its pin."""
    return sorted(set(re.findall(r"uses: (\S+@\S+)", WORKFLOW.read_text("utf-8"))))


def mirror(key: str) -> str:
    """Return the folder of a mirror below `remotes`."""
    return f"{NAMES[key]}.git"


def _repository(folder: Path, names: Callable[[str], str]) -> None:
    (folder / "scripts" / "releasing").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "__init__.py", folder / "scripts")
    for name in ("__init__", "project", "push_mirrors"):
        shutil.copy(ROOT / "scripts" / "releasing" / f"{name}.py", folder / "scripts" / "releasing")
    (folder / "project.toml").write_text(names((ROOT / "project.toml").read_text("utf-8")))
    (folder / ".github" / "workflows").mkdir(parents=True)
    shutil.copy(WORKFLOW, folder / ".github" / "workflows")
    who = ["-c", "user.name=Robin", "-c", "user.email=robin@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    subprocess.run(["git", "tag", f"v{VERSION}"], cwd=folder, check=True)


def _release(folder: Path) -> None:
    sums = []
    for name in FILES:
        text = f"the bytes of {name}\n".encode()
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(text)
        sums.append(f"{hashlib.sha256(text).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums))
    for tree in TREES:
        (folder / tree / "src").mkdir(parents=True)
        (folder / tree / "README.md").write_text(f"the tree {tree}\n")
        (folder / tree / "src" / ".hidden").write_text("a file that git might ignore\n")


def _double(folder: Path, action: str) -> Path:
    name, path = action.partition("@")[0], folder / action.replace("/", "+")
    path.mkdir(parents=True)
    given = sorted(set(re.findall(r"^          ([a-z-]+):", _with(action), re.MULTILINE)))
    variables = {f"WITH_{one.upper().replace('-', '_')}": f"${{{{ inputs.{one} }}}}" for one in given}
    environ = "\n".join(f'        {key}: "{value}"' for key, value in {"DOUBLE": name, **variables}.items())
    inputs = ", ".join(f'{one}: {{default: ""}}' for one in given)
    words = {"INPUTS": inputs, "ENVIRON": environ, "DONE": _RUN.get(name, "true")}
    (path / "action.yml").write_text(_replaced(DOUBLES / "action.yml", words))
    return path


def _with(action: str) -> str:
    """Return the lines of `with` of every step that uses *action*."""
    steps = WORKFLOW.read_text("utf-8").split("\n      - ")
    return "\n".join(step for step in steps if action in step)


def _programs(folder: Path) -> Path:
    folder.mkdir()
    dora, relay, status = free_port(), free_port(), free_port()
    words = {
        "PORTS": f"--dora-port {dora} --relay-port {relay} --status-port {status}",
        "DORA": str(dora),
        "EXECUTABLE": sys.executable,
        "CURL": program("curl"),
    }
    for file in DOUBLES.glob("*.sh"):
        (folder / file.stem).write_text(_replaced(file, words))
        (folder / file.stem).chmod(0o755)
    return folder


def _replaced(file: Path, words: Mapping[str, str]) -> str:
    text = file.read_text("utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text
