"""Secrets of a source: files are read again when a proof fails, and not for every one that fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret
from gitdailies_relay.intake import source_secrets
from gitdailies_relay.intake.source_secrets import SourceSecrets


def texts(secrets: SourceSecrets) -> list[str]:
    return [secret.reveal() for secret in secrets.current]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("first\n")
    return file


def of(*files: Path) -> SourceSecrets:
    return SourceSecrets([SecretSource.make(file=file) for file in files], {})


def test_a_file_that_was_written_is_read_again_at_once(file: Path) -> None:
    """Also within the second of an earlier reading, and however small the change."""
    secrets = of(file)
    assert not secrets.read_again()
    for text in ("other", "third", "a longer one"):
        file.write_text(text)
        assert secrets.read_again()
        assert texts(secrets) == [text]


def test_a_change_is_seen_without_a_wrong_proof(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at once a second, and read if one has changed."""
    now = [100.0]
    monkeypatch.setattr(source_secrets.time, "monotonic", lambda: now[0])
    secrets = of(file)
    file.write_text("second")
    assert not secrets.read_changed()
    now[0] += source_secrets.READ_SECONDS
    assert secrets.read_changed()
    assert texts(secrets) == ["second"]
    now[0] += source_secrets.READ_SECONDS
    assert not secrets.read_changed()


def test_a_link_that_points_elsewhere_is_read_again(tmp_path: Path) -> None:
    """Kubernetes swaps a link to a folder; the files in both may have the same size and time."""
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(f"of-{name}")
        os.utime(tmp_path / name / "secret", (1, 1))
    data, file = tmp_path / "..data", tmp_path / "secret"
    data.symlink_to("v1")
    file.symlink_to("..data/secret")
    secrets = of(file)
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").rename(data)
    assert secrets.read_again()
    assert texts(secrets) == ["of-v2"]


def test_a_file_that_is_being_written_leaves_the_secret_as_it_was(file: Path) -> None:
    """Empty, missing or malformed for a moment, it changes nothing; the fault says why; then it is read."""
    secrets = of(file)
    file.write_text("")
    assert not secrets.read_again()
    assert "the secret is empty" in secrets.fault
    file.unlink()
    assert not secrets.read_again()
    assert texts(secrets) == ["first"]
    file.write_text("second")
    assert secrets.read_again()
    assert (texts(secrets), secrets.fault) == (["second"], "")


def test_one_of_two_files_changes_alone(file: Path, tmp_path: Path) -> None:
    """The order of the configuration stays, and a missing neighbor does not keep the other one old."""
    other = tmp_path / "old-secret"
    other.write_text("old")
    secrets = of(file, other)
    other.unlink()
    file.write_text("second")
    assert secrets.read_again()
    assert texts(secrets) == ["second", "old"]


def test_unchanged_files_are_read_once_a_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand wrong proofs read an unchanged file once a second, not a thousand times."""
    now, reads = [0.0], list[int]()
    monkeypatch.setattr(source_secrets.time, "monotonic", lambda: now[0])
    secrets = of(file)
    read = SecretSource.read

    def counted(*given: Any) -> Secret:
        reads.append(1)
        return read(*given)

    monkeypatch.setattr(SecretSource, "read", counted)
    for _ in range(1000):
        now[0] += 0.01
        assert not secrets.read_again()
    assert len(reads) in (9, 10)


def test_variables_are_read_at_the_start_alone() -> None:
    """A process does not see a change of its environment from outside."""
    environ = {"SECRET": "first"}
    secrets = SourceSecrets([SecretSource.make(env="SECRET")], environ)
    environ["SECRET"] = "second"
    secrets._read_at = -10.0
    assert not secrets.read_again()
    assert texts(secrets) == ["first"]


def test_the_start_fails_without_a_secret(tmp_path: Path) -> None:
    """What is missing at the start is an error of the configuration."""
    with pytest.raises(ConfigurationError, match="cannot read it"):
        of(tmp_path / "missing")
