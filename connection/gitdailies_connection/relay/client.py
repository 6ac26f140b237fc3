"""Asks a relay's status address about deliveries, and has it act on them. Call it in a thread: it waits.

Whatever is at that address, an answer is JSON within a bound and a time, or a RelayFault with a remedy.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from gitdailies_core.errors import ConfigurationError, DeliveryError, RelayFault, RelayRefusal, TimedOut
from gitdailies_core.values.secret import redact

from gitdailies_connection.addresses import origin
from gitdailies_connection.config.sections.settings import RelayAddress
from gitdailies_connection.relay.answers import RelayAnswer, RelayProblem

if TYPE_CHECKING:
    from gitdailies_connection.http.response import Response

Value = TypeVar("Value", bound=RelayAnswer)
Other = TypeVar("Other", bound=RelayAnswer)

READ_SECONDS, ACT_SECONDS = 5.0, 30.0
# A page of a list has a fiftieth of this, and one delivery with its body less than this.
LARGEST_ANSWER = 4 * 1024 * 1024

_WRONG_ADDRESS = "Compare dora.relay.url with relay.status of that relay."
_ANOTHER_SERVER = f"{_WRONG_ADDRESS} The relay may be an earlier version."
_LOOK = "Look at the relay, then try again."
# By status: what the answer means, and what to do.
_FAULTS: Mapping[int, tuple[str, str]] = {
    401: ("it refuses the key", "Give dora.relay.key and relay.status_key the same key."),
    403: ("its API is off", "Name a key in relay.status_key, and start the relay again."),
    421: (
        "it does not answer to this name",
        "Add the name in dora.relay.url to relay.status_hosts, and start the relay again.",
    ),
    404: ("it has no such path", f"It may be another server, or an earlier version. {_WRONG_ADDRESS}"),
    405: ("it refuses this kind of request", f"It may be another server. {_WRONG_ADDRESS}"),
}


class RelayClient:
    """A relay, by its address and its key. The key is read at each request, so that it may be replaced."""

    def __init__(self, address: RelayAddress, environ: Mapping[str, str]) -> None:
        self.name = address.name
        self._address = address
        self._environ = environ

    def get(self, path: str, wanted: type[Value], /, **query: str) -> Value | None:
        """Return the answer at *path*, None where the relay has no such delivery; raises RelayFault."""
        asked = f"{quote(path)}?{urlencode(query)}" if query else quote(path)
        answer = self._exchange("GET", asked, None, READ_SECONDS)
        if answer.status == 404 and self._reason(answer):
            return None
        if answer.status != 200:
            raise self._fault(answer)
        return self._content(answer, wanted)

    def post(self, path: str, body: Mapping[str, Any], wanted: type[Value], /) -> Value:
        """Post *body*, and return what came of it; raises RelayFault."""
        found: Value = self._posted(path, body, {200: wanted})
        return found

    def confirm(
        self, path: str, body: Mapping[str, Any], wanted: type[Value], conflict: type[Other], /
    ) -> Value | Other:
        """Post *body*, and return what came of it, or the *conflict* with what is there now."""
        found: Value | Other = self._posted(path, body, {200: wanted, 409: conflict})
        return found

    def _posted(self, path: str, body: Mapping[str, Any], wanted: Mapping[int, type[Any]]) -> Any:
        answer = self._exchange("POST", quote(path), json.dumps(body).encode(), ACT_SECONDS)
        if answer.status not in wanted:
            raise self._fault(answer)
        return self._content(answer, wanted[answer.status])

    def _exchange(self, method: str, path: str, body: bytes | None, seconds: float) -> "Response":
        # A server that shows no relay starts without an HTTP client.
        from gitdailies_connection.http.bounded_client import ask

        try:
            key = self._address.key.read(self._environ)
        except ConfigurationError as error:
            raise RelayFault(f"dora.relay.key: {error}", "Write the key there, alone.") from None
        try:
            headers = {"Authorization": f"Bearer {key.reveal()}", "Content-Type": "application/json"}
            return ask(
                method,
                origin(self._address.url) + path,
                headers,
                body,
                seconds=seconds,
                largest=LARGEST_ANSWER,
            )
        except TimedOut as error:
            raise RelayFault(redact(str(error), key), _LOOK) from None
        except DeliveryError as error:
            remedy = f"Start the relay, or correct its address. {_WRONG_ADDRESS}"
            raise RelayFault(redact(str(error), key), remedy) from None
        except ConfigurationError as error:
            raise RelayFault(str(error), "Correct that file, then try again.") from None

    def _fault(self, answer: "Response") -> RelayFault:
        """Say what is wrong with an answer that has no content for us."""
        if answer.is_html:
            return RelayFault(f"it answered {answer.status} with a web page instead of data", _WRONG_ADDRESS)
        if 300 <= answer.status < 400:
            return RelayFault(f"it answered with {answer.message()}", _WRONG_ADDRESS)
        if answer.status in _FAULTS:
            said, remedy = _FAULTS[answer.status]
            return RelayFault(f"{said}: {answer.status}", remedy)
        reason = self._reason(answer) or answer.message()[:500] or "without a reason"
        if answer.status == 400:
            return RelayRefusal(reason)
        return RelayFault(f"it answered {answer.status}: {reason}", _LOOK)

    @staticmethod
    def _reason(answer: "Response") -> str:
        if answer.content_type != "application/json":
            return ""
        try:
            found = msgspec.json.decode(answer.body, type=RelayProblem).reason
        except (msgspec.DecodeError, RecursionError):
            return ""
        return found[:500] if isinstance(found, str) else ""

    def _content(self, answer: "Response", wanted: type[Value]) -> Value:
        if answer.is_html:
            raise self._fault(answer)
        if answer.cut:
            raise RelayFault(f"its answer is larger than {LARGEST_ANSWER:,} bytes", _WRONG_ADDRESS)
        if answer.broken:
            raise RelayFault("its answer broke off, or did not come in time", _LOOK)
        try:
            return msgspec.json.decode(answer.body, type=wanted)
        except msgspec.ValidationError as error:
            raise RelayFault(f"its answer is not that of a relay: {error}", _ANOTHER_SERVER) from None
        except (msgspec.DecodeError, RecursionError):
            raise RelayFault("its answer is not JSON", _WRONG_ADDRESS) from None
