"""Teams: which line of the configuration decides whose a repository or a service is."""

import pytest
from gitdailies_connection.config.sections.settings import NO_TEAM, TeamSettings
from gitdailies_dora.figures.history.teams import Teams

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
