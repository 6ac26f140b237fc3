"""The schema of a store that is opened again."""

from __future__ import annotations

from pathlib import Path

from gitdailies_dora.accounts.keys.key_store import create_key, list_keys


def test_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    """Opening a store that is up to date leaves its schema and its rows as they are."""
    create_key(tmp_path / "w.db", "ci")
    assert list_keys(tmp_path / "w.db") == list_keys(tmp_path / "w.db") != []
