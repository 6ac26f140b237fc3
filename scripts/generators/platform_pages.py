"""Generated parts about CI platforms: inputs on each platform's page, and lists of all platforms.

A platform's inputs are in its manifest. Without one, they are those of `builders/launchers/inputs.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.builders import octopus
from scripts.builders.launchers.inputs import ABOUT, DEFAULTS
from scripts.generators import replace, table
from scripts.platforms import Folder, folders
from scripts.releasing import published, uses

Sections = Mapping[str, str]
# Name, default and meaning of an input.
Row = tuple[str, Any, str]

_GUIDE = Path("docs/ci-steps.md")


def texts(root: Path) -> Mapping[str, str]:
    """Return the platforms' pages, the orb's examples and the guide, with fresh parts."""
    every, names = folders(root), published.of(root)
    found = {}
    for folder in every:
        path = f"{folder.path}/README.md"
        try:
            page = uses.written(folder.text("README.md"), folder.module, names)
            for name, body in _SECTIONS.get(folder.module, _script)(folder).items():
                page = replace(page, name, body)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        found[path] = page
    for example in (root / "circleci-orb" / "src" / "examples").glob("*.yml"):
        text = example.read_text("utf-8")
        found[example.relative_to(root).as_posix()] = uses.named("circleci", text, names)
    guide = replace((root / _GUIDE).read_text("utf-8"), "platforms", _guide(every))
    found[str(_GUIDE)] = replace(guide, "source", uses.source("guide", names))
    return found


def rows(folder: Folder) -> list[Row]:
    """Return the inputs of a platform's step."""
    return list(_ROWS.get(folder.module, _variables)(folder))


def _guide(every: Iterable[Folder]) -> str:
    head = ("platform", "use", "not tested")
    own = ((f"[{one.platform.title}](../{one.path}/README.md)", one.use, one.untested) for one in every)
    other = ("any other", "[`gitdailies deploy`](command-line.md#gitdailies-deploy)", "")
    return table(head, (*own, other))


def links(every: Iterable[Folder]) -> str:
    """Write a link to the page of each platform, seen from the root."""
    shown = [f"[{folder.name}]({folder.path}/README.md)" for folder in every]
    return " ·\n".join(" · ".join(shown[first : first + 3]) for first in range(0, len(shown), 3))


def _script(folder: Folder) -> Sections:
    return {"inputs": _table(("name", "default", "meaning"), rows(folder))}


def _travis(folder: Folder) -> Sections:
    examples = {"one": "example.travis.yml", "several": "example.several-providers.travis.yml"}
    shown = {name: f"```yaml\n{folder.text(file).strip()}\n```" for name, file in examples.items()}
    return {**shown, "inputs": _table(("variable", "default", "meaning"), rows(folder))}


def _action(folder: Folder) -> Sections:
    action = yaml.safe_load(folder.text("action.yml"))
    inputs = [(name, item["default"], item["description"]) for name, item in action["inputs"].items()]
    outputs = [(f"`{name}`", item["description"]) for name, item in action["outputs"].items()]
    return {
        "inputs": _table(("input", "default", "meaning"), inputs),
        "outputs": table(("output", "meaning"), outputs),
    }


def _orb(folder: Folder) -> Sections:
    parameters = yaml.safe_load(folder.text("src/commands/report_deploy.yml"))["parameters"]
    lines = (
        (f"`{name}`", item["type"], _shown(item["default"]), item["description"])
        for name, item in parameters.items()
    )
    return {"parameters": table(("parameter", "type", "default", "meaning"), lines)}


def _octopus(folder: Folder) -> Sections:
    lines = (
        (item["label"], f"`{octopus.variable(item['input'])}`", _shown(item.get("default")), item["help"])
        for item in octopus.read(folder)["parameter"]
    )
    return {"parameters": table(("parameter", "variable", "default", "meaning"), lines)}


_SECTIONS: Mapping[str, Callable[[Folder], Sections]] = {
    "circleci": _orb,
    "github_actions": _action,
    "octopus": _octopus,
    "travis": _travis,
}


def _gitlab(folder: Folder) -> Iterable[Row]:
    spec = next(yaml.safe_load_all(folder.text("component.in.yml")))["spec"]
    for name, item in spec["inputs"].items():
        required = "" if "default" in item else "**Required.** "
        yield name, item.get("default"), required + item["description"]


def _buildkite(folder: Folder) -> Iterable[Row]:
    plugin = yaml.safe_load(folder.text("plugin.yml"))
    for name, item in plugin["configuration"]["properties"].items():
        yield name, item.get("default", ""), item["description"]


def _azure(folder: Folder) -> Iterable[Row]:
    for item in yaml.safe_load(folder.text("template.in.yml"))["parameters"]:
        yield item["name"], item["default"], item["displayName"]


def _variables(_: Folder) -> Iterable[Row]:
    for name, about in ABOUT.items():
        yield "GITDAILIES_" + name.upper().replace("-", "_"), DEFAULTS.get(name, ""), about


_ROWS: Mapping[str, Callable[[Folder], Iterable[Row]]] = {
    "gitlab": _gitlab,
    "buildkite": _buildkite,
    "azure": _azure,
}


def _table(head: tuple[str, ...], inputs: Iterable[Row]) -> str:
    return table(head, ((f"`{name}`", _shown(default), about) for name, default, about in inputs))


def _shown(default: Any) -> str:
    if isinstance(default, list):
        default = yaml.safe_dump(default, default_flow_style=True).strip()
    if isinstance(default, bool):
        default = str(default).lower()
    return "" if default in ("", None) else f"`{default}`"
