"""`gitdailies history catch-up github` against a server that answers as GitHub's REST API does.

It lists the attempts newest first, pages by a cursor in the `Link` header, and takes a request to send again
with 202. Shapes are those of GitHub's reference; every value is invented.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from gitdailies_cli.history import catch_up
from gitdailies_history.fetch import catch_up as sending

from tests.support import json_server
from tests.support.json_server import JsonHandler
from tests.support.processes import run

TOKEN = "larkspur-github-000043"
REPO, HOOK = "larkspur/checkout-api", 4711
NOW = datetime.now(UTC)


@dataclass
class Attempt:
    """An attempt to deliver, as GitHub lists it."""

    id: int
    guid: str
    hours_ago: float
    status: str = "Invalid HTTP Response: 502"
    event: str = "deployment_status"
    redelivery: bool = False

    def to_json(self) -> dict[str, Any]:
        listed = asdict(self)
        at = NOW - timedelta(hours=listed.pop("hours_ago"))
        code = 202 if self.status == "OK" else 502
        return {**listed, "delivered_at": at.isoformat().replace("+00:00", "Z"), "status_code": code}


@dataclass
class GitHub:
    """Webhooks with their attempts. `limited` requests are first refused by the rate limit."""

    attempts: list[Attempt]
    root: str = f"/repos/{REPO}/hooks"
    hooks: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": 12, "active": True, "config": {"url": "https://chat.example.com/in?token=planted-9c1"}},
            {"id": HOOK, "active": True, "config": {"url": "https://relay.example.com/hooks/github"}},
        ]
    )
    size: int = 100
    limited: set[str] = field(default_factory=set)
    refused: dict[int, int] = field(default_factory=dict)
    sent_again: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, address: str) -> tuple[int, Any, dict[str, str]]:
        path, query = urlsplit(address).path, parse_qs(urlsplit(address).query)
        self.asked.append(f"{method} {path}")
        if f"{method} {path}" in self.limited:
            self.limited.discard(f"{method} {path}")
            limit = {"X-RateLimit-Remaining": "0", "Retry-After": "1"}
            return 403, {"message": "API rate limit exceeded"}, limit
        deliveries = f"{self.root}/{HOOK}/deliveries"
        if method == "GET" and path == self.root:
            return 200, self.hooks, {}
        if method == "GET" and path == deliveries:
            return self._listed(path, query)
        if method == "POST" and path.startswith(f"{deliveries}/") and path.endswith("/attempts"):
            number = int(path.split("/")[-2])
            status = self.refused.get(number, 202)
            if status == 202:
                self.sent_again.append(number)
            return status, {}, {}
        return 404, {"message": "Not Found"}, {}

    def _listed(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        listed = sorted(self.attempts, key=lambda one: one.hours_ago)
        start = int(query.get("cursor", ["v1_0"])[0].removeprefix("v1_"))
        page, following = listed[start : start + self.size], start + self.size
        link = f'<{self.url}{path}?per_page=100&cursor=v1_{following}>; rel="next"'
        return 200, [one.to_json() for one in page], {"Link": link} if following < len(listed) else {}


class _Handler(JsonHandler):
    github: GitHub

    def reply(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body, headers = self.github.answer(self.command, self.path)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, body, headers = 401, {"message": f"Bad credentials {self.headers['Authorization']}"}, {}
        self.send_json(status, body, headers)


@contextmanager
def listening(github: GitHub) -> Iterator[GitHub]:
    """Let it listen on a free port of this machine."""
    with json_server.listening(_Handler, github=github) as github.url:
        yield github


def catch(folder: Path, github: GitHub, *more: str, expected: int = 0, token: str = TOKEN) -> Any:
    (folder / "token").write_text(token + "\n")
    (folder / "token").chmod(0o600)
    where = ("--repo", REPO) if not {"--repo", "--org"} & set(more) else ()
    asked = ("history", "catch-up", "github", "--api-url", github.url, "--token-file", "token", *where, *more)
    with patch.object(sending, "PAUSE_SECONDS", 0.01):
        return run(*asked, folder=folder, expected=expected)


def test_what_failed_is_sent_again_once_oldest_first(tmp_path: Path) -> None:
    """Not what arrived later under its guid, is older than three days, or is a ping; over many pages."""
    attempts = [
        Attempt(1, "a", 80),  # older than three days
        Attempt(2, "b", 60),
        Attempt(3, "c", 50, event="push", status="failed to connect"),
        Attempt(4, "b", 40, redelivery=True),  # failed twice: its newest attempt is named, once
        Attempt(5, "d", 30),
        Attempt(6, "d", 20, "OK", redelivery=True),  # arrived later
        Attempt(7, "e", 10, "OK"),
        Attempt(8, "f", 5, event="ping"),
        *(Attempt(100 + number, f"ok-{number}", number / 10, "OK") for number in range(20)),
    ]
    with listening(GitHub(attempts, size=4)) as github:
        shown = catch(tmp_path, github, "--print")
        assert github.sent_again == []
        done = catch(tmp_path, github, "--json")

    assert [line.split("  ")[1:] for line in shown.stdout.splitlines()[:-1]] == [
        ["push", "c: failed to connect"],
        ["deployment_status", "b: Invalid HTTP Response: 502"],
    ]
    assert github.sent_again == [3, 4]
    assert json.loads(done.stdout) == {"failed": 2, "sentAgain": 2, "refused": 0, "left": 0}


def test_an_organization_and_a_named_webhook(tmp_path: Path) -> None:
    """An organization's webhook has paths of its own. `--hook` asks for no list."""
    with listening(GitHub([Attempt(1, "a", 1)], root="/orgs/larkspur/hooks")) as github:
        catch(tmp_path, github, "--org", "larkspur", "--hook", str(HOOK))

    assert github.asked == [
        f"GET /orgs/larkspur/hooks/{HOOK}/deliveries",
        f"POST /orgs/larkspur/hooks/{HOOK}/deliveries/1/attempts",
    ]


