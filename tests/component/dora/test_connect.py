"""The first page, and Connect: what sends, what is silent, and what to paste next."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gitdailies_connection.config.load import read
from gitdailies_dora.events.records.senders import Sender
from gitdailies_dora.figures.words.silence import PAUSES
from gitdailies_dora.pages.settings.samples import relay_settings
from hypothesis import given
from hypothesis import strategies as some

from tests.component.dora.test_pages_security import on_each
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor


def leads(visitor: Visitor, path: str = "/") -> str:
    answer = visitor.get(path, allow_redirects=False)
    return answer.headers.get("location", str(answer.status_code))


@on_each
def test_the_first_page(kind: str, receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """Before the first event, owners come to Connect and members read whom to ask; then all see figures."""
    stranger = Visitor(receiver)
    assert [leads(owner), leads(member), leads(stranger)] == ["/connect", "200", "/sign-in?next=/"]
    first = owner.get("/connect").text
    for text in (
        "webhook: of the GitHub organization to",
        "/hooks/github<",
        "of the GitLab group to",
        "/hooks/gitlab<",
    ):
        assert text in first
    assert "No events yet" in (page := member.get("/").text)
    assert "Ask an owner" in page
    assert "Ask an owner to connect a pipeline." in member.get("/review").text
    assert receiver.post(receiver.key("ci"), body("deploy")).status_code == 202
    assert [leads(owner), leads(member), leads(stranger)] == ["/dora", "/dora", "/sign-in?next=/"]
    assert "No events yet" not in member.get("/review").text


def test_connect_is_for_owners(receiver: Receiver, owner: Visitor, member: Visitor) -> None:
    """A member sees neither the page nor a link to it, before and after the first event."""
    for name in ("first", "second"):
        assert [leads(member, path) for path in ("/connect", "/connect/newest")] == ["403", "403"]
        for path in ("/", "/dora", "/events", "/settings"):
            assert "/connect" not in member.get(path).text, path
        receiver.post(receiver.key(name), body("deploy"))


def test_what_sends_and_what_is_missing(receiver: Receiver, owner: Visitor) -> None:
    """Reporters are listed with their key, a key that was never used is marked, and gaps come first."""
    key = receiver.key("pipeline")
    receiver.key("forgotten")
    receiver.post(key, body("deploy", reporter="step/github-actions"))
    page = owner.get("/connect").text
    assert "step/github-actions" in page
    assert page.count('"last used">never<') == 1
    assert "Incidents: none so far" in page
    assert "Deploys: none so far" not in page
    receiver.post(key, body("incident-started"))
    page = owner.get("/connect").text
    assert "Incidents: none so far" not in page
    assert "Incidents of another tool" in page
    assert key not in page


def test_the_settings_to_paste_load() -> None:
    """What owners paste for incidents is a right gitdailies.yml."""
    loaded = read(relay_settings("https://dora.example.com"), Path("gitdailies.yml"))
    assert list(loaded.sources) == ["pagerduty"]


NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@given(
    pauses=some.lists(some.integers(1, 10**7), max_size=20),
    quiet=some.integers(0, 10**8),
    kind=some.sampled_from(("deployed", "incidentStarted")),
)
def test_silence(pauses: list[int], quiet: int, kind: str) -> None:
    """A sender is silent after three times its longest pause: of deploys a week, of incidents 30 days."""
    longest = timedelta(seconds=max(pauses)) if pauses else None
    sender = Sender(kind == "deployed", "", "ci", 1, NOON, NOON, longest)
    silent = sender.is_silent(NOON + timedelta(seconds=quiet))
    days = 7 if kind == "deployed" and pauses else 30
    assert silent == (quiet > max(days * 86_400, PAUSES * max(pauses, default=0)))
