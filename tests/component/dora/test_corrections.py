"""Corrections over HTTP: who may make them, what they change, and what the audit trail keeps."""

import re
from typing import Any

import pytest
import requests
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.sql.database import transaction

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.shapes import shaped
from tests.support.dora.visitor import Visitor
from tests.support.figures.asking import deploy, ended, started

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

ASKED = {"from": "2026-03-01", "to": "2026-04-01"}
# Ids that an address has to encode.
START, PAGE, FIRST = "s?1", "/incidents/s%3F1", "d/1"
API = f"/api{PAGE}"


@pytest.fixture
def key(receiver: Receiver) -> str:
    """Two deploys, an incident after the second, and a key that may do everything."""
    key = receiver.key("lead", "send", "read", "delete", "correct")
    history = [
        deploy(FIRST, "04T08:00:00"),
        deploy("d2", "04T09:00:00"),
        started(START, "04T09:10:00"),
        ended("e", "04T09:40:00"),
        deploy("elsewhere", "04T09:05:00", repo="larkspur/other"),
    ]
    assert receiver.post(key, history).status_code == 202
    assert failed(receiver, key) == {FIRST: False, "d2": True}
    return key


def put(receiver: Receiver, key: str, path: str, **body: Any) -> requests.Response:
    return requests.put(receiver.url + path, json=body, headers={"webhook-key": key}, timeout=30)


def delete(receiver: Receiver, key: str, path: str) -> requests.Response:
    return requests.delete(receiver.url + path, headers={"webhook-key": key}, timeout=30)


def failed(receiver: Receiver, key: str) -> dict[str, bool]:
    """Return which deploys failed, as their details say, and check that the figures agree."""
    found = {}
    for id_ in (FIRST, "d2"):
        answer = receiver.get(key, "/api/deploys/" + id_.replace("/", "%2F")).json()
        found[id_] = shaped("DeployDetail", answer)["state"] == "failed"
    figures = receiver.get(key, "/api/metrics", **ASKED).json()["figures"]["changeFailRate"]
    assert figures["failed"] == sum(found.values())
    return found


def test_the_interface_corrects_and_undoes(receiver: Receiver, key: str) -> None:
    """The cause of an incident and the outcome of a deploy are set and undone, and figures follow at once."""
    assert put(receiver, key, f"{API}/cause", deploy=FIRST, reason="its cache").status_code == 200
    assert failed(receiver, key) == {FIRST: True, "d2": False}
    made = receiver.get(key, API).json()["correction"]
    assert (made["what"], made["deploy"], made["reason"]) == ("deploy", FIRST, "its cache")
    assert made["by"] == "lead"
    assert put(receiver, key, f"{API}/cause", deploy=None, reason="a power cut").json()["what"] == "no-deploy"
    assert failed(receiver, key) == {FIRST: False, "d2": False}
    assert put(receiver, key, f"{API}/dismissal", reason="a drill").status_code == 200
    assert receiver.get(key, API).json()["state"] == "dismissed"
    assert delete(receiver, key, f"{API}/cause").status_code == 404
    assert delete(receiver, key, f"{API}/dismissal").status_code == 200
    assert failed(receiver, key) == {FIRST: False, "d2": True}
    outcome = "/api/deploys/d%2F1/outcome"
    assert put(receiver, key, outcome, outcome="failed", reason="carts were empty").status_code == 200
    assert put(receiver, key, "/api/deploys/d2/outcome", outcome="not-failed", reason="no").status_code == 200
    assert failed(receiver, key) == {FIRST: True, "d2": False}
    assert delete(receiver, key, outcome).json() == {"status": "undone", "id": FIRST, "what": "failed"}


WRONG: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "no reason": (f"{API}/cause", {"deploy": "d2"}, 400, "missing required field `reason`"),
    "an empty reason": (f"{API}/cause", {"deploy": "d2", "reason": " "}, 400, "reason: expected 1 to 500"),
    "no deploy": (f"{API}/cause", {"reason": "why"}, 400, "missing required field `deploy`"),
    "elsewhere": (f"{API}/cause", {"deploy": "elsewhere", "reason": "a"}, 400, "deploy: expected the id"),
    "more": (
        f"{API}/cause",
        {"deploy": None, "reason": "a", "by": "me"},
        400,
        "body: object contains unknown field",
    ),
    "no incident": ("/api/incidents/d2/cause", {"deploy": None, "reason": "a"}, 404, "id: no event starts"),
    "incidentId": ("/api/incidents/INC/cause", {"deploy": None, "reason": "a"}, 404, "not the incidentId"),
    "not a deploy": ("/api/deploys/e/outcome", {"outcome": "failed", "reason": "a"}, 404, "id: no event is"),
    "outcome": (
        "/api/deploys/d2/outcome",
        {"outcome": "bad", "reason": "a"},
        400,
        "outcome: expected one of",
    ),
}


