"""The Python in the published files of the steps, whatever form holds it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

# How a shell and PowerShell hold a file: between two lines of their own.
_HELD = (r"<<'GITDAILIES_STEP'\n(.*\n)GITDAILIES_STEP\n?", r"@'\n(.*\n)'@ \| & \$program")
_PIECE = "PARAM_STEP_"


def programs(file: Path) -> list[str]:
    """Return the Python programs that a published file holds."""
    text = file.read_text("utf-8")
    if file.suffix == ".py":
        return [text]
    if file.suffix in (".yml", ".json"):
        documents = yaml.load_all(text, yaml.CSafeLoader) if file.suffix == ".yml" else [json.loads(text)]
        return [found for document in documents for found in _within(document)]
    return held(text)


def held(script: str) -> list[str]:
    """Return the programs that a script holds."""
    if script.startswith('"""Report a deploy'):
        return [script]
    return [found for form in _HELD for found in re.findall(form, script, re.DOTALL)]


def _within(value: object) -> Iterator[str]:
    """Yield the programs in the texts of a document. An orb holds one in pieces."""
    if isinstance(value, str):
        yield from held(value)
    elif isinstance(value, dict):
        # An orb escapes what would be a template.
        pieces = [text.replace("\\<<", "<<") for name, text in value.items() if str(name).startswith(_PIECE)]
        if pieces:
            yield "\n".join(pieces) + "\n"
        for name, inner in value.items():
            if not str(name).startswith(_PIECE):
                yield from _within(inner)
    elif isinstance(value, list):
        for one in value:
            yield from _within(one)
