"""Every error that this project raises on purpose.

    GitDailiesError
    ├── UsageError            a wrong argument or setting: exit 2, nothing was sent
    │   └── ConfigurationError    a wrong setting in gitdailies.yml or another file
    │       ├── VariableNotSet    a variable that should hold a secret and does not exist
    │       └── MappingError      a wrong text of a source pack, or of a source's mapping
    ├── ProofError            a delivery with a wrong or missing proof: 401
    │   └── CertificateMissing    its certificate is not fetched yet: 503, the vendor sends it again
    ├── UnreadableBody        a body that is not JSON, or not the form it claims to be: 400
    │   └── BodyTooLarge      a body over the limit: 413
    ├── PayloadError          a valid body that the adapter cannot translate: it is quarantined
    ├── InvalidEvent          an event that does not fit core's table of fields: 422
    ├── RelayFault            a relay that the pages ask gives no answer, or one that cannot be used
    │   └── RelayRefusal      it answers that the question is wrong, such as a filter
    ├── StoreUnavailable      our own store cannot be read or written: 503, try again later
    │   └── StoreBusy             all connections to it are in use
    └── DeliveryError         an event could not be delivered
        ├── TimedOut          the receiver was there, or may be, and gave no answer in time
        └── Refused           the receiver will never accept it, or not with this key: exit 3

Each class is one decision for the caller. `status_hint` is the HTTP status that a server
answers with, and `exit_code` is the exit code of a command. A message about a wrong value
says `where: expected, got`, in lower case. No message holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class GitDailiesError(Exception):
    """The root. Catching it catches every error of this project and no other."""

    status_hint = 500
    exit_code = 1


class UsageError(GitDailiesError):
    """A wrong argument or setting; nothing was sent. `complaints` has one line for each mistake."""

    status_hint = 400
    exit_code = 2

    def __init__(self, *complaints: str) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = complaints


class ConfigurationError(UsageError):
    """Wrong settings in a configuration file."""


class VariableNotSet(ConfigurationError):
    """A variable of the environment that should hold a secret does not exist."""


class MappingError(ConfigurationError):
    """A source pack, a mapping or an override that cannot be compiled.

    `places` has what is wrong (`expected X, got Y`) at each place: the names and indexes from its top.
    """

    def __init__(self, places: Mapping[tuple[str | int, ...], str]) -> None:
        super().__init__(
            *(f"{'.'.join(map(str, place)) or 'top level'}: {text}" for place, text in places.items())
        )
        self.places = places


class ProofError(GitDailiesError):
    """A delivery whose proof of origin is wrong or missing. The message gives no further detail."""

    status_hint = 401


class CertificateMissing(ProofError):
    """A delivery that cannot be proved yet: the certificate at `address` has to be fetched first."""

    status_hint = 503

    def __init__(self, address: str) -> None:
        super().__init__("the certificate that signed the delivery is not fetched yet")
        self.address = address


class UnreadableBody(GitDailiesError):
    """A body that is not JSON, or not a form although its content type says so."""

    status_hint = 400


class BodyTooLarge(UnreadableBody):
    """A body over the limit."""

    status_hint = 413


class PayloadError(GitDailiesError):
    """An authentic delivery that the adapter cannot translate."""

    status_hint = 202


class InvalidEvent(GitDailiesError):
    """An event that does not fit core's table. `field` is the wire name at fault, or empty.

    An event with several faults is one error. Its `faults` are an error for each, the first one first.
    """

    status_hint = 422
    exit_code = 2

    def __init__(self, message: str, field: str = "", faults: Sequence[InvalidEvent] = ()) -> None:
        super().__init__(message)
        self.field = field
        self._faults = tuple(faults)

    @classmethod
    def of(cls, faults: Sequence[InvalidEvent]) -> InvalidEvent:
        """Return one error for all of *faults*. There is at least one."""
        if len(faults) == 1:
            return faults[0]
        return cls("; ".join(map(str, faults)), faults[0].field, faults)

    @property
    def faults(self) -> tuple[InvalidEvent, ...]:
        return self._faults or (self,)


class RelayFault(GitDailiesError):
    """A relay that gives no answer, or one that cannot be used. `remedy` says what to do."""

    status_hint = 502

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


class RelayRefusal(RelayFault):
    """A relay that answers that the question is wrong. `reason` begins with the name of the parameter."""

    status_hint = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"it refused this request: {reason}", "Change the filter or the form.")
        self.reason = reason


class StoreUnavailable(GitDailiesError):
    """Our own store cannot be read or written. A later attempt may succeed."""

    status_hint = 503


class StoreBusy(StoreUnavailable):
    """All connections that a server may have to its store are in use."""


class DeliveryError(GitDailiesError):
    """An event was not delivered. A later attempt may succeed."""

    status_hint = 503


class TimedOut(DeliveryError):
    """No answer came in time. Another request to the same receiver may still be answered."""


class Refused(DeliveryError):
    """The receiver refused the key or the event. Sending the same again will not help."""

    exit_code = 3
