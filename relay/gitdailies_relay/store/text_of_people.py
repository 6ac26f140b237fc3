"""The text of people in the relay's store: gitdailies_server.storage.text_of_people."""

from gitdailies_server.storage.text_of_people import Texts, Treatment

_IDS = "`relay.closed_occurrence_days`"
_DELIVERED = "`relay.delivered_days`"
_QUARANTINE = "`relay.quarantine_days`"
_STORED = f"{_QUARANTINE}; ignored: `relay.filtered_days`"
_SHORT = "words and hashes"
_UNTIL_SENT, _UNTIL_RESUME = "until the delivery", "until `relay resume`"
_BOTH = "any"
_T = Treatment


def _request(table: str) -> tuple[Texts, ...]:
    """Write the lines of a stored request."""
    reasons = "reason discarded" if table == "quarantine" else "reason"
    without = "less those that prove or name a person"
    body = "the body, less secrets and the fields of people"
    kind = "quarantined body" if table == "quarantine" else "ignored body"
    others = "delivery source code content_type digest"
    return (
        Texts(table, reasons, "why it did not count", _STORED, _BOTH, _T.TEXT, "delivery text"),
        Texts(table, "headers", f"headers, {without}", _STORED, _BOTH, _T.JSON, "delivery text"),
        Texts(table, "body", body, _STORED, _BOTH, _T.BODY, kind),
        Texts(table, others, _SHORT, _STORED, _BOTH, _T.NOTHING),
    )


TEXTS: tuple[Texts, ...] = (
    Texts("deliveries", "reason", "why it was decided so", _IDS, _BOTH, _T.TEXT, "delivery text"),
    Texts(
        "deliveries",
        "delivery source message incident word proof outcome events pack",
        "ids, words, the name of the secret",
        _IDS,
        "–",
        _T.COUNTS,
    ),
    *_request("quarantine"),
    *_request("ignored"),
    Texts(
        "occurrences",
        "destination source incident repo environment service name state merged_into resolution",
        "which incidents are open, and what was counted",
        f"{_IDS} after the end",
        "–",
        _T.COUNTS,
        key="incident",
    ),
    Texts(
        "pushed_commits",
        "repo sha branch parent reverts",
        "which commits reached which branch; no message, no author",
        _IDS,
        "`--repo`",
        _T.LEFT,
    ),
    Texts(
        "deployed_commits",
        "repo environment service sha",
        "which commit was deployed where",
        _IDS,
        "`--event`, `--repo`",
        _T.LEFT,
    ),
    Texts(
        "waiting_deploys",
        "repo environment service sha branch previous message reason",
        "which deploys wait, and why",
        "ten minutes",
        _BOTH,
        _T.LEFT,
    ),
    Texts("events", "body", "the event: title, severity, address", _DELIVERED, _BOTH, _T.EVENT, "event"),
    Texts("events", "discarded", "why a person discarded it", _DELIVERED, _BOTH, _T.TEXT, "audit text"),
    Texts(
        "events",
        "id destination source incident delivery",
        "ids of the vendor and ours",
        _DELIVERED,
        _BOTH,
        _T.COUNTS,
    ),
    Texts(
        "outbox",
        "dead_letter",
        "why it is a dead letter",
        _UNTIL_SENT,
        _BOTH,
        _T.TEXT,
        "dead letter",
    ),
    Texts("outbox", "destination partition", "ids of the vendor", _UNTIL_SENT, _BOTH, _T.COUNTS),
    Texts(
        "attempts",
        "reason answer",
        "the beginning of the receiver's answer",
        _DELIVERED,
        _BOTH,
        _T.TEXT,
        "delivery text",
    ),
    Texts("attempts", "verdict", _SHORT, _DELIVERED, _BOTH, _T.NOTHING),
    Texts(
        "destinations",
        "reason",
        "why delivery is paused",
        _UNTIL_RESUME,
        "`relay resume`",
        _T.TEXT,
        "audit text",
        "name",
    ),
    Texts("destinations", "name paused", _SHORT, _UNTIL_RESUME, "–", _T.NOTHING, key="name"),
    Texts("receivers", "destination address kind", _SHORT, "for good", "–", _T.NOTHING),
    Texts("outcome_counts", "source outcome", _SHORT, "for good", "–", _T.NOTHING),
    Texts("source_days", "source", _SHORT, _IDS, "–", _T.NOTHING),
    Texts("source_fields", "source field reader seen", _SHORT, "for good", "–", _T.NOTHING),
    Texts(
        "actions",
        "person subject reason",
        "who did what, and why",
        _IDS,
        _BOTH,
        _T.TEXT,
        "audit text",
    ),
    Texts(
        "refusals",
        "client reason",
        "addresses that were refused, and why",
        _QUARANTINE,
        "`--before`",
        _T.TEXT,
        "refusal",
    ),
    Texts("refusals", "source", _SHORT, _QUARANTINE, "`--before`", _T.NOTHING),
    Texts("actions", "action", _SHORT, _IDS, "`--before`", _T.NOTHING),
)
