"""Write the table of faults and alerts into measured.md, from the results of a run.

    mkdir results
    export GITDAILIES_ALERT_FAULTS=all GITDAILIES_ALERT_RESULTS=$PWD/results
    python -m pytest -n 2 -m long tests/campaign/alerting
    python -m tests.campaign.alerting.table results

The run takes about ten minutes.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.campaign.alerting.faults import FAULTS
from tests.campaign.alerting.prometheus import RULES, SHORTENED

PAGE = Path(__file__).with_name("measured.md")
_PART = re.compile(r"(?<=<!-- measured: alerts -->\n).*(?=<!-- end: alerts -->)", re.DOTALL)


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row for each fault of *results*, with the alerts that are expected first."""
    waits = {
        rule["alert"]: rule.get("for", "at once")
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
    }
    rows = ["| fault | alert, with its `for` | fired after | ended after |", "| --- | --- | --- | --- |"]
    for fault in FAULTS:
        result = results[fault.name]
        fired = {name: at for name, at in result["fired"].items() if name in fault.alerts}
        names = ", ".join(f"`{name}` ({waits[name]})" for name in fired)
        after = ", ".join(f"{at:.0f} s" for at in fired.values())
        rows.append(f"| {fault.name} | {names} | {after} | {result['ended']:.0f} s |")
    return f"\n{SHORTENED}\n\n" + "\n".join(rows) + "\n\n"


def main(folder: Path) -> None:
    found = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    text = table({one["fault"]: one for one in found})
    PAGE.write_text(_PART.sub(lambda _: text, PAGE.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
