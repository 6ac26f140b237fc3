"""Whether a release may be made: decided from its version, the tags, the changelog and the names."""

import re
from collections.abc import Iterator, Mapping, Sequence

from scripts.releasing import changelog
from scripts.releasing.project import FILE, Project

# The names that each artifact needs. `home.security` and `home.affiliation` may stay unset.
NEEDS: Mapping[str, Sequence[str]] = {
    "Python package": ("home.owner", "home.repository", "home.docs", "registries.package"),
    "orb": ("home.repository", "home.docs", "registries.orb"),
    "GitHub Action": ("home.repository", "mirrors.github_action"),
    "Buildkite plugin": ("home.repository", "mirrors.buildkite"),
    "GitLab component": ("home.repository", "mirrors.gitlab"),
    "compose archive": ("registries.image",),
    "chart": ("home.repository", "registries.image"),
}
# Written so that this file has none itself.
_PLACEHOLDER = re.compile(
    r"[O]WNER/(?:gitdailies|[a-z])"
    r"|[@#](?:[C]OMMIT|[V]ERSION)\b(?!\?)"
    r"|(?<!TYPE/)\b[N]AMESPACE/"
    r"|[G]ROUP/[a-z]"
    r"|your-[n]amespace"
    r"|@@[a-z_.]+@@"
)
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def problems(
    version: str,
    *,
    changed: Sequence[str],
    tags: Sequence[str],
    tags_of_head: Sequence[str],
    changelog_text: str,
    project: Project,
    manifest: Mapping[str, str],
) -> Iterator[str]:
    """Yield what must be put right before *version* can be released.

    *changed* are the paths that differ from the last commit, *tags* those of the repository, and *manifest*
    has the version that `pyproject.toml` gives the package.
    """
    number = _number(version)
    if number is None:
        yield f"VERSION: expected three numbers, such as 0.1.0, got {version or 'nothing'}"
        return
    if changed:
        yield f"the tree has changes that are not committed; commit or remove them: {', '.join(changed)}"
    # The tag of this very release may be there already: a workflow starts when it is pushed.
    others = [tag for tag in tags if tag != f"v{version}" or tag not in tags_of_head]
    newest = max((found for tag in others if (found := _number(tag.removeprefix("v")))), default=None)
    if newest is not None and newest >= number:
        last = ".".join(map(str, newest))
        yield f"VERSION: expected a newer one than {last}, which is tagged as v{last}, got {version}"
    try:
        changelog.notes(changelog_text, version)
    except ValueError as error:
        yield str(error)
    # The image, and what is installed from the tag, get the version that the tree has.
    if manifest["version"] != version:
        yield f"pyproject.toml: version: expected {version}, got {manifest['version']}; change and commit it"
    yield from missing(project)


def missing(project: Project) -> Iterator[str]:
    """Yield a line for each name that is not set, with the artifacts that need it."""
    needed: dict[str, list[str]] = {}
    for artifact, keys in NEEDS.items():
        for key in keys:
            needed.setdefault(key, []).append(artifact)
    for key, artifacts in needed.items():
        if not project.value(key):
            yield f"{FILE}: {key} is not set; without it there is no {', no '.join(artifacts)}"


def _number(version: str) -> tuple[int, int, int] | None:
    found = _VERSION.fullmatch(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def placeholders(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and the text of each name that somebody was to fill in; no release has one."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in _PLACEHOLDER.finditer(line):
            yield number, match[0]
