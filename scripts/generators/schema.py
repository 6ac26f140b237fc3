"""The published JSON Schema of an event, from core's table of kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gitdailies_core.events.schema import event_schema

SCHEMA = "core/gitdailies_core/events/event.schema.json"


def texts(root: Path) -> Mapping[str, str]:  # noqa: ARG001  it reads no file
    """Return the schema."""
    return {SCHEMA: json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"}
