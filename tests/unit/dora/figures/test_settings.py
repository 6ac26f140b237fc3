"""The settings of figures go to the process that answers a question."""

from __future__ import annotations

import pickle

from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings


def test_settings_that_were_used_go_to_another_process() -> None:
    """A server derives rows with its settings before it sends them: what they remember stays behind."""
    used = FigureSettings(production=("prod-*",), hotfix=("hotfix/*",))
    assert used.environment("Prod-EU") == PRODUCTION
    assert used.is_hotfix_branch("hotfix/price")
    assert used.zone is not None
    assert used.window_us > 0

    there = pickle.loads(pickle.dumps(used))

    assert there == used
    assert there.environment("prod-us") == PRODUCTION
    assert there.is_hotfix_branch("hotfix/rate")
