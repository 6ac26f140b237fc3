"""Each fault raises its alerts, and they end when it is mended. It writes the table of the page about alerts.

GITDAILIES_ALERT_FAULTS=all python -m pytest -n 2 -m long tests/campaign/alerting --alert-table
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.campaign.alerting.faults import FAULTS, Fault, plain_receiver
from tests.campaign.alerting.prometheus import RULES
from tests.campaign.alerting.scene import scene
from tests.support.processes import eventually

# In these the alerts must fire, and end after the fault.
FIRE_SECONDS, END_SECONDS = 75.0, 75.0
# Where each result goes, as a file, if it is named.
RESULTS = "GITDAILIES_ALERT_RESULTS"
# Those of the long form; the campaign has all.
SOME = ("relay killed", "DORA server killed", "service without a line", "settings faulty")


def _cases() -> list[object]:
    everything = os.environ.get("GITDAILIES_ALERT_FAULTS") == "all"
    return [
        pytest.param(fault, id=fault.name, marks=[pytest.mark.long, pytest.mark.timeout(300)])
        for fault in FAULTS
        if everything or fault.name in SOME
    ]


def test_some_fault_raises_each_alert() -> None:
    """A new rule needs a fault."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = {rule["alert"] for group in groups for rule in group["rules"]}
    assert set().union(*(fault.alerts for fault in FAULTS)) == rules


@pytest.mark.parametrize("fault", _cases())
def test_a_fault_raises_its_alerts(fault: Fault, tmp_path: Path, measure: Callable[[str], None]) -> None:
    """Before it no alert fires. It raises those that the table names, and all end after it."""
    with ExitStack() as stack:
        url = ""
        if fault.refuses:
            url = stack.enter_context(plain_receiver()).url
        here = stack.enter_context(
            scene(tmp_path, fault.kind, receiver=url, pace=fault.pace, **fault.settings)
        )
        eventually(lambda: here.prometheus.knows("relay", "dora"))
        assert here.prometheus.firing() == set()
        began = time.monotonic()
        with fault.act(here):
            fired = here.prometheus.until(fault.alerts, began, FIRE_SECONDS)
        began = time.monotonic()
        while (left := here.prometheus.firing()) and time.monotonic() < began + END_SECONDS:
            time.sleep(0.25)
        ended = time.monotonic() - began
    result = {"fault": fault.name, "fired": fired, "ended": ended, "left": sorted(left)}
    measure(json.dumps(result))
    if os.environ.get(RESULTS):
        (Path(os.environ[RESULTS]) / f"{fault.name}.json").write_text(json.dumps(result))
    assert fault.alerts <= fired.keys(), result
    assert not left, result
