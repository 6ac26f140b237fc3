"""Wrong requests with a valid key are listed for the owners, at the key."""

from gitdailies_dora.accounts.keys.key_store import delete_key
from gitdailies_dora.accounts.keys.wrong_requests import MOST_KEPT, note_wrong, wrong_requests
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.timestamps import utc_now

from tests.component.dora.test_pages_security import MANAGE, on_each
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor


def noted(receiver: Receiver, key_id: int = 1) -> list[tuple[str, str]]:
    with transaction(receiver.store) as session:
        return [(one.problem, one.detail) for one in wrong_requests(session, key_id)]


@on_each
def test_wrong_requests_are_listed_at_their_key(kind: str, receiver: Receiver, owner: Visitor) -> None:
    """Of a request and of events in a list: what was wrong, once for each mistake, and no right ones."""
    key, other = receiver.key("ci"), receiver.key("other")
    wrong = {**body("deploy"), "environmnet": "staging"}
    for _ in range(2):
        receiver.post(key, wrong)
        receiver.post(key, [body("deploy"), wrong, body("deploy", repo="x")])
    receiver.post(key, b"{")
    receiver.post(other, body("deploy", branch="b"))
    receiver.post(other, wrong, "/webhooks?validate=true")
    assert len(noted(receiver)) == 3
    assert [word for word, _ in noted(receiver, 2)] == ["conflict"]
    assert owner.get(MANAGE).text.count("wrong requests</a>") == 2
    page = owner.get(f"{MANAGE}/keys/1").text
    assert "environmnet: this field does not exist; did you mean environment?" in page
    assert "repo: expected a repository like" in page


def test_notes_are_bounded_and_end_with_the_key(receiver: Receiver) -> None:
    """A key keeps its newest mistakes, and a deleted key none."""
    receiver.key("ci")
    with transaction(receiver.store) as session:
        for number in range(MOST_KEPT + 5):
            note_wrong(session, 1, [("invalid", f"mistake {number}")], utc_now())
    assert len(noted(receiver)) == MOST_KEPT
    assert noted(receiver)[0] == ("invalid", f"mistake {MOST_KEPT + 4}")
    delete_key(receiver.store, "ci")
    assert noted(receiver) == []
