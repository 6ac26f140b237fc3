"""Draft a mapping from one delivery: which fields look like a state, an id, times, a title, a commit.

A draft is for a person to correct. It never counts by itself: every word that the delivery does not
hold is missing from its table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gitdailies_core.values import lenient_times

from gitdailies_sources.language.nothing import as_text

_DEEPEST = 6
_MOST = 2000
# The names of fields by what they usually hold, the best first, in small letters and without underscores.
_STATE = ("eventtype", "event", "action", "status", "state", "type", "kind", "phase", "what")
_ID = (
    "incidentid",
    "alertid",
    "incident",
    "id",
    "fingerprint",
    "number",
    "key",
    "no",
    "uuid",
    "guid",
    "slug",
)
# What names a delivery, rather than an incident.
_DELIVERY = ("eventid", "deliveryid", "messageid", "notificationid")
_STARTED = ("startedat", "startsat", "createdat", "openedat", "triggeredat", "opened", "started", "created")
_RESOLVED = ("resolvedat", "endsat", "endedat", "closedat", "resolvedon", "closed", "resolved", "ended")
_UPDATED = ("updatedat", "occurredat", "timestamp", "time", "when", "at", "date", "sentat", "now")
_TITLE = ("title", "summary", "name", "subject", "message", "description", "text")
_SERVICE = (
    "service",
    "servicename",
    "component",
    "application",
    "app",
    "system",
    "systems",
    "project",
    "team",
    "slug",
    "check",
    "monitor",
    "host",
)
_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("title", _TITLE),
    ("service", _SERVICE),
    ("environment", ("environment", "env", "stage")),
    ("severity", ("severity", "priority", "urgency", "level")),
    ("url", ("htmlurl", "permalink", "weburl", "link", "url", "href")),
)
_SHA = ("sha", "commitsha", "headsha", "commit", "revision")
_REPO = (
    "fullname",
    "pathwithnamespace",
    "repository",
    "repo",
    "repositoryurl",
    "repourl",
    "cloneurl",
    "giturl",
    "remote",
    "project",
)
_FINISHED = ("finishedat", "finished", "completedat", "endedat", "deployedat", "stoppedat")
_DEPLOY_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("ref", ("branch", "ref", "gitbranch", "headbranch")),
    ("environment", ("environment", "env", "stage", "target")),
    ("service", _SERVICE),
    ("deployment", ("deploymentid", "deployid", "buildid", "jobid", "id", "number", "uuid")),
    ("url", ("htmlurl", "weburl", "link", "url", "href")),
)
# Forms of times without a zone.
_FORMS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_LISTS = ("alerts", "incidents", "events", "messages", "items")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_START = re.compile(r"open|trigger|fir|creat|start|down|alarm|problem|critical|new", re.IGNORECASE)
_SUCCESS = re.compile(r"succ|done|complet|finish|pass|deploy|applied|^ok$", re.IGNORECASE)
_END = re.compile(r"resol|clos|done|recover|end|^up$|^ok$", re.IGNORECASE)


# What a person must replace in a draft, by its key.
PLACEHOLDERS: Mapping[str, str] = {
    "docs": "https://vendor.example/webhooks",
    "setup": "Write what to click at the vendor.",
}
# What YAML does not read as a text.
_NO_TEXTS = ("true", "false", "null", "no", "yes", "on", "off")
_UNKNOWN = "   # no field looks like one: name it"
# The path, the name and the value of each field.
Leaves = Sequence[tuple[str, str, Any]]


def mapping(body: Any) -> Iterator[str]:
    """Yield the lines of a mapping for gitdailies.yml, below `mapping:`, as a person may go on from.

    A delivery that names a whole commit is taken for one about a deploy, any other for one about an incident.
    """
    each, element = _element(body)
    leaves = list(_leaves(element, "", 0))[:_MOST]
    yield 'proof: {token: {header: X-Relay-Token}}   # what the tool sends: "Proofs" in docs/sources.md'
    if each:
        yield f"each: {each}"
    delivery = _best(leaves, _DELIVERY, _is_id)
    if delivery:
        yield f"key: {_quoted(delivery)}"
    state = _best(leaves, _STATE, _is_word)
    word = as_text(_value(leaves, state)) if state else None
    yield f"state: {_quoted(state or 'event')}" + ("" if state else _UNKNOWN)
    # The time of the message, where nothing says when it started or ended.
    sent = _best(leaves, _UPDATED, _is_time) or next(
        (path for path, _, value in leaves if _is_dated(value)), None
    )
    # A tool may call it otherwise, such as `ref`; an id may look like one.
    commit = _best(leaves, _SHA, _is_commit) or next(
        (path for path, own, one in reversed(leaves) if _folded(own) not in _ID and _is_commit(one)), None
    )
    if commit:
        yield from _deploy(leaves, word, commit, sent)
    else:
        yield from _incident(leaves, word, sent)


def pack(name: str, body: Any) -> Iterator[str]:
    """Yield the lines of the `source.yaml` of a pack, as a person may go on from."""
    proof, *lines = mapping(body)
    yield "# A guess from one delivery. `gitdailies sources test` names what is still to write."
    is_deploy = any(line.startswith("sha: ") for line in lines)
    yield f"name: {name}"
    yield f"title: {name.replace('-', ' ').title()}"
    yield f"class: {'deploy' if is_deploy else 'incident'}   # incident, alert or deploy"
    yield "version: 1"
    yield "verified: documented   # recorded: from real deliveries; live: tried with the vendor itself"
    yield f"docs: {PLACEHOLDERS['docs']}   # the page that it was written from"
    yield "on_failure: What it does when an answer is late or not 2xx was not found in its documentation."
    yield "setup: |"
    yield f"  1. {PLACEHOLDERS['setup']}"
    yield f"  2. **URL**: `https://relay.example.com/hooks/{name}`."
    yield "  3. **Headers**: `X-Relay-Token` with the secret."
    yield proof
    yield "messages:"
    yield f"  {'deploy' if is_deploy else 'incident'}:"
    for line in lines:
        yield f"    {line}"


def unfinished(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield a fault for each key of a `source.yaml` that still has the text of a draft."""
    for key, text in PLACEHOLDERS.items():
        if text in str(written.get(key)):
            yield f"source.yaml: {key}: expected what the vendor documents, got the text of the draft"


