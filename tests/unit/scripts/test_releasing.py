"""What a release decides: whether it may be made, what its pages say, and the bytes of its archives."""

import re
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from scripts import dist
from scripts.platforms import folders
from scripts.releasing import changelog, plan, project, published, stamp, trees, uses
from scripts.releasing.project import Project
from scripts.releasing.published import Published
from scripts.releasing.trees import File, packed
from tests.support.releasing.owner import NAMES, OWNER, PROJECT, PUBLISHED, ROOT, VERSION, owned

LOG = "# Changelog\n\n## Unreleased: 0.2.0, more\n\n- New.\n\n## 0.1.0 (2026-03-04), the first\n\n- First.\n"
READY: dict[str, Any] = {
    "version": "0.2.0",
    "changed": [],
    "tags": ["v0.1.0"],
    "tags_of_head": [],
    "changelog_text": LOG,
    "project": PROJECT,
    "manifest": {"version": "0.2.0"},
}


def problems(**changed: Any) -> list[str]:
    given = {**READY, **changed}
    return list(plan.problems(given.pop("version"), **given))


def test_a_release_that_is_ready() -> None:
    """With a newer version, an entry, names and a clean tree nothing is to be put right."""
    assert problems() == []
    assert problems(tags=["v0.1.0", "v0.2.0"], tags_of_head=["v0.2.0"]) == []
    assert problems(tags=["latest", "v0.1.9-rc1"]) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": ""}, "VERSION: expected three numbers, such as 0.1.0, got nothing"),
        ({"version": "v0.2.0"}, "VERSION: expected three numbers, such as 0.1.0, got v0.2.0"),
        ({"version": "0.02.0"}, "VERSION: expected three numbers"),
        ({"changed": ["a.py", "b"]}, "changes that are not committed; commit or remove them: a.py, b"),
        ({"tags": ["v0.2.0"]}, "expected a newer one than 0.2.0, which is tagged as v0.2.0, got 0.2.0"),
        ({"tags": ["v0.10.0", "v0.9.0"]}, "expected a newer one than 0.10.0"),
        ({"tags": ["v0.3.0", "v0.2.0"], "tags_of_head": ["v0.2.0"]}, "expected a newer one than 0.3.0"),
        (
            {"changelog_text": LOG.replace("0.2.0", "0.2.1")},
            "CHANGELOG.md: there is no entry for 0.2.0; write `## Unreleased: 0.2.0` and what users notice",
        ),
        ({"changelog_text": LOG.replace("- New.", "")}, "CHANGELOG.md: the entry of 0.2.0 is empty"),
        (
            {"manifest": {"version": "0.1.0"}},
            "pyproject.toml: version: expected 0.2.0, got 0.1.0; change and commit it",
        ),
    ],
)
def test_a_problem_is_named(changed: dict[str, Any], said: str) -> None:
    """Each problem is one line that says what to put right."""
    [problem] = problems(**changed)

    assert said in problem


@pytest.mark.parametrize("key", sorted({key for keys in plan.NEEDS.values() for key in keys}))
def test_a_name_that_is_not_set_is_named_with_what_needs_it(key: str) -> None:
    """A release names the key that is not set, and each artifact that cannot be built without it."""
    table, _, name = key.partition(".")
    without = replace(PROJECT, **{table: replace(getattr(PROJECT, table), **{name: ""})})
    [problem] = problems(project=without)

    assert problem.startswith(f"project.toml: {key} is not set; without it there is no ")
    assert all(artifact in problem for artifact, keys in plan.NEEDS.items() if key in keys)


def test_every_name_but_two_is_needed() -> None:
    """A name that no artifact needs would be asked for in vain."""
    needed = {key for keys in plan.NEEDS.values() for key in keys}

    assert needed | {"home.security", "home.affiliation"} == {
        f"{table}.{key}" for table, values in vars(PROJECT).items() for key in vars(values)
    }
    assert {key.partition(".")[2] for key in needed} == {*NAMES, "package"}


