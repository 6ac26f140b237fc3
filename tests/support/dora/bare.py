"""An installation without a store, for what only looks at its routes and pages."""

from typing import Any

from gitdailies_dora.derived.worker import Deriver
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.operations.installation import Installation
from gitdailies_server.readiness import Readiness
from gitdailies_server.storage.timestamps import utc_now


def bare_installation() -> Installation:
    nothing: Any = None
    deriver = Deriver(nothing, FigureSettings(), utc_now, nothing)
    return Installation(store=nothing, log=nothing, deriver=deriver, readiness=Readiness(nothing))
