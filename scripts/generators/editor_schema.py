"""gitdailies.schema.json: the schema of gitdailies.yml for editors, with the language of packs inside.

The program checks a mapping apart, so that its messages are about the language. An editor reads one file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitdailies_sources import shipped

CONFIGURATION = "connection/gitdailies_connection/config/configuration.schema.json"
# In the package, because `gitdailies init` names the file to the editor.
WRITTEN = "command-line/gitdailies_cli/commands/gitdailies.schema.json"
# The definitions of both documents are in one table, and some have the same name.
_PREFIX = "pack-"


def texts(root: Path) -> Mapping[str, str]:
    return {WRITTEN: json.dumps(written(root), indent=2, ensure_ascii=False) + "\n"}


def written(root: Path) -> dict[str, Any]:
    """Return the schema of gitdailies.yml for editors, which the files of `gitdailies init` name."""
    return combined(json.loads((root / CONFIGURATION).read_text(encoding="utf-8")), shipped.schema())


def combined(configuration: dict[str, Any], pack: Mapping[str, Any]) -> dict[str, Any]:
    """Return *configuration*, in which `mapping` and `override` refer to the definitions of *pack*."""
    own = {_PREFIX + name: _renamed(node) for name, node in pack["$defs"].items()}
    configuration["$defs"] |= own
    # An override names single fields of a message.
    fields = {name: value for name, value in own[f"{_PREFIX}entry"].items() if name != "required"}
    configuration["$defs"][f"{_PREFIX}fields"] = fields
    properties = configuration["$defs"]["source"]["properties"]
    properties["mapping"]["anyOf"] = [
        {"$ref": f"#/$defs/{_PREFIX}single"},
        {"$ref": f"#/$defs/{_PREFIX}mapping"},
    ]
    properties["override"]["additionalProperties"] = {"$ref": f"#/$defs/{_PREFIX}fields"}
    return configuration


def _renamed(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: value.replace("#/$defs/", f"#/$defs/{_PREFIX}") if name == "$ref" else _renamed(value)
            for name, value in node.items()
        }
    return [_renamed(item) for item in node] if isinstance(node, list) else node
