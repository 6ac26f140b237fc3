"""The review of a week as a message for a chat. Pure.

| kind    | what is posted                                               |
| ------- | ------------------------------------------------------------ |
| slack   | `{"text": …, "blocks": [Markdown]}`                          |
| teams   | a message with one Adaptive Card                             |
| webhook | `{"text": Markdown, "review": the answer of GET /api/review}` |

All three have the Markdown that the server writes, so their numbers are those of the page.
Sources: docs.slack.dev, "Markdown block"; learn.microsoft.com, "Create and send messages" and "Format cards".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SLACK, TEAMS, WEBHOOK = "slack", "teams", "webhook"
KINDS = (SLACK, TEAMS, WEBHOOK)

# Slack takes 12,000 characters of Markdown, and Teams 28 KB in all.
_MOST_BYTES = 11_000
_CUT = "\n\n…and more: see the review."
_HAPPENED = "### What happened"
_SECTION = "### "
_CLEAR = ", **clearly "


def the_week(markdown: str) -> str:
    """Return what a chat shows of a review: figures, what happened, and how much waits for a decision."""
    parts = markdown.strip().split("\n\n")
    ends = (at for at, part in enumerate(parts) if part.startswith(_SECTION) and part != _HAPPENED)
    return "\n\n".join(parts[: next(ends, len(parts))])


def only_clear(markdown: str) -> str:
    """Return the heading of a review, and the figures that changed clearly; "" if none did."""
    figures = [line for line in markdown.splitlines() if _CLEAR in line]
    return "\n\n".join([markdown.partition("\n\n")[0], "\n".join(figures)]) if figures else ""


def body_of(kind: str, markdown: str, review: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON that is posted."""
    if kind == WEBHOOK:
        return {"text": markdown, "review": review}
    if len(raw := markdown.encode()) > _MOST_BYTES:
        markdown = raw[:_MOST_BYTES].decode(errors="ignore").rpartition("\n")[0] + _CUT
    return _slack(markdown, review["week"]) if kind == SLACK else _teams(markdown)


def _slack(markdown: str, week: str) -> dict[str, Any]:
    # Behind a backslash, Slack may still read <!channel> as a mention.
    block = {"type": "markdown", "text": markdown.replace("\\<", "&lt;")}
    shown = f"The review of {week}"
    return {"text": shown, "blocks": [block], "unfurl_links": False, "unfurl_media": False}


def _teams(markdown: str) -> dict[str, Any]:
    # A card has no headings.
    text = re.sub(r"^#+ (.*)$", r"**\1**", markdown, flags=re.MULTILINE)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}
