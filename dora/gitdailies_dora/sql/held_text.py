"""The text of people in the receiver's store: gitdailies_server.storage.held_text."""

from __future__ import annotations

from gitdailies_server.storage.held_text import Held, Treatment

_EVENTS = "until erased or deleted, or `--keep-days`"
_BOTH = "`--event`, `--repo`, `--before`"
_WITH_EVENTS = "as long as the event"
_T = Treatment


def _derived(table: str, named: str, what: str = "figures, derived from events") -> Held:
    """Return what figures go by, which goes and stays with the events."""
    return Held(table, named, what, _WITH_EVENTS, _BOTH, _T.LEFT)


def _harmless(table: str, named: str, what: str, kept: str, erased: str = "–") -> Held:
    """Return columns without text of people."""
    return Held(table, named, what, kept, erased, _T.NOTHING)


HELD: tuple[Held, ...] = (
    Held(
        "events", "body", "the event: title, address, fields of your own", _EVENTS, _BOTH, _T.EVENT, "event"
    ),
    Held(
        "events",
        "id kind repo environment service incident_id",
        "what figures count by",
        _EVENTS,
        _BOTH,
        _T.COUNTS,
    ),
    _harmless("events", "digest", "a hash of the event as it was sent", _EVENTS, _BOTH),
    _derived("repositories", "name", "names of repositories"),
    _derived("senders", "reporter", "what sends events"),
    _harmless("erased_events", "hash", "a hash of the id of each erased event", "for good"),
    Held(
        "audit",
        "actor subject",
        "who changed what",
        "until erased",
        "`--before`; subjects by `--event`",
        _T.TEXT,
        "audit text",
    ),
    Held("audit", "detail", "a copy of each deleted event", "until erased", _BOTH, _T.JSON, "audit text"),
    _harmless("audit", "action", "a word", "until erased", "`--before`"),
    Held(
        "people",
        "name folded",
        "names of people who sign in",
        "until removed; then for the audit log",
        "`--before`, once removed",
        _T.NAME,
        "account",
        "id",
    ),
    _harmless("people", "role password", "a word, the hash of a password", "until removed"),
    Held(
        "keys",
        "name",
        "the name of a webhook key or of a person's read token",
        "for good, since events name it",
        "–",
        _T.KEY_NAME,
        "key",
        "id",
    ),
    Held("keys", "created_by", "who made a key", "for good", "–", _T.TEXT, "key", "id"),
    _harmless(
        "keys", "prefix last4 hash allow", "the hash of a key, its ends, its rights and limits", "for good"
    ),
    Held(
        "wrong_requests",
        "detail",
        "what was wrong with requests",
        "the newest 50 of a key, until it is deleted",
        _BOTH,
        _T.TEXT,
        "wrong request",
    ),
    _harmless("wrong_requests", "problem", "a word", "with the line", _BOTH),
    _harmless("invitations", "hash role", "the hash of a link, a word", "48 hours"),
    _harmless(
        "identities",
        "hash provider",
        "the hash of an account at a provider, the address of the provider",
        "until removed; then until an owner lets the account in again",
        "`--before`, once removed",
    ),
    _harmless(
        "pending_sign_ins",
        "hash browser next",
        "hashes, and the page to open after the sign-in",
        "10 minutes",
    ),
    Held(
        "screens",
        "name",
        "the name of a link for a screen",
        "until an owner removes it",
        "–",
        _T.TEXT,
        "screen",
        "id",
    ),
    _harmless("screens", "hash", "the hash of a link", "until an owner removes it"),
    _harmless("sessions", "hash", "the hash of a cookie", "until signed out, 7 days at most"),
    _derived(
        "figures_deploys",
        "id repo environment service sha exact run attempt reporter says rule repeats type unknown leads"
        " mentions reverts judged",
    ),
    _derived(
        "packed_weeks", "environment places deploys lead_times failures unlinked lead_counts times rest"
    ),
    _derived(
        "figures_incidents",
        "id repo environment service incident_id end_id cause deploy deploy_service how wide",
    ),
    _derived("figures_commits", "repo environment sha service deploy"),
    _derived("figures_reverts", "repo environment sha service deploy"),
    _derived("figures_remedies", "deploy remedy sha"),
    Held(
        "corrections",
        "actor reason",
        "who corrected what an event counts for, and why",
        _WITH_EVENTS,
        _BOTH,
        _T.TEXT,
        "correction",
        "event",
    ),
    _harmless("corrections", "event what deploy", "ids of events, a word", _WITH_EVENTS, _BOTH),
    Held(
        "acknowledgements",
        "actor reason",
        "who decided a line of the review, and why",
        "until undone",
        "`--before`",
        _T.TEXT,
        "acknowledgement",
        "line",
    ),
    Held(
        "acknowledgements",
        "line",
        "ids of events, names of repositories",
        "until undone",
        "`--before`",
        _T.LEFT,
    ),
    Held("figures_changes", "id repo incident_id", "events to derive again", "seconds", _BOTH, _T.LEFT),
    Held("figures_lengths", "repo", "names of repositories", "for good", "–", _T.LEFT),
    _harmless("figures_settings", "name value", "settings of the figures", "for good"),
    Held("git_commits", "repo named sha", "commits of a mirror", _WITH_EVENTS, "–", _T.LEFT),
    Held("git_pairs", "repo earlier later ahead behind", "commits of a mirror", _WITH_EVENTS, "–", _T.LEFT),
    _derived("git_deploys", "id repo unknown commits", "the commits that a mirror has for a deploy"),
)
