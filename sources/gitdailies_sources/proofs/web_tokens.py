"""A JSON Web Signature in a header, whose claim is the hash of the body.

Source: Netlify's "Payload signature".
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core import ProofError, Request, Secret, UnreadableBody
from gitdailies_core.sources.signatures import any_equal, check_secrets, raw
from gitdailies_core.values import strict_json

ALGORITHMS: Mapping[str, Any] = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_LONGEST = 8192


class Jws:
    """A compiled `jws`. The algorithm that the token names must be the pack's; it chooses nothing."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.where = str(given["header"])
        self._name = str(given.get("algorithm", "HS256"))
        self._algorithm = ALGORITHMS[self._name]
        self._claim = str(given.get("claim", "sha256"))
        self._issuer = given.get("issuer")

    def is_tried(self, request: Request) -> bool:
        return bool(request.header(self.where))

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        check_secrets(secrets)
        token = request.header(self.where).strip()
        head, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        if not signature or len(token) > _LONGEST:
            self._refuse("a token of three parts")
        content = raw(f"{head}.{payload}")
        expected = (
            base64.urlsafe_b64encode(hmac.digest(secret.reveal().encode(), content, self._algorithm)).rstrip(
                b"="
            )
            for secret in secrets
        )
        if not any_equal(expected, [raw(signature.rstrip("="))]):
            self._refuse("a signature by a secret of this source")
        if _object(head).get("alg") != self._name:
            self._refuse(f"the algorithm {self._name}")
        claims = _object(payload)
        if self._issuer is not None and claims.get("iss") != self._issuer:
            self._refuse("the issuer of the pack")
        claimed = claims.get(self._claim)
        right = hashlib.sha256(request.body).hexdigest().encode()
        if not isinstance(claimed, str) or not any_equal([right], [raw(claimed.lower())]):
            self._refuse("the hash of this body")
        self._check_end(claims, request)

    def _check_end(self, claims: Mapping[str, Any], request: Request) -> None:
        end = claims.get("exp")
        if end is None:
            return
        number = isinstance(end, (int, float)) and not isinstance(end, bool)
        if not number or request.received_at is None or request.received_at.timestamp() > end:
            self._refuse("a token that is still valid")

    def _refuse(self, expected: str) -> None:
        raise ProofError(f"{self.where}: expected {expected}, got another one")


def _object(part: str) -> Mapping[str, Any]:
    try:
        plain = base64.b64decode(raw(part) + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = strict_json.loads(plain)
    except (binascii.Error, ValueError, UnreadableBody):
        return {}
    return value if isinstance(value, dict) else {}
