"""What `scan` decides: which tags are releases, what a deploy brought, and what it says about both."""

from typing import Any

import pytest
from gitdailies_cli.commands.scan import deploys, notes
from gitdailies_cli.commands.scan.deploys import Commit, Deployed, Tag, Version

A, B, C, D, E = (letter * 40 for letter in "abcde")


@pytest.mark.parametrize(
    ("name", "of", "numbers", "early"),
    [
        ("v1.4.2", "", 3, False),
        ("1.0", "", 2, False),
        ("v7", "", 1, False),
        ("release-45", "", 1, False),
        ("r123", "", 1, False),
        ("REL_15_2", "", 2, False),
        ("2026-03-04", "", 3, False),
        ("20260304", "", 1, False),
        ("v1.0.0-rc.1", "", 3, True),
        ("v2.1.0-rc0", "", 3, True),
        ("1.0b2", "", 2, True),
        ("3.0-alpha0", "", 2, True),
        ("2.0.0-M1", "", 3, True),
        ("nightly-2026-03-04", "nightly", 3, True),
        ("OpenSSL_1_0_2a", "openssl", 3, False),
        ("1.4.2.Final", "", 3, False),
        ("latest-and-greatest-1.0", "latest-and-greatest", 2, False),
        ("contest-1.0", "contest", 2, False),
        ("shop-1.4.2", "", 3, False),
        ("api/v1.4.2", "api", 3, False),
        ("@larkspur/pay@1.4.2", "@larkspur/pay", 3, False),
        ("log4j-2.17.1", "log4j", 3, False),
        ("go1.21.3", "go", 3, False),
    ],
)
def test_a_version_says_what_was_released_and_for_whom(name: str, of: str, numbers: int, early: bool) -> None:
    """The name before a version is read, the project's own name is none, and early versions are named."""
    assert deploys.version_of(name, "shop") == Version(of, numbers, early)


@pytest.mark.parametrize("name", ["latest", "stable", "2.3.x", "v1.x", "issue-12", "junio-gpg-pub", "main"])
def test_a_name_without_a_version_is_none(name: str) -> None:
    """A branch's end, a moving name and a plain word are no versions."""
    assert deploys.version_of(name) is None


def tag(name: str, at: int = 100) -> Tag:
    return Tag(name, A, at, made=True)


def chosen(*tags: Tag, since: int = 50, glob: str = "") -> tuple[dict[str, list[str]], dict[str, int]]:
    found = deploys.choose(tags, since, "shop", glob)
    return {of: [one.name for one in some] for of, some in found.tags.items()}, dict(found.left_out)


def test_tags_that_move_early_ones_and_plain_words_are_left_out_and_counted() -> None:
    """v4 beside v4.1.0 is no deploy of its own, an rc is for no user, and each is counted with its reason."""
    kept, left = chosen(tag("v4"), tag("v4.1.0"), tag("v4.2.0-rc1"), tag("latest"))

    assert kept == {"": ["v4.1.0"]}
    assert left == {
        "of one number beside whole versions, which move": 1,
        "of early versions, such as rc and beta": 1,
        "without a version": 1,
    }
    assert chosen(tag("v4"), tag("v5"))[0] == {"": ["v4", "v5"]}


def test_names_count_that_have_a_release_in_the_period() -> None:
    """An old name of the tags is left out; without a release in the period, the latest name counts."""
    kept, left = chosen(tag("old-1.0", 10), tag("api/v1.0"), tag("web/v1.0"))
    assert kept == {"api": ["api/v1.0"], "web": ["web/v1.0"]}
    assert left == {"of names without a release in the period": 1}

    assert chosen(tag("old-1.0", 10), tag("api/v1.0", 20))[0] == {"api": ["api/v1.0"]}
    assert chosen() == ({}, {})


def test_a_glob_takes_exactly_the_tags_that_it_names() -> None:
    """Tags that a person names are taken, whatever they look like, and all as one service."""
    kept, left = chosen(tag("live-a"), tag("live-1.0-rc1"), tag("v1.0"), glob="live-*")
    assert kept == {"": ["live-a", "live-1.0-rc1"]}
    assert left == {"that are not live-*, whose commits count in lead times, too": 1}


def deployed(sha: str, untimed: int | None = None, **more: Any) -> Deployed:
    return Deployed({"commitSHA": sha, **more}, untimed)


