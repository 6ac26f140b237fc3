"""The chart's generated parts: its version, values.yaml and the table of its values, and its alert rules.

`values.schema.json` says everything about a value: its form, its default and what it is for. Only the image
has another default in a release.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scripts.generators import replace, table
from scripts.releasing import published
from scripts.releasing.published import Published

CHART = "deployment/chart"
PAGE = "docs/do/kubernetes.md"
_HEAD = """\
# Every value with its default; `python scripts/generate.py` writes this file from values.schema.json.
# README.md has the same as a table.
"""


_CLONE = """
Nothing is published yet. In a clone of this repository, build the image, with the commit
(`git rev-parse --short HEAD`) as its tag. Push it to a registry that your cluster can read:

```shell
docker build --file deployment/Dockerfile --tag registry.example.com/gitdailies:4f0c2d6 .
docker push registry.example.com/gitdailies:4f0c2d6
```

The chart is the folder `deployment/chart`. The first line of the values below names your image.
"""
_PUBLISHED = """
The chart is a file of the release. It names the image of the same version:

```text
{chart}
```
"""


class Value(NamedTuple):
    """One value: its path from the top, what it is for, and its default."""

    path: tuple[str, ...]
    about: str
    default: Any


def texts(root: Path) -> Mapping[str, str]:
    """Return the generated files of the chart, and those with generated parts."""
    chart = root / CHART
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
    names = published.of(root)
    if names.image():
        schema["properties"]["image"]["properties"]["repository"]["default"] = names.project.registries.image
    values = list(values_of(schema))
    return {
        f"{CHART}/Chart.yaml": with_version((chart / "Chart.yaml").read_text("utf-8"), version),
        f"{CHART}/values.yaml": _HEAD + "".join(_lines(schema, 0)),
        f"{CHART}/README.md": replace((chart / "README.md").read_text("utf-8"), "values", table_of(values)),
        PAGE: replace((root / PAGE).read_text("utf-8"), "chart", source(names)),
        # A chart reads only its own files.
        f"{CHART}/files/alerts.yml": (root / "deployment/alerts.yml").read_text("utf-8"),
    }


def source(names: Published) -> str:
    """Say where the chart and its image come from."""
    chart = names.asset(f"gitdailies-{names.version}.tgz")
    return _PUBLISHED.format(chart=chart) if chart and names.image() else _CLONE


def with_version(text: str, version: str) -> str:
    """Return Chart.yaml with *version* as the chart's and the image's, which are always the same."""
    text = re.sub(r"^version: .*$", f"version: {version}", text, flags=re.MULTILINE)
    return re.sub(r"^appVersion: .*$", f'appVersion: "{version}"', text, flags=re.MULTILINE)


def values_of(schema: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Value]:
    """Yield every value of a schema, in its order."""
    for name, node in schema["properties"].items():
        if "properties" in node:
            yield from values_of(node, (*above, name))
        else:
            yield Value((*above, name), node["description"], node["default"])


def table_of(values: list[Value]) -> str:
    """Write a row for each value."""
    rows = ((f"`{'.'.join(one.path)}`", one.about, f"`{json.dumps(one.default)}`") for one in values)
    return table(("value", "what", "default"), rows)


def _lines(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the lines of values.yaml: what a value is for, and its default."""
    indent = "  " * depth
    for name, node in schema["properties"].items():
        if "properties" in node:
            yield f"{indent}{name}:\n"
            yield from _lines(node, depth + 1)
        else:
            # JSON is YAML.
            yield f"{indent}# {node['description']}\n{indent}{name}: {json.dumps(node['default'])}\n"
