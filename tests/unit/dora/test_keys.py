"""Webhook keys: form, check characters, rights, and their rows in the store."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest
from gitdailies_core.errors import ConfigurationError, UsageError
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.key_store import create_key, delete_key, list_keys


def test_a_key_has_the_form_that_scanners_look_for() -> None:
    """A key is gdk_, 32 characters and the Base62 CRC-32 of both, as computed by hand."""
    letters = cycle("0aZ9")
    key = keys.generate(lambda _: next(letters))
    assert key == "gdk_0aZ90aZ90aZ90aZ90aZ90aZ90aZ90aZ90E4TGy"
    assert keys.well_formed(key)


def test_one_wrong_character_anywhere_is_seen() -> None:
    """A key with any one character changed is not well formed."""
    letters = cycle("q7W")
    key = keys.generate(lambda _: next(letters))
    wrong = [key[:at] + ("x" if key[at] != "x" else "y") + key[at + 1 :] for at in range(len(key))]
    assert [text for text in wrong if keys.well_formed(text)] == []


@pytest.mark.parametrize("text", ["", "gdk_", "x" * 42, "gdk_" + "é" * 38, "gdk_" + "0" * 38 + "\n"])
def test_other_text_is_no_key(text: str) -> None:
    """Text of another shape is refused before anything is looked up."""
    assert not keys.well_formed(text)


def test_the_error_for_an_unknown_right_lists_all_rights(tmp_path: Path) -> None:
    """An unknown right is refused with the list of rights, and no key is made."""
    with pytest.raises(UsageError, match=r"allow: expected one of send, .*correct, deployed.*got 'write'"):
        create_key(tmp_path / "w.db", "ci", ("write",))
    assert not (tmp_path / "w.db").exists()


def test_the_store_holds_no_key(tmp_path: Path) -> None:
    """The raw key is in no byte of the store's files, which only their owner may read."""
    secret, key = create_key(tmp_path / "w.db", "ci")
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert [file for file in files if secret.reveal().encode() in file.read_bytes()] == []
    assert stat.S_IMODE((tmp_path / "w.db").stat().st_mode) == 0o600
    assert key.shown == f"{secret.reveal()[:8]}…{secret.reveal()[-4:]}"
    assert secret.reveal() not in f"{secret!r} {secret} {key!r}"


def test_names_are_of_one_live_key(tmp_path: Path) -> None:
    """A name is refused while a live key has it, and free again after that key is deleted."""
    create_key(tmp_path / "w.db", "ci")
    with pytest.raises(UsageError, match="name: another key has the name 'ci'"):
        create_key(tmp_path / "w.db", "ci")
    delete_key(tmp_path / "w.db", "ci")
    create_key(tmp_path / "w.db", "ci")
    assert [key.name for key in list_keys(tmp_path / "w.db")] == ["ci"]
    assert [key.deleted_at is None for key in list_keys(tmp_path / "w.db", deleted=True)] == [False, True]


@pytest.mark.parametrize("by", ["name", "prefix", "shown", "raw"])
def test_a_key_is_deleted_by_whatever_one_has_of_it(tmp_path: Path, by: str) -> None:
    """Its name, its beginning, its form in a list, or the key itself selects the key to delete."""
    secret, key = create_key(tmp_path / "w.db", "ci")
    other = create_key(tmp_path / "w.db", "other")[1]
    words = {"name": "ci", "prefix": key.prefix, "shown": key.shown, "raw": secret.reveal()}
    assert delete_key(tmp_path / "w.db", words[by]).id == key.id
    assert [left.id for left in list_keys(tmp_path / "w.db")] == [other.id]


def test_deleting_an_unknown_key_names_the_live_keys(tmp_path: Path) -> None:
    """The error names the live keys and never repeats the given key."""
    secret, key = create_key(tmp_path / "w.db", "ci")
    with pytest.raises(UsageError) as missing:
        delete_key(tmp_path / "w.db", "cd")
    assert str(missing.value) == f"key: no key has the name 'cd'; keys of this store: ci ({key.shown})"
    delete_key(tmp_path / "w.db", "ci")
    with pytest.raises(UsageError) as gone:
        delete_key(tmp_path / "w.db", secret.reveal())
    assert secret.reveal()[:20] not in str(gone.value)


def test_a_wrong_path_makes_no_store(tmp_path: Path) -> None:
    """Listing the keys of a missing file is an error and does not create the file."""
    with pytest.raises(UsageError, match=r"store: .*typo\.db does not exist"):
        list_keys(tmp_path / "typo.db")
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize("name", ["", " ci", "a\nb", "x" * 101, "gdk_mine"])
def test_names_that_lists_could_not_show(tmp_path: Path, name: str) -> None:
    """A name is 1 to 100 characters on one line and does not begin like a key."""
    with pytest.raises(UsageError, match=r"^name: use"):
        create_key(tmp_path / "w.db", name)


def test_an_expiry_is_to_come(tmp_path: Path) -> None:
    """A key that would never have worked is not made; one with an expiry ends at that moment."""
    now = datetime.now(UTC)
    with pytest.raises(UsageError, match="expires: expected a time in the future"):
        create_key(tmp_path / "w.db", "ci", expires_at=now - timedelta(seconds=1))
    _, key = create_key(tmp_path / "w.db", "ci", expires_at=now + timedelta(hours=1))
    assert (key.is_valid(now), key.is_valid(now + timedelta(hours=1))) == (True, False)


def test_making_and_deleting_leaves_audit_lines(tmp_path: Path) -> None:
    """The audit lines name who made and who deleted a key."""
    _, key = create_key(tmp_path / "w.db", "ci", created_by="root")
    delete_key(tmp_path / "w.db", "ci", deleted_by="kim")
    with sqlite3.connect(tmp_path / "w.db") as connection:
        lines = connection.execute("SELECT actor, action, subject FROM audit ORDER BY seq").fetchall()
    connection.close()
    assert lines == [("root", "key.created", key.shown), ("kim", "key.deleted", key.shown)]


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A store of an unknown schema is refused with the remedy, and not changed."""
    create_key(tmp_path / "w.db", "ci")
    with sqlite3.connect(tmp_path / "w.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9999'")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"got 9999; release .* wrote it"):
        create_key(tmp_path / "w.db", "cd")
