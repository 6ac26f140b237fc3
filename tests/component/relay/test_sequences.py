"""Deliveries one after another through a running relay, read from the DORA server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import databases
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, STARTED_AT, datadog, pagerduty, signed
from tests.support.relay.pair import Pair, running_pair

pytestmark = pytest.mark.matrix

HERE = "larkspur/checkout-api production checkout-api"
REOPENED_AT, ENDED_AGAIN_AT = "2026-03-04T11:30:22Z", "2026-03-04T11:58:47Z"


@pytest.fixture(scope="module", params=databases.KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One pair for the file and database: every test has incidents of its own."""
    folder = tmp_path_factory.mktemp("pair")
    with databases.setting(request.param) as store, running_pair(folder, store=store) as running:
        yield running


def ended(incident: str, **more: Any) -> Any:
    return pagerduty("incident.resolved", incident, at=ENDED_AT, **more)


def test_the_same_delivery_five_times_at_once_gives_one_event(pair: Pair) -> None:
    """Five copies at the same moment are all answered with the one id of the one event that arrives."""
    delivery, answers = pagerduty("incident.triggered", "five"), []
    together = threading.Barrier(5, timeout=10)

    def send() -> None:
        together.wait()
        answers.append(pair.post(delivery))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (event,) = pair.events("five")
    assert [answer["events"] for answer in answers] == [[event["id"]]] * 5
    assert len({answer["delivery"] for answer in answers}) == 5


def test_an_end_before_its_start_gives_both_in_order(pair: Pair) -> None:
    """The end alone sends start and end. The late start adds no event and is answered with the reason."""
    assert len(pair.post(ended("early"))["events"]) == 2
    late = pair.post(pagerduty("incident.triggered", "early"), 200)

    assert late["reasons"] == [f"second start of an occurrence that is closed: {STARTED_AT}"]
    assert pair.story("early") == [f"early started {STARTED_AT} {HERE}", f"early resolved {ENDED_AT} {HERE}"]


def test_a_reopened_incident_has_a_second_occurrence(pair: Pair) -> None:
    """It starts again at reopened_at, not at created_at, and its own end ends it."""
    pair.post(pagerduty("incident.triggered", "again"))
    pair.post(ended("again"))
    pair.post(pagerduty("incident.reopened", "again", at=REOPENED_AT, reopened_at=REOPENED_AT))
    pair.post(pagerduty("incident.resolved", "again", at=ENDED_AGAIN_AT, reopened_at=REOPENED_AT))

    assert pair.story("again") == [
        f"again started {STARTED_AT} {HERE}",
        f"again resolved {ENDED_AT} {HERE}",
        f"again started {REOPENED_AT} {HERE}",
        f"again resolved {ENDED_AGAIN_AT} {HERE}",
    ]
    assert len({event["id"] for event in pair.events("again")}) == 4


def test_a_merge_sends_nothing_until_its_target_ends(pair: Pair) -> None:
    """The merged incident ends with the other, at that one's time, and names it."""
    pair.post(pagerduty("incident.triggered", "target"))
    pair.post(pagerduty("incident.triggered", "merged"))
    answer = pair.post(ended("merged", merged_into="target"), 200)
    assert answer["reasons"] == ["merged into target: it ends when that one ends"]
    assert [line.split()[1] for line in pair.story("target", "merged")] == ["started", "started"]

    pair.post(pagerduty("incident.resolved", "target", at=ENDED_AGAIN_AT))
    ends = [event for event in pair.events("target", "merged") if event["kind"] == "incidentResolved"]
    assert sorted((e["incidentId"], e["time"], e.get("mergedInto"), e.get("resolution")) for e in ends) == [
        ("merged", ENDED_AGAIN_AT, "target", None),
        ("target", ENDED_AGAIN_AT, None, None),
    ]


def test_two_repositories_for_one_service_give_two_events_each(pair: Pair) -> None:
    """A start and an end reach both repositories of the service's line, four ids in all."""
    pair.post(pagerduty("incident.triggered", "both", service="ledger"))
    pair.post(ended("both", service="ledger"))

    assert pair.story("both") == [
        f"both started {STARTED_AT} larkspur/ledger ledger",
        f"both started {STARTED_AT} larkspur/ledger-web ledger",
        f"both resolved {ENDED_AT} larkspur/ledger ledger",
        f"both resolved {ENDED_AT} larkspur/ledger-web ledger",
    ]
    assert len({event["id"] for event in pair.events("both")}) == 4


