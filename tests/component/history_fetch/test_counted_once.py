"""Events of the steps, then a fetch of the same time: at a real receiver, for every source of deploys."""

import json
from pathlib import Path

import pytest
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP

from tests.component.history_fetch import (
    test_azure,
    test_bitbucket,
    test_buildkite,
    test_circleci,
    test_github,
    test_gitlab,
    test_jenkins,
    test_octopus,
    test_travis,
)
from tests.support.dora.running import in_thread
from tests.support.history_fetch.api import Api, listening
from tests.support.history_fetch.deploys import Past, command

MODULES = (
    *(test_azure, test_bitbucket, test_buildkite, test_circleci, test_github),
    *(test_gitlab, test_jenkins, test_octopus, test_travis),
)
SOURCES: dict[str, Past] = {module.PAST.source: module.PAST for module in MODULES}
QUARTER = ("--since", "2025-10-01")


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("past", SOURCES.values(), ids=SOURCES)
def test_what_a_step_reported_counts_once(past: Past, tmp_path: Path) -> None:
    """A fetched quarter adds only deploys that no step reported, changes no other, and adds each once."""
    with listening(Api(past.answer, past.token)) as api, in_thread(tmp_path / "dora.db") as receiver:
        command(tmp_path, api, past.source, past.given, *QUARTER, "--output", "out.ndjson")
        quarter = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
        # Live, the time is that of the call.
        live = [{part: value for part, value in event.items() if part != "time"} for event in quarter[::3]]
        assert receiver.post(receiver.key("steps"), live).status_code == 202
        environ = {
            "GITDAILIES_WEBHOOK_URL": f"{receiver.url}/webhooks",
            "GITDAILIES_WEBHOOK_KEY": receiver.key("history"),
        }
        options = (*QUARTER, "--json")
        first, second = (
            command(tmp_path, api, past.source, past.given, *options, environ=environ) for _ in range(2)
        )
        there = receiver.events(receiver.key("reader", "read"), limit="1000")

    assert json.loads(first.stdout)["sent"] == len(quarter) - len(live)
    assert json.loads(second.stdout)["skipped"] == len(quarter)
    assert sorted(event["id"] for event in there) == sorted(event["id"] for event in quarter)
    reported = {event["id"] for event in live}
    assert len(reported) > 10
    assert all(event["time"] > "2026" for event in there if event["id"] in reported)


def test_every_source_of_deploys_is_here() -> None:
    """Each reader without an adapter, so one of deploys, has its year in this file."""
    assert {*registry.names(GROUP)} - {*registry.names()} == {*SOURCES}
