"""Proofs: vendors' published vectors are accepted; wrong, missing, stale and swapped ones are refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.protocol import ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret
from gitdailies_sources.language.faults import Faults
from gitdailies_sources.proofs.proving import Proving

SECRET = "lk-signing-secret-example"
NOW = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"a": {"secret": "lk-signing-secret-example"}}'


def choice(given: Any) -> Proving:
    faults = Faults()
    compiled = Proving(given, ("proof",), faults)
    assert faults == {}
    return compiled


def accepts(
    given: Any,
    headers: Mapping[str, str],
    *,
    body: bytes = BODY,
    secrets: tuple[str, ...] = (SECRET,),
    at: datetime | None = NOW,
    query: Mapping[str, str] | None = None,
    header: str = "",
    user: str = "",
) -> bool:
    request = Request.make(headers=headers, body=body, query=query or {}, received_at=at)
    try:
        settings = ProofSettings(header=header, user=user)
        choice(given).verify(request, [Secret(one) for one in secrets], settings)
    except ProofError:
        return False
    return True


def hexed(key: str, content: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(key.encode(), content, algorithm).hexdigest()


def test_the_published_vector_of_github() -> None:
    """GitHub's documentation signs `Hello, World!`."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret = ("It's a Secret to Everybody",)
    assert accepts("github", {"X-Hub-Signature-256": signature}, body=b"Hello, World!", secrets=secret)
    assert not accepts("github", {"X-Hub-Signature-256": signature}, body=b"Hello, World?", secrets=secret)


STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_SECRET = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",)
SIGNED_AT = datetime.fromtimestamp(1614265330, UTC)


def test_the_published_vector_of_standard_webhooks() -> None:
    """The specification's example, with the key decoded; among other versions, and with whsec_ left out."""
    body = b'{"test": 2432232314}'
    given: dict[str, Any] = {"body": body, "secrets": STANDARD_SECRET, "at": SIGNED_AT}
    assert accepts("standard-webhooks", STANDARD, **given)
    several = {**STANDARD, "webhook-signature": f"v1a,xxx v1,AAAA {STANDARD['webhook-signature']}"}
    assert accepts("standard-webhooks", several, **given)
    bare = (STANDARD_SECRET[0].removeprefix("whsec_"),)
    assert accepts("standard-webhooks", STANDARD, body=body, secrets=bare, at=SIGNED_AT)
    for name in STANDARD:
        left = {key: value for key, value in STANDARD.items() if key != name}
        assert not accepts("standard-webhooks", left, **given)
        assert not accepts("standard-webhooks", {**STANDARD, name: "9"}, **given)


def test_a_secret_that_is_empty_after_decoding_signs_nothing() -> None:
    """With an empty key, any sender could sign."""
    signed = f"{STANDARD['webhook-id']}.{STANDARD['webhook-timestamp']}.".encode() + BODY
    signature = base64.b64encode(hmac.digest(b"", signed, "sha256")).decode()
    headers = {**STANDARD, "webhook-signature": f"v1,{signature}"}
    for secret in ("whsec_", "not base64!"):
        assert not accepts("standard-webhooks", headers, secrets=(secret,), at=SIGNED_AT)


@pytest.mark.parametrize(
    ("proof", "headers"),
    [
        ("stripe", {"Stripe-Signature": f"t={STAMP},v1={hexed(SECRET, STAMP.encode() + b'.' + BODY)}"}),
        (
            "slack",
            {
                "X-Slack-Signature": f"v0={hexed(SECRET, b'v0:' + STAMP.encode() + b':' + BODY)}",
                "X-Slack-Request-Timestamp": STAMP,
            },
        ),
        (
            "grafana",
            {
                "X-Grafana-Alerting-Signature": hexed(SECRET, STAMP.encode() + b":" + BODY),
                "X-Grafana-Timestamp": STAMP,
            },
        ),
        (
            {
                "hmac": {
                    "header": "X-R",
                    "form": "t={timestamp},v1={signature}",
                    "signed": "{timestamp}{body}",
                }
            },
            {"X-R": f"t={STAMP},v1={hexed(SECRET, STAMP.encode() + BODY)}"},
        ),
        (
            {
                "hmac": {
                    "header": "gi",
                    "form": "t={timestamp},v1={signature}",
                    "signed": "{body-sha256-base64}:{timestamp}:v1",
                }
            },
            {
                "gi": f"t={STAMP},v1="
                + hexed(SECRET, base64.b64encode(hashlib.sha256(BODY).digest()) + f":{STAMP}:v1".encode())
            },
        ),
    ],
)
def test_a_timestamp_is_signed_and_checked(proof: Any, headers: dict[str, str]) -> None:
    """Five minutes both ways from the receipt; another body, secret or time of receipt is refused."""
    assert accepts(proof, headers)
    for minutes, right in ((-5, True), (5, True), (-6, False), (6, False)):
        assert accepts(proof, headers, at=NOW + timedelta(minutes=minutes)) is right
    assert not accepts(proof, headers, body=BODY + b" ")
    assert not accepts(proof, headers, secrets=("other",))
    assert accepts(proof, headers, secrets=("other", SECRET))
    assert not accepts(proof, headers, at=None)
    assert not accepts(proof, {})


@pytest.mark.parametrize(("algorithm", "right"), [("sha1", False), ("sha256", True), ("sha512", False)])
def test_the_algorithm_is_that_of_the_pack(algorithm: str, right: bool) -> None:
    """A signature by another algorithm is refused, although it is made with the right secret."""
    proof = {"hmac": {"header": "X-S", "algorithm": "sha256"}}
    assert accepts(proof, {"X-S": hexed(SECRET, BODY, algorithm)}) is right


