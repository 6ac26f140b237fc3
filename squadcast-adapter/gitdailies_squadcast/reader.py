"""Reads Squadcast's past, part by part; found by entry point in the group `gitdailies.history`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, Told, Window, readable
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

from gitdailies_squadcast import past

# An export has no pages, and no limit that is documented: this keeps each answer of a busy team small.
WIDEST = timedelta(days=31)


class Reader:
    """The reader `squadcast`."""

    name = "squadcast"
    url = "https://api.squadcast.com/v3"
    token_env = "SQUADCAST_REFRESH_TOKEN"  # noqa: S105  a name, not a token
    parameters: Mapping[str, str] = MappingProxyType(
        {"team?": "the id of one team; else all that the token may see are read"}
    )

    def sign_in(self, url: str, token: Secret) -> tuple[str, Mapping[str, str]]:
        """Each region hands out access tokens beside its API: api.eu.squadcast.com, auth.eu.squadcast.com."""
        parts = urlsplit(url)
        host = f"auth.{parts.netloc[4:]}" if parts.netloc.startswith("api.") else parts.netloc
        return f"{parts.scheme}://{host}/oauth/access-token", {"X-Refresh-Token": token.reveal()}

    def access(self, answer: Any) -> str:
        return Fields(answer, "access token").object("data").text("access_token")

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[Told]:
        """Tell the incidents that were created in *window*, each with its end."""
        if "team" in parameters:
            teams = [parameters["team"]]
        else:
            teams = [team.text("id") for team in _asked(pages, "/teams").objects("data")]
        if not teams:
            yield Ignored("no team that the token may see")
        for team in teams:
            listed = _asked(pages, "/services", ("owner_id", team)).objects("data")
            services = {service.text("id"): service for service in listed}
            for row in _exported(pages, window, team):
                yield from readable(_told(pages, row, services))


def _asked(pages: Pages, path: str, *query: tuple[str, str]) -> Fields:
    return Fields(pages.get(path, query), path)


def _exported(pages: Pages, window: Window, team: str) -> Iterator[Fields]:
    for part in window.parts(WIDEST):
        query = [
            ("type", "json"),
            ("start_time", text_of(part.since)),
            ("end_time", text_of(part.until)),
            ("owner_id", team),
        ]
        for row in _asked(pages, "/incidents/export", *query).objects("incidents"):
            # Whether its ends belong to a range is documented nowhere.
            if part.holds(row.time("created_at")):
                yield row


def _told(pages: Pages, row: Fields, services: Mapping[str, Fields]) -> Iterator[Told]:
    """Tell an incident; the export has neither the id of its service nor its priority."""
    path = f"/incidents/{quote(row.text('id'), safe='')}"
    whole = _asked(pages, path).object("data")
    yield from past.translate(row, whole, services.get(whole.text("service_id")))


reader = Reader()
