"""Write the SBOM of the package with everything that it installs, as CycloneDX 1.6.

Versions and licenses are those of this virtual environment, so no network is needed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, distribution
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# A user installs both servers.
_EXTRAS = ("relay", "dora")
_LICENSE_CLASSIFIER = "License :: "


def make(site: Path, target: Path, moment: int) -> None:
    """Write the SBOM of the package in *site* to *target*.

    *moment* is its time, in seconds since 1970. Raises ValueError if a dependency is not installed.
    """
    [own] = site.glob("*.dist-info")
    root = PathDistribution(own)
    package = _component(root, ComponentType.APPLICATION)
    bom = Bom(
        components=[_component(found) for found in closure(root, _EXTRAS)],
        # The same release has the same number.
        serial_number=uuid5(NAMESPACE_URL, str(package.purl)),
        metadata=BomMetaData(component=package, timestamp=datetime.fromtimestamp(moment, UTC)),
    )
    bom.register_dependency(package, bom.components)
    target.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", "utf-8")


def _component(found: Distribution, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    name, version = found.metadata["Name"], found.version
    purl = PackageURL("pypi", None, canonicalize_name(name), version)
    return Component(
        name=name,
        type=kind,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        description=_field(found, "Summary") or None,
        licenses=[*_licenses(found)],
        external_references=[*_addresses(found)],
    )


def _addresses(found: Distribution) -> Iterator[ExternalReference]:
    """Yield the addresses that a distribution names, each with its label."""
    for text in found.metadata.get_all("Project-URL") or []:
        label, _, address = text.partition(", ")
        yield ExternalReference(type=ExternalReferenceType.OTHER, url=XsUri(address), comment=label)


def _field(found: Distribution, name: str) -> str:
    """Return a field of the metadata, or "" if there is none."""
    return (found.metadata.get_all(name) or [""])[0].strip()


def _licenses(found: Distribution) -> Iterator[License]:
    """Yield the licenses that a distribution names: as one expression, or as a line, or in classifiers."""
    factory = LicenseFactory()
    expression = _field(found, "License-Expression")
    classifiers = found.metadata.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith(_LICENSE_CLASSIFIER)]
    text = _field(found, "License")
    if expression:
        yield factory.make_from_string(expression)
    elif text and "\n" not in text:
        yield factory.make_from_string(text)
    else:
        yield from (factory.make_with_name(name) for name in named)


def closure(root: Distribution, extras: tuple[str, ...]) -> Iterator[Distribution]:
    """Yield every distribution that *root* with its *extras* needs, itself left out, each once."""
    seen: set[tuple[str, str]] = set()
    names: set[str] = {canonicalize_name(root.metadata["Name"])}
    todo = [(root, extra) for extra in ("", *extras)]
    while todo:
        wanting, extra = todo.pop()
        for text in wanting.requires or ():
            needed = Requirement(text)
            if needed.marker and not needed.marker.evaluate({"extra": extra}):
                continue
            try:
                found = distribution(needed.name)
            except PackageNotFoundError:
                raise ValueError(f"{needed.name}: it is not installed; run make setup") from None
            name = canonicalize_name(needed.name)
            if name not in names:
                names.add(name)
                yield found
            for one in ("", *needed.extras):
                if (name, one) not in seen and name != canonicalize_name(root.metadata["Name"]):
                    seen.add((name, one))
                    todo.append((found, one))
