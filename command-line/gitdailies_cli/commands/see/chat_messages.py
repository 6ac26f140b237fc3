"""The review of a week as a message for a chat. Pure.

| kind    | what is posted                                               |
| ------- | ------------------------------------------------------------ |
| slack   | `{"text": …, "blocks": [section …]}`                         |
| teams   | a message with one Adaptive Card                             |
| webhook | `{"text": Markdown, "review": the answer of GET /api/review}` |

All three have the Markdown that the server writes, so their numbers are those of the page.
Slack's own block of Markdown is no help: its incoming webhooks answer 500 to it, as users of
slackapi/slack-github-action found.
Sources: docs.slack.dev, "Formatting message text" and "Section block"; learn.microsoft.com, "Create and send
messages" and "Format cards".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

SLACK, TEAMS, WEBHOOK = "slack", "teams", "webhook"
KINDS = (SLACK, TEAMS, WEBHOOK)

# A section of Slack has at most 3,000 characters, and Teams takes 28 KB in all.
_LONGEST_SECTION, _MOST_BYTES = 3000, 11_000
_CUT = "\n\n…and more: see the review."
_HAPPENED = "### What happened"
_SECTION = "### "
_CLEAR = ", **clearly "
# What Slack writes in another way: links, strong words, and characters that it reads as a mention.
_MARKS = re.compile(
    r"\[(?P<words>(?:\\.|[^]\\])*)\]\((?P<address>[^)]+)\)|(?P<strong>\*\*)|\\(?P<escaped>.)|[&<>]"
)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


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
    sections = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        for text in _joined(map(_in_slack, markdown.splitlines()))
    ]
    text = f"The review of {week}"
    return {"text": text, "blocks": sections, "unfurl_links": False, "unfurl_media": False}


def _in_slack(line: str) -> str:
    """Return a line of Markdown as Slack writes it. What a title has of Slack's marks is escaped."""
    if heading := re.fullmatch(r"#+ (.*)", line):
        line = f"**{heading[1]}**"
    return _MARKS.sub(_marked, re.sub(r"^- ", "• ", line))


def _marked(found: re.Match[str]) -> str:
    if found["address"]:
        address, words = (_MARKS.sub(_marked, found[name]) for name in ("address", "words"))
        return f"<{address}|{words}>"
    character = found["escaped"] or found[0]
    return "*" if found["strong"] else _ESCAPES.get(character, character)


def _joined(lines: Iterable[str]) -> list[str]:
    """Put lines together, as many as a section takes."""
    found = [""]
    for line in lines:
        longer = f"{found[-1]}\n{line}".strip("\n")
        if len(longer) <= _LONGEST_SECTION:
            found[-1] = longer
        else:
            found.append(line[:_LONGEST_SECTION])
    return found


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
