"""Proof of origin: known vectors, rotation of secrets, hostile headers."""

import hashlib
import hmac
from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import MOST_SIGNATURES, verify_hmac_sha256, verify_shared_token
from gitdailies_core.values.secret import Secret
from hypothesis import given

HEADER = "X-PagerDuty-Signature"
TOKEN = "X-Relay-Token"
BODY = '{"title": "für 😀"}'.encode()
OLD, NEW = Secret("0ld-secret"), Secret("n3w-secret")


def signature(secret: Secret, body: bytes = BODY) -> str:
    return hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()


def proven(header: str, secrets: Sequence[Secret] = (OLD, NEW), body: bytes = BODY) -> bool:
    try:
        verify_hmac_sha256(Request.make(headers={HEADER: header}, body=body), secrets, header=HEADER)
    except ProofError:
        return False
    return True


def test_the_signature_is_hmac_sha256_over_the_body() -> None:
    """RFC 4231's second test case, whose key and data are text, is accepted."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert proven(f"v1={digest}", [Secret("Jefe")], b"what do ya want for nothing?")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"v1={signature(NEW)}", True),
        (f"v1={signature(OLD)}", True),
        (f"v1={signature(Secret('x'))},v1={signature(NEW)}", True),
        (f"v1={signature(Secret('x'))} , v1={signature(NEW)} ", True),
        (f"v0=abc,v2=def,v1={signature(NEW)}", True),
        (f"v2={signature(NEW)}", False),
        (signature(NEW), False),
        (f"V1={signature(NEW)}", False),
        (f"v1={signature(NEW).upper()}", False),
        (f"v1={signature(NEW)[:-1]}", False),
        (f"v1={signature(NEW)}0", False),
        (f"v1= {signature(NEW)}", False),
        (f"v1={signature(NEW, BODY + b' ')}", False),
        (f"v1={signature(Secret(''))}", False),
        (f"v1={signature(NEW)};v1={signature(NEW)}", False),
        ("v1=", False),
        ("", False),
        ("v1=é", False),
        ("\x00", False),
        ("v1=" + "0" * 100_000, False),
    ],
)
def test_any_entry_by_any_secret_is_enough(header: str, expected: bool) -> None:
    """One correct `v1` entry is accepted at any place; without one, nothing is."""
    assert proven(header) is expected


def test_a_secret_that_was_taken_out_proves_nothing() -> None:
    """After the rotation only the new one counts."""
    assert not proven(f"v1={signature(OLD)}", [NEW])


def test_only_so_many_entries_are_tried() -> None:
    """A right signature behind more entries than a rotation needs is not looked for."""
    for before, expected in ((MOST_SIGNATURES - 1, True), (MOST_SIGNATURES, False)):
        assert proven("v1=0," * before + f"v1={signature(NEW)}") is expected


@given(st.binary(max_size=100))
def test_no_header_is_taken_for_a_signature(raw: bytes) -> None:
    """Any bytes in the header are refused with ProofError, with or without the prefix."""
    for header in (raw, b"v1=" + raw):
        request = Request.make(headers=[(HEADER.encode(), header)], body=BODY)
        with pytest.raises(ProofError):
            verify_hmac_sha256(request, [NEW], header=HEADER)
        with pytest.raises(ProofError):
            verify_shared_token(request, [NEW], header=HEADER)


def test_half_of_a_surrogate_pair_in_a_header_is_refused() -> None:
    """Text that no UTF-8 can hold is a wrong proof, not a crash."""
    request = Request.make(headers={TOKEN: "\udcff", HEADER: "v1=\udcff"}, body=BODY)

    with pytest.raises(ProofError):
        verify_shared_token(request, [NEW], header=TOKEN)
    with pytest.raises(ProofError):
        verify_hmac_sha256(request, [NEW], header=HEADER)


@pytest.mark.parametrize("secrets", [[], [Secret("")], [NEW, Secret("")]], ids=["none", "empty", "one empty"])
def test_a_missing_secret_lets_nobody_in(secrets: list[Secret]) -> None:
    """Without a secret, or with an empty one, the error is about the setting, for any header."""
    for text in ("", "v1=", f"v1={signature(Secret(''))}", f"v1={signature(NEW)}", NEW.reveal()):
        request = Request.make(headers={HEADER: text, TOKEN: text}, body=BODY)

        with pytest.raises(ConfigurationError, match=r"^secrets: expected at least one, none of them empty"):
            verify_hmac_sha256(request, secrets, header=HEADER)
        with pytest.raises(ConfigurationError, match=r"^secrets: expected at least one, none of them empty"):
            verify_shared_token(request, secrets, header=TOKEN)


@pytest.mark.parametrize(
    ("given_token", "expected"),
    [("n3w-secret", True), ("0ld-secret", True), ("N3W-SECRET", False), ("n3w-secret ", False), ("", False)],
)
def test_a_token_is_one_of_ours_exactly(given_token: str, expected: bool) -> None:
    """Any of the secrets is accepted, and no text that is like one."""
    request = Request.make(headers={TOKEN: given_token}, body=BODY)

    if expected:
        verify_shared_token(request, [OLD, NEW], header=TOKEN.lower())
    else:
        with pytest.raises(ProofError):
            verify_shared_token(request, [OLD, NEW], header=TOKEN)


def test_a_token_sent_twice_is_none() -> None:
    """Two headers of the name are one list, which is no token."""
    request = Request.make(headers=[(b"x-relay-token", b"n3w-secret")] * 2, body=BODY)

    with pytest.raises(ProofError):
        verify_shared_token(request, [NEW], header=TOKEN)


def test_a_token_needs_the_name_of_its_header() -> None:
    """Without a header's name nothing is compared, and the setting is named."""
    with pytest.raises(ConfigurationError, match=r"^header: expected the name of the header"):
        verify_shared_token(Request.make(headers={}, body=BODY), [NEW], header="")


def test_a_refusal_tells_nothing() -> None:
    """The message contains neither a secret nor the value that was sent."""
    request = Request.make(headers={HEADER: "v1=guess", TOKEN: "guess"}, body=BODY)

    for verify, header in ((verify_hmac_sha256, HEADER), (verify_shared_token, TOKEN)):
        with pytest.raises(ProofError) as refused:
            verify(request, [NEW], header=header)
        assert not {"guess", "n3w", signature(NEW)} & set(str(refused.value).split())
        assert header.lower() in str(refused.value).lower()


def test_secrets_are_text_of_any_kind() -> None:
    """A secret beyond ASCII signs and compares by its UTF-8."""
    secret = Secret("schlüssel-😀")

    assert proven(f"v1={signature(secret)}", [secret])
    verify_shared_token(
        Request.make(headers=[(b"x-relay-token", secret.reveal().encode())], body=b""), [secret], header=TOKEN
    )
