"""The review of a week as a message for a chat. Pure.

| kind    | what is posted                                               |
| ------- | ------------------------------------------------------------ |
| slack   | `{"text": …, "blocks": [section …]}`                         |
| teams   | a message with one Adaptive Card                             |
| webhook | `{"text": Markdown, "review": the answer of GET /api/review}` |

All three have the texts of the Markdown that the server writes, so their numbers are those of the page.
Sources: docs.slack.dev, "Sending messages using incoming webhooks"; learn.microsoft.com, "Create and send
messages", for cards and the limit of 28 KB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.token import Token

SLACK, TEAMS, WEBHOOK = "slack", "teams", "webhook"
KINDS = (SLACK, TEAMS, WEBHOOK)

# What became of a figure, if it is clear.
_CLEAR = frozenset({"higher", "lower", "longer", "shorter"})
# A section of Slack takes 3,000 characters, and Teams refuses messages above 28 KB.
_LONGEST_SECTION, _MOST_TEAMS_BYTES = 3000, 20_000
_CUT = "…and more: see the review."
_HAPPENED = "### What happened"
_SECTION = "### "
_FIGURE = "- "
_SLACK_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def clear_figures(review: Mapping[str, Any]) -> list[str]:
    """Return the names of the figures that changed clearly, as people read them."""
    change: Mapping[str, str] = review.get("change") or {}
    words = (re.sub(r"(?=[A-Z])", " ", name).lower() for name, became in change.items() if became in _CLEAR)
    return [name[:1].upper() + name[1:] for name in words]


def the_week(markdown: str) -> str:
    """Return what a chat shows of a review: figures, what happened, and how much waits for a decision."""
    parts = markdown.strip().split("\n\n")
    ends = (at for at, part in enumerate(parts) if part.startswith(_SECTION) and part != _HAPPENED)
    return "\n\n".join(parts[: next(ends, len(parts))])


def only_clear(markdown: str, names: Sequence[str]) -> str:
    """Return the heading of a review, and the lines of figures of these *names*."""
    lines = tuple(f"{_FIGURE}{name}:" for name in names)
    figures = [line for line in markdown.splitlines() if line.startswith(lines)]
    return "\n\n".join([markdown.partition("\n\n")[0], "\n".join(figures)])


def body_of(kind: str, markdown: str, review: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON that is posted."""
    if kind == WEBHOOK:
        return {"text": markdown, "review": review}
    return (_slack if kind == SLACK else _teams)(markdown)


def _slack(markdown: str) -> dict[str, Any]:
    texts = ["".join(map(_in_slack, tokens)) for tokens in _paragraphs(markdown)]
    sections = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in _joined(texts)]
    return {"text": texts[0], "blocks": sections, "unfurl_links": False, "unfurl_media": False}


def _joined(texts: Sequence[str]) -> list[str]:
    """Put lines together, as many as a section takes. A chat shows what is short."""
    found = [""]
    for text in texts:
        longer = f"{found[-1]}\n{text}".strip("\n")
        if len(longer) <= _LONGEST_SECTION:
            found[-1] = longer
        else:
            found.append(text[:_LONGEST_SECTION])
    return found


def _in_slack(token: Token) -> str:
    if token.type == "link_open":
        return f"<{_escaped(str(token.attrGet('href')))}|"
    return {"link_close": ">", "strong_open": "*", "strong_close": "*"}.get(
        token.type, _escaped(token.content)
    )


def _escaped(text: str) -> str:
    """Escape what Slack reads as a mention or a link."""
    return re.sub("[&<>]", lambda found: _SLACK_ESCAPES[found[0]], text)


def _teams(markdown: str) -> dict[str, Any]:
    heading, *parts = markdown.split("\n\n")
    blocks = [_text_block(heading.removeprefix("## "), weight="bolder", size="medium")]
    left = _MOST_TEAMS_BYTES
    for part in parts:
        left -= len(part.encode())
        if left < 0:
            blocks.append(_text_block(_CUT))
            break
        is_heading = part.startswith(_SECTION)
        blocks.append(_text_block(part.removeprefix(_SECTION), weight="bolder" if is_heading else "default"))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _text_block(text: str, **more: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def _paragraphs(markdown: str) -> Iterator[list[Token]]:
    """Yield the tokens of each heading, paragraph and line of a list; those of a line begin with a dot."""
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    before: list[Token] = []
    for token in MarkdownIt("commonmark").parse(markdown):
        if token.type == "list_item_open":
            before = [Token("text", "", 0, content="• ")]
        elif token.type == "heading_open":
            before = [Token("strong_open", "strong", 1)]
        elif token.type == "inline":
            after = [Token("strong_close", "strong", -1)] if before and before[0].nesting else []
            yield [*before, *(token.children or []), *after]
            before = []
