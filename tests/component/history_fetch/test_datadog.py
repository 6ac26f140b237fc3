"""Datadog's past, read from a server that listens, against what its webhooks would have brought."""

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Window
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_datadog import past
from gitdailies_datadog.reader import reader

from tests.support.history_fetch import incidents
from tests.support.history_fetch.api import CUT, LIMITED, Api, listening
from tests.support.history_fetch.datadog import (
    API_KEY,
    APP_KEY,
    BEGIN,
    Incident,
    admits,
    alerts,
    listed,
    searched,
    year,
)
from tests.support.history_fetch.deploys import Direct

STABLE, RESOLVED = (
    incidents.Source(
        "watch",
        incidents.configured(f"""\
  watch:
    adapter: datadog
    secrets: [{{env: DATADOG_TOKEN}}]
    header: X-Relay-Token
    only: {{tags: {{env: [prod]}}}}
    options: {{incident_ends_at: {state}}}
"""),
        {"DD_API_KEY": API_KEY, "DD_APP_KEY": APP_KEY},
    )
    for state in ("stable", "resolved")
)


def fetched(
    folder: Path, api: Api, *arguments: str, source: incidents.Source = STABLE
) -> subprocess.CompletedProcess[str]:
    api.admits = admits
    with listening(api):
        return source.fetch(folder, api, "--output", "out.ndjson", *arguments)


def live(given: list[Incident], source: incidents.Source = STABLE, **more: Any) -> list[dict[str, Any]]:
    return source.live(at for one in given for at in one.deliveries(**more))


@pytest.mark.parametrize("source", [STABLE, RESOLVED], ids=["stable", "resolved"])
def test_a_year_of_incidents_is_what_its_webhooks_would_have_brought(
    tmp_path: Path, source: incidents.Source
) -> None:
    """Every event of a year is the live one, ids and all, through a 429 and connections cut in a page."""
    given = year(460)
    # Older ones than were asked for, too: the search knows no time.
    older = [
        Incident(90_000 + n, ("search",), "prod", ((BEGIN - timedelta(days=n + 1), "active"),))
        for n in range(150)
    ]
    api = Api(searched([*older, *given]), API_KEY, {2: LIMITED, 3: CUT, 5: CUT})
    ran = fetched(tmp_path, api, source=source)

    assert ran.returncode == 0, ran.stderr
    expected = live(given, source)
    assert len(expected) > 500
    assert {one["kind"] for one in expected} == {"incidentStarted", "incidentResolved"}
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)
    # Of seven pages the one that holds nothing new enough is the last.
    assert len(set(api.asked)) == 6
    for reason in (
        "a test notification",
        "filtered: tag env is staging",
        "no line under services for 'billing'",
    ):
        assert reason in ran.stderr


def test_without_spans_an_incident_ends_when_it_was_resolved(tmp_path: Path) -> None:
    """A listing as the schema has it gives the start, and the end of what is over, under the live ids."""
    given = [one for one in year(60) if len(one.states) < 4]
    fetched(tmp_path, Api(searched(given, spans=False), API_KEY))

    there = incidents.written(tmp_path / "out.ndjson")
    assert [one["id"] for one in there] == [one["id"] for one in incidents.by_id(live(given))]
    assert there == incidents.by_id(live(given, RESOLVED))


def test_fixed_values_of_a_template_are_given_with_an_option(tmp_path: Path) -> None:
    """--with gives service and environment to an incident that has none, as a template's webhook does."""
    (given,) = (Incident(1, (), "", ((BEGIN, "active"), (BEGIN + timedelta(hours=1), "stable"))),)
    fixed = [
        (at, {**body, "fields": {}, "service": "search", "env": "prod"}) for at, body in given.deliveries()
    ]
    fetched(tmp_path, Api(searched([given]), API_KEY), "--with", "service=search", "--with", "env=prod")

    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(STABLE.live(fixed))


def test_a_year_of_alerts_is_what_its_webhooks_would_have_brought(tmp_path: Path) -> None:
    """Every event of a year of alerts is the live one, where events have the cycle key that webhooks had."""
    given = alerts()
    api = Api(listed(given), API_KEY, {2: LIMITED, 3: CUT})
    ran = fetched(tmp_path, api, "--with", "monitors=env:prod", "--live-since", "2026-01-01")

    assert ran.returncode == 0, ran.stderr
    expected = STABLE.live(one.delivery() for one in given)
    assert len(expected) > 1_300
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)
    assert len(set(api.asked)) >= 3
    assert "source%3Aalert+%28env%3Aprod%29" in api.asked[0]


def test_alerts_without_a_cycle_key_go_by_their_aggregation_key(tmp_path: Path) -> None:
    """Events as the schema has them come to the same starts and ends as templates without a cycle key."""
    given = alerts(90)
    ran = fetched(tmp_path, Api(listed(given, keyed=False), API_KEY), "--with", "monitors=*", "--overlap")

    assert ran.returncode == 0, ran.stderr
    expected = STABLE.live(one.delivery(keyed=False) for one in given)
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)


def test_alerts_are_refused_until_the_begin_of_live_events_is_given(tmp_path: Path) -> None:
    """Monitors of a source in gitdailies.yml are not read without --live-since or --overlap."""
    api = Api(listed(alerts(5)), API_KEY)
    ran = fetched(tmp_path, api, "--with", "monitors=*")
    late = fetched(tmp_path, api, "--with", "monitors=*", "--live-since", "2025-12-01")

    assert (ran.returncode, late.returncode) == (2, 2)
    assert "--live-since: expected the time of the relay's first event from watch, got none" in ran.stderr
    assert "--until: expected no later than --live-since, got 2026-01-01" in late.stderr
    assert api.asked == []


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://api.datadoghq.com", "app.datadoghq.com"),
        ("https://api.datadoghq.eu", "app.datadoghq.eu"),
        ("https://api.us3.datadoghq.com", "us3.datadoghq.com"),
        ("https://API.DATADOGHQ.EU:443/", "app.datadoghq.eu"),
        ("https://proxy.larkspur.example", "app.datadoghq.com"),
        # The API refuses it later, with the name of the option.
        ("https://[api.datadoghq.eu", "app.datadoghq.com"),
    ],
)
def test_an_incident_is_looked_at_on_the_site_of_its_api(url: str, site: str) -> None:
    """Each site of Datadog has its own address for people."""
    assert reader.for_source(url, {}).site == site


def test_an_incident_that_is_stable_since_nobody_knows_when_stays_open() -> None:
    """Without spans and without a time of resolution the end is left out with a reason."""
    given = Incident(1, ("search",), "prod", ((BEGIN, "active"), (BEGIN + timedelta(hours=1), "stable")))
    row = Fields(given.listed(spans=False)["data"])

    start, end = past.of_incident(row, {}, reader.site, {})

    assert isinstance(start, Change)
    assert isinstance(end, Ignored)
    assert "does not say since when" in end.reason


def test_after_the_window_only_ends_are_read() -> None:
    """Alerts that began inside the window are read up to their end, and later ones are not read."""
    given = alerts(200)
    middle = next(one.at for one in given[150:] if one.word == "Triggered") + timedelta(minutes=1)
    read = reader.read(Direct(listed(given), ""), Window(BEGIN, middle), {"monitors": "*"})

    changes = [one for one in read if isinstance(one, Change)]
    started = {one.incident for one in changes if one.state == "started"}
    late = [one for one in changes if one.at >= middle]
    assert all(one.at < middle for one in changes if one.state == "started")
    assert late
    assert all(one.state == "resolved" and one.incident in started for one in late)
