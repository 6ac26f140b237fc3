"""The release workflow, run by act with doubles of third-party actions and of docker and gh."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.releasing.acting import FILES, TOKENS, TREES, Run, act, mirror, used
from tests.support.releasing.building import released
from tests.support.releasing.owner import NAMES, VERSION, owned


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run with every name set."""
    done = act(tmp_path_factory.mktemp("release"))
    assert done.code == 0, done.log
    return done


def sums(run: Run) -> set[str]:
    lines = (run.results / "artifacts" / "dist" / "SHA256SUMS").read_text().splitlines()
    return {line.split("  ")[1] for line in lines}


def in_mirror(run: Run, key: str) -> Callable[..., str]:
    """Return git in the mirror *key*."""

    def git(*arguments: str) -> str:
        remote = run.remotes / mirror(key)
        done = subprocess.run(["git", *arguments], cwd=remote, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return git


def test_the_version_is_that_of_the_tag(run: Run) -> None:
    """`make release` is asked for the version of the tag, once."""
    assert run.lines("make") == [f"release VERSION={VERSION}"]


def test_the_upload_gets_exactly_what_was_built(run: Run) -> None:
    """The artifact has the files of SHA256SUMS, that file, and the trees of the mirrors."""
    artifact = run.results / "artifacts" / "dist"
    files = {path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file()}

    assert sums(run) == set(FILES)
    assert {name for name in files if not name.startswith("mirrors/")} == {*FILES, "SHA256SUMS"}
    assert {name.rsplit("/", 2)[0] for name in files if name.endswith("/src/.hidden")} == set(TREES)


def test_what_was_built_is_tried_before_anything_is_published(run: Run) -> None:
    """The wheel is installed with its extras, and the servers take a deploy and an incident."""
    assert run.lines("pip") == [f"install --quiet dist/{FILES[0]}[all]"]
    assert "deploy: accepted by" in run.log
    assert "pagerduty: accepted by" in run.log


def test_the_package_index_gets_wheel_and_source_alone(run: Run) -> None:
    """Nothing but the two files that are a package is uploaded to the index."""
    assert run.lines("package") == sorted(FILES[:2])


def test_checksums_and_the_index_of_images_are_attested(run: Run) -> None:
    """The files are attested by their checksums, the image by the digest of its index."""
    assert run.given("attest", "attest")["WITH_SUBJECT_CHECKSUMS"] == "dist/SHA256SUMS"
    assert run.given("image-index", "attest")["WITH_SUBJECT_DIGEST"] == "sha256:of-the-index"
    assert run.given("image-index", "attest")["WITH_SUBJECT_NAME"] == NAMES["image"]


def test_both_architectures_are_joined_under_the_version(run: Run) -> None:
    """Each image is tried by its digest, and the only tag is the version, without a v."""
    image = NAMES["image"]
    (created,) = [line for line in run.lines("docker") if "create" in line]

    tried = [line for line in run.lines("docker") if line.endswith("--version")]
    assert sorted(tried) == [
        f"run --rm --read-only {image}@sha256:of-image-{name} --version" for name in ("amd64", "arm64")
    ]
    assert created.startswith(f"buildx imagetools create --tag {image}:{VERSION} {image}@sha256:of-image-")


def test_the_orb_is_published_at_the_version(run: Run) -> None:
    """CircleCI's command gets the built orb, its name and its version, and its token by the environment."""
    (published,) = [line for line in run.lines("docker") if "orb publish" in line]

    assert published.endswith(f"orb publish /dist/orb.yml {NAMES['orb']}@{VERSION}")
    assert "--env CIRCLECI_CLI_TOKEN" in published


@pytest.mark.parametrize(
    ("key", "tag", "tree"),
    [
        ("github_action", f"v{VERSION}", "mirrors/github-action"),
        ("buildkite", f"v{VERSION}", "mirrors/buildkite"),
        ("gitlab", VERSION, "mirrors/gitlab"),
    ],
)
def test_each_mirror_has_one_commit_with_its_tree(run: Run, key: str, tag: str, tree: str) -> None:
    """Branch and tag are one commit, which holds the tree and nothing else."""
    git = in_mirror(run, key)

    assert git("rev-parse", "main") == git("rev-parse", tag)
    assert git("rev-list", "--count", "main") == "1"
    assert git("ls-tree", "-r", "--name-only", "main").splitlines() == ["README.md", "src/.hidden"]
    assert git("show", "main:README.md") == f"the tree {tree}"


def test_the_release_is_a_draft_until_all_is_published(run: Run) -> None:
    """The draft gets every file of SHA256SUMS and that file; the last step of all makes it public."""
    created, edited = run.lines("gh")

    assert created.startswith(f"release create v{VERSION} --draft --verify-tag")
    assert set(run.lines("assets")) == {*sums(run), "SHA256SUMS"}
    assert edited == f"release edit v{VERSION} --draft=false"


def test_no_token_is_printed_or_given_to_a_program_by_argument(run: Run) -> None:
    """No planted token is in the log, in what programs got, or in what actions wrote down, but the log-in."""
    kept = [path for path in run.results.glob("*") if path.is_file() and "login-action" not in path.name]
    texts = [run.log, *(path.read_text("utf-8") for path in kept)]

    assert [token for token in TOKENS.values() if any(token in text for text in texts)] == []


@pytest.mark.long
def test_names_that_are_not_set_are_not_published(tmp_path: Path) -> None:
    """Without image, orb and mirrors the package and the release are published, and nothing else."""
    few = re.compile(r'^(image|orb|github_action|buildkite|gitlab) = "\S+"', re.MULTILINE)
    done = act(tmp_path, names=lambda text: few.sub(r'\1 = ""', owned(text)))

    assert done.code == 0, done.log
    assert done.lines("docker") == []
    assert done.lines("package") == sorted(FILES[:2])
    assert done.lines("gh")[-1] == f"release edit v{VERSION} --draft=false"
    assert "mirrors.gitlab is not set in project.toml: not published" in done.log
    assert len(used()) >= 8


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_real_release_goes_the_whole_way(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """What `make release` really builds is tried, uploaded, mirrored and published, file by file."""
    done = act(tmp_path, release=released(tmp_path_factory))
    assert done.code == 0, done.log
    artifact = done.results / "artifacts" / "dist"
    uploaded = {path.name for path in artifact.iterdir() if path.is_file()}

    assert uploaded == {*sums(done), "SHA256SUMS"}
    assert set(done.lines("assets")) == uploaded
    assert done.lines("package") == [
        f"gitdailies_integrations-{VERSION}-py3-none-any.whl",
        f"gitdailies_integrations-{VERSION}.tar.gz",
    ]
    assert (artifact / "orb.yml").is_file()
    for key, manifest in (("github_action", "action.yml"), ("buildkite", "plugin.yml")):
        assert manifest in in_mirror(done, key)("ls-tree", "--name-only", f"v{VERSION}").splitlines()
    assert "templates/report-deploy.yml" in in_mirror(done, "gitlab")("ls-tree", "-r", "--name-only", VERSION)
