"""Teams: which line of the configuration decides whose a repository or a service is."""

from __future__ import annotations

import pickle

import pytest
from gitdailies_connection.config.sections.settings import NO_TEAM, TeamSettings
from gitdailies_dora.figures.history.teams import Teams
from hypothesis import given
from hypothesis import strategies as st

TEAMS = Teams(
    (
        TeamSettings(
            "pay", "Payments", ("Larkspur/Pay-*", "larkspur/ledger"), (("larkspur/mono", "checkout"),)
        ),
        TeamSettings(
            "shop", "Shop", ("larkspur/pay-shop.git", "larkspur/ledger"), (("larkspur/mono", "c*"),)
        ),
        TeamSettings("base", "Platform", ("larkspur/*", "larkspur/pay-*"), ()),
    )
)


@pytest.mark.parametrize(
    ("repo", "service", "teams"),
    [
        pytest.param("larkspur/pay-api", None, ("pay", "base"), id="two patterns"),
        pytest.param("larkspur/pay-api", "web", ("pay", "base"), id="a service that no line names"),
        pytest.param("larkspur/pay-shop", None, ("shop",), id="a name before patterns"),
        pytest.param("larkspur/ledger", None, ("pay", "shop"), id="two names"),
        pytest.param("larkspur/mono", "checkout", ("pay",), id="a service before its repository"),
        pytest.param("larkspur/mono", "cart", ("shop",), id="a pattern of services"),
        pytest.param("larkspur/mono", "search", ("base",), id="the rest of a repository"),
        pytest.param("larkspur/mono", None, ("base",), id="no service"),
        pytest.param("starling/pay-api", None, (NO_TEAM,), id="no team"),
        pytest.param("larkspur", None, (NO_TEAM,), id="the whole name has to fit"),
    ],
)
def test_the_most_exact_line_decides(repo: str, service: str | None, teams: tuple[str, ...]) -> None:
    """A service goes before its repository, a name before a pattern, and equals count for both."""
    assert TEAMS.of(repo, service) == teams


def test_a_team_is_found_by_its_key_in_any_case() -> None:
    """Addresses may write the key of a team in upper or lower case; other names are unknown."""
    assert [TEAMS.key(name) for name in ("PAY", "shop", "None", "Payments")] == ["pay", "shop", NO_TEAM, None]
    assert [TEAMS.title(key) for key in ("pay", NO_TEAM)] == ["Payments", "No team"]


def test_teams_travel_to_another_process() -> None:
    """A pickled copy is equal, and answers alike."""
    copy = pickle.loads(pickle.dumps(TEAMS))
    assert copy == TEAMS
    assert copy.of("larkspur/mono", "cart") == ("shop",)


@given(st.text(st.sampled_from("ab/.*[?"), max_size=8), st.text(st.sampled_from("ab/.[?"), max_size=8))
def test_only_the_star_is_special(line: str, repo: str) -> None:
    """A line without a star fits one name alone; signs of other patterns mean themselves."""
    teams = Teams((TeamSettings("a", "A", (line,)),))
    if "*" not in line and not line.endswith(".git") and line:
        assert (teams.of(repo, None) == ("a",)) == (repo == line)
