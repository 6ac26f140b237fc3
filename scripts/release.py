"""Build everything that a release publishes into `dist/`, from the last commit and without a network.

    make release VERSION=0.1.0

It builds twice, in two folders, and refuses if one byte differs. `dist/` then holds

    *.whl, PACKAGE-VERSION.tar.gz              the Python package
    NAME-VERSION.tar.gz                        each step that has a repository of its own; the compose files
    gitdailies-VERSION.tgz                     the chart for Helm
    site-VERSION.tar.gz                        the documentation as a site, for any web server
    mirrors/NAME, compose                      the same as folders
    other files                                those that users copy, schemas, SBOM, notes of the release
    SHA256SUMS                                 the checksum of every file at the top of dist/
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    # Python puts the folder of the script on the path, and not the root.
    sys.path.insert(0, str(ROOT))

from scripts.releasing import changelog, plan, project, published, sbom, stamp, trees  # noqa: E402

SUMS = "SHA256SUMS"
NOTES = "RELEASE_NOTES.md"
SBOM = "sbom.cdx.json"
_CHECK = f"""
### Checksums

Download `{SUMS}` into the folder of the files, and run `sha256sum --check --ignore-missing {SUMS}`.
"""
# The second build differs in all that must not matter.
SURROUNDINGS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (0o022, {"TZ": "UTC", "PYTHONHASHSEED": "1"}),
    (0o077, {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"}),
)


@dataclass(frozen=True)
class Build:
    """One build: the folder it happens in, the version, and the moment of the commit."""

    folder: Path
    version: str
    moment: int
    environ: Mapping[str, str]

    @property
    def tree(self) -> Path:
        """The exported and stamped tree."""
        return self.folder / "tree"

    @property
    def site(self) -> Path:
        """The built package, unpacked."""
        return self.folder / "site"

    @property
    def dist(self) -> Path:
        """What is built."""
        return self.folder / "dist"

    def python(self, *arguments: str) -> None:
        """Run Python in the tree. It imports the tree's packages, not those that are installed."""
        run(
            [sys.executable, *arguments],
            cwd=self.tree,
            env={
                **os.environ,
                **self.environ,
                "SOURCE_DATE_EPOCH": str(self.moment),
                "PYTHONPATH": str(self.site),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )


def main(arguments: list[str]) -> int:
    version = arguments[0] if arguments else ""
    found = list(problems(version))
    if found:
        print("\n".join(found), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="gitdailies-release-") as folder:
        builds = []
        for number, (umask, environ) in enumerate(SURROUNDINGS, 1):
            print(f"build {number} of {len(SURROUNDINGS)}", flush=True)
            build = Build(
                Path(folder) / ("b" * number), version, int(git("log", "-1", "--format=%ct")), environ
            )
            before = os.umask(umask)
            try:
                build_all(build)
            finally:
                os.umask(before)
            builds.append(build)
        found = [*differences(builds[0].dist, builds[1].dist), *left(builds[0])]
        if found:
            print("\n".join(found), file=sys.stderr)
            return 1
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        shutil.copytree(builds[0].dist, ROOT / "dist")
    for name in sorted(path.name for path in (ROOT / "dist").iterdir() if path.is_file()):
        print(f"dist/{name}")
    return 0


def problems(version: str) -> Iterator[str]:
    """Yield what must be put right before the last commit can be released."""
    try:
        names = project.read(git("show", f"HEAD:{project.FILE}"))
    except ValueError as error:
        yield str(error)
        return
    yield from plan.problems(
        version,
        changed=[line[3:] for line in git("status", "--porcelain").splitlines()],
        tags=git("tag", "--list", "v*").split(),
        tags_of_head=git("tag", "--points-at", "HEAD").split(),
        changelog_text=git("show", f"HEAD:{changelog.FILE}"),
        project=names,
        manifest=tomllib.loads(git("show", "HEAD:pyproject.toml"))["project"],
    )


def build_all(build: Build) -> None:
    """Build everything of a release into `build.dist`."""
    stamp_tree(build)
    build.python("-m", "hatchling", "build", "--directory", str(build.dist))
    unpack_package(build)
    built = build.folder / "steps"
    build.python("scripts/dist.py", "--folder", str(built))
    names = published.of(build.tree)
    write(build.dist, trees.assets(built))
    for (name, place), tree in trees.trees(build.tree, built, names).items():
        folder = f"{name}-{build.version}"
        write(build.dist, {f"{folder}.tar.gz": trees.packed(tree, folder, build.moment)})
        for path, file in tree.items():
            write(build.dist / place, {path: file.data}, executable=file.executable)
    build.python("-m", "scripts.docs_site.build", str(build.folder / "docs"))
    site, pages = f"site-{build.version}", trees.tree_of(build.folder / "docs" / "site")
    write(build.dist, {f"{site}.tar.gz": trees.packed(pages, site, build.moment)})
    chart = trees.packed(trees.chart(build.tree, names), "gitdailies", build.moment)
    write(build.dist, {f"gitdailies-{build.version}.tgz": chart})
    notes = changelog.notes((build.tree / changelog.FILE).read_text("utf-8"), build.version)
    write(build.dist, {NOTES: (stamp.absolute(notes, changelog.FILE, names) + _CHECK).encode()})
    sbom.make(build.site, build.dist / SBOM, build.moment)
    sums = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(build.dist.iterdir())
        if path.is_file()
    }
    write(build.dist, {SUMS: "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()})


def stamp_tree(build: Build) -> None:
    """Export the last commit, and write version, day and names into it."""
    exported = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(exported)) as archive:
        archive.extractall(build.tree, filter="data")
    day = datetime.fromtimestamp(build.moment, UTC).date().isoformat()
    rewrite(build.tree / changelog.FILE, lambda text: changelog.dated(text, build.version, day))
    names = published.of(build.tree)
    rewrite(build.tree / "pyproject.toml", lambda text: stamp.manifest(text, names))
    # The generators read the package: its version, its help, its tables.
    build.python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(build.dist))
    unpack_package(build)
    build.python("scripts/generate.py")
    rewrite(build.tree / "README.md", lambda text: stamp.absolute(text, "README.md", names))
    # Last: until here, the package has the name under which it is installed for this build. The code finds
    # its version by that name.
    for file in (build.tree / "pyproject.toml", *build.tree.glob("**/gitdailies_*/**/*.py")):
        rewrite(file, lambda text: stamp.renamed(text, names))
    shutil.rmtree(build.dist)


