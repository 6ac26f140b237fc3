"""A whole release, and what a user gets from it: each artifact is opened, and used without the repository."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
import yaml

from scripts.releasing import plan
from tests.support.github_action.acting import of_act
from tests.support.gitlab import pipelines
from tests.support.processes import eventually
from tests.support.releasing.building import MOMENT, git, release, released, repository
from tests.support.releasing.owner import OWNER, ROOT, VERSION
from tests.support.servers import answer, free_port, serving
from tests.support.shell_scripts import KEY, programs
from tests.support.steps import fits_schema

WHEEL = f"gitdailies_integrations-{VERSION}-py3-none-any.whl"
SOURCE = f"gitdailies_integrations-{VERSION}.tar.gz"
CHART = f"gitdailies-{VERSION}.tgz"
SITE = f"site-{VERSION}.tar.gz"
TREES = {
    "mirrors/github-action": f"github-action-{VERSION}.tar.gz",
    "mirrors/buildkite": f"buildkite-plugin-{VERSION}.tar.gz",
    "mirrors/gitlab": f"gitlab-component-{VERSION}.tar.gz",
    "compose": f"compose-{VERSION}.tar.gz",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCUMENTATION = "gitdailies_dora/documentation/"
long = [pytest.mark.long, pytest.mark.timeout(1500)]


def test_a_release_without_names_is_refused_by_their_keys(tmp_path: Path) -> None:
    """In a repository without names nothing is built, and each line names a key and what needs it."""
    for name in ("scripts", ".gitignore", "project.toml", "pyproject.toml", "CHANGELOG.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    text = (tmp_path / "project.toml").read_text("utf-8")
    (tmp_path / "project.toml").write_text(re.sub(r'= "\S+"', '= ""', text), "utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    (tmp_path / "scratch.txt").touch()
    done = release(tmp_path, "0.0.1", offline=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "changes that are not committed; commit or remove them: scratch.txt\n" in done.stderr
    assert "CHANGELOG.md: there is no entry for 0.0.1" in done.stderr
    for artifact, keys in plan.NEEDS.items():
        for key in keys:
            assert re.search(rf"project\.toml: {key} is not set; .*{artifact}", done.stderr)
    assert not (tmp_path / "dist").exists()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released files; their repository is moved away."""
    return released(tmp_path_factory)


