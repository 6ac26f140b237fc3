"""Rolling updates under load, as Kubernetes makes them: no request is refused, though no sender repeats one.

GITDAILIES_ROLLING_SECONDS says how long each form sends at least, the pods in place or being replaced.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.campaign.load import Load
from tests.campaign.patroni import haproxy
from tests.campaign.service import Service, config_of
from tests.campaign.two_and_two import Place, counted, delivery, event, new_key, places
from tests.support.databases import setting
from tests.support.release_before import release_before

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SECONDS = float(os.environ.get("GITDAILIES_ROLLING_SECONDS", "20"))
DELIVERIES, EVENTS = 15.0, 5.0
# The chart has 5. HAProxy learns at once that an endpoint is gone.
PRE_STOP_SECONDS = float(os.environ.get("GITDAILIES_ROLLING_PRE_STOP", "2"))


@pytest.mark.parametrize("old", ["the release before", "this release"])
def test_a_rolling_update_refuses_nothing(old: str, tmp_path: Path, measure: Callable[[str], None]) -> None:
    """Two relays and two DORA servers are replaced: each request gets 2xx, and each event counts once."""
    before = release_before() if old == "the release before" else {}
    with ExitStack() as stack:
        store = stack.enter_context(setting("postgresql", tables=None))
        relay, dora = (
            Service(
                name, list(places(tmp_path, {}, *(f"{name}-{n}" for n in "012")).values()), tmp_path / "admin"
            )
            for name in ("relay", "dora")
        )
        for pod in (*relay.pods, *dora.pods):
            stack.callback(pod.kill)
        stack.enter_context(haproxy(tmp_path, config_of(relay, dora)))
        sending, reading = (new_key(store, name, before, tmp_path, name) for name in ("send", "read"))

        def start_relay(environ: Mapping[str, str], pod: Place) -> None:
            pod.environ = environ
            pod.start_relay(store, f"{dora.url}/webhooks", sending)

        def start_dora(environ: Mapping[str, str], pod: Place) -> None:
            pod.environ = environ
            pod.start_dora(store, command="webhooks" if environ else "dora")

        starts = ((relay, start_relay), (dora, start_dora))
        for service, start in starts:
            for pod in service.pods[:2]:
                service.add(pod, partial(start, before))
        deliveries = Load(partial(delivery, url=relay.url, of="pagerduty"), DELIVERIES)
        reports = Load(partial(event, url=dora.url, of="ci", key=sending), EVENTS)
        with deliveries.running(), reports.running(), ThreadPoolExecutor(2) as rollouts:
            time.sleep(SECONDS / 4)
            begun = time.monotonic()
            done = [rollouts.submit(_roll_out, service, partial(start, {})) for service, start in starts]
            for one in done:
                one.result()
            took = time.monotonic() - begun
            time.sleep(SECONDS / 4)
        answers = [one.body for load in (deliveries, reports) for one in load.accepted()]
        expected = {id_ for answer in answers for id_ in answer.get("events") or [answer["id"]]}
        arrived = counted(relay.pods[2], dora.url, reading)

    summary = (
        f"from {old}, replaced within {took:.0f} s: {len(expected)} accepted,"
        f" {len(expected - arrived.keys())} lost, {(arrived - Counter(expected)).total()} doubled\n"
        f"deliveries: {deliveries.summary()}\nevents: {reports.summary()}"
    )
    measure(summary)
    refused = [one for load in (deliveries, reports) for one in load.tries if one.status != 202]
    assert not refused, f"{summary}\n{refused[0]}"
    assert arrived == Counter(expected), summary


def _roll_out(service: Service, start_new: Callable[[Place], None]) -> None:
    for pod in service.pods[:2]:
        service.replace(pod, start_new, PRE_STOP_SECONDS)
