"""Signatures by HMAC, in the form that a pack describes, and the usual forms by name.

Sources: Standard Webhooks' specification, GitHub's "Validating webhook deliveries", Stripe's "Verify
webhook signatures", Slack's "Verifying requests", Grafana's "Configure the webhook contact point".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gitdailies_core import ConfigurationError, ProofError, Request, Secret, got
from gitdailies_core.sources.protocol import Proven
from gitdailies_core.sources.signatures import MOST_SIGNATURES, any_equal, check_secrets, raw

from gitdailies_sources.language.faults import Mistake

TOLERANCE_SECONDS = 300
# What a secret begins with that is base64.
ENCODED = "whsec_"
_MILLISECONDS = 10**11
ALGORITHMS: Mapping[str, Any] = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "standard-webhooks": {
        "header": "webhook-signature",
        "form": "v1,{signature}",
        "signed": "{id}.{timestamp}.{body}",
        "encoding": "base64",
        "key": "base64",
        "timestamp_header": "webhook-timestamp",
        "id_header": "webhook-id",
    },
    "github": {"header": "X-Hub-Signature-256", "form": "sha256={signature}"},
    "stripe": {
        "header": "Stripe-Signature",
        "form": "t={timestamp},v1={signature}",
        "signed": "{timestamp}.{body}",
    },
    "slack": {
        "header": "X-Slack-Signature",
        "form": "v0={signature}",
        "signed": "v0:{timestamp}:{body}",
        "timestamp_header": "X-Slack-Request-Timestamp",
    },
    # The contact point sends a timestamp only where a header for it was named.
    "grafana": {
        "header": "X-Grafana-Alerting-Signature",
        "signed": "{timestamp}:{body}",
        "signed_without_timestamp": "{body}",
        "timestamp_header": "X-Grafana-Timestamp",
    },
}
_PART = re.compile(r"\{([a-z0-9-]+)\}")
_SIGNED = ("timestamp", "id", "body", "body-sha256-base64")
_FORM = ("signature", "timestamp", "id")


class _FormPart(NamedTuple):
    prefix: str
    name: str


class Hmac:
    """A compiled `hmac`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Compile. Raises Mistake."""
        self.where = str(given["header"])
        self._form = _form(str(given.get("form", "{signature}")))
        # The prefix of Standard Webhooks holds a comma, so its entries are parted by spaces.
        self._split = " " if len(self._form) == 1 and "," in self._form[0].prefix else ","
        self._signed = _signed(str(given.get("signed", "{body}")))
        bare = given.get("signed_without_timestamp")
        self._signed_bare = _signed(str(bare)) if bare is not None else None
        self._algorithm = ALGORITHMS[str(given.get("algorithm", "sha256"))]
        self._hex = given.get("encoding", "hex") == "hex"
        self.decodes = given.get("key") == "base64"
        self._timestamp_header = str(given.get("timestamp_header", ""))
        self._id_header = str(given.get("id_header", ""))
        self._tolerance = float(given.get("tolerance_seconds", TOLERANCE_SECONDS))
        found = {part.name for part in self._form}
        for name, header in (("timestamp", self._timestamp_header), ("id", self._id_header)):
            if name in self._signed.names and name not in found and not header:
                raise Mistake(f"signed: {{{name}}} is neither in form nor in {name}_header; name a header")
        if "signature" not in found:
            raise Mistake("form: expected {signature} in it, got none")

    def is_tried(self, request: Request) -> bool:
        return bool(request.header(self.where))

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        check_secrets(secrets)
        found = self._parts(request)
        signed = self._signed
        if self._signed_bare is not None and not found["timestamp"]:
            signed = self._signed_bare
        if "timestamp" in signed.names:
            _check_age(
                request, found["timestamp"][0] if found["timestamp"] else "", self._tolerance, self.where
            )
        if "id" in signed.names and not found["id"]:
            raise ProofError(f"{self._id_header or self.where}: expected an id, got none")
        content = signed.content(request.body, found)
        given = [raw(one.lower() if self._hex else one) for one in found["signature"]]
        expected = (self._signature(key, content) for key in map(self._key, secrets) if key)
        if not any_equal(expected, given):
            raise ProofError(
                f"{self.where}: expected a signature by a secret of this source, "
                f"got {'another' if any(given) else 'none'}"
            )

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven:  # noqa: ARG002
        """Return the headers that prove *body*."""
        self.refuse_unfit(secret)
        key = self._key(secret)
        number = hashlib.sha256(body).hexdigest()[:16]
        found = {"timestamp": str(int(at.timestamp())), "id": f"example-{number}"}
        content = self._signed.content(body, {name: [value] for name, value in found.items()})
        found["signature"] = self._signature(key, content).decode()
        header = self._split.join(f"{part.prefix}{found[part.name]}" for part in self._form)
        more = ((self._timestamp_header, "timestamp"), (self._id_header, "id"))
        return Proven({self.where: header, **{name: found[what] for name, what in more if name}}, {})

    def refuse_unfit(self, secret: Secret) -> None:
        """Raise ConfigurationError for a secret that is no key."""
        if not self._key(secret):
            raise ConfigurationError(f"{secret.origin}: expected a secret in base64, got another text")

    def _key(self, secret: Secret) -> bytes:
        """Return the key of a secret; empty, so that it signs nothing, if it should be base64 and is not."""
        text = secret.reveal()
        if not self.decodes:
            return text.encode()
        try:
            return base64.b64decode(text.strip().removeprefix(ENCODED), validate=True)
        except (binascii.Error, ValueError):
            return b""

    def _signature(self, key: bytes, content: bytes) -> bytes:
        digest = hmac.digest(key, content, self._algorithm)
        return digest.hex().encode() if self._hex else base64.b64encode(digest)

    def _parts(self, request: Request) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"signature": [], "timestamp": [], "id": []}
        for entry in request.header(self.where).split(self._split)[: 2 * MOST_SIGNATURES]:
            text = entry.strip()
            for part in self._form:
                if text.startswith(part.prefix) and len(found[part.name]) < MOST_SIGNATURES:
                    found[part.name].append(text[len(part.prefix) :])
                    break
        for name, header in (("timestamp", self._timestamp_header), ("id", self._id_header)):
            value = request.header(header).strip() if header else ""
            if value:
                found[name] = [value]
        return found


class _Signed(NamedTuple):
    """What is signed: constant bytes and names of parts, in order."""

    parts: tuple[bytes | str, ...]
    names: frozenset[str]

    def content(self, body: bytes, found: Mapping[str, Sequence[str]]) -> bytes:
        made = []
        for part in self.parts:
            if isinstance(part, bytes):
                made.append(part)
            elif part == "body":
                made.append(body)
            elif part == "body-sha256-base64":
                made.append(base64.b64encode(hashlib.sha256(body).digest()))
            else:
                made.append(raw(found[part][0]))
        return b"".join(made)


def _signed(text: str) -> _Signed:
    parts: list[bytes | str] = []
    names: set[str] = set()
    for index, piece in enumerate(_PART.split(text)):
        if index % 2:
            if piece not in _SIGNED:
                known = ", ".join(f"{{{name}}}" for name in _SIGNED)
                raise Mistake(f"signed: expected {known} and plain text, got {got('{' + piece + '}')}")
            parts.append(piece)
            names.add(piece)
        elif piece:
            parts.append(piece.encode())
    if not names & {"body", "body-sha256-base64"}:
        raise Mistake("signed: expected {body} in it, got a signature over something else")
    return _Signed(tuple(parts), frozenset(names))


def _form(text: str) -> list[_FormPart]:
    pieces = _PART.split(text)
    parts = []
    for index in range(1, len(pieces), 2):
        if pieces[index] not in _FORM:
            known = ", ".join(f"{{{name}}}" for name in _FORM)
            raise Mistake(f"form: expected {known} after plain text, got {got('{' + pieces[index] + '}')}")
        prefix = pieces[index - 1]
        parts.append(_FormPart(prefix.removeprefix(",").strip() if index > 1 else prefix, pieces[index]))
    if pieces[-1]:
        raise Mistake(f"form: expected nothing after the last part, got {got(pieces[-1])}")
    # A longer prefix goes first: `v1` is no `v`.
    return sorted(parts, key=lambda part: -len(part.prefix))


def _check_age(request: Request, text: str, seconds: float, where: str) -> None:
    """Raise ProofError if a timestamp is not within *seconds* of the receipt, earlier or later."""
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise ProofError(f"{where}: expected a timestamp in seconds, got another text")
    if not seconds:
        return
    if request.received_at is None:
        raise ProofError(f"{where}: the time of receipt is not known, so the timestamp cannot be checked")
    number = int(text)
    try:
        signed_at = datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        raise ProofError(f"{where}: expected a timestamp in seconds, got another number") from None
    if abs(request.received_at - signed_at) > timedelta(seconds=seconds):
        raise ProofError(
            f"{where}: expected a timestamp within {seconds:g} seconds of the receipt, got another one"
        )
