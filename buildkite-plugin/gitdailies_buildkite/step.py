"""How the plugin's step reads its options: from the JSON that the agent hands to a plugin's hooks.

Variables named after the plugin would change with the folder or repository that it is used from.
Source: buildkite/agent, agent/plugin/plugin.go (`ConfigurationToEnvironment`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

AGENT = "gitdailies-buildkite-plugin"
NO_KEY = (
    "; set GITDAILIES_WEBHOOK_KEY from a Buildkite secret or in the agent's environment hook, "
    "or name its variable in webhook-key-env"
)

CONFIGURATION = "BUILDKITE_PLUGIN_CONFIGURATION"
KEY_NAME = "webhook-key-env"


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name: the plugin's option, else the GITDAILIES_* variable of that name.

    Raises UsageError for an option that does not exist, and for a key written into the pipeline.
    """
    read = console.texts(environ, "GITDAILIES_")
    for name, value in _options(environ.get(CONFIGURATION, "")).items():
        if name == "webhook-key":
            raise UsageError(
                f"webhook-key: expected {KEY_NAME}, the name of a variable, got a key in the pipeline"
            )
        if name == KEY_NAME:
            read["webhook-key"] = environ.get(str(value).strip(), "")
        elif name in read:
            read[name] = _text(name, value) or read[name]
        else:
            expected = ", ".join(sorted({*read, KEY_NAME} - {"webhook-key"}))
            raise UsageError(f"{name}: expected one of {expected}, got an option that does not exist")
    return read


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text) if text.strip() else {}
    except ValueError:
        options = text
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise UsageError(f"{CONFIGURATION}: expected a JSON object, got {got(options)}")
    return options


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and name == "repo":
        return " ".join(map(str, value))
    if value is None or isinstance(value, (str, int, float)):
        return "" if value is None else str(value)
    raise UsageError(f"{name}: expected a text, got {got(value)}")
