"""One event is followed over two logs: its trace is in both, whatever happened between them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from gitdailies_connection.http.sender import Sender
from gitdailies_core.values import trace_context
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.trace_context import Trace
from gitdailies_relay.accepting.acceptance import delivery_id, trace_of

from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.pair import Pair, running_pair
from tests.support.servers import serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {
    f"00-{TRACE}-{SPAN}-01": True,
    f"00-{TRACE}-{SPAN}-00": True,
    f"cc-{TRACE}-{SPAN}-01-what-comes-later": True,
    f"00-{TRACE}-{SPAN}-01-more": False,
    f"ff-{TRACE}-{SPAN}-01": False,
    f"00-{TRACE.upper()}-{SPAN}-01": False,
    f"00-{'0' * 32}-{SPAN}-01": False,
    f"00-{TRACE}-{'0' * 16}-01": False,
    f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01": False,
    f"{TRACE}-{SPAN}": False,
    "": False,
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("traces")) as both:
        yield both


def named(delivery: Delivery, traceparent: str) -> Delivery:
    return replace(delivery, headers={**delivery.headers, "traceparent": traceparent})


def logged(pair: Pair, trace: str) -> list[str]:
    """Return the events of the logs that have a trace, the relay's first, once both have it."""

    def found(log: list[dict[str, str]]) -> list[str]:
        return [entry["event"] for entry in log if trace in entry.get("trace", "").split()]

    logs = pair.relay, pair.dora
    eventually(lambda: all(found(server.entries()) for server in logs), 20)
    return [event for server in logs for event in found(server.entries())]


@pytest.mark.parametrize("traceparent", HEADERS, ids=lambda text: text or "none")
def test_a_trace_that_is_well_formed_is_kept(traceparent: str) -> None:
    """It has the id that the sender gave; a malformed one has none."""
    assert trace_context.ids(traceparent, "") == [TRACE] * HEADERS[traceparent]


@pytest.mark.parametrize("given", [True, False])
def test_a_trace_is_in_both_logs(given: bool, pair: Pair) -> None:
    """It is that of the sender, or of the delivery."""
    header = f"00-{'7' * 32}-{SPAN}-01" if given else ""
    delivery = pair.post(named(pagerduty("incident.triggered", f"Q{given}"), header))["delivery"]
    expected = "7" * 32 if given else delivery[1:].rjust(32, "0")

    assert trace_of(delivery).id == expected
    assert logged(pair, expected) == ["delivery", "received"]


def test_traces_outlast_an_outage_and_share_a_request(pair: Pair) -> None:
    """Events that waited go out in one list, after a restart of the relay; each is found by its own trace."""
    traces = [f"{number:032x}" for number in range(100, 140)]
    pair.dora.kill()
    for trace in traces:
        pair.post(named(pagerduty("incident.triggered", f"W{trace}"), f"00-{trace}-{SPAN}-01"))
    pair.relay.terminate()
    pair.start_dora()
    pair.start_relay()

    for trace in traces:
        assert logged(pair, trace) == ["delivery", "received"]
    assert max(len(entry.get("trace", "").split()) for entry in pair.dora.entries("received")) > 1


def test_each_request_is_a_span_of_its_own() -> None:
    """The id and the flags of a trace stay the same, and the id of the span is new each time."""
    trace = trace_of(delivery_id(1, Trace(TRACE, "01")))
    with serving() as receiver, Sender(receiver.url) as sender:
        for _ in range(2):
            sender.send(b"{}", key=Secret("k"), event_id=None, traces=[trace])
    sent = [request.headers["traceparent"] for request in receiver.requests]

    assert [one.split("-")[1::2] for one in sent] == [[TRACE, "01"]] * 2
    assert len({SPAN, *(one.split("-")[2] for one in sent)}) == 3


@pytest.mark.parametrize("traces", ["x", f"{TRACE},", f"{TRACE},{'0' * 32}", ",".join([TRACE] * 65)])
def test_a_malformed_list_names_no_trace(traces: str) -> None:
    """Then the one of `traceparent` counts, so that no sender can write into the log what it likes."""
    assert trace_context.ids(f"00-{TRACE}-{SPAN}-01", traces) == [TRACE]
    assert trace_context.ids("", traces) == []
