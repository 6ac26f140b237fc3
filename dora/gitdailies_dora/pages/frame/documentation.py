"""Which part of the documentation a page leads to. Before a release, the page names the file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_connection import published

# By the name that templates use: the file, with the part of it, and what a person finds there.
DOCS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "steps": ("docs/ci-steps.md#platforms", "Report deploys from your CI"),
        "connect": ("docs/do/connect-a-tool.md", "Connect a tool by one command"),
        "tools": ("docs/source-packs.md", "The setup of every tool"),
        "deliveries": ("docs/dora-server.md#deliveries-and-services", "What each outcome means"),
        "review": ("docs/dora-server.md#the-review-of-a-week", "How a review works"),
        "services": ("docs/configuration.md#services", "How to write a line of a service"),
        "figures": ("docs/figures.md", "How each figure is defined"),
        "exactness": ("docs/how-wrong-is-your-change-fail-rate.md", "How wrong is your change fail rate?"),
        "keys": ("docs/dora-server.md#keys", "Keys and what they may do"),
        "screens": ("docs/dora-server.md#a-screen-on-the-wall", "A screen on the wall"),
    }
)


class DocumentLink(NamedTuple):
    """A link to the documentation; *address* is "" before the first release."""

    title: str
    file: str
    address: str


def link(name: str) -> DocumentLink:
    """Return the link that a template names."""
    file, title = DOCS[name]
    return DocumentLink(title, file.partition("#")[0], published.page(file))
