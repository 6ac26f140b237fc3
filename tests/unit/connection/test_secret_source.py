"""Secrets from variables and files: accepted and refused values, and no secret in any text."""

from pathlib import Path

import pytest
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError

PLANTED = "planted-4f2c9d"
VARIABLE = SecretSource.make(env="GITDAILIES_WEBHOOK_KEY")


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_reads_both(tmp_path: Path, end: str) -> None:
    """A variable and a file give the same secret, without line ends after it."""
    path = tmp_path / "key"
    path.write_text(PLANTED + end, newline="")
    file = SecretSource.make(file=path)

    found = [VARIABLE.read({"GITDAILIES_WEBHOOK_KEY": PLANTED + end}), file.read({})]

    assert [secret.reveal() for secret in found] == [PLANTED, PLANTED]
    assert [secret.origin for secret in found] == ["env GITDAILIES_WEBHOOK_KEY", f"file {path}"]
    assert PLANTED not in repr(found)


_NOT_ONE_LINE = "expected one line of printable ASCII without spaces around it, got other characters"


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "the secret is empty"),
        (b"\n", "the secret is empty"),
        (b"planted-4f2c9d\nmore", _NOT_ONE_LINE),
        (b" planted-4f2c9d", _NOT_ONE_LINE),
        (b"planted-4f2c9d\x00", _NOT_ONE_LINE),
        (b"planted-4f2c9d\x1b[2J", _NOT_ONE_LINE),
        ("“planted-4f2c9d”".encode(), _NOT_ONE_LINE),
        (b"planted-4f2c9d" * 2000, "expected at most 16384 bytes, got more"),
    ],
)
def test_refused(tmp_path: Path, raw: bytes, complaint: str) -> None:
    """An empty secret, and one that no header can carry, are refused in one line without a trace of it."""
    path = tmp_path / "key"
    path.write_bytes(raw)

    with pytest.raises(ConfigurationError) as caught:
        SecretSource.make(file=path).read({})

    assert str(caught.value) == f"file {path}: {complaint}"
    assert caught.value.__cause__ is None


def test_not_set() -> None:
    """A variable that is not set is one line that names it."""
    with pytest.raises(ConfigurationError) as caught:
        VARIABLE.read({})

    assert str(caught.value) == ("env GITDAILIES_WEBHOOK_KEY: this variable is not set")


def test_no_file(tmp_path: Path) -> None:
    """A missing file and a folder of that name give one line each."""
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as caught:
            SecretSource.make(file=path).read({})
        assert str(caught.value) == f"file {path}: cannot read it: {reason}"


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_warning(tmp_path: Path, mode: int, warned: bool) -> None:
    """A file that others may read is warned of with its mode, and one of the owner alone is not."""
    path = tmp_path / "key"
    path.write_text(PLANTED)
    path.chmod(mode)

    expected = f"file {path}: expected mode 600, got {mode:o}: other users can read it"

    assert SecretSource.make(file=path).warning() == (expected if warned else "")
    assert VARIABLE.warning() == ""


def test_one_of_both() -> None:
    """A source is a variable or a file, never both or neither."""
    for env, file in ((None, None), ("A", Path("b"))):
        with pytest.raises(ValueError, match="expected one of env and file, got both or none"):
            SecretSource.make(env=env, file=file)
