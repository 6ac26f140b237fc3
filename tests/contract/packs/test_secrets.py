"""Secrets of every source: a token may follow `Bearer`, and one that no proof can use is refused."""

from pathlib import Path

import pytest
from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import refuse_unfit
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret
from gitdailies_sources.source_pack import SourcePack

from tests.support.processes import eventually, run, running
from tests.support.relay.running import configure, in_thread

NAMES = sorted(registry.installed())
TOKEN = Secret("t0ken", "a test")
# A secret of Standard Webhooks, whole, and as it is pasted.
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UNFIT = (KEY[:-1], KEY[:-2], "whsec_not base64 at all!", "whsec_")


@pytest.mark.parametrize("header", ["Authorization", "X-Relay-Token"])
@pytest.mark.parametrize("name", NAMES)
def test_a_token_may_follow_bearer(name: str, header: str) -> None:
    """In the header that a source names, whatever its tool; another token does not pass."""
    adapter, settings = registry.adapter(name), ProofSettings(header=header)
    for value in ("t0ken", "Bearer t0ken", "bearer t0ken"):
        adapter.verify(Request.make(headers={header: value}, body=b"{}"), [TOKEN], settings)
    for value in ("Bearer", "Bearer ", "Bearer Bearer t0ken", "Basic t0ken", "Bearer t0ken2"):
        with pytest.raises(ProofError):
            adapter.verify(Request.make(headers={header: value}, body=b"{}"), [TOKEN], settings)


def decodes(name: str) -> bool:
    adapter = registry.adapter(name)
    return isinstance(adapter, SourcePack) and adapter._decoding is not None


def test_some_packs_decode_their_secrets() -> None:
    assert {"gitlab", "incident-io", "render"} <= set(filter(decodes, NAMES))


@pytest.mark.parametrize("name", [*filter(decodes, NAMES)])
def test_a_secret_that_a_proof_cannot_decode_is_refused(name: str) -> None:
    """The error names the secret and the source, and what to do. A token is taken as it is."""
    source = Source(name=name, adapter=name, secrets=())
    refuse_unfit(source, Secret(KEY, "env WHSEC"))
    for text in UNFIT:
        expected = f"env WHSEC: expected a secret in base64, got .* of sources.{name} again"
        with pytest.raises(ConfigurationError, match=expected):
            refuse_unfit(source, Secret(text, "env WHSEC"))
    of_header = Source(name, name, (), proof=ProofSettings("X-Relay-Token"))
    refuse_unfit(of_header, Secret("not base64!"))


def test_an_unfit_secret_ends_check_and_start_and_changes_nothing_later(tmp_path: Path) -> None:
    """A reload with an unfit secret leaves the one before it in force, as the log says."""
    file, secret = configure(tmp_path), tmp_path / "incident-io-secret"
    text = file.read_text()
    line = "  incident-io: {adapter: incident-io, secrets: [{file: incident-io-secret}]}\n"
    file.write_text(text.replace("sources:\n", f"sources:\n{line}", 1))
    secret.write_text(KEY)
    secret.chmod(0o600)
    with in_thread(file) as relay:
        secret.write_text(UNFIT[0])
        relay.reload()
        (entry,) = eventually(lambda: relay.logged("configuration not reloaded"))
        assert "expected a secret in base64" in entry["reason"]
    checked = run("check", folder=tmp_path, expected=2)
    assert "sources.incident-io.secrets[0]: file" in checked.stdout
    with (
        pytest.raises(AssertionError, match="expected a secret in base64"),
        running("relay", folder=tmp_path),
    ):
        pass
