"""Events of the relay, then a fetch of the same year: at a real receiver, for every source of incidents."""

import json
import subprocess
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP

from tests.component.history_fetch import test_datadog as of_datadog
from tests.component.history_fetch import test_packs as of_packs
from tests.component.history_fetch import test_pagerduty as of_pagerduty
from tests.component.history_fetch import test_squadcast as of_squadcast
from tests.support.dora.running import in_thread
from tests.support.history_fetch import datadog, incidents, packs, pagerduty, squadcast
from tests.support.history_fetch.api import Api, listening

LATE = timedelta(seconds=2)


@dataclass(frozen=True)
class Case:
    """A vendor that listens, its source, and the events that the relay has sent of some of its incidents."""

    api: Api
    source: incidents.Source
    every: list[dict[str, Any]]
    sent_live: list[dict[str, Any]]


def of(vendor: str) -> Case:
    if vendor in packs.VENDORS:
        tool = packs.VENDORS[vendor]
        given = packs.year(40, reopens=tool.reopens)
        every = of_packs.live(tool, given)
        return Case(Api(tool.answers(given), tool.token), of_packs.source(tool), every, every[::3])
    if vendor == "pagerduty":
        year = pagerduty.year(40)
        every = of_pagerduty.live(year)
        return Case(Api(pagerduty.answers(year), of_pagerduty.TOKEN), of_pagerduty.SOURCE, every, every[::3])
    if vendor == "squadcast":
        calls = squadcast.year(40)
        served = squadcast.Squadcast(calls, of_squadcast.REFRESH)
        api = Api(served.answer, of_squadcast.REFRESH, admits=served.admits)
        sent_live = of_squadcast.live(calls[::2], late=LATE)
        return Case(api, of_squadcast.SOURCE, of_squadcast.live(calls), sent_live)
    if vendor == "datadog monitors":
        alerts = datadog.alerts(40)
        source = replace(of_datadog.STABLE, arguments=("--with", "monitors=*", "--overlap"))
        every = source.live(one.delivery() for one in alerts)
        api = Api(datadog.listed(alerts), datadog.API_KEY, admits=datadog.admits)
        return Case(api, source, every, every[::3])
    once = [one for one in datadog.year(40) if len(one.states) < 4]
    api = Api(datadog.searched(once), datadog.API_KEY, admits=datadog.admits)
    return Case(api, of_datadog.STABLE, of_datadog.live(once), of_datadog.live(once[::2], late=LATE))


VENDORS = ("pagerduty", "datadog", "datadog monitors", "squadcast", *packs.VENDORS)


def fetched(case: Case, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    ran = case.source.fetch(folder, case.api, *arguments, **environ)
    # A vendor may repeat a token in its answer.
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    sent = {**case.source.tokens, **environ}
    for token in (sent[name] for name in case.source.tokens):
        secret = token.rpartition(":")[2]
        assert secret not in ran.stdout + ran.stderr
        assert not any(secret.encode() in content for content in files)
    return ran


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("vendor", VENDORS)
def test_events_that_the_relay_sent_count_once(vendor: str, tmp_path: Path) -> None:
    """A fetched year adds the events that the relay did not send and changes none that it sent."""
    case = of(vendor)
    with listening(case.api), in_thread(tmp_path / "dora.db") as receiver:
        assert receiver.post(receiver.key("relay"), case.sent_live).status_code == 202
        where = {
            "GITDAILIES_WEBHOOK_URL": f"{receiver.url}/webhooks",
            "GITDAILIES_WEBHOOK_KEY": receiver.key("history"),
        }
        ran = fetched(case, tmp_path, "--json", **where)
        there = receiver.events(receiver.key("reader", "read"), limit="1000")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["sent"] == len(case.every) - len(case.sent_live) > 10
    times = {event["id"]: event["time"] for event in there}
    assert set(times) == {event["id"] for event in case.every}
    assert len(there) == len(times)
    assert all(times[event["id"]] == event["time"] for event in case.sent_live)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_refused_token_is_named_and_not_shown(vendor: str, tmp_path: Path) -> None:
    """It ends with code 3 and the names of its variables. It is in no output and no file."""
    case = of(vendor)
    wrong = {name: token[:-1] + "-planted-wrong-777" for name, token in case.source.tokens.items()}
    with listening(case.api):
        ran = fetched(case, tmp_path, **wrong)

    assert ran.returncode == 3, ran.stderr
    named = " and ".join(f"env {name}" for name in case.source.tokens)
    assert f"expected a token ({named})" in ran.stderr


def test_every_source_of_incidents_is_here() -> None:
    """Each reader of a pack or with an adapter of its name, so of incidents, has its year in this file."""
    of_deploys = {*registry.names(GROUP)} - {*registry.names()}
    assert {*registry.history_names()} - of_deploys == {name.split()[0] for name in VENDORS}
