"""Values that fit the schema and that no real event has: a repository that is an address, an extreme time.

Pure. A wrong repository or time would count somewhere, and no page would show where.
"""

import re
from datetime import UTC, datetime, timedelta

from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import Event
from gitdailies_core.values.times import parse, text_of

AHEAD = timedelta(minutes=5)
# No deploy and no incident of a team that reads these figures is older.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# git counts from 1970 on. A commit of a wrong clock may lie ahead; it has no lead time.
EARLIEST_COMMIT, LATEST_COMMIT = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

# `https://HOST/…`, `git@HOST:…`, `TOKEN@HOST/…`, and a host that everyone knows before the name.
_ADDRESS = re.compile(r"[^/]*:|[^/@]+@|(www\.)?(github\.com|gitlab\.com|bitbucket\.org)/", re.IGNORECASE)
# On these hosts, what follows owner and name is a page.
_TWO_PARTS = re.compile(r"(github\.com|bitbucket\.org)[:/]", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


def address_faults(repo: object) -> list[InvalidEvent]:
    """Return a fault for an address in place of a name; it is not repeated, since it may hold a token."""
    if not isinstance(repo, str) or not _ADDRESS.match(repo):
        return []
    text = "repo: expected a repository like 'larkspur/checkout-api', got an address"
    return [InvalidEvent(text + _named(repo), "repo")]


def refuse_implausible(event: Event, time: datetime | None, now: datetime) -> None:
    """Raise InvalidEvent for times that no real event has; *time* is the event's own."""
    if time is not None and time > now + AHEAD:
        raise InvalidEvent(
            f"time: expected at most 5 minutes after {text_of(now)}, got {got(event.get('time'))}", "time"
        )
    if time is not None and time < EARLIEST:
        raise InvalidEvent(
            f"time: expected no earlier than {text_of(EARLIEST)}, got {got(event.get('time'))}", "time"
        )
    made = event.get("commitTime")
    if made is not None:
        _refuse_commit_time(made, "commitTime", "commitTime")
    for index, commit in enumerate(event.get("commits") or ()):
        if "time" in commit:
            _refuse_commit_time(commit["time"], f"commits[{index}].time", "commits")


def _refuse_commit_time(text: str, place: str, field: str) -> None:
    # Nearly every commit is of this century, and its text says so.
    if text.startswith("20"):
        return
    if not EARLIEST_COMMIT <= parse(text, place) < LATEST_COMMIT:
        raise InvalidEvent(
            f"{place}: expected a time from 1970 to 2199, got {got(text)}",
            field,
        )


def _named(address: str) -> str:
    name = slug(address if ":" in address else f"https://{address}") or ""
    name = name.partition("/-/")[0]  # GitLab's pages of a repository
    if _TWO_PARTS.search(address):
        name = "/".join(name.split("/")[:2])
    return f"; did you mean {name}?" if _NAME.fullmatch(name) else ""
