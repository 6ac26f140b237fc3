"""The page *Report without a key*: its lines fit each vendor's schema and name what the step reads."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_connection.config.load import load_dora
from gitdailies_connection.config.sections.trusted_ci import ISSUERS
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_core.ci.reporting import console

from tests.support.steps import ROOT, fits_schema

PAGE = (ROOT / "docs" / "do" / "report-without-a-key.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVER = "https://dora.example.com"
# The heading, which of its blocks, the vendor's schema, and what a part of a file lacks.
LINES = {
    ("GitHub Actions", 0): ("github-workflows", "on: push\n"),
    ("GitLab CI", 0): ("gitlab-ci", "deploy: {script: [./deploy.sh]}\n"),
    ("GitLab CI", 1): ("gitlab-ci", ""),
    ("CircleCI", 0): ("circle-ci", ""),
    ("Buildkite", 0): ("buildkite", ""),
    ("Bitbucket Pipelines", 0): ("bitbucket-pipelines", ""),
}


def lines(title: str, number: int) -> str:
    part = PAGE.split(f"\n### {title}\n")[1].split("\n#")[0]
    return BLOCK.findall(part)[number][1]


def settings(value: Any) -> dict[str, str]:
    """Return all names with a text below *value*."""
    if isinstance(value, list):
        return {name: text for one in value for name, text in settings(one).items()}
    if not isinstance(value, dict):
        return {}
    found = {str(name): one for name, one in value.items() if isinstance(one, str)}
    return found | {name: text for one in value.values() for name, text in settings(one).items()}


@pytest.mark.parametrize(("title", "number"), LINES)
def test_lines_of_a_platform(title: str, number: int, tmp_path: Path) -> None:
    """They fit the vendor's schema, ask for the token of the server, and set no key."""
    text = lines(title, number)
    schema, more = LINES[title, number]
    name = "bitbucket-pipelines.yml" if schema == "bitbucket-pipelines" else "lines.yml"
    # The schema is older than "Bitbucket Pipelines OIDC now supports multiple audiences", Atlassian's blog.
    (tmp_path / name).write_text(re.sub(r"oidc:\n +audiences:\n +- \S+", "oidc: true", more + text))
    fits_schema(f"vendor.{schema}", tmp_path / name)
    assert "oidc" in text
    assert f"{SERVER}/webhooks" in text
    assert "key" not in text.lower().replace("without_a_key", "")
    found = settings(yaml.safe_load(text))
    audiences = [found[one] for one in ("aud", "audience") if one in found]
    assert set(audiences) <= {SERVER}
    if title == "Bitbucket Pipelines":
        step = yaml.safe_load(text)["pipelines"]["branches"]["main"][0]["step"]
        assert step["oidc"] == {"audiences": [SERVER]}
    # A variable of ours is one that the step reads.
    known = {*console.variables().values(), "GITDAILIES_ID_TOKEN"}
    assert set(re.findall(r"GITDAILIES_\w+", text)) <= known


def test_every_platform_that_has_tokens_has_lines() -> None:
    """The page names the platforms that the step and the settings know, and no other."""
    titles = {platform.title for platform in PLATFORMS if platform.oidc}
    assert {title for title, _ in LINES} == titles
    assert len(titles) == len(ISSUERS)


def test_the_settings_load(tmp_path: Path) -> None:
    """The lines of gitdailies.yml are accepted, and have each platform."""
    [text] = [text for word, text in BLOCK.findall(PAGE) if word == "yaml"]
    (tmp_path / "gitdailies.yml").write_text(text)
    found = load_dora(tmp_path / "gitdailies.yml").trusted_ci
    assert {one.platform for one in found} == set(ISSUERS)
    assert [one.name for one in found] == [
        *("oidc/github", "oidc/gitlab", "oidc/gitlab", "oidc/github"),
        *("oidc/circleci", "oidc/buildkite", "oidc/bitbucket"),
    ]
    assert found[-1].projects == {"a1b2c3d4-0005-4000-8000-000000000005": "larkspur/checkout-api"}
