"""Secrets of a source: files are read again, and not for every wrong proof."""

import os
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.secret_source import SecretSource
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


def test_a_file_that_was_written_is_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the time since the last reading is over, however small the change, and not before."""
    now = [100.0]
    monkeypatch.setattr(source_secrets.time, "monotonic", lambda: now[0])
    secrets = of(file)
    assert not secrets.read_again(0.0)
    for text in ("other", "third", "a longer one"):
        file.write_text(text)
        now[0] += 0.5
        assert not secrets.read_again(1.0)
        now[0] += 0.5
        assert secrets.read_again(1.0)
        assert texts(secrets) == [text]


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
    assert secrets.read_again(0.0)
    assert texts(secrets) == ["of-v2"]


def test_a_file_that_is_being_written_leaves_the_secret_as_it_was(file: Path) -> None:
    """Empty, missing or malformed for a moment, it changes nothing; the fault says why; then it is read."""
    secrets = of(file)
    file.write_text("")
    assert not secrets.read_again(0.0)
    assert "the secret is empty" in secrets.fault
    file.unlink()
    assert not secrets.read_again(0.0)
    assert texts(secrets) == ["first"]
    file.write_text("second")
    assert secrets.read_again(0.0)
    assert (texts(secrets), secrets.fault) == (["second"], "")


def test_one_of_two_files_changes_alone(file: Path, tmp_path: Path) -> None:
    """The order of the configuration stays, and a missing neighbor does not keep the other one old."""
    other = tmp_path / "old-secret"
    other.write_text("old")
    secrets = of(file, other)
    other.unlink()
    file.write_text("second")
    assert secrets.read_again(0.0)
    assert texts(secrets) == ["second", "old"]


def test_wrong_proofs_do_not_decide_how_often_files_are_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand wrong proofs within a second read a file a hundred times."""
    now, reads = [0.0], list[int]()
    monkeypatch.setattr(source_secrets.time, "monotonic", lambda: now[0])
    secrets = of(file)
    read = SecretSource.read

    def counted(*given: Any) -> Secret:
        reads.append(1)
        return read(*given)

    monkeypatch.setattr(SecretSource, "read", counted)
    for _ in range(1000):
        now[0] += 0.001
        assert not secrets.read_again(source_secrets.AFTER_WRONG_PROOF_SECONDS)
    assert 90 <= len(reads) <= 100


def test_variables_are_read_at_the_start_alone() -> None:
    """A process does not see a change of its environment from outside."""
    environ = {"SECRET": "first"}
    secrets = SourceSecrets([SecretSource.make(env="SECRET")], environ)
    environ["SECRET"] = "second"
    assert not secrets.read_again(0.0)
    assert texts(secrets) == ["first"]
