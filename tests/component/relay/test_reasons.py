"""The code of a reason: which deliveries lead to it."""

import pytest
import requests
from gitdailies_core import reasons
from gitdailies_core.reasons import Code

from tests.support.relay.deliveries import ENDED_AT, Delivery, datadog, pagerduty, squadcast
from tests.support.relay.running import Relay


def outage(minutes: int, status: str, name: str) -> Delivery:
    """An incident of Datadog, which does not say when it started."""
    at = str(1772615940000 + minutes * 60_000)
    return datadog("incident-active", incident_uuid=name, status=status, date_ms=at)


# Deliveries that lead to each code. Only the last one of a list gives no event.
IGNORED: dict[Code, list[list[Delivery]]] = {
    reasons.FILTERED: [[pagerduty("incident.triggered", "low", source="filtered", urgency="low")]],
    reasons.UNMAPPED: [[pagerduty("incident.triggered", "nowhere", service="attic")]],
    reasons.IGNORED_SERVICE: [[pagerduty("incident.triggered", "calls", service="helpdesk")]],
    reasons.UPDATE: [[pagerduty("incident.acknowledged", "noted")]],
    reasons.UNKNOWN_TYPE: [
        [pagerduty("incident.levitated", "strange")],
        [datadog("monitor-triggered", transition="levitated")],
        [outage(0, "levitated", "strange")],
        [squadcast("v2.incident.merged", "strange")],
    ],
    reasons.REPEATED_START: [
        [pagerduty("incident.triggered", "twice"), pagerduty("incident.triggered", "twice")]
    ],
    reasons.REPEATED_END: [
        [
            pagerduty("incident.triggered", "over"),
            pagerduty("incident.resolved", "over", at=ENDED_AT),
            pagerduty("incident.resolved", "over", at=ENDED_AT),
        ]
    ],
    reasons.LATE_START: [
        [outage(10, "active", "late"), outage(0, "active", "late")],
        [outage(0, "active", "later"), outage(10, "stable", "later"), outage(5, "active", "later")],
    ],
    reasons.END_WITHOUT_START: [[outage(10, "stable", "early")]],
    reasons.MERGED: [
        [
            pagerduty("incident.triggered", "target"),
            pagerduty("incident.triggered", "gone"),
            pagerduty("incident.resolved", "gone", at=ENDED_AT, merged_into="target"),
        ]
    ],
    reasons.OTHER: [[pagerduty("pagey.ping", "none")], [datadog("monitor-warn")]],
}
# Their bodies are quarantined.
STATUS = {reasons.UNMAPPED: "unmapped", reasons.UNKNOWN_TYPE: "quarantined"}
# No adapter in code tells of deploys, and no source here has a hold.
# tests/contract/stores/test_relay_deploys.py, test_holds.py and test_renamed_repositories.py lead to these.
ELSEWHERE = {reasons.NO_COMMIT, reasons.NO_ROUTE, reasons.HOLD, reasons.RENAMED}


def test_every_code_has_its_path() -> None:
    """The deliveries of this file lead to every code of the list, and each code has a sentence."""
    assert IGNORED.keys() | ELSEWHERE == reasons.IGNORED.keys()
    # test_answers.py leads to these.
    assert reasons.UNREAD.keys() == {reasons.UNEXPECTED_PAYLOAD, reasons.INVALID_JSON}
    assert all(sentence.endswith(".") for sentence in reasons.CODES.values())


@pytest.mark.parametrize("code", IGNORED)
def test_a_label_is_the_code(code: Code, relay: Relay) -> None:
    """The metric counts the message under its code alone."""
    for deliveries in IGNORED[code]:
        for delivery in deliveries[:-1]:
            assert "events" in delivery.post(relay.url).json()
        answer = deliveries[-1].post(relay.url).json()
        assert answer["status"] == STATUS.get(code, "ignored")
        assert len(answer.get("reasons") or [answer["reason"]]) == 1
    exposed = requests.get(f"{relay.status_url}/metrics", timeout=10).text
    every = [line for line in exposed.splitlines() if line.startswith("gitdailies_relay_ignored_total{")]
    counted = [line for line in every if not line.endswith(" 0.0")]
    assert {line.split('reason="')[1].split('"')[0] for line in counted} == {code}
    assert sum(float(line.rpartition(" ")[2]) for line in counted) == len(IGNORED[code])
