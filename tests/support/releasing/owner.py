"""A made-up owner, whose names appear nowhere else."""

import re
from pathlib import Path

from scripts.releasing import project
from scripts.releasing.published import Published

ROOT = Path(__file__).parents[3]
OWNER = "zz-home-probe"
VERSION = "9.8.7"
NAMES = {
    "owner": OWNER,
    "repository": f"github.com/{OWNER}/integrations",
    "docs": f"https://{OWNER}.example.org/docs",
    "image": f"ghcr.io/{OWNER}/gitdailies",
    "orb": f"{OWNER}/gitdailies",
    "github_action": f"github.com/{OWNER}/report-deploy-action",
    "buildkite": f"github.com/{OWNER}/gitdailies-buildkite-plugin",
    "gitlab": f"gitlab.com/{OWNER}/gitdailies",
}


def owned(text: str) -> str:
    """Return the text of project.toml with the owner's names."""
    for key, value in NAMES.items():
        text, count = re.subn(rf'^{key} = "[^"]*"', f'{key} = "{value}"', text, flags=re.MULTILINE)
        assert count == 1, key
    return text


PROJECT = project.read(owned((ROOT / project.FILE).read_text("utf-8")))
PUBLISHED = Published(PROJECT, VERSION)
