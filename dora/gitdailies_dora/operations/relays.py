"""The relays that the pages ask, each in threads of its own, so that one that hangs holds up nothing else."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from gitdailies_connection.config.sections.settings import RelayAddress
from gitdailies_connection.relay.answers import ServiceReport, SuggestedService
from gitdailies_connection.relay.client import RelayClient
from gitdailies_core.errors import RelayFault
from gitdailies_core.values.renames import folded

Value = TypeVar("Value")

# Questions to one relay at once, and how long one waits for its turn and its answer.
_AT_ONCE = 4
_LONGEST_SECONDS = 40.0
# How long a page waits that is not about a relay.
_SOON_SECONDS = 2.0


class Relays:
    """The relays of the configuration, by their names, in its order.

    `last_answers` says when each answered last, since this server started.
    """

    def __init__(
        self,
        addresses: Sequence[RelayAddress],
        environ: Mapping[str, str],
        log: Any,
        clock: Callable[[], datetime],
    ) -> None:
        self.names = tuple(address.name for address in addresses)
        self.last_answers: dict[str, datetime] = {}
        self._clients = {address.name: RelayClient(address, environ) for address in addresses}
        self._threads = {
            name: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"relay-{name}") for name in self.names
        }
        self._log = log
        self._clock = clock

    async def ask(self, name: str, question: Callable[[RelayClient], Value]) -> Value:
        """Ask the relay *name*, and return its answer; raises RelayFault."""
        asked = asyncio.get_running_loop().run_in_executor(self._threads[name], question, self._clients[name])
        try:
            value = await asyncio.wait_for(asked, _LONGEST_SECONDS)
        except TimeoutError:
            raise self._logged(name, RelayFault("it is busy", "Load this page again in a minute.")) from None
        except RelayFault as fault:
            raise self._logged(name, fault) from None
        self.last_answers[name] = self._clock()
        return value

    async def answer(
        self, name: str, question: Callable[[RelayClient], Value]
    ) -> tuple[Value | None, RelayFault | None]:
        """Ask the relay *name*, and return its answer, or why there is none; nothing of the relay ""."""
        try:
            return (await self.ask(name, question) if name else None), None
        except RelayFault as fault:
            return None, fault

    async def lines_to(self, repos: Iterable[str], service: str = "") -> list[tuple[str, str, str, str]]:
        """Return the lines of *service*, or of all, to *repos*: service, repository, place, edit address."""
        wanted, found = {folded(repo) for repo in repos}, list[tuple[str, str, str, str]]()
        for name in self.names:
            with suppress(RelayFault, TimeoutError):
                asked = self.ask(name, services)
                report = await asyncio.wait_for(asked, _SOON_SECONDS)
                for line in report.mapped if report else ():
                    place = f"{line.file}, line {line.line}"
                    address = f"/settings/services?{urlencode({'relay': name, 'edit': line.name})}#edited"
                    if folded(service) in ("", *map(folded, (line.name, *line.services))):
                        led_to = [one.repo for one in line.targets if folded(one.repo) in wanted]
                        found += [(line.name, repo, place, address) for repo in led_to]
        return found

    async def unmapped(self) -> list[SuggestedService]:
        """Return the services without a line. A relay that does not answer soon is left out."""
        asked = (asyncio.wait_for(self.ask(name, services), _SOON_SECONDS) for name in self.names)
        reports = await asyncio.gather(*asked, return_exceptions=True)
        return [one for report in reports if isinstance(report, ServiceReport) for one in report.unmapped]

    def _logged(self, name: str, fault: RelayFault) -> RelayFault:
        self._log.warning("relay not asked", relay=name, reason=str(fault))
        return fault


def services(client: RelayClient) -> ServiceReport | None:
    """Ask a relay for its services."""
    return client.get("/services", ServiceReport)