def members(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive, or the file itself."""
    if name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from ((one, archive.read(one)) for one in archive.namelist())
    elif name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for one in archive:
                file = archive.extractfile(one)
                if file is not None:
                    yield one.name, file.read()
    else:
        yield name, data


def artifacts(dist: Path) -> Mapping[str, dict[str, bytes]]:
    """Return the files inside every file at the top of dist/."""
    return {
        path.name: dict(members(path.read_bytes(), path.name)) for path in dist.iterdir() if path.is_file()
    }


class TestContents:
    """What the artifacts hold."""

    pytestmark = long

    def test_the_files(self, dist: Path) -> None:
        """dist/ has the package, an archive for each tree, the single files, and the checksum of each."""
        names = {path.name for path in dist.iterdir() if path.is_file()}
        listed = {line[66:] for line in (dist / "SHA256SUMS").read_text().splitlines()}
        done = subprocess.run(
            ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, capture_output=True, text=True
        )

        assert {
            WHEEL,
            SOURCE,
            CHART,
            SITE,
            *TREES.values(),
            "orb.yml",
            "report_deploy.py",
            "sbom.cdx.json",
        } <= names
        assert {*listed, "SHA256SUMS"} == names
        assert done.returncode == 0, done.stdout + done.stderr

    def test_again_elsewhere(self, dist: Path, tmp_path: Path) -> None:
        """The same commit in another folder gives the same bytes."""
        folder = repository(tmp_path / "another place")
        done = release(folder)

        assert done.returncode == 0, done.stderr
        assert (folder / "dist/SHA256SUMS").read_text() == (dist / "SHA256SUMS").read_text()

    def test_a_folder_holds_what_its_archive_holds(self, dist: Path) -> None:
        """The folder of a tree and its archive are the same, executable files included."""
        for folder, archive in TREES.items():
            with tarfile.open(dist / archive) as opened:
                held = {one.name.partition("/")[2]: one.mode & 0o100 for one in opened}
                assert {one.mtime for one in opened} == {MOMENT}
            found = {
                path.relative_to(dist / folder).as_posix(): path.stat().st_mode & 0o100
                for path in (dist / folder).rglob("*")
                if path.is_file()
            }
            assert found == held

    def test_the_owner_is_named(self, dist: Path) -> None:
        """Each artifact that says where it comes from names the owner."""
        found = artifacts(dist)
        named = {
            name for name, files in found.items() if any(OWNER.encode() in data for data in files.values())
        }

        assert {WHEEL, SOURCE, *TREES.values(), "orb.yml", "sbom.cdx.json"} <= named

    def test_no_dead_link(self, dist: Path) -> None:
        """A link of a page inside an artifact names a file of the same artifact, or an address."""
        checked, dead = 0, []
        for name, files in artifacts(dist).items():
            for path, data in files.items():
                # Of the documentation, the server makes addresses of such links.
                if not path.endswith((".md", "METADATA", "PKG-INFO")) or DOCUMENTATION in path:
                    continue
                for target in LINK.findall(data.decode()):
                    checked += 1
                    file = os.path.normpath(os.path.join(os.path.dirname(path), target.partition("#")[0]))
                    if not re.match(r"https://|mailto:|#", target) and not any(
                        one == file or one.startswith(f"{file}/") for one in files
                    ):
                        dead.append(f"{name}: {path}: {target}")

        assert checked > 100
        assert dead == []

    def test_one_version(self, dist: Path) -> None:
        """Package, step, orb, image, SBOM and pages all have the version of the release."""
        files = artifacts(dist)
        metadata = next(data for path, data in files[WHEEL].items() if path.endswith("METADATA")).decode()

        assert f"\nVersion: {VERSION}\n" in metadata
        assert f"Version {VERSION}. Joined" in (dist / "report_deploy.py").read_text()
        assert (dist / "orb.yml").read_text().startswith(f"# GitDailies deploy, version {VERSION}.\n")
        sbom = json.loads((dist / "sbom.cdx.json").read_text())
        assert sbom["metadata"]["component"]["version"] == VERSION
        assert f"ghcr.io/{OWNER}/gitdailies:{VERSION}\n" in (dist / "compose/compose.yaml").read_text()
        for step in (
            "github-action/report_deploy.py",
            "buildkite/report_deploy.sh",
            "gitlab/report_deploy.sh",
        ):
            assert f"Version {VERSION}. Joined" in (dist / "mirrors" / step).read_text()
        for step in ("report_deploy.py", "orb.yml", "jenkins-report_deploy.sh", "azure-report-deploy.yml"):
            text = (dist / step).read_text()
            assert f'VERSION = "{VERSION}"' in text
        other = re.compile(
            r"(?:gitdailies[\w-]*|report-deploy[\w-]*)[@:#]v?(?!" + re.escape(VERSION) + r")\d+\.\d+\.\d+"
        )
        for name, inside in files.items():
            if name != SOURCE:
                assert [
                    path for path, data in inside.items() if other.search(data.decode("utf-8", "replace"))
                ] == []

    def test_the_sbom_has_what_is_installed(self, dist: Path) -> None:
        """Each dependency that the package names is a component with its version and a license."""
        components = {
            one["name"].lower().replace("_", "-"): one
            for one in json.loads((dist / "sbom.cdx.json").read_text())["components"]
        }

        assert {"starlette", "sqlalchemy", "click", "psycopg-binary", "uvloop"} <= set(components)
        assert not {"pytest", "hatchling", "ruff", "pip"} & set(components)
        assert [name for name, one in components.items() if not one.get("licenses")] == []

    def test_the_orb_is_valid(self, dist: Path) -> None:
        """The orb passes CircleCI's schema and names its source; its examples use the released version."""
        orb = yaml.safe_load((dist / "orb.yml").read_text())
        fits_schema("vendor.circle-ci", dist / "orb.yml")

        assert orb["display"]["source_url"] == f"https://github.com/{OWNER}/integrations"
        assert {one["usage"]["orbs"]["gitdailies"] for one in orb["examples"].values()} == {
            f"{OWNER}/gitdailies@{VERSION}"
        }


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_wheel_works_by_itself(dist: Path, tmp_path: Path) -> None:
    """In a fresh environment the command has the version, `up` starts both servers, and an event is taken."""
    place = tmp_path / "fresh"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    installed = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
            *("--no-index", "--no-deps", str(dist / WHEEL)),
        ],
        capture_output=True,
        text=True,
    )
    assert installed.returncode == 0, installed.stderr
    # The dependencies are those of this environment. A line in a .pth file is a folder of packages, whose own
    # .pth files are not read: so the tree that is installed there for development is not found.
    [packages] = place.glob("lib/python*/site-packages")
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    environ = {"PATH": f"{place}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run(str(python), "-c", "import gitdailies_cli, gitdailies_core; print(gitdailies_cli.__file__)")
    assert where.startswith(str(packages))
    agent = "from gitdailies_connection.http.bounded_client import user_agent; print(user_agent())"
    assert run(str(python), "-c", agent) == f"gitdailies-integrations/{VERSION}\n"
    assert run("gitdailies", "--version") == f"gitdailies, version {VERSION}\n"
    ports = {"--dora-port": str(free_port()), "--relay-port": str(free_port())}
    with (tmp_path / "log").open("w") as log:
        up = subprocess.Popen(
            ["gitdailies", "up", *(word for pair in ports.items() for word in pair)],
            executable=str(place / "bin" / "gitdailies"),
            cwd=tmp_path,
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        key = tmp_path / "gitdailies-data" / "read-key"
        eventually(lambda: key.exists() or up.poll() is not None)
        assert up.poll() is None, (tmp_path / "log").read_text()
        address = f"http://127.0.0.1:{ports['--dora-port']}/api/events"
        headers = {"webhook-key": key.read_text().strip()}

        def answers() -> bool:
            try:
                return "events" in requests.get(address, headers=headers, timeout=10).json()
            except requests.ConnectionError:
                return False

        eventually(answers)
    finally:
        up.terminate()
        assert up.wait(30) in (0, -15), (tmp_path / "log").read_text()


WORKFLOW = f"""\
on: push
jobs:
  report:
    runs-on: ubuntu-latest
    steps:
      - uses: {OWNER}/report-deploy-action@v{VERSION}
        with:
          webhook-url: ${{{{ vars.URL }}}}
          webhook-key: ${{{{ secrets.WEBHOOK_KEY }}}}
          environment: production
"""


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_action_is_used_as_its_page_says(dist: Path, tmp_path: Path) -> None:
    """A workflow with the line of the page runs the tree of the mirror, and the deploy arrives."""
    tree = dist / "mirrors" / "github-action"
    line = f"uses: {OWNER}/report-deploy-action@v{VERSION}"
    assert line in (tree / "README.md").read_text()
    assert line in WORKFLOW
    project = tmp_path / "checkout-api"
    (project / ".github" / "workflows").mkdir(parents=True)
    (project / ".github" / "workflows" / "deploy.yml").write_text(WORKFLOW)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "remote", "add", "origin", "https://github.com/larkspur/checkout-api.git")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "all")
    with serving(answer("202 Accepted", b'{"status": "created"}')) as server:
        options = ["push", "--var", f"URL={server.url}"]
        options += ["--local-repository", f"{OWNER}/report-deploy-action@v{VERSION}={tree}"]
        done = of_act(options, project, tmp_path, {"WEBHOOK_KEY": KEY})

    assert done.code == 0, done.log
    [request] = server.requests
    assert json.loads(request.body)["environment"] == "production"
    assert KEY not in done.log


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_component_s_own_pipeline(dist: Path, tmp_path: Path) -> None:
    """In the component's project the pipeline of a tag runs the component and then makes a release."""
    project = tmp_path / "gitdailies"
    shutil.copytree(dist / "mirrors" / "gitlab", project)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "remote", "add", "origin", f"https://gitlab.com/{OWNER}/gitdailies.git")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "all")
    options = ("--data-transform", "gitlab-ci")
    fits_schema("vendor.gitlab-ci", project / ".gitlab-ci.yml", options=options)
    path = f"{programs(tmp_path, sys.executable)}:{os.environ['PATH']}"
    tag = {"ci_commit_tag": VERSION, "ci_commit_branch": ""}
    # It warns of a branch that is set by hand.
    quiet = {"GCL_IGNORE_PREDEFINED_VARS": "CI_COMMIT_BRANCH"}
    done = pipelines.run(project, tmp_path, "", tag, path=path, environ=quiet)

    assert (done.code, done.jobs) == (0, {"test-report-deploy": "PASS", "release": "PASS"}), done.log
    assert "GitDailies: dry run, not sent: deploy of" in done.log
    assert f"Release {VERSION}" in done.log


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_component_is_used_as_its_page_says(dist: Path, tmp_path: Path) -> None:
    """A pipeline with the line of the page gets the component from the mirror, and the deploy arrives."""
    mirror, project = tmp_path / "mirror", tmp_path / "checkout-api"
    shutil.copytree(dist / "mirrors" / "gitlab", mirror)
    line = f"component: gitlab.com/{OWNER}/gitdailies/report-deploy@{VERSION}"
    assert line in (mirror / "README.md").read_text()
    project.mkdir()
    inputs = {"needs": ["deploy"], "environment": "production"}
    include = {"component": line.removeprefix("component: "), "inputs": inputs}
    text = {"include": [include], "deploy": {"stage": "deploy", "script": "echo deployed"}}
    (project / ".gitlab-ci.yml").write_text(yaml.safe_dump(text))
    for folder, remote in ((mirror, f"{OWNER}/gitdailies"), (project, "larkspur/checkout-api")):
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "remote", "add", "origin", f"https://gitlab.com/{remote}.git")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "all")
    git(mirror, "tag", VERSION)
    # What would be fetched from the network is fetched from the mirror's folder.
    environ = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{mirror}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://gitlab.com:443/{OWNER}/gitdailies.git",
    }
    with serving() as server:
        variables = {"gitdailies_webhook_url": server.url, "gitdailies_webhook_key": KEY}
        path = f"{programs(tmp_path, sys.executable)}:{os.environ['PATH']}"
        done = pipelines.run(project, tmp_path, "", variables, path=path, environ=environ)

    assert (done.code, done.jobs) == (0, {"deploy": "PASS", "report-deploy": "PASS"}), done.log
    [request] = server.requests
    assert json.loads(request.body)["environment"] == "production"
    assert KEY not in done.log
