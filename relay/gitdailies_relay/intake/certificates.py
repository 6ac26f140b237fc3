"""Certificates with which vendors sign, fetched once and kept in memory.

An adapter says which address is its vendor's. Nothing else is fetched, no redirect is followed, and
size and time are bounded. As anyone can name an address, few are fetched at a time.
"""

import asyncio
import ssl

import structlog
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import DeliveryError
from gitdailies_server.logging.setup import describe_error

LOG = structlog.get_logger("gitdailies.relay")

# A vendor repeats a delivery that was answered 503 after some seconds, so each try has to end before.
FETCH_SECONDS = 5.0
RETRY_SECONDS = 10.0
MOST_AT_ONCE = 2
# A vendor has one in each region, and a new one every year.
MOST = 64
_LARGEST = 16 * 1024


def fetch(address: str) -> bytes:
    """Fetch an address and return the answer's body, at most 64 KiB. A redirect is an error.

    Proxy and trusted certificates are those of the usual variables. Raises DeliveryError.
    """
    with Sender(address, timeout_seconds=FETCH_SECONDS) as sender:
        answer = sender.fetch()
    if answer.status != 200 or answer.broken:
        found = "an incomplete answer" if answer.broken else str(answer.status)
        raise DeliveryError(f"expected an answer with status 200, got {found}")
    return answer.body


class Certificates:
    """`found` has the certificates (PEM) by address. Use it in one event loop."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._tried_at: dict[str, float] = {}

    def want(self, address: str) -> None:
        """Fetch a certificate in the background, unless that is under way or has just failed."""
        now = asyncio.get_running_loop().time()
        busy = address in self._fetching or len(self._fetching) >= MOST_AT_ONCE
        if address in self.found or busy or now < self._tried_at.get(address, 0.0):
            return
        self._tried_at[address] = now + RETRY_SECONDS
        while len(self._tried_at) > MOST:
            del self._tried_at[next(iter(self._tried_at))]
        task = asyncio.create_task(self._fetch(address))
        self._fetching[address] = task
        task.add_done_callback(lambda _task: self._fetching.pop(address, None))

    def stop(self) -> None:
        """End the fetches that are running."""
        for task in list(self._fetching.values()):
            task.cancel()

    async def _fetch(self, address: str) -> None:
        try:
            certificate = await asyncio.to_thread(fetch, address)
            if not _is_certificate(certificate):
                raise DeliveryError("expected a certificate in PEM, got something else")
        except Exception as error:  # noqa: BLE001  the next delivery tries again
            LOG.warning("certificate not fetched", address=address, reason=describe_error(error))
            return
        self.found[address] = certificate
        while len(self.found) > MOST:
            del self.found[next(iter(self.found))]
        LOG.info("certificate fetched", address=address)


def _is_certificate(raw: bytes) -> bool:
    try:
        return len(raw) <= _LARGEST and bool(ssl.PEM_cert_to_DER_cert(raw.decode("ascii")))
    except ValueError:
        return False
