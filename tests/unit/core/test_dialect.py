"""The dialect: the fields that each receiver gets, and the changes that configuration may make."""

import json
from typing import Any

import pytest
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.events.dialect import VERIFIED, Dialect
from gitdailies_core.events.events import DEPLOYED, KINDS, Event

EVENTS = [Event.from_wire({**kind.example, "x": {"y": 1}}) for kind in KINDS]
DEPLOY = EVENTS[0]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_ours_is_sent_everything(event: Event) -> None:
    """Our own receiver gets every field, with extra ones, under their own names."""
    assert Dialect.make().write(event) == event.to_wire()
    assert Dialect.make().takes_lists


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_documented_is_sent_documented_fields_alone(event: Event) -> None:
    """Only fields that GitDailies' documentation, or its one public client, names are sent."""
    dialect = Dialect.make(receiver="documented")
    known = {"kind", "repo", "branch", "commitSHA", "environment", "time", "incidentId"}

    assert set(dialect.write(event)) <= known
    assert dialect.write(event) == {n: v for n, v in event.to_wire().items() if n in known}
    assert not dialect.takes_lists


def test_what_is_verified_is_documented() -> None:
    """Every field that is known for certain is one that a documented receiver is sent."""
    documented = {field.name for kind in KINDS for field in kind.fields if field.documented}

    assert VERIFIED - documented == {"webhook-key", "kind", DEPLOYED}
    assert documented - VERIFIED == {"incidentId"}


def test_fields_are_renamed() -> None:
    """A renamed field is sent under the receiver's name only, and so is the kind."""
    body = Dialect.make(rename={"commitSHA": "sha", "kind": "type"}, drop=["type"]).write(DEPLOY)

    assert body["sha"] == DEPLOY.get("commitSHA")
    assert body["type"] == DEPLOYED
    assert not {"commitSHA", "kind"} & body.keys()


def test_names_may_be_swapped() -> None:
    """Two fields can take each other's names."""
    body = Dialect.make(rename={"repo": "branch", "branch": "repo"}).write(DEPLOY)

    assert (body["repo"], body["branch"]) == (DEPLOY.get("branch"), DEPLOY.get("repo"))


def test_fields_are_dropped_and_added() -> None:
    """A dropped field stays away from any receiver; an added one goes to a documented one, too."""
    assert "branch" not in Dialect.make(drop=["branch"]).write(DEPLOY)
    assert Dialect.make(receiver="documented", add=["id"]).write(DEPLOY)["id"] == DEPLOY.id
    assert "id" not in Dialect.make(receiver="documented", add=["id"], drop=["id"]).write(DEPLOY)


def test_kinds_have_the_receiver_s_words() -> None:
    """A kind with a changed word is sent with that word, and the other kinds with theirs."""
    dialect = Dialect.make(kinds={"incidentStarted": "incident_opened"})

    assert [dialect.write(event)["kind"] for event in EVENTS] == [
        "deployed",
        "incident_opened",
        "incidentResolved",
    ]


def test_an_extra_field_does_not_hide_ours() -> None:
    """An unknown field is left out if a field of ours was renamed to its name."""
    event = Event.from_wire({**KINDS[0].example, "sha": "theirs"})

    assert Dialect.make(rename={"commitSHA": "sha"}).write(event)["sha"] == event.get("commitSHA")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"receiver": "theirs"}, "receiver: expected one of documented, ours, got 'theirs'"),
        ({"kinds": {"deploy": "x"}}, "dialect.kinds: expected one of deployed, incident"),
        ({"rename": {"sha": "x"}}, "dialect.rename: expected one of attempt, branch, causedBy, "),
        ({"drop": ["sha"]}, "dialect.drop: expected one of attempt, branch, causedBy, "),
        ({"drop": ["kind"]}, "dialect.drop: expected one of attempt, branch, causedBy, "),
        ({"add": ["sha"]}, "dialect.add: expected one of attempt, branch, causedBy, "),
        (
            {"rename": {"repo": "branch"}},
            "dialect.rename: expected a different name for each field, got one twice",
        ),
        (
            {"rename": {"repo": "kind"}},
            "dialect.rename: expected a different name for each field, got one twice",
        ),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    """A name that we do not have, and a name given twice, are found before anything is sent."""
    with pytest.raises(ConfigurationError) as refused:
        Dialect.make(**settings)

    assert str(refused.value).startswith(message)


def test_a_name_is_free_where_its_field_is_not_sent() -> None:
    """A field may take the name of one that this receiver does not get."""
    body = Dialect.make(rename={"commitSHA": "id"}, drop=["id"]).write(DEPLOY)

    assert body["id"] == DEPLOY.get("commitSHA")


def test_the_body_is_compact_utf_8() -> None:
    """The bytes have text without escapes, and no spaces."""
    event = DEPLOY.replace(branch="für-😀")

    body = Dialect.make(receiver="documented").dump(event)

    assert "für-😀".encode() in body
    assert b": " not in body
    assert json.loads(body)["branch"] == "für-😀"