def test_rate_limits_are_waited_for(tmp_path: Path) -> None:
    """Of a listing and of a request to send again; each delivery is asked for once."""
    path = f"/repos/{REPO}/hooks/{HOOK}/deliveries"
    limited = {f"GET {path}", f"POST {path}/1/attempts"}
    with listening(GitHub([Attempt(1, "a", 2), Attempt(2, "b", 1)], limited=limited)) as github:
        done = catch(tmp_path, github)

    assert github.sent_again == [1, 2]
    assert done.stderr.count("waits 1 s") == 2


def test_a_refused_delivery_does_not_stop_the_others(tmp_path: Path) -> None:
    """One of two: exit 4. All of them: exit 3. Each is named with its reason."""
    attempts = [Attempt(1, "a", 2), Attempt(2, "b", 1)]
    with listening(GitHub(attempts, refused={1: 422})) as github:
        partly = catch(tmp_path, github, expected=4)
        github.refused[2] = 422
        refused = catch(tmp_path, github, expected=3)

    assert github.sent_again == [2]
    assert "deployment_status a: " in partly.stderr
    assert "422" in refused.stderr


def test_without_an_answer_nothing_is_asked_for_twice(tmp_path: Path) -> None:
    """A server error may come after the delivery was sent. Three in a row end the run with exit 1."""
    attempts = [Attempt(number, f"g{number}", 10 - number) for number in range(1, 6)]
    with listening(GitHub(attempts, refused=dict.fromkeys(range(1, 6), 502))) as github:
        done = catch(tmp_path, github, "--json", expected=1)

    assert [one for one in github.asked if one.startswith("POST")] == [
        f"POST /repos/{REPO}/hooks/{HOOK}/deliveries/{number}/attempts" for number in (1, 2, 3)
    ]
    assert json.loads(done.stdout)["left"] == 2


def test_no_more_than_asked_for(tmp_path: Path) -> None:
    """The rest is left, and said: exit 4."""
    with listening(GitHub([Attempt(1, "a", 2), Attempt(2, "b", 1)])) as github:
        done = catch(tmp_path, github, "--most", "1", "--json", expected=4)

    assert (github.sent_again, json.loads(done.stdout)["left"]) == ([1], 1)


def test_a_wrong_token_is_named_and_not_shown(tmp_path: Path) -> None:
    """Exit 3. The server repeats the token in its answer, and no line has it."""
    with listening(GitHub([])) as github:
        done = catch(tmp_path, github, expected=3, token="planted-0b7d2f")

    assert "may read it" in done.stderr
    assert "planted-0b7d2f" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("more", "about"),
    [
        (("--repo", "larkspur"), "--repo: expected OWNER/NAME"),
        (("--org", "larkspur/x"), "--org: expected the name of an organization"),
        (("--repo", REPO), "expected a webhook whose address ends in /hooks/github, got 1 others"),
    ],
)
def test_a_wrong_request_is_explained(more: tuple[str, ...], about: str, tmp_path: Path) -> None:
    """Exit 2. The addresses of other webhooks, which may hold secrets, are not named."""
    with listening(GitHub([])) as github:
        github.hooks.pop()
        done = catch(tmp_path, github, *more, expected=2)

    assert about in done.stderr
    assert "planted-9c1" not in done.stderr


def test_other_vendors_are_refused(tmp_path: Path) -> None:
    """GitLab sends nothing again when asked."""
    done = run("history", "catch-up", "gitlab", "--repo", REPO, folder=tmp_path, expected=2)

    assert "expected a source whose vendor sends again when asked (github)" in done.stderr


def test_requests_that_change_something_are_a_second_apart() -> None:
    """As GitHub asks."""
    assert sending.PAUSE_SECONDS == 1
    assert timedelta(days=3) == catch_up.OLDEST
