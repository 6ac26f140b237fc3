"""Time to translate a delivery with source packs, as a ratio to PagerDuty's adapter in the same run.

JSON is decoded before, so that the engine alone is measured. `python benchmarks/source_packs.py`
"""

import json
import time
import timeit

import orjson
from gitdailies_core.contract import checks
from gitdailies_core.sources import registry

NUMBER, REPEAT = 500, 20
DELIVERIES = {
    "opsgenie": "Create",
    "alertmanager": "group.firing",
    "incident-io": "incident_created_v2.live",
    "jira": "issue_created",
    "rootly": "incident.created",
    "better-stack": "incident.started",
    "github": "deployment_status.success.actions",
    "gitlab": "build.success.production",
}


def microseconds(adapter_name, example_name):
    adapter = registry.adapter(adapter_name)
    example = next(one for one in checks.examples(adapter) if one.name == example_name)
    decoded = orjson.loads(example.request.body)
    request = example.request._replace(decode=lambda _body: decoded)
    runs = timeit.repeat(
        lambda: adapter.translate(request, example.options),
        timer=time.process_time,
        number=NUMBER,
        repeat=REPEAT,
    )
    return min(runs) / NUMBER * 1e6


def main():
    base = microseconds("pagerduty", "incident.triggered")
    rows = {name: microseconds(name, example) for name, example in DELIVERIES.items()}
    print(f"pagerduty (adapter in code): {base:.1f} µs of CPU a delivery")
    for name, found in rows.items():
        print(f"{name}: {found / base:.1f} times PagerDuty's, {found:.1f} µs")
    print(json.dumps({"ratios": {name: round(found / base, 2) for name, found in rows.items()}}))


if __name__ == "__main__":
    main()
