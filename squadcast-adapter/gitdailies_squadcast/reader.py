"""Fetch Squadcast's past incidents. The entry point is in the group `gitdailies.history`."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import quote

from gitdailies_core import Fields, Ignored, text_of
from gitdailies_core.sources.history import Pages, PastMessage, Window, ignore_unreadable

from gitdailies_squadcast import past
from gitdailies_squadcast.api.rest import Api

# An export has no pages and no documented limit. A month keeps the answer of a busy team small.
WIDEST = timedelta(days=31)


class Reader(Api):
    """The reader `squadcast`."""

    parameters: Mapping[str, str] = {
        "team?": "the id of one team; without it, all teams that the token may see"
    }

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the incidents that were created in *window*, each with its end."""
        if "team" in parameters:
            teams = [parameters["team"]]
        else:
            teams = [team.text("id") for team in _get(pages, "/teams").objects("data")]
        if not teams:
            yield Ignored("no team that the token may see")
        for team in teams:
            listed = _get(pages, "/services", ("owner_id", team)).objects("data")
            services = {service.text("id"): service for service in listed}
            for row in _exported_rows(pages, window, team):
                yield from ignore_unreadable(_messages(pages, row, services))


def _get(pages: Pages, path: str, *query: tuple[str, str]) -> Fields:
    return Fields(pages.get(path, query), path)


def _exported_rows(pages: Pages, window: Window, team: str) -> Iterator[Fields]:
    for part in window.parts(WIDEST):
        query = [
            ("type", "json"),
            ("start_time", text_of(part.since)),
            ("end_time", text_of(part.until)),
            ("owner_id", team),
        ]
        for row in _get(pages, "/incidents/export", *query).objects("incidents"):
            # The documentation does not say whether a range includes its ends.
            if part.contains(row.time("created_at")):
                yield row


def _messages(pages: Pages, row: Fields, services: Mapping[str, Fields]) -> Iterator[PastMessage]:
    """Yield the messages of one incident. The export lacks the service id and the priority."""
    path = f"/incidents/{quote(row.text('id'), safe='')}"
    whole = _get(pages, path).object("data")
    yield from past.translate(row, whole, services.get(whole.text("service_id")))


reader = Reader()
