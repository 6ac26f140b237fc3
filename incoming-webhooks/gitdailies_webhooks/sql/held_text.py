"""The text of people in the receiver's store: gitdailies_server.storage.held_text."""

from __future__ import annotations

from gitdailies_server.storage.held_text import Held, Treatment, held

_EVENTS = "until erased or deleted, or `--keep-days`"
_BOTH = "`--event`, `--before`"
_WITH_EVENTS = "as long as the event"
_T = Treatment

HELD: tuple[Held, ...] = (
    held(
        "events", "body", "the event: title, address, fields of your own", _EVENTS, _BOTH, _T.EVENT, "event"
    ),
    held(
        "events",
        "id kind repo environment service incident_id",
        "what figures count by",
        _EVENTS,
        _BOTH,
        _T.COUNTS,
    ),
    held("events", "digest", "a hash of the event as it was sent", _EVENTS, _BOTH, _T.NOTHING),
    held("erased_events", "hash", "a hash of the id of each erased event", "for good", "–", _T.NOTHING),
    held(
        "audit",
        "actor subject",
        "who changed what",
        "until erased",
        "`--before`; subjects by `--event`",
        _T.TEXT,
        "audit text",
    ),
    held("audit", "detail", "a copy of each deleted event", "until erased", _BOTH, _T.JSON, "audit text"),
    held("audit", "action", "a word", "until erased", "`--before`", _T.NOTHING),
    held(
        "people",
        "name folded",
        "names of people who sign in",
        "until removed; then for the audit log",
        "`--before`, once removed",
        _T.NAME,
        "account",
        "id",
    ),
    held("people", "role password", "a word, the hash of a password", "until removed", "–", _T.NOTHING),
    held(
        "keys",
        "name",
        "the name of a webhook key or of a person's read token",
        "for good, since events name it",
        "–",
        _T.KEY_NAME,
        "key",
        "id",
    ),
    held("keys", "created_by", "who made a key", "for good", "–", _T.TEXT, "key", "id"),
    held(
        "keys",
        "prefix last4 hash allow",
        "the hash of a key, its ends, its rights",
        "for good",
        "–",
        _T.NOTHING,
    ),
    held(
        "wrong_requests",
        "detail",
        "what was wrong with requests",
        "the newest 50 of a key, until it is deleted",
        _BOTH,
        _T.TEXT,
        "wrong request",
    ),
    held("wrong_requests", "problem", "a word", "with the line", _BOTH, _T.NOTHING),
    held("invitations", "hash role", "the hash of a link, a word", "48 hours", "–", _T.NOTHING),
    held(
        "identities",
        "hash provider",
        "the hash of an account at a provider, the address of the provider",
        "until removed; then until an owner lets the account in again",
        "`--before`, once removed",
        _T.NOTHING,
    ),
    held(
        "pending_sign_ins",
        "hash browser next",
        "hashes, and the page to open after the sign-in",
        "10 minutes",
        "–",
        _T.NOTHING,
    ),
    held("sessions", "hash", "the hash of a cookie", "until signed out, 7 days at most", "–", _T.NOTHING),
    held(
        "figures_deploys",
        "id repo environment service sha exact run attempt reporter says rule repeats type unknown leads"
        " mentions reverts",
        "figures, derived from events",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
    held(
        "figures_incidents",
        "id repo environment service incident_id end_id cause deploy deploy_service how wide",
        "figures, derived from events",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
    held(
        "figures_commits",
        "repo environment sha service deploy",
        "figures, derived from events",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
    held(
        "figures_reverts",
        "repo environment sha service deploy",
        "figures, derived from events",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
    held(
        "figures_remedies",
        "deploy remedy sha",
        "figures, derived from events",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
    held("figures_changes", "id repo incident_id", "events to derive again", "seconds", _BOTH, _T.NOTHING),
    held("figures_lengths", "repo", "names of repositories", "for good", "–", _T.NOTHING),
    held("figures_settings", "name value", "settings of the figures", "for good", "–", _T.NOTHING),
    held("git_commits", "repo named sha", "commits of a mirror", _WITH_EVENTS, "–", _T.NOTHING),
    held(
        "git_pairs", "repo earlier later ahead behind", "commits of a mirror", _WITH_EVENTS, "–", _T.NOTHING
    ),
    held(
        "git_deploys",
        "id repo unknown commits",
        "the commits that a mirror has for a deploy",
        _WITH_EVENTS,
        _BOTH,
        _T.NOTHING,
    ),
)