def unpack_package(build: Build) -> None:
    """Put the built package where `build.python` imports it from."""
    [wheel] = build.dist.glob("*.whl")
    shutil.rmtree(build.site, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(build.site)


def differences(one: Path, other: Path) -> Iterator[str]:
    """Yield a line for each file that two builds do not have alike."""
    files = [
        {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for folder in (one, other)
    ]
    for name in sorted(set(files[0]) | set(files[1])):
        if any(name not in found for found in files):
            yield f"{name}: only one of two builds has it"
        elif files[0][name].read_bytes() != files[1][name].read_bytes():
            yield f"{name}: two builds differ; find what depends on time, path, locale or order"


def left(build: Build) -> Iterator[str]:
    """Yield a line for each placeholder in the stamped tree and in what is built from it."""
    for folder in (build.tree, build.dist):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                for line, text in plan.placeholders(path.read_bytes().decode("utf-8", "replace")):
                    yield f"{path.relative_to(folder)}:{line}: expected a name, got the placeholder {text}"


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    """Replace the text of *file* by what *change* makes of it."""
    file.write_bytes(change(file.read_text("utf-8")).encode())


def write(folder: Path, files: Mapping[str, bytes], *, executable: bool = False) -> None:
    """Write *files* below *folder*."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o755 if executable else 0o644)


def git(*arguments: str) -> str:
    """Run git in the project and return what it prints."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.rstrip("\n")


def run(command: list[str], *, cwd: Path, env: Mapping[str, str]) -> None:
    """Run a program quietly; if it fails, show what it said and stop."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        sys.exit(f"{' '.join(command[1:])}: ended with code {done.returncode}, see above")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