def written(*given: Deployed, log: dict[str, Commit], undone: Any = ()) -> list[dict[str, Any]]:
    return [*deploys.write(given, log, dict(undone), lambda fields: fields.get("service"))]


def shas(fields: dict[str, Any]) -> list[str]:
    return [one["sha"] for one in fields["commits"]]


LINE = {A: Commit(10, ()), B: Commit(20, (A,)), C: Commit(30, (B,)), D: Commit(40, (C,)), E: Commit(35, (A,))}


def test_a_deploy_lists_what_no_earlier_deploy_of_its_target_led_to() -> None:
    """Lists are newest first, one a target; the last entry is one that the target had."""
    one, two, other = written(deployed(B), deployed(D), deployed(D, service="pay"), log=LINE)

    assert (shas(one), shas(two), shas(other)) == ([B, A], [D, C, B], [D, C, B, A])
    assert two["commits"][0] == {"sha": D, "parents": [C], "time": "1970-01-01T00:00:40Z"}


def test_a_branch_that_forked_before_the_first_deploy_is_tied_too() -> None:
    """Without the tie, a list with parents that leads to nothing known would be unknown at the receiver."""
    _, fork = written(deployed(D), deployed(E), log=LINE)
    assert shas(fork) == [E, D]


def test_nothing_new_is_an_empty_list_and_an_unknown_commit_has_none() -> None:
    """A second tag of a commit brings nothing; a commit that is not here has no list, rather than none."""
    _, again, missing = written(deployed(B), deployed(B), deployed("f" * 40), log=LINE)
    assert again["commits"] == []
    assert "commits" not in missing


def test_reverts_are_told_but_by_the_first_deploy() -> None:
    """A deploy undoes what its commits undo; one that a newer commit of it brings back is not undone."""
    first, later = written(deployed(A), deployed(C), log=LINE, undone={A: (E,), C: (A,)})
    assert "reverts" not in first
    assert later["reverts"] == [A]
    _, both = written(deployed(A), deployed(C), log=LINE, undone={B: (A,), C: (B,)})
    assert both["reverts"] == [B]


def test_a_list_that_is_too_long_for_an_event_is_left_out() -> None:
    """It would be cut, and a part of it would look like all of it."""
    long = {f"{n:040x}": Commit(n, (f"{n - 1:040x}",) if n else ()) for n in range(2002)}
    short, fields = written(deployed(f"{1:040x}"), deployed(f"{2001:040x}"), log=long)
    assert (len(short["commits"]), "commits" in fields) == (2, False)


def test_pushes_to_a_branch_follow_first_parents_and_one_second_is_one_push() -> None:
    """A merge brings its branch. Commits of one second were pushed together."""
    log = {**LINE, C: Commit(30, (B, E)), D: Commit(30, (C,))}
    found = [*deploys.of_branch(log, D, "larkspur/shop", "main", {B})]
    assert [(one.fields["commitSHA"], one.fields.get("type"), one.untimed) for one in found] == [
        (D, None, 30),
        (B, "hotfix", 20),
        (A, None, 10),
    ]


@pytest.mark.parametrize("at", [0, -5, 10**15])
def test_a_time_that_git_could_not_read_is_none(at: int) -> None:
    """A commit of no time or of the year 30,000 is given none."""
    assert deploys.time_of(at) == ""


@pytest.mark.parametrize(
    ("message", "hotfix"),
    [
        ("Merge branch 'hotfix/pay'\n", True),
        ("Merge branch 'hotfix/pay' into main", True),
        ("Merge pull request #7 from larkspur/hotfix/pay\n\nPay", True),
        ("Merge branch 'main' into hotfix/pay", False),
        ("Merge branch 'hotfixture' into main", False),
        ("hotfix/pay is next", False),
    ],
)
def test_a_merge_of_a_hotfix_branch_is_told_by_its_message(message: str, hotfix: bool) -> None:
    """Only what is merged counts, never what it is merged into."""
    assert deploys.merges_hotfix(message) is hotfix


def test_sentences_are_of_facts_alone() -> None:
    """A fact of 0 has no sentence, and each reason why tags are left out has one."""
    assert [*notes.notes({"ahead": 0, "shallow": False, "last": ""})] == []
    said = [*notes.notes({"ahead": 1200, "without a version": 2})]
    assert said == [
        "left out: deploys with a time in the future, or with none: 1,200",
        "left out: tags without a version: 2",
    ]
