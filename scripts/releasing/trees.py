"""The trees of a release: what each repository of a step, the compose archive and the chart hold.

A tree maps paths to files. The files of a step are those that `scripts/dist.py` has built.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.platforms import folder_of
from scripts.releasing.published import Published
from scripts.releasing.stamp import absolute


@dataclass(frozen=True)
class File:
    """The bytes of a file, and whether it is executable."""

    data: bytes
    executable: bool = False


Tree = Mapping[str, File]

# The steps that have a repository of their own: the name of the archive, the folder in dist/, the module.
STEPS = (
    ("github-action", "mirrors/github-action", "github_actions"),
    ("buildkite-plugin", "mirrors/buildkite", "buildkite"),
    ("gitlab-component", "mirrors/gitlab", "gitlab"),
)
COMPOSE = "compose"
_IMAGE = re.compile(r"^( +)image: gitdailies$", re.MULTILINE)
_PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
_BUILD = re.compile(r"^ +build: .*\n", re.MULTILINE)


def trees(root: Path, built: Path, published: Published) -> dict[tuple[str, str], Tree]:
    """Return every tree by the name of its archive and its folder in dist/.

    *root* is the stamped tree, *built* what `dist.py` has made of it.
    """
    found: dict[tuple[str, str], Tree] = {}
    for name, path, module in STEPS:
        page = f"{folder_of(root, module).path}/README.md"
        found[name, path] = {
            "LICENSE": File((root / "LICENSE").read_bytes()),
            "README.md": File(absolute((root / page).read_text("utf-8"), page, published).encode()),
            **dict(_files(built / module)),
        }
    found[COMPOSE, COMPOSE] = {
        "LICENSE": File((root / "LICENSE").read_bytes()),
        **{
            path: _deployed(path, file, published)
            for path, file in _files(root / "deployment")
            # The image is built from the repository, and the chart is a file of its own.
            if not path.startswith(("Dockerfile", "chart/"))
        },
    }
    return found


def chart(root: Path, published: Published) -> Tree:
    """Return the chart of the stamped tree *root*, as `helm package` would pack it."""
    page = "deployment/chart/README.md"
    return {
        **{path: _deployed(path, file, published) for path, file in _files(root / "deployment" / "chart")},
        "LICENSE": File((root / "LICENSE").read_bytes()),
        "README.md": File(absolute((root / page).read_text("utf-8"), page, published).encode()),
    }


def tree_of(folder: Path) -> Tree:
    """Return every file below *folder*."""
    return dict(_files(folder))


def assets(built: Path) -> dict[str, bytes]:
    """Return the single files of a release by their names: those that users copy, and the schemas.

    The file of a platform has the platform in its name, except the orb, which has one name everywhere.
    """
    found = {}
    for path, file in _files(built):
        module, _, rest = path.partition("/")
        name = rest.rpartition("/")[2]
        if not rest:
            if path != "SHA256SUMS":
                found[path] = file.data
        elif name == "orb.yml":
            found[name] = file.data
        elif module not in ("github_actions", "buildkite") and not name.startswith("."):
            found[f"{module}-{name}"] = file.data
    return found


def packed(tree: Tree, folder: str, moment: int) -> bytes:
    """Return *tree* as the bytes of a `.tar.gz`, in one *folder*. Every file has the time *moment*.

    The bytes are the same wherever and whenever it is made.
    """
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in sorted(tree.items()):
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size, entry.mtime = len(file.data), moment
            entry.mode = 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.data))
    return gzip.compress(written.getvalue(), mtime=0)


def _files(folder: Path) -> Iterator[tuple[str, File]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            executable = bool(file.stat().st_mode & 0o100)
            yield file.relative_to(folder).as_posix(), File(file.read_bytes(), executable)


def _deployed(path: str, file: File, published: Published) -> File:
    """Return a file of `deployment/` as it is used without the repository.

    It names the published image and the addresses of the documentation's pages.
    """
    text = _PAGE.sub(lambda found: published.page(found[0]), file.data.decode())
    if path.endswith("compose.yaml"):
        text, count = _IMAGE.subn(rf"\1image: {published.image()}", text)
        if not count:
            raise ValueError(f"deployment/{path}: expected a line `image: gitdailies`")
        text = _BUILD.sub("", text)
    return File(text.encode(), file.executable)
