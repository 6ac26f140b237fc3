"""Amazon SNS: an RSA signature, made with a certificate whose address is in the message.

The certificate is fetched by the caller, from an address that `certificate_address` returned: that
of Amazon, over HTTPS. Here its bytes are given. What is signed are the parsed values, not the bytes.
Sources: "Verifying the signatures of Amazon SNS messages", "HTTP/HTTPS subscription confirmation JSON
format".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

from gitdailies_core import ConfigurationError, ProofError, Request, Secret, UnreadableBody
from gitdailies_core.error_text import got
from gitdailies_core.errors import CertificateMissing
from gitdailies_core.sources.protocol import Handshake

from gitdailies_sources.proofs.comparing import any_equal, raw

WHERE = "Signature"
TYPE_HEADER = "x-amz-sns-message-type"
_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?")
# No other file of that host is a certificate, and no query makes a second address of the same one.
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Notification": _NOTIFICATION,
        "SubscriptionConfirmation": _CONFIRMATION,
        "UnsubscribeConfirmation": _CONFIRMATION,
    }
)
# The hash of each version, with the bytes that name it in the signature (RFC 8017, section 9.2).
_HASHES: Mapping[str, tuple[Callable[[bytes], Any], bytes]] = MappingProxyType(
    {
        "1": (hashlib.sha1, bytes.fromhex("3021300906052b0e03021a05000414")),
        "2": (hashlib.sha256, bytes.fromhex("3031300d060960864801650304020105000420")),
    }
)
_SMALLEST_BITS = 2048


def certificate_address(request: Request) -> str | None:
    """Return the address of the certificate that a message names; None if it is not one of Amazon's."""
    address = _message(request).get("SigningCertURL")
    split = _of_amazon(address)
    if split is None or not _CERTIFICATE.fullmatch(split.path) or split.query or split.fragment:
        return None
    return f"https://{split.hostname}{split.path}"


def handshake(request: Request, topics: Sequence[str]) -> Handshake | None:
    """Return the address that confirms a subscription; None if the message asks for nothing.

    Raises ProofError for a topic that is not among *topics*, and for an address that is not Amazon's or
    is about something else.
    """
    message = _message(request)
    if message.get("Type") != "SubscriptionConfirmation":
        return None
    topic, address = message.get("TopicArn"), message.get("SubscribeURL")
    if not isinstance(topic, str) or topic not in topics:
        raise ProofError(f"TopicArn: expected one of the topics under allowed, got {got(topic)}")
    split = _of_amazon(address)
    if split is None:
        raise ProofError(f"SubscribeURL: expected an https address of Amazon SNS, got {got(address)}")
    asked = parse_qs(split.query)
    if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [topic]:
        raise ProofError("SubscribeURL: expected the confirmation of the same topic, got something else")
    return Handshake(str(address), topic)


def _of_amazon(address: Any) -> SplitResult | None:
    """Split an address over https at a host of Amazon SNS; None for any other."""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        return None
    try:
        split = urlsplit(address)
        port = split.port
    except ValueError:
        return None
    trusted = split.scheme == "https" and port in (None, 443) and "@" not in split.netloc
    # What a backslash begins differs between clients.
    plain = "\\" not in address and _HOST.fullmatch(split.hostname or "") is not None
    return split if trusted and plain else None


