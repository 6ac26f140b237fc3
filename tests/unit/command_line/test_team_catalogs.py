"""Catalogs become `teams` that gitdailies.yml accepts, and what is left out has a reason."""

from pathlib import Path

import pytest
from gitdailies_cli.commands.catalogs.teams import (
    Named,
    Owned,
    as_yaml,
    from_backstage,
    from_codeowners,
    from_csv,
)
from gitdailies_connection.config.load import read
from gitdailies_core.sources.catalogs import LeftOut
from hypothesis import given
from hypothesis import strategies as st

RECEIVER = "gitdailies: {url: http://127.0.0.1:8700/webhooks, key: {env: KEY}}\n"


def entity(kind: str, name: str, owner: str = "", repo: str = "") -> dict[str, object]:
    annotations = {"github.com/project-slug": repo} if repo else {}
    return {"kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": {"owner": owner}}


def test_components_of_backstage_belong_to_their_group() -> None:
    """The owner of a component is the team of its repository; users and entities without one are left out."""
    group = {"kind": "Group", "metadata": {"name": "pay"}, "spec": {"profile": {"displayName": "Payments"}}}
    entities = [
        group,
        entity("Component", "checkout", "group:default/pay", "larkspur/checkout"),
        entity("Component", "cart", "pay", "larkspur/cart"),
        entity("Component", "toy", "user:kim", "larkspur/toy"),
        entity("Component", "old", "pay"),
        entity("Location", "all"),
        "text",
    ]
    found = list(from_backstage(entities))
    assert found[:3] == [
        Named("pay", "Payments"),
        Owned("pay", "larkspur/checkout"),
        Owned("pay", "larkspur/cart"),
    ]
    assert [one.what for one in found[3:] if isinstance(one, LeftOut)] == [
        "component toy",
        "component old",
        "location all",
        "a document",
    ]
    assert as_yaml(found)[0] == (
        'teams:\n  pay:\n    name: "Payments"\n    repos:\n'
        '      - "larkspur/cart"\n      - "larkspur/checkout"\n'
    )


def test_only_the_line_of_everything_counts_in_codeowners() -> None:
    """The last line of * decides; people and lines of folders are left out."""
    text = "# owners\n* @larkspur/old\n*  @larkspur/pay @kim a@b.example # all\n/docs/ @larkspur/docs\n"
    found = list(from_codeowners("larkspur/mono", text))
    assert [one for one in found if isinstance(one, Owned)] == [Owned("pay", "larkspur/mono")]
    assert {one.what.partition(": ")[2] for one in found if isinstance(one, LeftOut)} == {
        "/docs/",
        "@kim",
        "a@b.example",
    }
    assert list(from_codeowners("larkspur/mono", "")) == [
        LeftOut("larkspur/mono", "no line of * names an owner")
    ]


def test_a_table_may_name_services() -> None:
    """Rows with a service become services, and rows without team or repository are left out."""
    found = list(
        from_csv("Team,Repo,Service\npay,larkspur/mono,checkout\n,larkspur/x,\nshop,larkspur/cart,\n")
    )
    assert found == [
        Owned("pay", "larkspur/mono", "checkout"),
        LeftOut("line 3", "it has no repository or no team"),
        Owned("shop", "larkspur/cart"),
    ]
    with pytest.raises(ValueError, match="expected the columns repo and team, got repo, owner"):
        list(from_csv("repo,owner\na/b,c\n"))


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=20)


@given(st.lists(st.builds(Owned, NAMES, NAMES, st.just("") | NAMES), min_size=1, max_size=8))
def test_what_is_printed_can_be_read(owned: list[Owned]) -> None:
    """Whatever a catalog spells, gitdailies.yml takes the printed teams, with every repository of them."""
    text, left_out = as_yaml(owned)
    teams = read(RECEIVER + text, Path("gitdailies.yml")).dora.teams
    listed = {(repo, "") for team in teams for repo in team.repos}
    listed |= {pair for team in teams for pair in team.services}
    assert {(one.repo, one.service) for one in owned} <= listed | {
        (one.repo, one.service) for one in owned if any(gone.what == one.repo for gone in left_out)
    }