def test_the_entry_of_a_version() -> None:
    """The newest release, the notes of a version and its day are read from the changelog's headings."""
    assert (changelog.latest(LOG), changelog.latest("## Unreleased: 0.1.0, the first\n")) == ("0.1.0", "")
    assert changelog.notes(LOG, "0.2.0") == "- New.\n"
    assert changelog.notes(LOG, "0.1.0") == "- First.\n"
    released = changelog.dated(LOG, "0.2.0", "2026-11-26")
    assert "## 0.2.0 (2026-11-26), more\n\n- New." in released
    assert changelog.latest(released) == "0.2.0"
    assert changelog.dated(released, "0.2.0", "2027-01-01") == released


def test_the_changelog_of_this_tree_has_an_entry_for_its_version() -> None:
    """The version in pyproject.toml can be released as far as the changelog goes."""
    version = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    text = (ROOT / changelog.FILE).read_text("utf-8")

    assert len(version) == 1
    assert changelog.notes(text, version[0])


@pytest.mark.parametrize("folder", folders(ROOT), ids=lambda folder: folder.module)
def test_a_page_before_and_after_the_first_release(folder: Any) -> None:
    """Before it a page names what a clone builds; after it, the page names the owner and the version."""
    page = folder.text("README.md")
    before = uses.written(page, folder.module, Published(PROJECT, ""))
    after = uses.written(before, folder.module, PUBLISHED)

    assert "Nothing is published yet. In a clone" in before
    assert OWNER not in before
    assert f"`dist/{folder.module}/" in before
    assert "Nothing is published yet" not in after
    assert OWNER in after
    assert VERSION in after
    assert uses.written(after, folder.module, Published(PROJECT, "")) == before


@pytest.mark.parametrize(
    ("module", "lines", "count"),
    [
        ("github_actions", f"uses: {OWNER}/report-deploy-action@v{VERSION}", 9),
        ("circleci", f"gitdailies: {OWNER}/gitdailies@{VERSION}", 1),
        ("gitlab", f"component: gitlab.com/{OWNER}/gitdailies/report-deploy@{VERSION}", 3),
        ("buildkite", f"- {OWNER}/gitdailies#v{VERSION}:", 2),
        (
            "bitbucket",
            f"/{OWNER}/integrations/releases/download/v{VERSION}/bitbucket-report_deploy.sh",
            2,
        ),
    ],
)
def test_every_example_of_a_published_page_names_the_release(module: str, lines: str, count: int) -> None:
    """Each example of the page has the line to paste, and none has the form of a clone."""
    [folder] = [folder for folder in folders(ROOT) if folder.module == module]
    page = uses.written(folder.text("README.md"), module, PUBLISHED)

    assert page.count(lines) == count
    assert not re.search(r"uses: \./\.github/actions|local: |/plugins/gitdailies|files\.example\.com", page)


def test_nothing_is_published_here() -> None:
    """In this tree no name is published until it is set and a version is released."""
    here = published.of(ROOT)
    names = [here.home, here.action(), here.orb(), here.component(), here.plugin(), here.image()]

    assert all(not name or here.version in name or name == here.home for name in names)
    assert Published(Project(), VERSION).action() == Published(PROJECT, "").action() == ""


def test_links_become_addresses() -> None:
    """A link to a file names the released file, from wherever the page is; other links stay."""
    text = "[a](../docs/a.md#b) [c](src/c.yml) [d](#d) [e](https://example.org/e) [f](mailto:f@example.org)"
    text += " ![g](../docs/g.png) ![h](h.svg)"
    home = f"https://github.com/{OWNER}/integrations/blob/v{VERSION}"

    assert stamp.absolute(text, "github-action/README.md", PUBLISHED) == (
        f"[a]({home}/docs/a.md#b) [c]({home}/github-action/src/c.yml) "
        "[d](#d) [e](https://example.org/e) [f](mailto:f@example.org)"
        f" ![g]({home}/docs/g.png?raw=true) ![h]({home}/github-action/h.svg?raw=true)"
    )


def test_the_package_is_renamed_and_no_repository() -> None:
    """A name on the index of the owner's own takes the place of the package's, and of nothing else."""
    own = replace(PROJECT, registries=replace(PROJECT.registries, package="larkspur-dora"))
    text = 'version("gitdailies-integrations") gitdailies-integrations[relay] '
    kept = "github.com/larkspur/gitdailies-integrations gitdailies-integrations-2"

    assert stamp.renamed(text + kept, Published(own, VERSION)) == (
        f'version("larkspur-dora") larkspur-dora[relay] {kept}'
    )


