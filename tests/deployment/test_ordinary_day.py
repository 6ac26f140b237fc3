"""No alert fires on an ordinary day: series of real servers under load, where a second stands for a minute.

`tests/campaign/alerting/record_day.py` recorded them. They are played again and again, in the long
form until a day is over. Where they begin again, counters fall to zero, as after a restart.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tests.deployment.test_alert_rules import RULES, evaluated
from tests.support.forms import short_and_long

RECORDED: Mapping[str, str] = json.loads((Path(__file__).parent / "data/ordinary_day.json").read_text())
# Rules look back for an hour, but for whether a server was there in the last day.
MINUTES, FEW, DAY = 120, 3, 12


def fired(folder: Path, series: Mapping[str, str], times: int) -> str:
    """Play *series*, which repeat what was recorded; return what promtool found that fired."""
    expected = {
        "expr": 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1d]))',
        "eval_time": f"{times * MINUTES - 1}m",
        "exp_samples": [],
    }
    return evaluated(folder, series, promql_expr_test=[expected])


def repeated(values: str, name: str, times: int) -> str:
    if "_time_seconds" not in name:
        return " ".join([values] * times)
    shifted = []
    for part in range(times):
        shifted += [one if "_" in one else str(float(one) + part * MINUTES * 60) for one in values.split()]
    return " ".join(shifted)


@short_and_long("times", short=FEW, long=DAY)
def test_no_alert_fires_on_an_ordinary_day(times: int, tmp_path: Path) -> None:
    """Restarts, a wrong proof, a wrong event and a deleted key wake no one."""
    day = {name: repeated(values, name, times) for name, values in RECORDED.items()}
    assert fired(tmp_path, day, times) == ""


def test_the_day_has_what_each_rule_reads() -> None:
    """Each metric of each rule is recorded, and load is on it."""
    recorded = {name.partition("{")[0] for name in RECORDED}
    for rule in RULES.values():
        # Nothing was quarantined.
        wanted = set(re.findall(r"gitdailies_\w+", rule["expr"])) - {"gitdailies_relay_quarantined_bodies"}
        assert wanted <= recorded, rule["alert"]
    taken = next(
        v
        for name, v in RECORDED.items()
        if "relay_requests_total" in name and '"202"' in name and "pagerduty" in name
    )
    assert max(float(one.partition("x")[0]) for one in taken.split() if "_" not in one) > 50


def test_a_bad_hour_of_the_day_is_found(tmp_path: Path) -> None:
    """If the store fails for some minutes of it, exactly that fires."""
    day = {name: repeated(values, name, FEW) for name, values in RECORDED.items()}
    name = next(one for one in day if one.startswith("gitdailies_relay_store_failing"))
    day[name] = "0x180 1x5 0x173"
    found = fired(tmp_path, day, FEW)
    assert re.findall(r'alertname="(\w+)"', found) == ["RelayStoreFailing"], found
