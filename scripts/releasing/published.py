"""What a page or a manifest says where it names this project: the published names, or what a clone has.

A name is published once `project.toml` has it and `CHANGELOG.md` has a release.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from scripts.releasing import changelog, project
from scripts.releasing.project import Project


@dataclass(frozen=True)
class Published:
    """The names, and the version of the last release or "" if there is none."""

    project: Project
    version: str

    @property
    def home(self) -> str:
        """The repository's address, or "" before the first release."""
        repository = self.project.home.repository
        return f"https://{repository}" if repository and self.version else ""

    def asset(self, name: str) -> str:
        """Return the address of a file of the release, or "" before the first one."""
        return f"{self.home}/releases/download/v{self.version}/{name}" if self.home else ""

    def page(self, path: str) -> str:
        """Return the address at which a file of the repository is read, as it was released; or ""."""
        return f"{self.home}/blob/v{self.version}/{path}" if self.home else ""

    def action(self) -> str:
        """Return what `uses:` names, or "" if the Action is not published."""
        name = self.project.mirrors.github_action.removeprefix("github.com/")
        return f"{name}@v{self.version}" if name and self.version else ""

    def orb(self) -> str:
        """Return the orb with its version, or ""."""
        name = self.project.registries.orb
        return f"{name}@{self.version}" if name and self.version else ""

    def component(self) -> str:
        """Return the GitLab component with its version, or "". GitLab's catalog wants tags without a v."""
        name = self.project.mirrors.gitlab
        return f"{name}/report-deploy@{self.version}" if name and self.version else ""

    def plugin(self) -> str:
        """Return the Buildkite plugin with its tag, or "". The agent has a short form for github.com."""
        name = self.project.mirrors.buildkite
        if not name or not self.version:
            return ""
        short = re.fullmatch(r"github\.com/(.+)-buildkite-plugin", name)
        return f"{short[1]}#v{self.version}" if short else f"https://{name}.git#v{self.version}"

    def image(self) -> str:
        """Return the image with its tag, or ""."""
        name = self.project.registries.image
        return f"{name}:{self.version}" if name and self.version else ""


def of(root: Path) -> Published:
    """Return what is published of the project in *root*."""
    return Published(project.of(root), changelog.latest((root / changelog.FILE).read_text("utf-8")))
