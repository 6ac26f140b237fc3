"""Templates of pages are compiled once in a process, whatever its settings become."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from gitdailies_webhooks.figures.settings import FigureSettings

from tests.support.machine import until
from tests.support.webhooks.running import Receiver, settings_of
from tests.support.webhooks.visitor import Visitor


def test_new_settings_compile_no_page_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reload, a page that was shown before is made of the same compiled templates."""
    visitor = Visitor(receiver)
    assert visitor.get("/sign-in").status_code == 200
    compiled: list[Any] = []
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *given, **more: compiled.append(given))
    receiver.reload(settings_of(FigureSettings(timezone="Europe/Berlin")))
    until(lambda: receiver.logged("webhooks settings reloaded"))

    assert visitor.get("/sign-in").status_code == 200
    assert compiled == []