def _deploy(leaves: Leaves, word: str | None, commit: str, sent: str | None) -> Iterator[str]:
    meaning = "deployed" if not word or _SUCCESS.search(word) else '"say what it means: deployed, or why not"'
    yield f"states: {{{_quoted(word or 'succeeded')}: {meaning}}}   # add every word of the tool"
    repo = _best(leaves, _REPO, lambda value: isinstance(value, str) and "/" in value)
    yield f"repo: {_quoted(repo or 'repository')}" + ("" if repo else _UNKNOWN)
    yield f"sha: {_quoted(commit)}"
    yield f"deployed_at: {_time(_best(leaves, _FINISHED, _is_time) or sent)}"
    for name, names in _DEPLOY_PARTS:
        found = _best(leaves, names, lambda value: as_text(value) is not None and not _is_commit(value))
        if found:
            yield f"{name}: {_quoted(found)}"


def _incident(leaves: Leaves, word: str | None, sent: str | None) -> Iterator[str]:
    yield f"states: {{{_quoted(word or 'opened')}: {_meaning(word)}}}   # add every word of the tool"
    title = _best(leaves, _TITLE, lambda value: as_text(value) is not None) or ""
    # An envelope may have an id of its own; the incident's is beside its title.
    beside = [leaf for leaf in leaves if leaf[0].rpartition(".")[0] == title.rpartition(".")[0]]
    incident = _best(beside, _ID, _is_id) or _best(leaves, _ID, _is_id)
    yield f"incident: {_quoted(incident or 'id')}" + ("" if incident else _UNKNOWN)
    started = _best(leaves, _STARTED, _is_time) or sent
    ended = _best(leaves, _RESOLVED, _is_time) or sent
    local = _best(leaves, (*_STARTED, *_UPDATED), _is_local_time)
    if local and not started and not ended:
        value = _value(leaves, local)
        yield f"started_at: {_local(local, value)}   # name the form and the zone"
        yield f"resolved_at: {_local(_best(leaves, _RESOLVED, lambda _value: True) or local, value)}"
    else:
        yield f"started_at: {_time(started)}"
        yield f"resolved_at: {_time(ended)}"
    for name, names in _PARTS:
        found = _best(leaves, names, lambda value: as_text(value) is not None or isinstance(value, list))
        if found:
            yield f"{name}: {_quoted(found)}"


