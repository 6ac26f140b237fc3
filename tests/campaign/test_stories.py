"""Random stories of incidents against a simple model: no event twice, none missing, none in two repositories.

GITDAILIES_STORIES says how many stories the long form tells, and GITDAILIES_STORY tells one by its number.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.campaign.stories import Story
from tests.support.forms import short_and_long

ONE = os.environ.get("GITDAILIES_STORY")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """An empty store."""
    file = tmp_path / "empty.db"
    store.migrate(SqliteDatabase(file))
    return file


@short_and_long("many", "GITDAILIES_STORIES", short=100, long=10_000, seconds=lambda many: 120 + many * 0.5)
def test_every_story_comes_to_what_the_documentation_says(
    many: int,
    tmp_path: Path,
    template: Path,
    measure: Callable[[str], None],
) -> None:
    """Unmapped, re-routed, split, filtered, reopened, late, repeated, replayed, closed, restarted, moved."""
    steps = 0
    for number in [int(ONE)] if ONE else range(many):
        folder = tmp_path / "story"
        folder.mkdir()
        story = Story(number, folder, template)
        wrong = story.tell()
        steps += len(story.log)
        assert not wrong, "\n".join([f"story {number}:", *story.log, "", *wrong])
        shutil.rmtree(folder)
    measure(f"{many} stories with {steps} steps, no event twice, missing or elsewhere")
