"""Amazon SNS: an RSA signature, made with a certificate whose address is in the message.

The certificate is fetched by the caller, from an address that `certificate_address` returned: that
of Amazon, over HTTPS. Here its bytes are given. What is signed are the parsed values, not the bytes.
Sources: "Verifying the signatures of Amazon SNS messages", "HTTP/HTTPS subscription confirmation JSON
format".
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from gitdailies_core import ConfigurationError, ProofError, Request, Secret, UnreadableBody
from gitdailies_core.error_text import got
from gitdailies_core.errors import CertificateMissing
from gitdailies_core.sources.protocol import Handshake
from gitdailies_core.sources.signatures import raw

WHERE = "Signature"
TYPE_HEADER = "x-amz-sns-message-type"
_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?")
# No other file of that host is a certificate, and no query makes a second address of the same one.
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_VERSIONS = ("1", "2")
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
        version = str(message.get("SignatureVersion"))
        if names is None or version not in _VERSIONS:
            raise ProofError("Signature: expected a message of Amazon SNS, got another one")
        if message.get("TopicArn") not in self._topics:
            raise ProofError("TopicArn: expected one of the topics under allowed, got another one")
        address = certificate_address(request)
        if address is None:
            raise ProofError("SigningCertURL: expected an address of Amazon SNS, got another one")
        certificate = self._certificates.get(address)
        if certificate is None:
            raise CertificateMissing(address)
        content = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
        _verify(certificate, request.received_at, str(message.get("Signature")), raw(content), version)


def _message(request: Request) -> Mapping[str, Any]:
    try:
        value = request.json()
    except UnreadableBody:
        return {}
    return value if isinstance(value, dict) else {}


def _verify(pem: bytes, at: datetime | None, signature: str, content: bytes, version: str) -> None:
    """Raise ProofError unless the certificate *pem* is valid *at* that time, and made the signature."""
    # Imported only where a source takes messages of SNS.
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise ProofError("SigningCertURL: expected a certificate with an RSA key, got something else")
    if at is None or not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise ProofError("SigningCertURL: expected a certificate that is valid now, got another one")
    try:
        if key.key_size < _SMALLEST_BITS:
            raise InvalidSignature
        given = base64.b64decode(signature, validate=True)
        # Amazon chooses between these two.
        key.verify(given, content, PKCS1v15(), hashes.SHA1() if version == "1" else hashes.SHA256())  # noqa: S303
    except (InvalidSignature, binascii.Error, ValueError):
        raise ProofError(
            "Signature: expected one by the certificate of Amazon SNS, got another one"
        ) from None
