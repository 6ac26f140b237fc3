"""`gitdailies check` asks the provider of sign-in what a sign-in asks it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.servers import certificate, serving
from tests.support.sign_in.hostile_provider import hostile_provider

YAML = """dora:
  sign_in:
    openid: {{issuer: "{issuer}", client_id: gitdailies{more}}}
    roles: {{everyone: member}}
"""


def test_check_asks_the_provider(run: Callable[..., Any], tmp_path: Path) -> None:
    """A right provider is ok, one that is away a warning; a wrong document and no secret are faults."""

    def finding(**more: str) -> tuple[int, str, str]:
        text = YAML.format(issuer=provider.issuer, more=more.get("more", ""))
        (tmp_path / "gitdailies.yml").write_text(text)
        checked = run("check", "--json")
        found = json.loads(checked.stdout)["findings"][-1]
        return checked.returncode, found["level"], found["text"]

    with hostile_provider() as provider:
        assert finding()[:2] == (0, "ok")
        assert "secret" in (missing := finding(more=", client_secret: {file: secret}"))[2]
        assert missing[:2] == (2, "fault")
        provider.configuration = {"issuer": "https://login.example.com"}
        assert finding()[:2] == (2, "fault")
    assert finding()[:2] == (0, "warning")


def test_check_asks_the_issuers_of_id_tokens(run: Callable[..., Any], tmp_path: Path) -> None:
    """Each issuer of `dora.trusted_ci` is asked once for its keys, and one that has none is named."""

    def findings() -> list[tuple[str, str]]:
        entry = f'{{issuer: "{issuer}", platform: gitlab, repositories: ["larkspur/*"]}}'
        (tmp_path / "gitdailies.yml").write_text(f"dora:\n  trusted_ci: [{entry}, {entry}]\n")
        found = json.loads(run("check", "--json").stdout)["findings"]
        return [(one["level"], one["text"]) for one in found if "trusted_ci" in one["text"]]

    with hostile_provider() as provider:
        issuer = provider.issuer
        assert findings() == [("ok", f"dora.trusted_ci: {issuer} publishes its keys")]
        provider.keys = []
        [(level, text)] = findings()
        assert (level, "expected a key for signatures, got none" in text) == ("warning", True)
    [(level, text)] = findings()
    assert (level, text.startswith(f"dora.trusted_ci: {issuer}: ")) == ("warning", True)


def test_the_certificate_of_an_issuer_is_not_trusted(run: Callable[..., Any], tmp_path: Path) -> None:
    """The advice is about the certificate, and not about the issuer, which is right."""
    with serving(tls=certificate(tmp_path)[1]) as server:
        entry = (
            f'{{issuer: "https://127.0.0.1:{server.port}", platform: gitlab, repositories: ["larkspur/*"]}}'
        )
        (tmp_path / "gitdailies.yml").write_text(f"dora:\n  trusted_ci: [{entry}]\n")
        said = run("check").stdout
    assert "certificate not trusted" in said
    assert "name the file of its certificate authority in SSL_CERT_FILE" in said
    assert "correct the issuer" not in said
