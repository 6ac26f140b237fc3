"""Squadcast's past, read from a server that listens, against what its webhooks would have brought."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.values.secret import Secret
from gitdailies_squadcast import past
from gitdailies_squadcast.reader import reader

from tests.support.history_fetch import incidents
from tests.support.history_fetch.api import CUT, LIMITED, Api, listening
from tests.support.history_fetch.squadcast import NOT_SET, SERVICES, TEAM, Incident, Squadcast, year

REFRESH = "larkspur-refresh-000042"
SOURCE = incidents.Source(
    "oncall",
    incidents.configured(
        """\
  oncall:
    adapter: squadcast
    secrets: [{env: SQUADCAST_TOKEN}]
    header: X-Relay-Token
    only: {priority: [P1, P2, none], tags: {env: [prod]}}
""",
        search="Search",
    ),
    {"SQUADCAST_REFRESH_TOKEN": REFRESH},
    base="/v3",
)


def fetched(
    folder: Path, vendor: Squadcast, *arguments: str, troubles: dict[int, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Return how the fetch ended, and what it asked for."""
    api = Api(vendor.answer, REFRESH, troubles or {}, admits=vendor.admits)
    with listening(api):
        ran = SOURCE.fetch(folder, api, "--output", "out.ndjson", *arguments)
    # The vendor repeats an access token that is spent.
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(b"larkspur-access-" in text for text in (ran.stdout.encode(), ran.stderr.encode(), *files))
    return ran, api.asked


def live(given: list[Incident], **more: Any) -> list[dict[str, Any]]:
    return SOURCE.live(at for one in given for at in one.deliveries(**more))


def test_a_year_is_what_its_webhooks_would_have_brought(tmp_path: Path) -> None:
    """Every event of a year is the live one, ids and all, through 429s, cut connections and spent tokens."""
    given = year()
    vendor = Squadcast(given, REFRESH, good_for=100)
    ran, asked = fetched(tmp_path, vendor, troubles={2: LIMITED, 5: CUT, 90: CUT, 120: LIMITED})

    assert ran.returncode == 0, ran.stderr
    expected = live(given)
    assert len(expected) > 150
    assert {one["kind"] for one in expected} == {"incidentStarted", "incidentResolved"}
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)
    assert len({one for one in asked if one.startswith("/v3/incidents/export?")}) >= 12
    assert vendor.signed_in >= 3
    for reason in ("suppressed", "filtered: priority is p4", "filtered: tag env is staging", "for 'billing'"):
        assert reason in ran.stderr


def test_one_team_alone_is_read(tmp_path: Path) -> None:
    """With a team named, the list of teams is not asked for."""
    ran, asked = fetched(tmp_path, Squadcast(year(5), REFRESH), "--with", f"team={TEAM}")

    assert ran.returncode == 0, ran.stderr
    assert "/v3/teams" not in asked


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.squadcast.com/v3", "https://auth.squadcast.com/oauth/access-token"),
        ("https://api.eu.squadcast.com/v3", "https://auth.eu.squadcast.com/oauth/access-token"),
    ],
)
def test_each_region_signs_in_at_its_own_address(url: str, address: str) -> None:
    """The refresh token goes to the region of the API, in its header alone."""
    assert reader.sign_in(url, Secret("r")) == (address, {"X-Refresh-Token": "r"})
    assert reader.headers(Secret("a"))["Authorization"] == "Bearer a"


def test_a_deleted_service_keeps_its_name() -> None:
    """An incident of a deleted service still has its id and name for routing."""
    given = year(1)[0]

    start = next(iter(past.translate(Fields(given.row()), Fields(given.whole()), None)))

    assert isinstance(start, Change)
    assert start.services[0].name == "Checkout API"
    assert set(start.services[0].aliases) == {SERVICES["checkout"]["id"], "Checkout API"}


def test_an_end_without_an_entry_is_the_rows() -> None:
    """Without a log entry of the end, the row's time is the end; a time that is not set gives no end."""
    given = year(1)[0]
    bare = Fields({**given.whole(), "logs": []})

    ended = list(past.translate(Fields(given.row()), bare, None))
    still_open = list(past.translate(Fields({**given.row(), "resolved_at": NOT_SET}), bare, None))

    assert [one.at for one in ended if isinstance(one, Change)] == [given.created_at, given.resolved[0]]
    assert len(still_open) == 1
    assert not isinstance(still_open[0], Ignored)
