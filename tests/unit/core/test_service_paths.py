"""Which services a push touches, by globs of its files."""

import re
from dataclasses import replace

import pytest
from gitdailies_core.deploys.pushes import Brought, brought, remembered, with_services
from gitdailies_core.deploys.service_paths import checked, touched
from gitdailies_core.error_text import got

from tests.support.core.pushes import pushed, sha

PATHS = {"larkspur/checkout": {"api": ("services/api/**", "shared"), "web": ("web/*.ts", "!web/*.test.ts")}}


@pytest.mark.parametrize(
    ("file", "services"),
    [
        ("services/api/main.go", {"api"}),
        ("services/api/deep/er.go", {"api"}),
        ("services/apis/main.go", set()),
        ("shared/one.go", {"api"}),
        ("shared", {"api"}),
        ("other/shared", set()),
        ("web/a.ts", {"web"}),
        ("web/a.test.ts", set()),
        ("web/deep/a.ts", set()),
        ("Web/a.ts", set()),
    ],
)
def test_a_file_is_of_the_services_whose_globs_fit(file: str, services: set[str]) -> None:
    """A folder holds all below it, `*` stops at a slash, `!` takes files out, and case matters."""
    found = touched(PATHS["larkspur/checkout"], [file])
    assert {name for name, touches in found.items() if touches} == services
    assert found.keys() == {"api", "web"}


@pytest.mark.parametrize("glob", ["", "!", "/", "../api/**", "./api", "app/[slug]/**", "a\\b"])
def test_a_glob_that_fits_no_file_is_refused(glob: str) -> None:
    """A path that leads nowhere, and what git reads in another way, names what was expected."""
    with pytest.raises(ValueError, match=rf"^expected a path .*, got {re.escape(got(glob))}$"):
        checked(glob)


def told(*commits: tuple[int, tuple[str, ...] | None], service: str | None, before: int = 1) -> Brought:
    """What a push of these commits, each with its files, brought to a service."""
    given = pushed(
        *(number for number, _ in commits), before=before, message=f"This reverts commit {sha(99)}."
    )
    files = dict(commits)
    listed = [one._replace(files=files[int(one.sha, 16)]) for one in given.commits]
    known = with_services(replace(given, commits=tuple(listed)), PATHS)
    found = brought(remembered(known)[::-1], (sha(before),), service)
    assert found is not None
    return found


API, ELSEWHERE = ("services/api/a.go",), ("docs/a.md",)


def test_commits_of_a_push_say_whether_they_are_of_the_service() -> None:
    """Each names the one before it that is of the service, so that a list always leads back."""
    found = told((2, ELSEWHERE), (3, API), (4, ELSEWHERE), (5, API), (6, ELSEWHERE), service="API")
    assert [(int(one.sha, 16), one.outside) for one in found.commits] == [
        (6, True),
        (5, False),
        (4, True),
        (3, False),
        (2, True),
    ]
    assert [int(one.parents[0], 16) for one in found.commits if one.parents] == [5, 3, 3, 1, 1]


@pytest.mark.parametrize(
    ("files", "service", "outside", "reverts"),
    [
        (API, "api", False, (sha(99),)),
        (ELSEWHERE, "api", True, ()),
        ((), "api", True, ()),
        (None, "api", None, (sha(99),)),
        (ELSEWHERE, None, None, (sha(99),)),
        (ELSEWHERE, "worker", None, (sha(99),)),
    ],
)
def test_what_is_not_told_stays_open(
    files: tuple[str, ...] | None, service: str | None, outside: bool | None, reverts: tuple[str, ...]
) -> None:
    """Without files, service or paths nothing is said; what a commit outside undid is left out."""
    found = told((2, files), service=service)
    assert ([one.outside for one in found.commits], found.reverts) == ([outside], reverts)
