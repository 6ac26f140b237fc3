"""Templates of pages are compiled once in a process, whatever its settings become."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.pages.frame.site import TEMPLATES

from tests.support.dora.running import Receiver, settings_of
from tests.support.dora.visitor import Visitor
from tests.support.machine import until


def test_new_settings_compile_no_page_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reload, a page that was shown before is made of the same compiled templates."""
    visitor = Visitor(receiver)
    assert visitor.get("/sign-in").status_code == 200
    compiled: list[Any] = []
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *given, **more: compiled.append(given))
    receiver.reload(settings_of(FigureSettings(timezone="Europe/Berlin")))
    until(lambda: receiver.logged("dora settings reloaded"))

    assert visitor.get("/sign-in").status_code == 200
    assert compiled == []


def test_a_template_has_a_name_of_its_own() -> None:
    """Templates are found by their names alone, whichever folder they are in."""
    names = [file.name for file in TEMPLATES.glob("*/*.html")]
    assert len(names) > 50
    assert len(names) == len(set(names))