def test_a_wrong_correction_is_refused(receiver: Receiver, key: str) -> None:
    """A correction that is not possible names what is wrong, and changes nothing."""
    for name, (path, body, status, fault) in WRONG.items():
        answer = put(receiver, key, path, **body)
        assert (name, answer.status_code) == (name, status)
        assert fault in answer.json()["detail"]
    assert failed(receiver, key) == {FIRST: False, "d2": True}


def test_a_key_needs_a_permission_of_its_own(receiver: Receiver, key: str) -> None:
    """Sending, reading and deleting are not enough to correct, and correcting is not enough to send."""
    other = receiver.key("other", "send", "read", "delete")
    answer = put(receiver, other, f"{API}/cause", deploy=None, reason="why")
    assert (answer.status_code, "--allow correct" in answer.text) == (403, True)
    correcting = receiver.key("correcting", "correct")
    assert receiver.post(correcting, deploy("d3", "05T08:00:00")).status_code == 403


def test_a_correction_goes_with_its_event(receiver: Receiver, key: str) -> None:
    """An incident that is deleted and sent again is attributed as its events tell."""
    put(receiver, key, f"{API}/cause", deploy=None, reason="a power cut")
    assert delete(receiver, key, "/api/events/s%3F1").status_code == 200
    assert receiver.post(key, started(START, "04T09:10:00")).json()["status"] == "created"
    assert failed(receiver, key) == {FIRST: False, "d2": True}


def correct(visitor: Visitor, **fields: str) -> requests.Response:
    sent = {"event": START, "reason": "a drill", "back": PAGE, **fields}
    return visitor.post("/corrections", form=PAGE, **sent)


def test_a_member_corrects_on_the_page(receiver: Receiver, key: str, owner: Visitor, member: Visitor) -> None:
    """Every member sees the form, corrects with a reason, and can undo it; the audit trail says who did."""
    assert "Change the attribution" in member.get(PAGE).text
    assert "corrects how they are counted" in owner.get("/settings/people").text
    for role in ("member", "owner"):
        assert "corrects how they are counted" in member.get(owner.invitation(role)).text, role
    answer = correct(member, what="deploy", deploy=f" {FIRST} ")
    assert answer.status_code == 303
    assert failed(receiver, key) == {FIRST: True, "d2": False}
    wrong = correct(member, what="deploy", deploy="elsewhere", reason="typed <b>")
    assert (wrong.status_code, '<details class="correct" open>' in wrong.text) == (400, True)
    assert 'value="deploy" required checked' in wrong.text
    assert 'value="elsewhere" aria-describedby="deploy-error"' in wrong.text
    assert 'value="typed &lt;b&gt;"' in wrong.text
    answer = correct(member, what=f"deploy {FIRST}")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert failed(receiver, key) == {FIRST: True, "d2": False}
    page = member.get(PAGE).text
    assert "Vic decided on" in page
    assert "a drill" in page
    undone = member.post("/corrections/undo", form=PAGE, event=START, back="//evil.example")
    assert (undone.status_code, undone.headers["location"]) == (303, "/")
    assert failed(receiver, key) == {FIRST: False, "d2": True}
    again = member.post("/corrections/undo", form=PAGE, event=START, back=PAGE)
    assert (again.status_code, "nothing is left to undo" in again.text.casefold()) == (404, True)
    assert "Change the attribution" in again.text
    with transaction(receiver.store) as session:
        lines = [(line.actor, line.action, line.subject) for line in read_audit(session)[:2]]
    assert '<a href="/events/id?id=s%3F1">s?1</a>' in owner.get("/settings/audit").text
    assert lines == [("Vic", "correction.undone", START), ("Vic", "correction.made", START)]


def test_the_form_of_an_incident_is_open_and_marks_what_holds(key: str, member: Visitor) -> None:
    """Each choice begins with its time, the present one is marked, and Undo is in the message."""

    def marked() -> list[str]:
        options = re.findall(r'<label class="option">.*?<span>(.*?)</label>', member.get(PAGE).text)
        return [re.sub("<.*?>", "", one) for one in options if ">now<" in one]

    page = member.get(PAGE).text
    assert '<details class="correct" open>' in page
    assert "on its page. If" not in page, "it is this page"
    assert "<span>2026-03-04 08:00 UTC: deploy " in page
    assert [one[:22] for one in marked()] == ["2026-03-04 09:00 UTC: "]
    assert f'name="back" value="{PAGE}#correction-title"' in page
    correct(member, what="no-deploy")
    assert marked() == ["No deploy caused it now"]
    notice = member.get(PAGE).text.partition('<div class="notice"><p>Vic decided on')[2]
    assert "Undo the correction" in notice.partition("</div>")[0]


