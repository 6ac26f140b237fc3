"""The packs that this package ships, found by their folders.

The entry point of the provider is in the group `gitdailies.source_packs`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.errors import FileFault, configuration_error, setting_name
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_core.errors import MappingError

from gitdailies_sources import reading
from gitdailies_sources.source_pack import SourcePack

FILE, PAGE = "source.yaml", "README.md"


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a pack."""
    text = files("gitdailies_sources").joinpath("pack.schema.json").read_text("utf-8")
    read: Mapping[str, Any] = json.loads(text)
    return read


@cache
def document(name: str) -> Document:
    """Return the document of a pack; raises ConfigurationError if it is no YAML."""
    file = files("gitdailies_sources").joinpath("packs", name, FILE)
    return yaml_document.parse(file.read_text("utf-8"), f"packs/{name}/{FILE}")


def page(name: str) -> str:
    """Return the page of a pack in Markdown: what to set up, and what counts."""
    text = files("gitdailies_sources").joinpath("packs", name, PAGE).read_text("utf-8")
    # What is generated has a mark before and behind it.
    return re.sub(r"<!--.*?-->\n\n?", "", text).rstrip()


class Shipped:
    """The provider of packs: core's registry asks it for an adapter by name."""

    def names(self) -> list[str]:
        """Return the names of all packs, sorted."""
        folder = files("gitdailies_sources").joinpath("packs")
        return sorted(item.name for item in folder.iterdir() if item.joinpath(FILE).is_file())

    def load(self, name: str) -> SourcePack:
        """Return a pack as it is shipped; raises ConfigurationError with file and line."""
        return _loaded(name)

    def compile(self, name: str, mapping: Any, override: Any) -> SourcePack:
        """Compile a user's *mapping*, or the pack *name* with single fields replaced by *override*.

        Raises MappingError with the place of each fault, after `mapping` or `override`.
        """
        if mapping is None:
            return reading.pack(document(name), schema(), name=name, override=override)
        try:
            return reading.mapping(mapping, schema(), name=name)
        except MappingError as error:
            raise MappingError({("mapping", *place): text for place, text in error.places.items()}) from None


@cache
def _loaded(name: str) -> SourcePack:
    source = document(name)
    try:
        return reading.pack(source, schema(), name=name)
    except MappingError as error:
        faults = [
            FileFault(source.line(place), setting_name(place), text) for place, text in error.places.items()
        ]
        raise configuration_error(source.file, faults) from None


provider = Shipped()