class Sns:
    """A compiled `sns`. *certificates* are those fetched so far, by address."""

    where = WHERE

    def __init__(self, certificates: Mapping[str, bytes], topics: Sequence[str] = ()) -> None:
        self._certificates = certificates
        self._topics = frozenset(topics)

    def is_tried(self, request: Request) -> bool:
        return bool(request.header(TYPE_HEADER)) or "Signature" in _message(request)

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        if not self._topics:
            raise ConfigurationError("allowed: expected the ARNs of the topics that may send, got none")
        message = _message(request)
        names = _SIGNED.get(str(message.get("Type")))
        version = _HASHES.get(str(message.get("SignatureVersion")))
        if names is None or version is None:
            raise ProofError("Signature: expected a message of Amazon SNS, got another one")
        if message.get("TopicArn") not in self._topics:
            raise ProofError("TopicArn: expected one of the topics under allowed, got another one")
        address = certificate_address(request)
        if address is None:
            raise ProofError("SigningCertURL: expected an address of Amazon SNS, got another one")
        certificate = self._certificates.get(address)
        if certificate is None:
            raise CertificateMissing(address)
        key = read_certificate(certificate)
        if request.received_at is None or not key.since <= request.received_at <= key.until:
            raise ProofError("SigningCertURL: expected a certificate that is valid now, got another one")
        content = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
        try:
            signature = base64.b64decode(str(message.get("Signature")), validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        digest, prefix = version
        if not _verified(key, signature, prefix + digest(raw(content)).digest()):
            raise ProofError("Signature: expected one by the certificate of Amazon SNS, got another one")


def _message(request: Request) -> Mapping[str, Any]:
    try:
        value = request.json()
    except UnreadableBody:
        return {}
    return value if isinstance(value, dict) else {}


class PublicKey(NamedTuple):
    """The RSA key of a certificate, and from when until when it is valid."""

    modulus: int
    exponent: int
    since: datetime
    until: datetime


def _verified(key: PublicKey, signature: bytes, wanted: bytes) -> bool:
    """Check a signature by RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): compare the whole encoded message."""
    size = (key.modulus.bit_length() + 7) // 8
    if key.modulus.bit_length() < _SMALLEST_BITS or len(signature) != size:
        return False
    number = int.from_bytes(signature, "big")
    if number >= key.modulus:
        return False
    found = pow(number, key.exponent, key.modulus).to_bytes(size, "big")
    padding = b"\xff" * (size - len(wanted) - 3)
    return any_equal([b"\x00\x01" + padding + b"\x00" + wanted], [found])


_RSA = bytes.fromhex("2a864886f70d010101")
_SEQUENCE, _INTEGER, _BITS, _OID, _UTC_TIME, _TIME, _VERSION = 0x30, 0x02, 0x03, 0x06, 0x17, 0x18, 0xA0


def read_certificate(pem: bytes) -> PublicKey:
    """Read the RSA key and the validity of an X.509 certificate (RFC 5280). Raises ProofError."""
    try:
        body = pem.split(b"-----BEGIN CERTIFICATE-----")[1].split(b"-----END CERTIFICATE-----")[0]
        certificate = _inside(base64.b64decode(body), _SEQUENCE)
        signed = _parts(_inside(certificate, _SEQUENCE))
        if signed[0][0] == _VERSION:
            signed = signed[1:]
        # Serial number, algorithm, issuer, validity, subject, key.
        validity, info = _parts(signed[3][1]), _parts(signed[5][1])
        if _inside(info[0][1], _OID) != _RSA:
            raise ValueError("not an RSA key")
        bits = info[1][1]
        numbers = _parts(_inside(bits[1:], _SEQUENCE))
        modulus, exponent = (int.from_bytes(value, "big") for tag, value in numbers[:2] if tag == _INTEGER)
        return PublicKey(modulus, exponent, *(_time(tag, value) for tag, value in validity[:2]))
    except (IndexError, ValueError, TypeError):
        raise ProofError(
            "SigningCertURL: expected a certificate with an RSA key, got something else"
        ) from None


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Split DER into its tags and contents."""
    parts, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3:
                raise ValueError("a length of another form")
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            raise ValueError("a part that is longer than the whole")
        parts.append((tag, data[at : at + length]))
        at += length
    return parts


def _inside(data: bytes, tag: int) -> bytes:
    found, content = _parts(data)[0]
    if found != tag:
        raise ValueError("another tag")
    return content


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280: years from 50 on are of the 20th century.
        text = ("19" if text >= "50" else "20") + text
    elif tag != _TIME:
        raise ValueError("another time")
    numbers = [int(text[start:end]) for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))]
    year, month, day, hour, minute, second = numbers
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
