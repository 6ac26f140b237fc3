"""Where an event, a commit and a name in a sentence lead."""

import pytest
from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.pages.frame.event_links import commit_url, linked
from msgspec import structs

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
TIME = "2026-03-04T09:00:00Z"
DEPLOY = EventReference(id="d/1", kind="deployed", time=TIME)
INCIDENT = EventReference(id="s1", kind="incidentStarted", time=TIME, incident_id="INC-7")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/Larkspur/shop/actions/runs/7", f"https://github.com/Larkspur/shop/commit/{SHA}"),
        ("https://git.example/larkspur/shop/-/jobs/7", f"https://git.example/larkspur/shop/-/commit/{SHA}"),
        ("https://ci.example/larkspur/shop/7", f"/events?q={SHA}"),
        ("https://github.com/other/shop/actions/runs/7", f"/events?q={SHA}"),
        ("javascript://github.com/larkspur/shop/actions/", f"/events?q={SHA}"),
        ("https://[x/larkspur/shop/actions/1", f"/events?q={SHA}"),
        ("https://a\u2100b/larkspur/shop/actions/1", f"/events?q={SHA}"),
        ("", f"/events?q={SHA}"),
    ],
)
def test_a_commit_is_found_where_its_repository_is(address: str, expected: str) -> None:
    """An address below that of the repository shows where its commits are. Else, events that name it do."""
    assert commit_url(address, "larkspur/shop", SHA) == expected


def test_names_in_a_sentence_are_links() -> None:
    """The id of a deploy and the sender's id of an incident are links; numbers that look like ids are not."""
    sentence = "failed by incident INC-7; remedied by the rollback d/1 of 2026; 1 new commit"
    found = linked(sentence, [DEPLOY, INCIDENT, structs.replace(DEPLOY, id="1")])
    assert [piece.text for piece in found if piece.href] == ["INC-7", "d/1"]
    assert [piece.href for piece in found if piece.href] == ["/incidents/s1", "/deploys/d%2F1"]
    assert "".join(piece.text for piece in found) == sentence
    assert linked(sentence, []) == [(sentence, "")]
