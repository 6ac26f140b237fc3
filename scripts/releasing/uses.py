"""The parts of the CI platforms' pages that depend on what is published.

A page has a generated block `source`: where the step comes from. In its examples, the line that names the
step is the published one, or the one that works with what `make dist` builds in a clone.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.generators import replace
from scripts.releasing.published import Published


@dataclass(frozen=True)
class _Use:
    """A line that names a step: how to find it, its form in a clone, and its published form."""

    pattern: str
    clone: str
    published: Callable[[Published], str]


# By the platform's module.
_USES: Mapping[str, _Use] = {
    "github_actions": _Use(
        # Any action but GitHub's own, and no workflow.
        r"(?<=uses: )(?!actions/|\./\.github/workflows/)\S+",
        "./.github/actions/report-deploy",
        Published.action,
    ),
    "circleci": _Use(
        r"(?<=^  gitdailies: )\S+|(?<=^    gitdailies: )\S+",
        "https://files.example.com/gitdailies/orb.yml",
        Published.orb,
    ),
    "gitlab": _Use(
        r"(?<=^  - )(?:component|local): \S+",
        "local: /gitdailies/report-deploy.yml",
        lambda published: published.component() and f"component: {published.component()}",
    ),
    "buildkite": _Use(
        r"(?<=^      - )\S+(?=:$)",
        "./.buildkite/plugins/gitdailies",
        Published.plugin,
    ),
    "bitbucket": _Use(
        r"(?<=curl -fsSLo report_deploy\.sh )\S+",
        "https://files.example.com/gitdailies/report_deploy.sh",
        lambda published: published.asset("bitbucket-report_deploy.sh"),
    ),
}
_TEXTS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("sources.toml").read_text("utf-8")
)


def named(module: str, text: str, published: Published) -> str:
    """Return *text* with each line that names the step of the platform *module* as it is used today."""
    use = _USES.get(module)
    if use is None:
        return text
    line = use.published(published) or use.clone
    return re.sub(use.pattern, lambda _: line, text, flags=re.MULTILINE)


def written(text: str, module: str, published: Published) -> str:
    """Return the page *text* of the platform *module* with its parts as they are today."""
    return replace(named(module, text, published), "source", source(module, published))


def source(module: str, published: Published) -> str:
    """Say where the step of the platform *module* comes from, or with `guide` those of all platforms."""
    own = _TEXTS.get(module, {})
    texts = own if "clone" in own else {**_TEXTS["a_file"], **own}
    use = _USES[module].published(published) if module in _USES else published.home
    return texts["published" if use else "clone"].format(
        module=module,
        use=use,
        version=published.version,
        files=published.asset("").rstrip("/"),
        release=f"{published.home}/releases/tag/v{published.version}",
        mirror=getattr(published.project.mirrors, module, ""),
        file=texts.get("file", ""),
        target=texts.get("target", ""),
        folder=texts.get("target", "").partition("/")[0],
    )
