"""What proves an example is accepted as the tool's own proof, by every source that can be signed for."""

import base64
from datetime import UTC, datetime

import pytest
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import sign
from gitdailies_core.values.secret import Secret

AT = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
BODY = b'{"a": 1}'
# As a text, and as what base64 decodes to: some tools give their secrets so.
SECRET = Secret(base64.b64encode(b"a secret of sixteen").decode(), "the test")
NAMES = sorted(registry.installed())


def signed(name: str, settings: ProofSettings, secret: Secret = SECRET, body: bytes = BODY) -> Request:
    proof = sign(registry.adapter(name), BODY, secret, settings, AT)
    return Request.make(headers=dict(proof.headers), query=dict(proof.query), body=body, received_at=AT)


def can_sign(name: str, settings: ProofSettings) -> bool:
    try:
        signed(name, settings)
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize("header", ["", "X-Relay-Token"])
@pytest.mark.parametrize("name", NAMES)
def test_a_proof_of_ours_is_accepted(name: str, header: str) -> None:
    """With the secret, and only with it, the proof is right. With a header it can always be made."""
    adapter, settings = registry.adapter(name), ProofSettings(header=header)
    if not can_sign(name, settings):
        assert not header
        return
    request = signed(name, settings)
    adapter.verify(request, [SECRET], settings)
    with pytest.raises(ProofError):
        adapter.verify(request, [Secret("another", "the test")], settings)


def test_a_proof_that_only_the_tool_can_make_is_said_to_be_so() -> None:
    """Few sources cannot be signed for without a header, and the error says that the tool has to send."""
    unable = [name for name in NAMES if not can_sign(name, ProofSettings())]
    assert "pagerduty" not in unable
    assert len(unable) <= len(NAMES) // 2
    for name in unable:
        with pytest.raises(ConfigurationError, match="only the tool itself"):
            signed(name, ProofSettings())
