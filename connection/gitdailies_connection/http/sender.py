"""The sender: posts bodies to one receiver over pooled connections, from any thread.

It makes no decisions: one attempt gives one outcome, without retry, redirect or netrc.
"""

import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from gitdailies_core.errors import DeliveryError, UnreadableBody
from gitdailies_core.events.receivers import DOCUMENTED, ID_HEADER, KEY_HEADER, OURS
from gitdailies_core.retry import Outcome
from gitdailies_core.values import trace_context
from gitdailies_core.values.secret import Secret, redact
from gitdailies_core.values.trace_context import Trace

from gitdailies_connection.addresses import origin
from gitdailies_connection.config.sections.settings import Destination
from gitdailies_connection.http import event_lists
from gitdailies_connection.http.bounded_client import (
    LARGEST_ANSWER,
    BoundedClient,
    prepared,
    proxy_of_environment,
)
from gitdailies_connection.http.event_lists import EventResult
from gitdailies_connection.http.response import Response

# Our document has a tenth of this size; a larger one is from another server.
_LARGEST_DESCRIPTION = 2 * 1024 * 1024
# A gateway sends these while the receiver is down, so they say nothing about the receiver.
_GATEWAY_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class ReceiverAnswer:
    """What a receiver is: `kind` is OURS, DOCUMENTED or "" where the answer decides nothing.

    `text` is the answer in words. `is_gateway` says that it came from something in front of the receiver.
    """

    kind: str
    text: str
    is_gateway: bool = False


class Sender(AbstractContextManager["Sender"]):
    """Sends to one address. Build it with `to`, and close it when done."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 10.0,
        proxy: str | None = None,
        ca_file: Path | None = None,
        in_flight: int = 16,
    ) -> None:
        """Set the address and options; for None, the usual environment variables apply.

        Raises ConfigurationError if the certificate file does not exist.
        """
        self.url = prepared(url)
        self._proxy = proxy or proxy_of_environment(self.url)
        self._client = BoundedClient(
            timeout_seconds=timeout_seconds,
            ca_file=ca_file,
            ca_setting="gitdailies.ca_file",
            in_flight=in_flight,
        )

    @classmethod
    def to(cls, destination: Destination, *, in_flight: int = 16) -> "Sender":
        """Build the sender for a destination in gitdailies.yml."""
        return cls(
            destination.address,
            timeout_seconds=destination.timeout_seconds,
            proxy=destination.proxy,
            ca_file=destination.ca_file,
            in_flight=in_flight,
        )

    def send(
        self, body: bytes, *, key: Secret, event_id: str | None, traces: Sequence[Trace] = ()
    ) -> Outcome:
        """Post one event; a missing answer is an outcome too."""
        try:
            return self.post(body, key=key, event_id=event_id, traces=traces).outcome(key)
        except DeliveryError as error:
            return Outcome(None, redact(str(error), key))

    def send_list(
        self, events: Sequence[bytes], *, key: Secret, traces: Sequence[Trace] = ()
    ) -> tuple[Outcome, list[EventResult]]:
        """Post several events in one request to a receiver of ours, and return the result of each.

        If the request was refused as a whole, there are no results. An answer without a result for
        every event counts as no answer.
        """
        try:
            body, largest = b"[%s]" % b",".join(events), event_lists.LARGEST_ANSWER
            answer = self.post(body, key=key, largest=largest, traces=traces)
            outcome = answer.outcome(key)
            results = [] if outcome.is_html else event_lists.parse_results(answer, len(events), key)
        except (DeliveryError, UnreadableBody) as error:
            return Outcome(None, redact(str(error), key)), []
        return outcome, results

    def post(
        self,
        body: bytes,
        *,
        key: Secret,
        event_id: str | None = None,
        largest: int = LARGEST_ANSWER,
        traces: Sequence[Trace] = (),
    ) -> Response:
        """Post JSON to the address, and return the answer. *traces* has the trace of each event, or is empty.

        At most *largest* bytes of the answer are read. Raises DeliveryError if no answer came.
        """
        headers = _headers(key)
        if traces:
            headers[trace_context.HEADER] = traces[0].traceparent(secrets.token_hex(8))
        if len(traces) > 1:
            headers[trace_context.LIST_HEADER] = ",".join(trace.id for trace in traces)
        if event_id:
            headers[ID_HEADER] = event_id
        return self._exchange("POST", self.url, headers, body, largest)

    def put(self, body: bytes, *, key: Secret) -> Response:
        """Put JSON to the address, and return the answer; raises DeliveryError if none came."""
        return self._exchange("PUT", self.url, _headers(key), body)

    def ping(self, key: Secret) -> Response:
        """Test key and path at a receiver of ours, which stores nothing; raises DeliveryError."""
        return self._exchange("POST", self.url.rstrip("/") + "/ping", _headers(key), b"")

    def fetch(
        self, method: str = "GET", path: str = "", *, key: Secret | None = None, largest: int = LARGEST_ANSWER
    ) -> Response:
        """Send a request without body, with *key* if needed; raises DeliveryError if no answer came.

        With *path*, it is another one of the same server. At most *largest* bytes of the answer are read.
        """
        headers = {KEY_HEADER: key.reveal()} if key else {}
        return self._exchange(method, origin(self.url) + path if path else self.url, headers, largest=largest)

    def receiver(self) -> str:
        """Detect whether the receiver is `ours` or only `documented`, without sending the key.

        For one run, an answer that decides nothing means `documented`. Raises DeliveryError if nothing
        answers, or only a gateway does.
        """
        answer = self.ask_receiver()
        if answer.is_gateway:
            raise DeliveryError(f"{origin(self.url)}: expected a receiver, got {answer.text}")
        return answer.kind or DOCUMENTED

    def ask_receiver(self) -> ReceiverAnswer:
        """Ask the receiver what it is, without sending the key; raises DeliveryError if nothing answers.

        A document decides, and so does a 404 that is no web page. An error, a redirect and a page come
        from what stands before a receiver, so they decide nothing.
        """
        answer = self._exchange("GET", origin(self.url) + "/openapi.json", {}, largest=_LARGEST_DESCRIPTION)
        text = "an incomplete answer" if answer.broken else str(answer.status)
        if answer.status in _GATEWAY_STATUSES or answer.broken:
            return ReceiverAnswer("", text, is_gateway=True)
        if answer.is_html:
            return ReceiverAnswer("", f"{text} with a web page")
        if answer.status == 404:
            return ReceiverAnswer(DOCUMENTED, text)
        try:
            document = answer.json() if answer.status == 200 else None
        except UnreadableBody:
            document = None
        if not isinstance(document, dict):
            return ReceiverAnswer("", text)
        info = document.get("info")
        found = info.get("x-gitdailies-receiver") if isinstance(info, dict) else None
        return ReceiverAnswer(OURS if found == OURS else DOCUMENTED, text)

    def cut(self) -> None:
        """End all requests in progress, in any thread, as if they had timed out; later ones go on."""
        self._client.cut()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sender({self.url})"

    def _exchange(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None = None,
        largest: int = LARGEST_ANSWER,
    ) -> Response:
        return self._client.exchange(method, url, headers, body, largest=largest, proxy=self._proxy)


def _headers(key: Secret) -> dict[str, str]:
    return {KEY_HEADER: key.reveal(), "Content-Type": "application/json"}