def test_two_services_of_one_repository_are_not_taken_for_one_another(pair: Pair) -> None:
    """With a webhook a service, one incident starts for each of the two apart, and its end ends both."""
    for status, at, services in (
        ("active", "1772615940000", ("search", "mail")),
        ("stable", "1772618400000", ("search",)),
    ):
        for service in services:
            pair.post(
                datadog("incident-active", status=status, date_ms=at, service=service, incident_uuid="two")
            )
            assert len(pair.events("two")) == len({event["id"] for event in pair.events("two")})

    starts, ends = pair.story("two")[:2], sorted(pair.story("two")[2:])
    assert starts == [
        "two started 2026-03-04T09:19:00Z larkspur/platform search",
        "two started 2026-03-04T09:19:00Z larkspur/platform mail",
    ]
    assert ends == [
        "two resolved 2026-03-04T10:00:00Z larkspur/platform mail",
        "two resolved 2026-03-04T10:00:00Z larkspur/platform search",
    ]


def test_explain_tells_the_story(pair: Pair) -> None:
    """The command names every delivery with its decision, the occurrence, and each attempt."""
    first = pair.post(pagerduty("incident.triggered", "seen"))
    pair.post(pagerduty("incident.acknowledged", "seen"), 200)
    assert len(pair.events("seen")) == 1
    explained = pair.ask("explain", "seen")

    assert [(d["word"], d["outcome"], d["events"]) for d in explained["deliveries"]] == [
        ("incident.triggered", "stored", first["events"]),
        ("incident.acknowledged", "ignored", []),
    ]
    assert [(p["state"], p["repo"], p["startedAt"]) for p in explained["occurrences"]] == [
        ("open", "larkspur/checkout-api", STARTED_AT)
    ]
    (event,) = explained["events"]
    assert (event["state"], [a["status"] for a in event["attempts"]]) == ("delivered", [202])
    text = pair.command("explain", "seen")
    assert f"because {explained['deliveries'][1]['reason']}" in text
    assert first["delivery"] in text
    for named in (first["delivery"], event["id"], explained["deliveries"][1]["delivery"], " seen\n"):
        assert pair.ask("explain", named) == explained


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_id_that_nothing_has_is_an_error(pair: Pair, options: tuple[str, ...]) -> None:
    """Explain of an unknown id says so and has an exit code of its own, with JSON too."""
    assert pair.command("explain", "never", *options, expected=2) == (
        "gitdailies: ID: expected an incident, a delivery or an event of this store, got 'never'; events "
        "that were sent to the receiver without the relay are only there: ask it with `gitdailies why`, "
        "which needs a key that may read\n"
    )


def test_a_delivery_that_could_not_be_read_is_explained_by_its_id(pair: Pair) -> None:
    """`explain` of a quarantined delivery shows that delivery alone, with its reason."""
    quarantined = [pair.post(signed(body)) for body in (b'{"event": {}}', b'{"event": {"id": 1}}')]
    (delivery,) = pair.ask("explain", quarantined[0]["delivery"])["deliveries"]
    assert (delivery["delivery"], delivery["reason"]) == (
        quarantined[0]["delivery"],
        quarantined[0]["reason"],
    )
    text = pair.command("explain", quarantined[0]["delivery"])
    assert text.startswith("the delivery names no incident\n")
    assert quarantined[1]["delivery"] not in text


def test_a_faulty_configuration_leaves_the_old_one_in_force(pair: Pair) -> None:
    """After SIGHUP with a fault the log names file and line, and deliveries go on as before."""
    config = pair.folder / "gitdailies.yml"
    text = config.read_text()
    faults = [
        "services: [",
        "nonsense: 1",
        text.replace("{repo: larkspur/shop}", "{repo: nowhere}"),
        "\0",
        "",
    ]
    faults.append(text.replace("pagerduty-secret", "no-such-file"))
    try:
        for number, fault in enumerate(faults, 1):
            config.write_text(fault)
            pair.relay.reload()
            refused = eventually(
                partial(lambda n: pair.relay.entries("configuration not reloaded")[n - 1 :], number)
            )
            assert "no-such-file" in refused[0]["reason"] or "gitdailies.yml" in refused[0]["reason"]
            pair.post(pagerduty("incident.triggered", f"fault-{number}"))
    finally:
        config.write_text(text)
    assert len(pair.events(*(f"fault-{number}" for number in range(1, len(faults) + 1)))) == len(faults)
