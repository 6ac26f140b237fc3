"""Every error that this project raises on purpose.

    GitDailiesError
    ├── UsageError            a wrong argument or setting: exit 2, nothing was sent
    │   └── ConfigurationError    the same, found in gitdailies.yml or another file
    ├── ProofError            a delivery whose proof is wrong or missing: 401
    ├── UnreadableBody        bytes that are not the promised format: 400
    │   └── BodyTooLarge      more of them than is read: 413
    ├── PayloadError          authentic, readable, but not what the table knows: kept
    ├── InvalidEvent          one of our own events is not as core's table says: 422
    ├── StoreUnavailable      our own store cannot write or read: 503, come again
    └── DeliveryError         an event could not be handed over
        └── Refused           the receiver will never take it, or not with this key: exit 3

A class stands for one decision that a caller makes; `status_hint` is the HTTP status with
which a server would answer, `exit_code` the one with which a command would end. Messages say
`where: expected, got`, in lower case, and never hold a secret.
"""

from __future__ import annotations


class GitDailiesError(Exception):
    """The root: catch it to catch all of ours and nothing else."""

    status_hint = 500
    exit_code = 1


class UsageError(GitDailiesError):
    """A wrong argument or setting; nothing was sent."""

    status_hint = 400
    exit_code = 2


class ConfigurationError(UsageError):
    """Wrong settings in a configuration file; `complaints` holds a line for each of them."""

    def __init__(self, *complaints: str) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = complaints


class ProofError(GitDailiesError):
    """A delivery whose proof of origin is wrong or missing. It says no more than that."""

    status_hint = 401


class UnreadableBody(GitDailiesError):
    """A body that is not JSON (or not the form encoding that was announced)."""

    status_hint = 400


class BodyTooLarge(UnreadableBody):
    """A body over the limit."""

    status_hint = 413


class PayloadError(GitDailiesError):
    """An authentic delivery whose shape the vendor's table cannot read."""

    status_hint = 202


class InvalidEvent(GitDailiesError):
    """An event that core's table refuses; `field` is the wire name at fault, or empty."""

    status_hint = 422
    exit_code = 2

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class StoreUnavailable(GitDailiesError):
    """The store cannot be written or read: our own fault, and worth another try."""

    status_hint = 503


class DeliveryError(GitDailiesError):
    """An event was not delivered, though it may be later."""

    status_hint = 503


class Refused(DeliveryError):
    """The receiver refused key or payload; sending the same again will not help."""

    exit_code = 3
