"""Repositories that were renamed: one history under the present name, in answers and on pages."""

from typing import Any

from gitdailies_core.values.renames import Renames
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.dora.running import Receiver, settings_of
from tests.support.dora.visitor import Visitor
from tests.support.figures import asking
from tests.support.processes import eventually

OLD, NEW = "larkspur/old-name", "larkspur/new-name"
JOINED = settings_of(FigureSettings(renames=Renames(((OLD, NEW),))))
PERIOD = {"from": "2026-03-01", "to": "2026-03-08"}


def deploy(number: int, repo: str, day: int) -> dict[str, Any]:
    sha, before = f"{number:040x}", f"{number - 1:040x}"
    commit = {"sha": sha, "time": f"2026-03-0{day}T08:00:00Z", "parents": [before]}
    return asking.deploy(f"d{number}", f"0{day}T09:00:00", sha, repo=repo, commits=[commit])


# The repository is renamed after the first deploy; a line of services goes on naming it as before.
STORY = [
    deploy(1, OLD, 2),
    deploy(2, NEW, 3),
    deploy(3, NEW, 4),
    asking.started("i1", "04T10:00:00", repo=OLD),
    asking.ended("r1", "04T11:00:00", repo=NEW),
]


def joined(receiver: Receiver) -> str:
    """Send the story, and have the server join the names; return a key."""
    key = receiver.key("all", "send", "read")
    assert receiver.post(key, STORY).status_code == 202
    receiver.reload(JOINED)
    eventually(lambda: len(receiver.events(key, repo=NEW)) == len(STORY))
    return key


def test_a_renamed_repository_is_one(receiver: Receiver) -> None:
    """Figures, groups and events of either name are those of the present one."""
    key = joined(receiver)
    for name in (OLD, NEW, "Larkspur/OLD-name.git"):
        answer = receiver.get(key, "/api/metrics", repo=name, **PERIOD).json()
        assert answer["filter"]["repo"] == NEW
        figures = answer["figures"]
        assert figures["deploymentFrequency"]["deploys"] == 3
        assert figures["changeLeadTime"]["unknownDeploys"] == 1, "only the first has nothing before it"
        assert figures["changeFailRate"]["failed"] == 1, "the incident is attributed to the deploy before it"
        found = receiver.events(key, repo=name)
        assert [event["id"] for event in found] == [event["id"] for event in STORY]
        assert {event["repo"] for event in found} == {NEW}
    groups = receiver.get(key, "/api/metrics/series", by="repo", **PERIOD).json()["groups"]
    assert [group["by"]["repo"] for group in groups] == [NEW]
    why = receiver.get(key, "/api/metrics/why", repo=OLD, **PERIOD).json()["events"]
    assert {event["repo"] for event in why} == {NEW}
    incident = receiver.get(key, "/api/incidents/i1").json()
    assert (incident["event"]["repo"], incident["related"]["deploy"]["id"]) == (NEW, "d3")
    review = receiver.get(key, "/api/review", week="2026-W10", repo=OLD).json()
    assert review["filter"]["repo"] == NEW
    assert [one["deploy"]["id"] for one in review["sections"]["failed"]] == ["d3"]


def test_pages_show_a_renamed_repository_once(receiver: Receiver, owner: Visitor) -> None:
    """The pages show the present name, in the list of events and on the page of one, whatever was sent."""
    joined(receiver)
    assert owner.get(f"/events?repo={OLD}").text.count(f">{NEW}</a>") == len(STORY)
    for path in ("/events", "/deploys/d1", "/?from=2026-03-01&to=2026-03-08"):
        page = owner.get(path).text
        assert NEW in page
        assert OLD not in page


def test_names_part_again_without_the_setting(receiver: Receiver) -> None:
    """Nothing that is stored changes: without the setting, both names are there as they were sent."""
    key = joined(receiver)
    receiver.reload(settings_of(FigureSettings()))
    eventually(lambda: len(receiver.events(key, repo=OLD)) == 2)
    assert [event["repo"] for event in receiver.events(key)] == [event["repo"] for event in STORY]
