"""A new configuration is applied, or tried again as a whole."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.errors import StoreUnavailable
from gitdailies_relay.reloader import Reloader

FILE = """
gitdailies: {url: "http://127.0.0.1:1/webhooks", key: {env: KEY}}
sources: {pagerduty: {adapter: pagerduty, secrets: [{env: SECRET}]}}
repositories: {larkspur/shop: {was: [larkspur/store]}}
"""


class BusyStore:
    """A store that cannot be written at first."""

    def __init__(self) -> None:
        self.asked = 0
        self.database = SimpleNamespace(note_reload=lambda *_: None)

    async def run(self, _job: object) -> None:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("busy")


async def test_names_that_the_store_refused_are_joined_by_the_next_reload(tmp_path: Path) -> None:
    """A reload that could not write former names changes nothing, so the next one writes them."""
    path = tmp_path / "gitdailies.yml"
    path.write_text(FILE)
    new = load(path)
    path.write_text(FILE.replace("larkspur/store", "larkspur/kiosk"))
    app: Any = SimpleNamespace(settings=None, metrics=SimpleNamespace(expect=lambda _: None))
    worker: Any = None
    store: Any = BusyStore()
    environ = {"KEY": "k", "SECRET": "s"}
    reloader = Reloader(app, worker, store, load(path), environ, {}, lambda: new)

    with pytest.raises(StoreUnavailable):
        await reloader.reload_now()
    assert reloader.failed
    await reloader.reload_now()
    assert (store.asked, reloader.configuration.routes.renames) == (2, new.routes.renames)
    assert not reloader.failed
