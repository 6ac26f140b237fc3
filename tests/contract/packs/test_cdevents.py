"""Every type of event that CDEvents defines: read, or ignored with a reason, in each form of a delivery.

Source: CDEvents' specification, versions 0.2 to 0.6, the subjects and predicates of its conformance samples.
"""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gitdailies_core.reasons import NO_COMMIT, OTHER
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change, Ignored, Unreadable
from gitdailies_core.sources.request import Request

AT = datetime(2026, 11, 24, 10, 6, 38, tzinfo=UTC)
SHA = "744ca7a7baa1737827c4ca0bc21fdf77e574a803"
DIGEST = "pkg:oci/quotes@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
GIVEN = json.loads((Path(__file__).parent / "cdevents.json").read_text("utf-8"))
TYPES = [f"{subject}.{one}" for subject, several in GIVEN["predicates"].items() for one in several.split()]
COUNTED = {
    "service.deployed": ("deploy", None),
    "service.upgraded": ("deploy", None),
    "service.rolledback": ("deploy", "rollback"),
    "incident.detected": ("started", None),
    "incident.reported": ("started", None),
    "incident.resolved": ("resolved", None),
}
MODES = ("bare", "in a CloudEvent", "beside a CloudEvent's headers")


def event(kind, version, artifact=DIGEST):
    """Make an event of a type, as the conformance samples are made."""
    made = deepcopy(GIVEN["event"])
    made["context"]["type"] = f"dev.cdevents.{kind}.{version}"
    made["subject"]["content"]["artifactId"] = artifact
    return made


def read(body, mode):
    context = body["context"]
    about = {name: context[name] for name in ("id", "source", "type")} | {"specversion": "1.0"}
    headers = {"content-type": "application/json"}
    if mode == "in a CloudEvent":
        headers = {"content-type": "application/cloudevents+json"}
        body = {**about, "datacontenttype": "application/json", "data": body}
    elif mode != "bare":
        headers |= {f"ce-{name}": value for name, value in about.items()}
    request = Request.make(headers=headers, body=json.dumps(body).encode(), received_at=AT)
    return registry.adapter("cdevents").translate(request, {})


@pytest.mark.parametrize("kind", [*TYPES, "custom"])
def test_a_type_is_read_or_ignored(kind):
    """Deploys and incidents count, in every version and form; nothing else does."""
    for version in ("0.1.0", "0.1.2", "0.3.0", "0.4.0", "0.6.0-draft"):
        body = event(kind, version, f"pkg:github/larkspur/quotes@{SHA}")
        if kind == "custom":
            body["context"]["type"] = "dev.cdeventsx.larkspur-resource.created.0.1.0"
        messages = [read(body, mode) for mode in MODES]

        assert messages[0] == messages[1] == messages[2]
        (message,) = messages[0]
        if kind not in COUNTED:
            assert isinstance(message, Ignored)
            assert message.code == OTHER
        elif isinstance(message, Change):
            assert (message.state, None) == COUNTED[kind]
            assert (message.incident, message.environment, message.at.replace(microsecond=0)) == (
                "quotes",
                "production",
                AT,
            )
        else:
            assert ("deploy", message.type) == COUNTED[kind]
            assert (message.repo, message.sha, message.environment) == ("larkspur/quotes", SHA, "production")


@pytest.mark.parametrize("kind", [kind for kind, (state, _) in COUNTED.items() if state == "deploy"])
def test_a_digest_is_no_commit(kind):
    """The conformance samples name an image by its digest. It is quarantined, with what to send."""
    (message,) = read(event(kind, "0.3.0"), "bare")

    assert isinstance(message, Unreadable)
    assert (message.code, "send the commit as the version" in message.reason) == (NO_COMMIT, True)
