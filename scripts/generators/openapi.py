"""The receiver's OpenAPI document, from core's table of kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gitdailies_webhooks.api.openapi import document

_PATH = "incoming-webhooks/gitdailies_webhooks/api/openapi.json"


def texts(_: Path) -> Mapping[str, str]:
    """Return the document as it is committed."""
    return {_PATH: json.dumps(document(), indent=2, ensure_ascii=False) + "\n"}
