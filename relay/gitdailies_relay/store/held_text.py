"""The text of people in the relay's store: gitdailies_server.storage.held_text."""

from __future__ import annotations

from gitdailies_server.storage.held_text import Held, Treatment

_IDS = "`relay.closed_occurrence_days`"
_DELIVERED = "`relay.delivered_days` after the delivery"
_QUARANTINE = "`relay.quarantine_days`"
_UNTIL_SENT, _UNTIL_RESUME = "until the delivery", "until `relay resume`"
_BOTH = "`--event`, `--repo`, `--before`"
_T = Treatment


def _request(table: str, kept: str, reason: str) -> tuple[Held, ...]:
    """Write the lines of a stored request. *reason* is what its reason says."""
    reasons = "reason discarded" if table == "quarantine" else "reason"
    without = "less those that prove or name a person"
    body = "the body, less secrets and the fields of people"
    kind = "quarantined body" if table == "quarantine" else "ignored body"
    others = "delivery source code content_type digest"
    return (
        Held(table, reasons, reason, kept, _BOTH, _T.TEXT, "delivery text"),
        Held(table, "headers", f"headers, {without}", kept, _BOTH, _T.JSON, "delivery text"),
        Held(table, "body", body, kept, _BOTH, _T.BODY, kind),
        Held(table, others, "ids, words, a hash of the body", kept, _BOTH, _T.NOTHING),
    )


HELD: tuple[Held, ...] = (
    Held("deliveries", "reason", "why a delivery was decided so", _IDS, _BOTH, _T.TEXT, "delivery text"),
    Held(
        "deliveries",
        "delivery source message incident word proof outcome events",
        "ids of the vendor and of ours, words, the name of the secret",
        _IDS,
        "–",
        _T.COUNTS,
    ),
    *_request("quarantine", _QUARANTINE, "why a delivery is quarantined or was discarded"),
    *_request("ignored", "`relay.filtered_days`", "why a delivery gave no event"),
    Held(
        "occurrences",
        "destination source incident repo environment service name state merged_into resolution",
        "which incidents are open, and what was counted",
        f"{_IDS} after the end",
        "–",
        _T.COUNTS,
        key="incident",
    ),
    Held(
        "pushed_commits",
        "repo sha branch parent reverts",
        "which commits reached which branch, and are of which services; no message, no author",
        _IDS,
        "`--repo`",
        _T.LEFT,
    ),
    Held(
        "deployed_commits",
        "repo environment service sha",
        "which commit was deployed where",
        _IDS,
        "`--event`, `--repo`",
        _T.LEFT,
    ),
    Held(
        "waiting_deploys",
        "repo environment service sha branch previous message reason",
        "which deploys wait for their pushes, and why",
        "ten minutes",
        _BOTH,
        _T.LEFT,
    ),
    Held("events", "body", "the event: title, severity, address", _DELIVERED, _BOTH, _T.EVENT, "event"),
    Held("events", "discarded", "why a person discarded it", _DELIVERED, _BOTH, _T.TEXT, "audit text"),
    Held(
        "events",
        "id destination source incident delivery",
        "ids of the vendor and of ours",
        _DELIVERED,
        _BOTH,
        _T.COUNTS,
    ),
    Held(
        "outbox",
        "dead_letter",
        "why it is a dead letter",
        _UNTIL_SENT,
        _BOTH,
        _T.TEXT,
        "dead letter",
    ),
    Held("outbox", "destination partition", "ids of the vendor", _UNTIL_SENT, _BOTH, _T.COUNTS),
    Held(
        "attempts",
        "reason answer",
        "the beginning of the receiver's answer",
        _DELIVERED,
        _BOTH,
        _T.TEXT,
        "delivery text",
    ),
    Held("attempts", "verdict", "a word", _DELIVERED, _BOTH, _T.NOTHING),
    Held(
        "destinations",
        "reason",
        "why delivery is paused",
        _UNTIL_RESUME,
        "`relay resume`",
        _T.TEXT,
        "audit text",
        "name",
    ),
    Held("destinations", "name paused", "words", _UNTIL_RESUME, "–", _T.NOTHING, key="name"),
    Held("receivers", "destination address kind", "the receiver's address", "for good", "–", _T.NOTHING),
    Held("outcome_counts", "source outcome", "words", "for good", "–", _T.NOTHING),
    Held("source_days", "source", "words", _IDS, "–", _T.NOTHING),
    Held(
        "actions",
        "person subject reason",
        "who discarded, closed or paused what, and why",
        _IDS,
        _BOTH,
        _T.TEXT,
        "audit text",
    ),
    Held(
        "refusals",
        "client reason",
        "addresses whose requests were refused, and why",
        _QUARANTINE,
        "`--before`",
        _T.TEXT,
        "refusal",
    ),
    Held("refusals", "source", "words", _QUARANTINE, "`--before`", _T.NOTHING),
    Held("actions", "action", "a word", _IDS, "`--before`", _T.NOTHING),
)