def token(claims: Mapping[str, Any], algorithm: str = "HS256", digest: str = "sha256") -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    content = f"{part({'alg': algorithm})}.{part(claims)}"
    signature = hmac.new(SECRET.encode(), content.encode(), digest).digest()
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_signed_token_is_of_this_body() -> None:
    """The claim is the body's hash; another body, issuer or algorithm, or no signature, is refused."""
    proof = {"jws": {"header": "X-W", "algorithm": "HS256", "claim": "sha256", "issuer": "netlify"}}
    claims = {"iss": "netlify", "sha256": hashlib.sha256(BODY).hexdigest()}
    right = token(claims)
    assert accepts(proof, {"X-W": right})
    assert not accepts(proof, {"X-W": right}, body=BODY + b" ")
    assert not accepts(proof, {"X-W": right}, secrets=("other",))
    assert not accepts(proof, {"X-W": token({**claims, "iss": "other"})})
    assert not accepts(proof, {"X-W": token(claims, "none")})
    assert not accepts(proof, {"X-W": token(claims, "HS512", "sha512")})
    assert not accepts(proof, {"X-W": token(claims, "HS512")})
    assert not accepts(proof, {"X-W": right.rpartition(".")[0] + "."})
    assert not accepts(proof, {"X-W": token({**claims, "exp": NOW.timestamp() - 1})})
    assert accepts(proof, {"X-W": token({**claims, "exp": NOW.timestamp() + 1})})


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("proof", "headers", "query", "right"),
    [
        ({"token": {"header": "X-T"}}, {"X-T": SECRET}, {}, True),
        ({"token": {"header": "X-T"}}, {"X-T": SECRET + "x"}, {}, False),
        (
            {"token": {"header": "Authorization", "prefix": "Bearer "}},
            {"Authorization": f"Bearer {SECRET}"},
            {},
            True,
        ),
        ({"token": {"header": "Authorization", "prefix": "Bearer "}}, {"Authorization": SECRET}, {}, False),
        ({"basic": {}}, basic("anybody", SECRET), {}, True),
        ({"basic": {"user": "gitdailies"}}, basic("gitdailies", SECRET), {}, True),
        ({"basic": {"user": "gitdailies"}}, basic("other", SECRET), {}, False),
        ({"basic": {}}, basic("anybody", "x"), {}, False),
        ({"basic": {}}, {"Authorization": "Basic !!!"}, {}, False),
        ({"query": "token"}, {}, {"token": SECRET}, True),
        ({"query": "token"}, {}, {"token": "x"}, False),
        ({"query": "token"}, {"token": SECRET}, {}, False),
        ({"field": "a.secret"}, {}, {}, True),
        ({"field": "a.other"}, {}, {}, False),
    ],
)
def test_a_shared_secret_is_compared_whole(
    proof: Any, headers: dict[str, str], query: dict[str, str], right: bool
) -> None:
    """In a header, as a password, in the query or in a field."""
    assert accepts(proof, headers, query=query) is right


@pytest.mark.parametrize(
    ("proof", "where", "wrong"),
    [
        ({"token": {"header": "X-T"}}, "x-t", {"headers": {"X-T": "wrong"}}),
        ({"hmac": {"header": "X-S"}}, "X-S", {"headers": {"X-S": "wrong"}}),
        ({"basic": {}}, "authorization", {"headers": basic("anybody", "wrong")}),
        ({"query": "token"}, "query.token", {"query": {"token": "wrong"}}),
    ],
)
def test_a_refusal_says_whether_a_secret_came(proof: Any, where: str, wrong: dict[str, Any]) -> None:
    """It names the place, and tells a wrong secret or signature from a missing one."""
    for given, got in ((wrong, "another"), ({}, "none")):
        request = Request.make(**{"headers": {}, "body": BODY, "query": {}, "received_at": NOW, **given})
        with pytest.raises(ProofError, match=rf"^{where}: expected .*, got {got}$"):
            choice(proof).verify(request, [Secret(SECRET)], ProofSettings())


def test_the_first_proof_that_is_there_decides() -> None:
    """A wrong signature is not mended by a right token beside it."""
    proof = [{"hmac": {"header": "X-S"}}, {"query": "token"}]
    assert accepts(proof, {"X-S": hexed(SECRET, BODY)})
    assert accepts(proof, {}, query={"token": SECRET})
    assert not accepts(proof, {"X-S": "wrong"}, query={"token": SECRET})
    assert not accepts(proof, {})


def test_a_header_of_the_source_is_the_proof_in_place_of_the_packs() -> None:
    """The vendor's own signature then does not count, nor does its absence matter."""
    assert accepts("github", {"X-T": SECRET}, header="X-T")
    assert accepts("github", {"X-T": f"Bearer {SECRET}"}, header="X-T")
    assert not accepts("github", {"X-Hub-Signature-256": f"sha256={hexed(SECRET, BODY)}"}, header="X-T")


@pytest.mark.parametrize("secrets", [(), ("",), (SECRET, "")])
def test_no_secret_proves_nothing(secrets: tuple[str, ...]) -> None:
    """Without a secret, or with an empty one, nothing is checked and nothing accepted."""
    with pytest.raises(ConfigurationError, match="secrets: expected at least one"):
        accepts("github", {"X-Hub-Signature-256": f"sha256={hexed('', BODY)}"}, secrets=secrets)


def test_a_tool_without_a_proof_needs_the_name_of_a_header() -> None:
    """`any_header` is refused until the source names the header."""
    assert accepts({"any_header": True}, {"X-T": SECRET}, header="X-T")
    with pytest.raises(ConfigurationError, match="header: expected the name of the header"):
        accepts({"any_header": True}, {"X-T": SECRET})
