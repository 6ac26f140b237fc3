"""The text of people in the relay's store: gitdailies_server.storage.held_text."""

from gitdailies_server.storage.held_text import Held, Treatment

_IDS = "`relay.closed_occurrence_days`"
_DELIVERED = "`relay.delivered_days`"
_QUARANTINE = "`relay.quarantine_days`"
_STORED = f"{_QUARANTINE}; ignored: `relay.filtered_days`"
_SHORT = "words and hashes"
_UNTIL_SENT, _UNTIL_RESUME = "until the delivery", "until `relay resume`"
_BOTH = "any"
_T = Treatment


def _request(table: str) -> tuple[Held, ...]:
    """Write the lines of a stored request."""
    reasons = "reason discarded" if table == "quarantine" else "reason"
    without = "less those that prove or name a person"
    body = "the body, less secrets and the fields of people"
    kind = "quarantined body" if table == "quarantine" else "ignored body"
    others = "delivery source code content_type digest"
    return (
        Held(table, reasons, "why it did not count", _STORED, _BOTH, _T.TEXT, "delivery text"),
        Held(table, "headers", f"headers, {without}", _STORED, _BOTH, _T.JSON, "delivery text"),
        Held(table, "body", body, _STORED, _BOTH, _T.BODY, kind),
        Held(table, others, _SHORT, _STORED, _BOTH, _T.NOTHING),
    )


HELD: tuple[Held, ...] = (
    Held("deliveries", "reason", "why it was decided so", _IDS, _BOTH, _T.TEXT, "delivery text"),
    Held(
        "deliveries",
        "delivery source message incident word proof outcome events pack",
        "ids, words, the name of the secret",
        _IDS,
        "–",
        _T.COUNTS,
    ),
    *_request("quarantine"),
    *_request("ignored"),
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
        "which commits reached which branch; no message, no author",
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
        "which deploys wait, and why",
        "ten minutes",
        _BOTH,
        _T.LEFT,
    ),
    Held("events", "body", "the event: title, severity, address", _DELIVERED, _BOTH, _T.EVENT, "event"),
    Held("events", "discarded", "why a person discarded it", _DELIVERED, _BOTH, _T.TEXT, "audit text"),
    Held(
        "events",
        "id destination source incident delivery",
        "ids of the vendor and ours",
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
    Held("attempts", "verdict", _SHORT, _DELIVERED, _BOTH, _T.NOTHING),
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
    Held("destinations", "name paused", _SHORT, _UNTIL_RESUME, "–", _T.NOTHING, key="name"),
    Held("receivers", "destination address kind", _SHORT, "for good", "–", _T.NOTHING),
    Held("outcome_counts", "source outcome", _SHORT, "for good", "–", _T.NOTHING),
    Held("source_days", "source", _SHORT, _IDS, "–", _T.NOTHING),
    Held("source_fields", "source field reader seen", _SHORT, "for good", "–", _T.NOTHING),
    Held(
        "actions",
        "person subject reason",
        "who did what, and why",
        _IDS,
        _BOTH,
        _T.TEXT,
        "audit text",
    ),
    Held(
        "refusals",
        "client reason",
        "addresses that were refused, and why",
        _QUARANTINE,
        "`--before`",
        _T.TEXT,
        "refusal",
    ),
    Held("refusals", "source", _SHORT, _QUARANTINE, "`--before`", _T.NOTHING),
    Held("actions", "action", _SHORT, _IDS, "`--before`", _T.NOTHING),
)
