"""A pack's `proof`: one check, or several from which the request chooses by what it carries."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, Self, runtime_checkable

from gitdailies_core import ConfigurationError, ProofError, Request, Secret
from gitdailies_core.sources.protocol import Handshake, ProofSettings, Proven
from gitdailies_core.sources.signatures import check_secrets

from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults, Mistake, Place
from gitdailies_sources.proofs import tokens
from gitdailies_sources.proofs.amazon import Sns, handshake
from gitdailies_sources.proofs.signatures import ENCODED, PRESETS, Hmac
from gitdailies_sources.proofs.tokens import Basic
from gitdailies_sources.proofs.web_tokens import Jws


class Proof(Protocol):
    """One way to prove a delivery."""

    def is_tried(self, request: Request) -> bool:
        """Whether the request holds this proof, right or wrong."""

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:
        """Raise ProofError unless the proof is right."""

    @property
    def where(self) -> str:
        """Where the proof is, for messages."""


@runtime_checkable
class Makes(Protocol):
    """A proof that can be made here as well, for an example."""

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven | None:
        """Return what proves *body*, sent *at* a time, None where only the tool can.

        Raises ConfigurationError for an unfit secret.
        """


class _NeedsHeader:
    """The sender's own header, which a source must name."""

    where = "header"

    def is_tried(self, request: Request) -> bool:  # noqa: ARG002  the protocol's signature
        return True

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        raise ConfigurationError("header: expected the name of the header that carries the token, got none")


class Proving:
    """Proves deliveries. The first proof that the request carries decides, and no other is tried.

    `certificates` are those that a proof by certificate needs, by address; the relay fetches them.
    """

    certificates: Mapping[str, bytes] = MappingProxyType({})

    def __init__(self, given: Any, place: Place, faults: Faults) -> None:
        several = given if isinstance(given, list) else [given]
        self._kinds = [one if isinstance(one, str) else next(iter(one), "") for one in several]
        self._proofs = [
            proof
            for index, one in enumerate(several)
            if (proof := _compiled(one, (*place, index) if isinstance(given, list) else place, faults))
        ]
        self._decoding = next((one for one in self._proofs if isinstance(one, Hmac) and one.decodes), None)

    @property
    def needs_header(self) -> bool:
        """Whether a source must name the header of its token: the tool has no proof of its own."""
        return self._kinds == ["any_header"]

    def with_certificates(self, certificates: Mapping[str, bytes]) -> Self:
        """Return the same pack, which proves with *certificates* by address."""
        found = copy(self)
        found.certificates = certificates
        return found

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Raise ProofError unless the delivery is proved. A header of *settings* comes first."""
        if settings.header:
            tokens.header(settings.header).check(request, secrets, settings.user)
            return
        if "sns" not in self._kinds:
            check_secrets(secrets)
        proof = self._chosen(request, settings.allowed)
        if proof is None:
            where = " or ".join(dict.fromkeys(proof.where for proof in self._proofs))
            raise ProofError(f"{where}: expected a proof, got none")
        if isinstance(proof, Sns):
            proof = Sns(self.certificates, settings.allowed)
        proof.check(request, secrets, settings.user)

    def refuse_unfit(self, secret: Secret, settings: ProofSettings) -> None:
        """Raise ConfigurationError for a secret that no proof can use."""
        if self._decoding is None or settings.header:
            return
        # Another proof of the pack may take a secret as it is.
        if len(self._proofs) == 1 or secret.reveal().startswith(ENCODED):
            self._decoding.refuse_unfit(secret)

    def sign(self, body: bytes, secret: Secret, settings: ProofSettings, at: datetime) -> Proven:
        """Return what proves *body*, by the first proof that can be made here; raises ConfigurationError."""
        for proof in self._proofs:
            proven = proof.made(body, secret, settings.user, at) if isinstance(proof, Makes) else None
            if proven:
                return proven
        where = " or ".join(proof.where for proof in self._proofs)
        raise ConfigurationError(f"{where}: only the tool itself can prove a delivery; have it send one")

    def needs_no_secret(self, settings: ProofSettings) -> bool:
        """Whether certificates alone may prove what a source with these settings takes."""
        is_sns = "sns" in self._kinds and not settings.header
        return is_sns and (bool(settings.allowed) or self._kinds == ["sns"])

    def is_certified(self, request: Request, settings: ProofSettings) -> bool:
        """Whether a certificate, and no secret, decides about this delivery."""
        return not settings.header and isinstance(self._chosen(request, settings.allowed), Sns)

    def handshake(self, request: Request, settings: ProofSettings) -> Handshake | None:
        """Return the confirmation that a vendor wants first; raises ProofError for a wrong address."""
        return handshake(request, settings.allowed) if "sns" in self._kinds else None

    def _chosen(self, request: Request, allowed: Sequence[str]) -> Proof | None:
        """Return the first proof that the request carries, or the only one."""
        if len(self._proofs) == 1:
            return self._proofs[0]
        for proof in self._proofs:
            # Beside a token, a source without topics takes nothing from SNS.
            if isinstance(proof, Sns) and not allowed:
                continue
            if proof.is_tried(request):
                return proof
        return None


def _compiled(given: Any, place: Place, faults: Faults) -> Proof | None:
    try:
        if isinstance(given, str):
            return Hmac(PRESETS[given])
        kind, about = next(iter(given.items()))
        place = (*place, kind)
        if kind == "hmac":
            return Hmac(about)
        if kind == "token":
            return tokens.header(str(about["header"]), str(about.get("prefix", "")))
        if kind == "basic":
            return Basic(str((about or {}).get("user", "")))
        if kind == "query":
            return tokens.query(str(about))
        if kind == "field":
            return tokens.field(values.compiled(about, place, faults))
        if kind == "jws":
            return Jws(about)
        if kind == "sns":
            return Sns({})
        return _NeedsHeader()
    except Mistake as mistake:
        text = str(mistake)
        name, colon, rest = text.partition(": ")
        if colon and isinstance(given, Mapping) and name in ("form", "signed"):
            faults.setdefault((*place, name), rest)
        else:
            faults.setdefault(place, text)
        return None
