"""CDEvents: which count, and where their repository and commit come from."""

import json
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import KINDS, Event
from gitdailies_dora.events.reading.cd_events import event_of

BODIES = Path(__file__).parents[2] / "support/dora/bodies"
SHA = "744ca7a7baa1737827c4ca0bc21fdf77e574a803"
OTHER = "1a3adb23eee980fe6e20ce63eaa9a413351de124"


def cd_event(name: str) -> dict[str, Any]:
    return json.loads((BODIES / f"cdevents-{name}.json").read_text())


def read(data: dict[str, Any]) -> dict[str, Any]:
    event = event_of(data["context"]["type"], data)
    Event.from_wire(event)
    return event


def deploy(**changes: Any) -> dict[str, Any]:
    """A deploy whose content and custom data are changed."""
    data = cd_event("service-deployed")
    data["customData"] = changes.pop("customData", {})
    data["subject"]["content"].update(changes)
    return data


def test_a_deploy() -> None:
    """Repository and commit are in the package URL; the rest is where CDEvents have it."""
    assert read(cd_event("service-deployed")) == {
        "kind": "deployed",
        "repo": "larkspur/quotes",
        "commitSHA": SHA,
        "environment": "production",
        "service": "quotes",
        "time": "2026-11-24T10:06:38.315384Z",
    }


def test_what_cd_events_have_no_field_for() -> None:
    """Custom data names repository and commit where the package URL has a digest, and more of our fields."""
    event = read(cd_event("service-upgraded"))
    assert (event["repo"], event["commitSHA"], event["branch"]) == ("larkspur/quotes", OTHER, "main")


def test_an_incident() -> None:
    """Start and end have the subject's id; the end takes its repository from custom data."""
    assert read(cd_event("incident-detected")) == {
        "kind": "incidentStarted",
        "incidentId": "incident-88",
        "repo": "larkspur/quotes",
        "environment": "production",
        "service": "quotes",
        "title": "Quotes slower than 800 ms",
        "time": "2026-11-24T13:30:00.079Z",
    }
    end = cd_event("incident-resolved")
    with pytest.raises(
        InvalidEvent, match=r"repo: a CDEvent has no field for it; name it in customData\.repo"
    ):
        read(end)
    event = read({**end, "customData": {"repo": "larkspur/quotes"}})
    assert (event["kind"], event["incidentId"], event.get("title")) == (
        "incidentResolved",
        "incident-88",
        None,
    )


@pytest.mark.parametrize(
    ("type_", "kind", "what"),
    [
        ("service.deployed.0.1.0", "deployed", None),
        ("service.deployed.0.2.0", "deployed", None),
        ("service.upgraded.0.3.0-draft", "deployed", None),
        ("service.rolledback.0.2.0", "deployed", "rollback"),
        ("service.deployed", "deployed", None),
        ("incident.reported.0.3.0", "incidentStarted", None),
        ("incident.detected.0.1.0", "incidentStarted", None),
    ],
)
def test_every_version_of_what_counts(type_: str, kind: str, what: str | None) -> None:
    """The version at the end of a type is not its kind."""
    event = event_of(f"dev.cdevents.{type_}", cd_event("service-deployed"))
    assert (event["kind"], event.get("type")) == (kind, what)
    ours = event_of(f"dev.cdevents.{type_}", {"repo": "a/b", "commitSHA": SHA})
    assert (ours["kind"], ours["repo"]) == (kind, "a/b")


@pytest.mark.parametrize(
    "type_",
    [
        "dev.cdevents.service.removed.0.3.0",
        "dev.cdevents.pipelinerun.finished.0.2.0",
        "dev.cdevents.service.deployed.1.0.0",
        "dev.cdeventsx.tool-service.deployed.0.1.0",
        "dev.cdevents.",
    ],
)
def test_what_does_not_count_is_named(type_: str) -> None:
    """The refusal names the types that count."""
    with pytest.raises(
        InvalidEvent, match=r"type: expected one of the CDEvents that count, service\.deployed"
    ):
        event_of(type_, cd_event("service-deployed"))


@pytest.mark.parametrize(
    ("package", "repo"),
    [
        (f"pkg:github/larkspur/quotes@{SHA}", "larkspur/quotes"),
        (f"pkg:gitlab/larkspur/web/quotes@{SHA}#sub", "larkspur/web/quotes"),
        (f"pkg:golang/github.com/larkspur/quotes@{SHA}", "larkspur/quotes"),
        (
            f"pkg:generic/quotes@1.9?vcs_url=git+https://git.example/larkspur/quotes.git@{SHA}",
            "larkspur/quotes",
        ),
        (f"pkg:oci/quotes@sha256%3Aab?vcs_url=git%2Bhttps%3A%2F%2Fg.example%2Fa%2Fb%40{SHA}", "a/b"),
    ],
)
def test_package_urls(package: str, repo: str) -> None:
    """Of the hosts that are known, of Go, and with the address of the source."""
    event = read(deploy(artifactId=package))
    assert (event["repo"], event["commitSHA"]) == (repo, SHA)


@pytest.mark.parametrize(
    "package", ["pkg:github/larkspur/quotes@v1.9", "pkg:github/larkspur/quotes", 7, None]
)
def test_a_version_is_no_commit(package: Any) -> None:
    """A tag is not the commit, and nothing is guessed; the remedy is named."""
    with pytest.raises(InvalidEvent, match="customData"):
        read(deploy(artifactId=package))
    event = read(deploy(artifactId=package, customData={"repo": "a/b", "git": {"commit": OTHER}}))
    assert (event["repo"], event["commitSHA"]) == ("a/b", OTHER)


def test_custom_data_fills_what_is_missing() -> None:
    """An environment that the CDEvent lacks comes from custom data, and an id of another tool does not."""
    custom = {"environment": "staging", "branch": "main", "id": "7", "service": "other"}
    event = read(deploy(environment=None, customData=custom))
    assert (event["environment"], event["branch"], event["service"]) == ("staging", "main", "quotes")
    assert "id" not in event


def test_an_event_of_ours_comes_back_whole() -> None:
    """A tool of ours puts its whole event into custom data: its own id, time and service win."""
    own = {**KINDS[0].example, "service": "cart", "team": "payments"}
    assert read(deploy(customData=own)) == own


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}])
def test_odd_parts_are_no_fault_of_the_server(odd: Any) -> None:
    """Whatever stands where an object belongs, the event is read or refused."""
    data = cd_event("service-deployed")
    for part in ("context", "customData"):
        event_of("dev.cdevents.service.deployed.0.2.0", {**data, part: odd})
    for name in ("content", "id"):
        changed = {
            **data,
            "subject": {**data["subject"], name: odd},
            "customData": {"repo": "a/b", "sha": SHA},
        }
        event_of("dev.cdevents.service.deployed.0.2.0", changed)
