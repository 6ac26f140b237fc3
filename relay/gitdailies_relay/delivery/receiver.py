"""The state of one destination's receiver, and whether sending to it is paused; both are in the store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Destination
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import ConfigurationError, DeliveryError, TimedOut
from gitdailies_core.events.receivers import OURS
from gitdailies_core.values.http_answers import KEY
from gitdailies_core.values.secret import Secret
from gitdailies_server.logging.setup import describe_error

from gitdailies_relay.delivery.receiver_kind import ReceiverKind
from gitdailies_relay.store.store import DESTINATION, RelayStore, end_pause, pause, remember_receiver

LOG = structlog.get_logger("gitdailies.relay")

# How long events wait for an answer: the first ones, and those that failed before.
FIRST_ANSWER_SECONDS = 3.0
ANSWER_SECONDS = 0.5


class ReceiverWatch:
    """Asks what kind of receiver there is, without holding up what is sent, and remembers the answer.

    *until_written* repeats its argument until the store can be written. `failure` says why the
    receiver cannot be reached, where it was never asked with success, or is "".
    """

    def __init__(
        self,
        store: RelayStore,
        destination: Destination,
        sender: Sender,
        until_written: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._address = destination.address
        self._sender = sender
        self._until_written = until_written
        self._configured = destination.receiver
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._complaint = ""
        self.knowledge = ReceiverKind(time.monotonic(), configured=destination.receiver)
        self.failure = ""

    async def load(self) -> None:
        """Take over what an earlier run found out about this address; raises StoreUnavailable."""
        known = await self._store.known_receiver(self._address)
        self.knowledge = ReceiverKind(time.monotonic(), configured=self._configured, known=known)

    def tick(self, *, before_retry: bool = False) -> None:
        """Ask where it is time to, whether there is something to send or not."""
        now = time.monotonic()
        if self._asking is None and self.knowledge.ask_due(now, before_retry=before_retry):
            self._asking, self._asked_at = asyncio.create_task(self._ask()), now

    async def look(self, *, before_retry: bool) -> bool:
        """Ask where it is time to; return whether events may be sent.

        The first answer is waited for, and one before what failed is sent again, but not for long.
        """
        self.tick(before_retry=before_retry)
        unknown = self.knowledge.is_unknown
        if self._asking is not None and (before_retry or unknown):
            seconds = FIRST_ANSWER_SECONDS if unknown else ANSWER_SECONDS
            left = self._asked_at + seconds - time.monotonic()
            if left > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(self._asking), left)
        return not (self.failure and self.knowledge.is_unknown)

    async def _ask(self) -> None:
        try:
            answer = await asyncio.to_thread(self._sender.ask_receiver)
            kind, self.failure = answer.kind, ""
            self._complain("" if kind else f"it answers {answer.text}")
        except TimedOut as error:
            # What hangs here may work where events go.
            kind, self.failure = "", ""
            self._complain(str(error))
        except DeliveryError as error:
            kind, self.failure = "", str(error)
            self._complain(str(error))
        except Exception as error:  # noqa: BLE001  delivery goes on with what is known
            kind, self.failure = "", ""
            self._complain(describe_error(error))
        self._asking = None
        before = self.knowledge.answered(kind, time.monotonic())
        if before is None:
            return
        if before == OURS:
            LOG.warning(
                "receiver changed",
                receiver=kind,
                before=before,
                reason="it answers as no receiver of ours does, so it gets documented fields only",
            )
        else:
            LOG.info("receiver identified", receiver=kind)
        since = self._store.now()
        job = partial(remember_receiver, address=self._address, kind=kind, since=since)
        await self._until_written(lambda: self._store.run(job))

    def _complain(self, reason: str) -> None:
        """Log why the receiver does not say what it is, once for each reason."""
        if reason and reason != self._complaint:
            LOG.warning("receiver does not say what it is", reason=reason)
        self._complaint = reason


class Pauses:
    """The pauses of one destination: what ends one is a person, a new key or an answer to a probe.

    Every method may raise StoreUnavailable.
    """

    def __init__(self, store: RelayStore, environ: Mapping[str, str]) -> None:
        self._store = store
        self._environ = environ
        # A key that was refused, also where that was no reason to pause. None once the receiver takes it.
        self.refused_key: Secret | None = None

    def has_new_key(self, key: SecretSource) -> bool:
        """Whether a key was refused, and *key* holds another one now."""
        if self.refused_key is None:
            return False
        try:
            return key.read(self._environ) != self.refused_key
        except ConfigurationError:
            return False

    async def begin(self, by: str, reason: str, key: Secret | None) -> None:
        """Pause for a refused *key* (None if it cannot be read), a wrong address or a receiver."""
        if not (await self._store.standing()).paused:
            LOG.error("destination paused", by=by, reason=reason)
        if by == KEY:
            self.refused_key = key or Secret("")
        await self._store.run(lambda session: pause(session, DESTINATION, by, reason))

    async def end(self, *kinds: str, reason: str = "") -> bool:
        """End a pause by one of *kinds*; return whether there was one."""
        by = (await self._store.standing()).paused
        if by not in kinds:
            return False
        LOG.info("destination resumed", reason=reason)
        await self._store.run(lambda session: end_pause(session, DESTINATION, by))
        return True