def test_a_reader_corrects_nothing(receiver: Receiver, key: str, owner: Visitor, member: Visitor) -> None:
    """A reader sees no form, and a form of theirs is refused. A viewer of earlier versions is a member."""
    owner.post("/settings/people/2/role", "/settings/people/2", role="reader")
    for page in (PAGE, "/review", "/events", "/dora"):
        assert member.get(page).status_code == 200
    assert "Change the attribution" not in member.get(PAGE).text
    refused = [
        correct(member, what="no-deploy"),
        member.post("/corrections/undo", form=PAGE, event=START, back=PAGE),
        member.post("/review/acknowledge", form=PAGE, line="1", back=PAGE),
    ]
    for one in refused:
        assert (one.status_code, "For members and owners only" in one.text) == (403, True)
    with transaction(receiver.store) as session:
        session.execute("UPDATE people SET role = 'viewer' WHERE id = 2")
    assert '<td data-label="role">member</td>' in owner.get("/settings/people").text
    assert correct(member, what="no-deploy").status_code == 303


def test_owners_may_keep_corrections_to_themselves(
    receiver: Receiver, key: str, owner: Visitor, member: Visitor
) -> None:
    """With `corrections: owners`, a member sees no form, and a form of theirs is refused."""
    receiver.reload(DoraSettings(corrections="owners"))
    assert "Change the attribution" not in member.get(PAGE).text
    assert "Member: sees figures and events</label>" in owner.get("/settings/people").text
    assert correct(member, what="no-deploy").status_code == 403
    assert "Change the attribution" in owner.get(PAGE).text
    assert correct(owner, what="no-deploy").status_code == 303
    assert failed(receiver, key) == {FIRST: False, "d2": False}


def test_a_form_that_lacks_something_corrects_nothing(receiver: Receiver, key: str, owner: Visitor) -> None:
    """A correction without a choice or a reason is refused beside its field."""
    for given, field in (({"what": ""}, "what"), ({"what": "no-deploy", "reason": ""}, "reason")):
        answer = correct(owner, **given)
        assert (answer.status_code, f'id="{field}-error"' in answer.text) == (400, True)
    assert correct(owner, what="no-deploy", event="none").status_code == 404
    assert failed(receiver, key) == {FIRST: False, "d2": True}


def test_rework_is_said_beside_the_outcome(receiver: Receiver, key: str) -> None:
    """What a deploy was and whether it is rework are two corrections: each stays when the other is undone."""
    said = "/api/deploys/d2/rework"

    def rework() -> tuple[int, bool]:
        figures = receiver.get(key, "/api/metrics", **ASKED).json()["figures"]["deploymentReworkRate"]
        return figures["rework"], failed(receiver, key)["d2"]

    assert put(receiver, key, "/api/deploys/d2/outcome", outcome="failed", reason="carts").status_code == 200
    corrected = put(receiver, key, said, rework=True, reason="the cart").json()
    assert corrected == {"status": "corrected", "id": "d2", "what": "rework"}
    assert rework() == (1, True)
    assert receiver.get(key, "/api/deploys/d2").json()["reworkCorrection"]["reason"] == "the cart"
    assert put(receiver, key, said, rework=False, reason="planned").json()["what"] == "not-rework"
    assert rework() == (0, True)
    assert delete(receiver, key, "/api/deploys/d2/outcome").status_code == 200
    assert receiver.get(key, "/api/deploys/d2").json()["evidence"] == "time"
    assert delete(receiver, key, said).json()["what"] == "not-rework"
    assert delete(receiver, key, said).status_code == 404
    assert put(receiver, key, "/api/deploys/e/rework", rework=True, reason="no deploy").status_code == 404


def test_what_a_form_did_is_said_once(key: str, owner: Visitor) -> None:
    """The page after the undo of a correction says so at its top; when it is loaded again, no more."""
    assert correct(owner, event=START, what="no-deploy", reason="a drill").status_code == 303
    said = '<p class="notice done" role="status">'
    assert owner.post("/corrections/undo", form=PAGE, event=START, back=PAGE).status_code == 303
    assert f"{said}The correction is undone." in owner.get(PAGE).text
    assert "The correction is undone." not in owner.get(PAGE).text
    owner.session.cookies.set("gitdailies-said", "<b>anything</b>")
    for page in (PAGE, "/settings/figures"):
        assert said not in owner.get(page).text
