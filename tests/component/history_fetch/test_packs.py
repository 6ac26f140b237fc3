"""The past by a pack's `fetch`, read from a server, against what the webhooks would have brought."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.history import Query, Window
from gitdailies_sources import shipped
from gitdailies_sources.language.faults import Faults
from gitdailies_sources.past import Fetch

from tests.support.history_fetch import incidents, packs
from tests.support.history_fetch.api import CUT, LIMITED, Api, listening
from tests.support.history_fetch.packs import TOKEN, VENDORS, Incident, Vendor, year

EVERY = pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))


def source(vendor: Vendor) -> incidents.Source:
    token = f"oncall@larkspur.example:{TOKEN}" if vendor.pack == "jira" else TOKEN
    return incidents.Source("oncall", vendor.configuration, {vendor.token_env: token}, vendor.arguments)


def live(vendor: Vendor, given: list[Incident]) -> list[dict[str, Any]]:
    return source(vendor).live(delivery for one in given for delivery in vendor.deliveries(one))


@EVERY
def test_a_year_is_what_its_webhooks_would_have_brought(vendor: Vendor, tmp_path: Path) -> None:
    """Ids and times are the live ones, through a 429 and cut connections, and a second fetch is the same."""
    given = year(90, reopens=vendor.reopens)
    api = Api(vendor.answers(given), vendor.token, {2: LIMITED, 5: CUT, 40: CUT, 41: LIMITED})
    with listening(api):
        ran = source(vendor).fetch(tmp_path, api)
        first = (tmp_path / "out.ndjson").read_text()
        again = source(vendor).fetch(tmp_path, api)

    assert ran.returncode == again.returncode == 0, ran.stderr
    expected = live(vendor, given)
    assert len(expected) > 100
    assert {one["kind"] for one in expected} == {"incidentStarted", "incidentResolved"}
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)
    assert (tmp_path / "out.ndjson").read_text() == first
    assert "no line under services for 'unmapped'" in ran.stderr


def test_a_fetch_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """After `kill -9` the same command asks for no page again, and comes to the same events."""
    vendor = VENDORS["jira"]
    given = year(40, reopens=vendor.reopens)
    with listening(Api(vendor.answers(given), vendor.token)) as api:
        output = ("--output", "out.ndjson")
        source(vendor).interrupt(tmp_path, api, *output, by=signal.SIGKILL, after=20)
        before = list(api.asked)
        ran = source(vendor).fetch(tmp_path, api)

    assert ran.returncode == 0, ran.stderr
    assert "continues with 20 pages" in ran.stderr
    assert set(api.asked[len(before) :]) & set(before[:20]) == set()
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(live(vendor, given))


def test_more_alerts_than_opsgenie_lists_are_read_in_parts() -> None:
    """A vendor lists a limited number. A window with that many is split in two."""
    given, asked = year(400, reopens=False), list[str]()
    tell = packs.opsgenie(given, most=20)
    text = json.dumps(dict(shipped.document("opsgenie").value["fetch"], most=20))
    fetch = Fetch(json.loads(text.replace("20000", "20")), (), Faults())

    class Told:
        url = ""

        def get(self, path: str, query: Query = ()) -> Any:
            asked.append(path)
            return tell(path, dict(query))

    bodies = list(fetch.bodies(Told(), Window(packs.BEGIN, packs.END), {}))
    created = [one for one in bodies if isinstance(one, dict) and one["action"] == "Create"]
    assert len({one["alert"]["alertId"] for one in created}) == len(created) == len(given)
    assert asked.count("/v2/alerts") > 12


def test_a_list_that_is_none_is_an_error() -> None:
    """Also where the vendor answers all at once."""
    given = dict(shipped.document("opsgenie").value["fetch"], list={"path": "/alerts", "rows": "data"})

    class Told:
        url = ""

        def get(self, _path: str, _query: Query = ()) -> Any:
            return {"data": None}

    with pytest.raises(PayloadError, match="list: expected a list of objects, got null"):
        list(Fetch(given, (), Faults()).bodies(Told(), Window(packs.BEGIN, packs.END), {}))


@pytest.mark.parametrize("report", [{}, {"closeTime": 10**30}])
def test_a_close_without_a_time_is_not_invented(report: Any, tmp_path: Path) -> None:
    """Opsgenie's `updatedAt` may be that of a note, so an alert without a possible `closeTime` stays open."""
    vendor, given = VENDORS["opsgenie"], year(4, reopens=False)
    tell = vendor.answers(given)

    def without(path: str, query: dict[str, str]) -> Any:
        answer = json.loads(json.dumps(tell(path, query)))
        if path != "/v2/alerts":
            answer["data"]["report"] = report
        return answer

    with listening(Api(without, vendor.token)) as api:
        ran = source(vendor).fetch(tmp_path, api)
    assert ran.returncode == 0, ran.stderr
    assert {one["kind"] for one in incidents.written(tmp_path / "out.ndjson")} == {"incidentStarted"}
    assert "a record that cannot be read: alert.updatedAt: expected a time" in ran.stderr
