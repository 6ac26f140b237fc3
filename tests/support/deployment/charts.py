"""The chart as Helm renders it, and manifests as Kubernetes reads them. Helm is a library here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml

CHART = Path(__file__).resolve().parents[3] / "deployment" / "chart"
NOTES = "NOTES.txt"
# The claim of the DORA server keeps its first name: under another one, its volume would be new and empty.
CLAIMS = {"gitdailies-relay": "gitdailies-relay", "gitdailies-dora": "gitdailies-webhooks"}
# Such as that an icon would be nice.
_ADVICE = 1


class Refused(Exception):
    """Helm refuses the values, or a template does."""


def texts(values: Mapping[str, Any], name: str = "gitdailies", chart: Path = CHART) -> dict[str, str]:
    """Return what each template becomes, by its path, as `helm install` makes it. Raises Refused."""
    try:
        with helm_python.Chart.load(chart) as loaded:
            loaded.validate_schema(dict(values))
            return loaded.render(dict(values), name=name, namespace="gitdailies")
    except helm_python.HelmError as error:
        raise Refused(str(error)) from None


def rendered(
    values: Mapping[str, Any], name: str = "gitdailies", chart: Path = CHART
) -> list[dict[str, Any]]:
    """Return every manifest."""
    return [
        manifest
        for path, text in sorted(texts(values, name, chart).items())
        if not path.endswith(NOTES)
        for manifest in yaml.load_all(text, yaml.CSafeLoader)
        if manifest is not None
    ]


def lint(values: Mapping[str, Any]) -> list[str]:
    """Return what `helm lint --strict` finds."""
    found = helm_python.lint(CHART, dict(values), strict=True, namespace="gitdailies")
    return [str(message) for message in found["messages"] if message["severity"] > _ADVICE]


def unknown_kinds(manifests: list[dict[str, Any]], version: str) -> set[str]:
    """Check each manifest strictly against the schemas of a Kubernetes; return the kinds that have none."""
    unknown = set()
    for manifest in manifests:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(manifest["kind"])
    return unknown
