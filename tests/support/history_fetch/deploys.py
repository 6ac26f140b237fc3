"""A year of deploys: as a step reports them in its jobs, and as `history fetch` reads the listings."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from gitdailies_core.ci import step
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.events.events import Event
from gitdailies_core.sources import registry
from gitdailies_core.sources.history import GROUP, Window

from tests.support.history_fetch.api import Answer, Api, listening
from tests.support.processes import run

BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 260
_EMPTY = TemporaryDirectory()


def moment(number: int) -> datetime:
    """When deploy *number* of the year begins; those below 0 are of the year before."""
    return (BEGIN + (END - BEGIN) * number / COUNT).replace(microsecond=0)


def sha(number: int) -> str:
    return f"{number + 1_000:040x}"


def reported(
    platform: Platform, environ: Mapping[str, str], *, event: Any = None, **inputs: str
) -> list[dict[str, Any]]:
    """What the step of *platform* reports in a job with these variables and inputs, without a checkout."""
    texts = {"dry-run": "true", "receiver": "ours", **inputs}
    report = step.run(platform, texts, environ=environ, event=event, directory=_EMPTY.name, agent="test")
    assert report.ok, report.lines
    found = json.loads(report.payload) if report.payload else []
    return found if isinstance(found, list) else [found]


def command(
    folder: Path,
    api: Api,
    source: str,
    arguments: Mapping[str, str],
    *options: str,
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Fetch the year of *source* from *api*, with *options* and its parameters."""
    asked = [source, "--api-url", api.url, "--since", "2025-01-01", "--until", "2026-01-01", *options]
    for name, value in arguments.items():
        asked += ["--with", f"{name}={value}"]
    variables = {registry.load(source, GROUP).token_env: api.token, **(environ or {})}
    ran = run("history", "fetch", *asked, folder=folder, environ=variables)
    assert api.token not in ran.stdout + ran.stderr
    return ran


def by_id(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(events, key=lambda event: str(event["id"]))


def later(at: datetime, **parts: float) -> str:
    """Write the time that comes *parts* after *at*."""
    return (at + timedelta(**parts)).isoformat().replace("+00:00", "Z")


class Direct:
    """Pages without a network between."""

    def __init__(self, answer: Answer, url: str = "") -> None:
        self.answer = answer
        self.url = url
        self.asked: list[str] = []

    def get(self, path: str, query: Any = ()) -> Any:
        self.asked.append(path)
        page = self.answer(path, dict(query))
        assert page is not None, f"{path} {query}"
        return page


class Fetched(NamedTuple):
    """The events of a fetched year, by id; the text on stderr; and the addresses that were asked for."""

    events: list[dict[str, Any]]
    printed: str
    asked: list[str]


@dataclass(frozen=True)
class Past:
    """A platform that a test stands for: what its API at *url* answers, and the parameters of a fetch."""

    source: str
    answer: Answer
    token: str
    given: Mapping[str, str]
    url: str = ""
    base: str = ""

    def fetch(self, folder: Path, troubles: Mapping[int, str] | None = None, **parameters: str) -> Fetched:
        """Fetch the year by the command, from an API that listens; events have the platform's address."""
        api = Api(self.answer, self.token, dict(troubles or {}))
        with listening(api):
            here, api.url = api.url, api.url + self.base
            ran = command(folder, api, self.source, {**self.given, **parameters}, "--output", "out.ndjson")
        written, web = (folder / "out.ndjson").read_text(), self.url.removesuffix(self.base)
        # A server of one's own has another address, and events lead to it.
        assert not web or web not in written
        events = [json.loads(line) for line in written.replace(here, web).splitlines()]
        return Fetched(by_id(events), ran.stderr, api.asked)

    def read(
        self,
        since: datetime = BEGIN,
        until: datetime = END,
        pages: Direct | None = None,
        **parameters: Any,
    ) -> list[Any]:
        """Read without a network between. An empty parameter takes one away."""
        given = {name: text for name, text in {**self.given, **parameters}.items() if text}
        pages = pages or Direct(self.answer, self.url)
        return list(registry.load(self.source, GROUP).read(pages, Window(since, until), given))

    def events(self, since: datetime = BEGIN, until: datetime = END, **parameters: Any) -> list[Event]:
        return [one for one in self.read(since, until, **parameters) if isinstance(one, Event)]
