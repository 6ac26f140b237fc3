"""The packs that a package ships, found by their folders: ours, or those of another distribution.

The entry point of the provider is in the group `gitdailies.source_packs`. Another distribution writes
`provider = Shipped("its_package")` in a module, and names that in its own entry point.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_core.errors import MappingError

from gitdailies_sources import reading
from gitdailies_sources.source_pack import SourcePack

OURS = "gitdailies_sources"
FILE, PAGE = "source.yaml", "README.md"


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a pack. Its definitions `mapping` and `single` get the same keys."""
    text = files(OURS).joinpath("pack.schema.json").read_text("utf-8")
    read: dict[str, Any] = json.loads(text)
    for name, fields in (("mapping", {}), ("single", read["$defs"]["entry"]["properties"])):
        node = read["$defs"][name]
        node["properties"] = {key: read["properties"][key] for key in node.pop("x-keys")} | fields
    return read


@cache
def document(name: str, package: str = OURS) -> Document:
    """Return the document of a pack; raises ConfigurationError if it is no YAML."""
    return yaml_document.parse(text(name, package), f"packs/{name}/{FILE}")


def text(name: str, package: str = OURS) -> str:
    """Return the text of a pack's document."""
    return files(package).joinpath("packs", name, FILE).read_text("utf-8")


def page(name: str) -> str:
    """Return the page of a pack in Markdown: what to set up, and what counts."""
    written = files(OURS).joinpath("packs", name, PAGE).read_text("utf-8")
    # What is generated has a mark before and behind it.
    return re.sub(r"<!--.*?-->\n\n?", "", written).rstrip()


@dataclass(frozen=True)
class Shipped:
    """The provider of the packs of a *package*, in its folder `packs`: core's registry asks it for one."""

    package: str = OURS

    def names(self) -> list[str]:
        """Return the names of all packs, sorted."""
        folder = files(self.package).joinpath("packs")
        return sorted(item.name for item in folder.iterdir() if item.joinpath(FILE).is_file())

    def with_history(self) -> list[str]:
        """Return the names of the packs that say how to fetch the past, sorted."""
        return [name for name in self.names() if "fetch" in document(name).value]

    def load(self, name: str) -> SourcePack:
        """Return a pack as it is shipped; raises ConfigurationError with file and line."""
        return _loaded(name, self.package)

    def compile(self, name: str, mapping: Any, override: Any, file: Document | None = None) -> SourcePack:
        """Compile a user's *mapping*, or the pack *name* with single fields replaced by *override*.

        *file* is read in the place of the pack. Raises MappingError with the place of each fault, after
        `mapping` or `override`, and ConfigurationError with the lines of those in *file*.
        """
        if file is not None:
            return _read(file, override)
        if mapping is None:
            own = document(name, self.package)
            return reading.pack(own, schema(), name=name, package=self.package, override=override)
        try:
            return reading.mapping(mapping, schema(), name=name)
        except MappingError as error:
            raise MappingError({("mapping", *place): text for place, text in error.places.items()}) from None


@cache
def _loaded(name: str, package: str) -> SourcePack:
    return _read(document(name, package), name=name, package=package)


def _read(source: Document, override: Any = None, **place: str) -> SourcePack:
    try:
        return reading.pack(source, schema(), override=override, **place)
    except MappingError as error:
        own = {place: text for place, text in error.places.items() if place[:1] != ("override",)}
        raise source.error(own) if own else error from None


provider = Shipped()
