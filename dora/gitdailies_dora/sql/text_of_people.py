"""The text of people in the receiver's store: gitdailies_server.storage.text_of_people."""

from gitdailies_server.storage.text_of_people import Texts, Treatment

_EVENTS = "until deleted, or `--keep-days`"
_BOTH = "any"
_WITH_EVENTS = "with the event"
_SHORT = "words and hashes"
_T = Treatment


def _derived(table: str, named: str, what: str = "figures") -> Texts:
    """Return what figures go by, which goes and stays with the events."""
    return Texts(table, named, what, _WITH_EVENTS, _BOTH, _T.LEFT)


def _harmless(table: str, named: str, what: str, kept: str, erased: str = "–") -> Texts:
    """Return columns without text of people."""
    return Texts(table, named, what, kept, erased, _T.NOTHING)


TEXTS: tuple[Texts, ...] = (
    Texts(
        "events", "body", "the event: title, address, fields of your own", _EVENTS, _BOTH, _T.EVENT, "event"
    ),
    Texts(
        "events",
        "id kind repo environment service incident_id",
        "what figures depend on",
        _EVENTS,
        _BOTH,
        _T.COUNTS,
    ),
    _harmless("events", "digest", _SHORT, _EVENTS, _BOTH),
    _derived("repositories", "name", "names of repositories and senders"),
    _derived("senders", "reporter", "names of repositories and senders"),
    _harmless("erased_events", "hash", _SHORT, "for good"),
    Texts(
        "audit",
        "actor subject",
        "who changed what",
        "until erased",
        "`--before`; subjects by `--event`",
        _T.TEXT,
        "audit text",
    ),
    Texts("audit", "detail", "a copy of each deleted event", "until erased", _BOTH, _T.JSON, "audit text"),
    _harmless("audit", "action", _SHORT, "until erased", "`--before`"),
    Texts(
        "people",
        "name folded",
        "names of people who sign in",
        "until removed; then in the audit log",
        "`--before`, once removed",
        _T.NAME,
        "account",
        "id",
    ),
    _harmless("people", "role password", _SHORT, "until removed"),
    Texts(
        "keys",
        "name",
        "the name of a key or read token",
        "for good",
        "–",
        _T.KEY_NAME,
        "key",
        "id",
    ),
    Texts("keys", "created_by", "who made a key", "for good", "–", _T.TEXT, "key", "id"),
    _harmless("keys", "prefix last4 hash allow", _SHORT, "for good"),
    Texts(
        "wrong_requests",
        "detail",
        "what was wrong with requests",
        "the newest 50",
        _BOTH,
        _T.TEXT,
        "wrong request",
    ),
    _harmless("wrong_requests", "problem", _SHORT, "the newest 50", _BOTH),
    _harmless("invitations", "hash role", _SHORT, "48 hours"),
    _harmless(
        "identities",
        "hash provider",
        "the hash of an account, the address of its provider",
        "until removed and let in again",
        "`--before`, once removed",
    ),
    _harmless(
        "pending_sign_ins",
        "hash browser next",
        "hashes, the page to open",
        "10 minutes",
    ),
    Texts(
        "screens",
        "name",
        "the name of a link for a screen",
        "until removed",
        "–",
        _T.TEXT,
        "screen",
        "id",
    ),
    _harmless("screens", "hash", _SHORT, "until removed"),
    _harmless("sessions", "hash", _SHORT, "7 days at most"),
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
    Texts(
        "corrections",
        "actor reason",
        "who corrected what, and why",
        _WITH_EVENTS,
        _BOTH,
        _T.TEXT,
        "correction",
        "event",
    ),
    _harmless("corrections", "event what deploy", _SHORT, _WITH_EVENTS, _BOTH),
    Texts(
        "acknowledgements",
        "actor reason",
        "who decided what in the review, and why",
        "until undone",
        "`--before`",
        _T.TEXT,
        "acknowledgement",
        "line",
    ),
    Texts(
        "acknowledgements",
        "line",
        "ids and names of repositories",
        "until undone",
        "`--before`",
        _T.LEFT,
    ),
    Texts("figures_changes", "id repo incident_id", "events to derive again", "seconds", _BOTH, _T.LEFT),
    Texts("figures_lengths", "repo", "names of repositories", "for good", "–", _T.LEFT),
    _harmless("figures_settings", "name value", _SHORT, "for good"),
    Texts("git_commits", "repo named sha", "commits of a mirror", _WITH_EVENTS, "–", _T.LEFT),
    Texts("git_pairs", "repo earlier later ahead behind", "commits of a mirror", _WITH_EVENTS, "–", _T.LEFT),
    _derived("git_deploys", "id repo unknown commits", "commits of a mirror"),
)