def test_names_that_are_set_already_do_not_matter_to_the_tests() -> None:
    """Tests replace the names of an owner who has set them, too: after that, `make test` still runs."""
    assert project.read(owned(owned(ROOT.joinpath(project.FILE).read_text("utf-8")))) == PROJECT


def test_an_archive_has_no_time_and_no_owner_of_its_own() -> None:
    """The same tree gives the same bytes, whatever its order, with one time and no user."""
    files = {"b/run": File(b"#!/bin/sh\n", executable=True), "a.md": File(b"a")}
    data = packed(files, "x-1.0.0", 1_700_000_000)

    assert data == packed(dict(reversed(files.items())), "x-1.0.0", 1_700_000_000)
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        found = [(one.name, one.mode, one.mtime, one.uid, one.uname) for one in archive]
    assert found == [
        ("x-1.0.0/a.md", 0o644, 1_700_000_000, 0, ""),
        ("x-1.0.0/b/run", 0o755, 1_700_000_000, 0, ""),
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    dist.build(folder)
    return folder


def test_the_roots_of_the_trees_are_what_the_platforms_want(built: Path) -> None:
    """Each tree has a page, a license, and its manifest where the platform looks for it."""
    found = {name: set(tree) for (name, _), tree in trees.trees(ROOT, built, PUBLISHED).items()}

    assert found["github-action"] == {"LICENSE", "README.md", "action.yml", "launch.sh", "report_deploy.py"}
    common = {"LICENSE", "README.md", *(f"report_deploy.{kind}" for kind in ("ps1", "py", "sh"))}
    assert found["buildkite-plugin"] == {*common, "hooks/post-command", "plugin.yml"}
    assert found["gitlab-component"] == {*common, ".gitlab-ci.yml", "templates/report-deploy.yml"}
    assert {"LICENSE", "compose.yaml", "cluster/compose.yaml", "cluster/Dockerfile"} <= found["compose"]
    assert not {path for path in found["compose"] if path.startswith(("Dockerfile", "chart"))}


def test_the_compose_files_name_the_published_image(built: Path) -> None:
    """The compose archive starts the released image, and builds none but that of the databases."""
    tree = trees.trees(ROOT, built, PUBLISHED)["compose", "compose"]

    for path, builds in (("compose.yaml", 0), ("cluster/compose.yaml", 1)):
        text = tree[path].data.decode()
        assert f"image: ghcr.io/{OWNER}/gitdailies:{VERSION}\n" in text
        assert text.count("build:") == builds
    for (name, _), tree in trees.trees(ROOT, built, PUBLISHED).items():
        pages = [
            file.data.decode() for path, file in tree.items() if name == "compose" or path == "README.md"
        ]
        assert not re.search(r"(?<![/\w])docs/[\w-]+\.md", "".join(pages))


def test_every_file_that_is_copied_is_an_asset(built: Path) -> None:
    """What the pages tell to download has the name that the release gives it. No hidden file is an asset."""
    names = set(trees.assets(built))
    pages = "".join(
        uses.written(folder.text("README.md"), folder.module, PUBLISHED) for folder in folders(ROOT)
    )
    # `gitdailies init` names the schema by the address in the package's manifest.
    pages += stamp.manifest((ROOT / "pyproject.toml").read_text("utf-8"), PUBLISHED)
    told = set(re.findall(rf"/releases/download/v{VERSION}/([\w.-]+)", pages))

    assert told - names == {"SHA256SUMS"}
    assert len(told) >= 5
    assert {"orb.yml", "report_deploy.py", "openapi.json"} <= names
    assert {"event.schema.json", "gitdailies.schema.json"} <= names
    assert not {name for name in names if name.startswith(".")}


@pytest.mark.parametrize(
    "text", ["[O]WNER/gitdailies", "x@[V]ERSION", "a#[C]OMMIT:", "your-[n]amespace/a", "@[@]orb@@"]
)
def test_a_placeholder_is_found(text: str) -> None:
    """A name to fill in is found with its line."""
    written = re.sub(r"[\[\]]", "", text)

    assert [line for line, _ in plan.placeholders(f"fine\n{written}\n")] == [2]
    assert list(plan.placeholders("OWNER/NAME or OWNER/NAME@SHA; pkg:TYPE/NAMESPACE/NAME@VERSION?Q")) == []