def _element(body: Any) -> tuple[str, Any]:
    """Return the path of a list of messages and its first element; no path if the body is one message."""
    if isinstance(body, list):
        return ("body", body[0]) if body else ("body", {})
    if isinstance(body, Mapping):
        for name in _LISTS:
            inner = body.get(name)
            if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
                return name, inner[0]
    return "", body


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of every field, outer ones first."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    inner: list[tuple[str, Any]] = []
    for name, one in value.items():
        step = name if _PLAIN.fullmatch(name) else f'"{name}"'
        here = f"{path}.{step}" if path else step
        if isinstance(one, Mapping):
            inner.append((here, one))
        elif isinstance(one, list) and one and isinstance(one[0], Mapping) and "name" in one[0]:
            yield f"{here}[*].name", name.rstrip("s"), [item.get("name") for item in one]
        else:
            yield here, name, one
    for here, one in inner:
        # A service is often an object with a name.
        if as_text(one.get("name")) is not None:
            yield f"{here}.name", here.rpartition(".")[2], one["name"]
        if isinstance(one.get("url"), str):
            yield f"{here}.url", f"{here.rpartition('.')[2]}_url", one["url"]
        yield from _leaves(one, here, depth + 1)


def _best(leaves: Leaves, names: Sequence[str], fits: Any) -> str | None:
    for name in names:
        for path, own, value in leaves:
            if _folded(own) == name and fits(value):
                return path
    return None


def _folded(name: str) -> str:
    return name.lower().replace("_", "")


def _value(leaves: Leaves, path: str) -> Any:
    return next((value for own, _name, value in leaves if own == path), None)


def _is_time(value: Any) -> bool:
    try:
        lenient_times.read(value, "")
    except ValueError:
        return False
    return True


def _is_word(value: Any) -> bool:
    """Whether a value may be a state: a text that is no time, or a small number."""
    return (type(value) is int and 0 <= value < 10) or (isinstance(value, str) and not _is_time(value))


def _is_dated(value: Any) -> bool:
    """Whether a text of any name is a time: a number may be anything."""
    return isinstance(value, str) and not value.isdigit() and _is_time(value)


def _is_id(value: Any) -> bool:
    return as_text(value) is not None


def _is_commit(value: Any) -> bool:
    return isinstance(value, str) and bool(_COMMIT.fullmatch(value.strip().lower()))


def _is_local_time(value: Any) -> bool:
    """Whether a text looks like a time without a zone."""
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9./T -]{6,12}[0-9:.,]{4,16}", value.strip()))


def _local(path: str, value: Any) -> str:
    form = next((form for form in _FORMS if _fits(value, form)), _FORMS[0])
    return (
        f'{{path: {_quoted(path)}, format: "{form}", zone: {"Europe/Berlin" if "." in form[:4] else "UTC"}}}'
    )


def _fits(value: Any, form: str) -> bool:
    try:
        datetime.strptime(str(value).strip(), form)  # noqa: DTZ007  the draft names a zone
    except ValueError:
        return False
    return True


def _meaning(word: str | None) -> str:
    if word and _END.search(word):
        return "resolved"
    return (
        "started" if not word or _START.search(word) else '"say what it means: started, resolved, or why not"'
    )


def _time(path: str | None) -> str:
    return f"{{first_of: [{_quoted(path)}, received]}}" if path else "received   # no field looks like a time"


def _quoted(text: str) -> str:
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-]*", text) and text.lower() not in _NO_TEXTS
    # A text of JSON is one of YAML.
    return text if is_plain else json.dumps(text, ensure_ascii=False)
