"""Webhook deliveries that GitHub could not deliver: which to ask for again. GitHub repeats none by itself.

Source: GitHub's REST API, "Repository webhooks" and "Organization webhooks", and "Handling failed webhook
deliveries".
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from gitdailies_core.errors import PayloadError, UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import FailedDelivery, Listing, Row, rows_of

# Of one webhook. A relay that was away for three days has missed fewer.
MOST_PAGES = 1_000
_OK, _PING = "OK", "ping"


def failed_deliveries(
    listing: Listing, owner: str, hook: str, source: str, since: datetime
) -> Iterator[FailedDelivery]:
    """Yield what failed since a time and did not arrive later, oldest first."""
    root = f"/repos/{quote(owner)}/hooks" if "/" in owner else f"/orgs/{quote(owner)}/hooks"
    hooks = [hook] if hook else _hooks_of(listing, root, owner, source)
    found: list[FailedDelivery] = []
    for one in hooks:
        path = f"{root}/{quote(one, safe='')}/deliveries"
        found += _failed(_deliveries(listing, path, since), path)
    yield from sorted(found)


def _hooks_of(listing: Listing, root: str, owner: str, source: str) -> list[str]:
    """Return the ids of the webhooks that post to the relay's source."""
    hooks = [row for page in _pages(listing, root) for row in page]
    ending = f"/hooks/{source}"
    found = [
        Fields(row, "hook").text("id")
        for row in hooks
        if urlsplit(_address(row)).path.rstrip("/").endswith(ending)
    ]
    if not found:
        raise UsageError(
            f"{owner}: expected a webhook whose address ends in {ending}, got {len(hooks)} others; "
            "name one with --hook ID"
        )
    return found


def _address(hook: Row) -> str:
    config = hook.get("config")
    url = config.get("url") if isinstance(config, dict) else None
    return url if isinstance(url, str) else ""


def _deliveries(listing: Listing, path: str, since: datetime) -> Iterator[Row]:
    """Yield the attempts since a time, newest first, as GitHub lists them."""
    for rows in _pages(listing, path):
        recent = [row for row in rows if _at(row) >= since]
        yield from recent
        if len(recent) < len(rows):
            return


def _pages(listing: Listing, path: str) -> Iterator[list[Row]]:
    query: Sequence[tuple[str, str]] = [("per_page", "100")]
    for _ in range(MOST_PAGES):
        page, query = listing.get(path, query)
        yield rows_of(page, "", path)
        if not query:
            return
    raise PayloadError(f"{path}: expected at most {MOST_PAGES} pages, got more; use a later --since")


def _failed(attempts: Iterable[Row], path: str) -> Iterator[FailedDelivery]:
    """Yield each delivery without an attempt that arrived. All attempts of one have the same `guid`."""
    arrived: set[str] = set()
    newest: dict[str, tuple[datetime, Any]] = {}
    for row in attempts:
        fields = Fields(row, "delivery")
        guid = fields.text("guid")
        if row.get("status") == _OK:
            arrived.add(guid)
        newest.setdefault(guid, (_at(row), fields))
    for guid, (at, fields) in newest.items():
        event = fields.text("event")
        if guid not in arrived and event != _PING:
            again = f"{path}/{quote(fields.text('id'), safe='')}/attempts"
            yield FailedDelivery(at, guid, event, fields.text("status"), again)


def _at(row: Row) -> datetime:
    return Fields(row, "delivery").time("delivered_at")
