"""A fetch of incidents as a user does it, and the events that the relay would have sent of them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gitdailies_connection.config.load import read as read_configuration
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_core.sources.request import Request
from gitdailies_relay.accepting.interpret import interpret

from tests.support.history_fetch.api import Api
from tests.support.processes import ended


def fetched(
    folder: Path, url: str, source: str, *arguments: str, configuration: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `gitdailies history fetch` over the year 2025 of the API at *url*, in *folder*."""
    (folder / "gitdailies.yml").write_text(configuration)
    asked = [source, "--api-url", url, "--since", "2025-01-01", "--until", "2026-01-01", *arguments]
    return ended("history", "fetch", *asked, folder=folder, environ={**os.environ, **environ})


def configured(source: str, *, checkout: str = "checkout-api", search: str = "search") -> str:
    """Return a gitdailies.yml with lines for two services, by their names at the vendor, and a source."""
    return f"""\
gitdailies:
  url: http://127.0.0.1:9/webhooks
  key: {{env: GITDAILIES_WEBHOOK_KEY}}
services:
  {checkout}: {{repo: larkspur/checkout, environment: production}}
  {search}: [{{repo: larkspur/search}}, {{repo: larkspur/search-web}}]
sources:
{source}"""


@dataclass(frozen=True)
class Source:
    """A source of incidents: its name in the *configuration*, and the tokens and arguments of a fetch."""

    name: str
    configuration: str
    tokens: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    base: str = ""

    def fetch(
        self, folder: Path, api: Api, *arguments: str, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Fetch the year into the file out.ndjson of *folder*, or as *arguments* say."""
        asked = (self.name, *self.arguments, *(arguments or ("--output", "out.ndjson")))
        variables = {**self.tokens, **environ}
        return fetched(folder, api.url + self.base, *asked, configuration=self.configuration, **variables)

    def interrupt(
        self, folder: Path, api: Api, *arguments: str, by: int, after: int, **environ: str
    ) -> tuple[int, str, str]:
        """Send a fetch the signal *by* while it waits for the page behind *after*; return how it ended."""
        (folder / "gitdailies.yml").write_text(self.configuration)
        tell, asked, go = api.answer, threading.Event(), threading.Event()

        def held(path: str, query: dict[str, str]) -> Any:
            if len(api.asked) == after + 1:
                asked.set()
                go.wait(60)
            return tell(path, query)

        api.answer = held
        year = ("--api-url", api.url, "--since", "2025-01-01", "--until", "2026-01-01")
        command = [sys.executable, "-m", "gitdailies_cli", "history", "fetch", self.name, *self.arguments]
        process = subprocess.Popen(
            [*command, *arguments, *year],
            cwd=folder,
            env={**os.environ, **self.tokens, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert asked.wait(60)
        process.send_signal(by)
        out, err = process.communicate(timeout=10)
        go.set()
        api.answer = tell
        return process.returncode, out, err

    def live(self, deliveries: Iterable[tuple[datetime, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the events that the relay would have sent if each of *deliveries* had come at its time."""
        found = read_configuration(self.configuration, Path("gitdailies.yml"))
        source, records = found.sources[self.name], MemoryRecords()
        adapter = registry.adapter(source.adapter)
        sent = []
        for _, body in sorted(deliveries, key=lambda delivery: delivery[0]):
            request = Request.make(headers={}, body=json.dumps(body).encode())
            for routed in interpret(request, source, adapter, found.routes, "").messages:
                if isinstance(routed.message, Change):
                    decision = decide(
                        source=source.name,
                        change=routed.message,
                        targets=routed.targets,
                        refusal=routed.refusal,
                        records=records,
                    )
                    records.apply(decision)
                    sent += [event.to_wire() for event in decision.events]
        return sent


def written(path: Path) -> list[dict[str, Any]]:
    """Return the events that a fetch wrote, by id."""
    return by_id(json.loads(line) for line in path.read_text().splitlines())


def by_id(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(events, key=lambda event: str(event["id"]))
