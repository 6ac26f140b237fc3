"""Draft a mapping from one delivery: which fields look like a state, an id, times, a title, a commit.

A draft is for a person to correct. It never counts by itself: every word that the delivery does not
hold is missing from its table.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitdailies_core.values import lenient_times

from gitdailies_sources.language.nothing import as_text

_DEEPEST = 6
_MOST = 2000
# The names of fields by what they usually hold, the best first, in small letters and without underscores.
_STATE = (
    "eventtype",
    "eventname",
    "alerttype",
    "event",
    "action",
    "status",
    "state",
    "type",
    "kind",
    "phase",
    "what",
)
_ID = (
    "incidentid",
    "alertid",
    "incident",
    "id",
    "fingerprint",
    "number",
    "key",
    "no",
    # What fails. An id of each message, as the next ones often are, would let no incident end.
    "problemid",
    "issueid",
    "checkid",
    "monitorid",
    "uuid",
    "guid",
    "slug",
)
# What names a delivery, rather than an incident.
_DELIVERY = ("eventid", "deliveryid", "messageid", "notificationid")
# Words in the names of times, the best first: a time of a start is never that of an end.
_STARTED = ("start", "open", "trigger", "creat", "began", "begin", "fired", "first")
_ENDED = ("resol", "clos", "ended", "endsat", "finish", "complet", "recover", "stop", "deployed", "done")
_UPDATED = ("updat", "occur", "timestamp", "time", "when", "date", "sent", "now", "at", "")
_TITLE = ("title", "summary", "name", "checkname", "monitorname", "subject", "message", "description", "text")
_SERVICE = (
    "service",
    "servicename",
    "checkname",
    "monitorname",
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
    "slug",
    "repository",
    "repo",
    "repositoryurl",
    "repourl",
    "cloneurl",
    "giturl",
    "remote",
    "project",
)
_DEPLOY_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("ref", ("branch", "ref", "gitbranch", "headbranch")),
    ("environment", ("environment", "env", "stage", "target")),
    ("service", _SERVICE),
    ("deployment", ("deploymentid", "deployid", "buildid", "jobid", "id", "number", "uuid")),
    ("url", ("htmlurl", "weburl", "link", "url", "href")),
)
# Forms of times; the first one is that of times with a zone, or without a zone alone.
_FORMS = (
    "",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_LISTS = ("alerts", "incidents", "events", "messages", "items")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_START = re.compile(r"open|trigger|fir|creat|start|down|alarm|alert|fail|problem|critical|new", re.IGNORECASE)
_DEPLOY = re.compile(r"deploy|release|rollout", re.IGNORECASE)
_SUCCESS = re.compile(r"succ|done|complet|finish|pass|deployed|applied|^ok$", re.IGNORECASE)
_END = re.compile(r"resol|clos|done|recover|end(?:ed|$)|^up$|^ok$", re.IGNORECASE)


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
    """Yield the lines of a mapping for gitdailies.yml, below `mapping:`, for a person to continue from.

    A delivery that names a whole commit, or a deploy, is about a deploy. Any other is about an incident.
    """
    each, element = _element(body)
    leaves = list(_leaves(element, "", 0))[:_MOST]
    yield 'proof: {token: {header: X-Relay-Token}}   # what the tool sends: "Proofs" in docs/pack-language.md'
    if each:
        yield f"each: {each}"
    delivery = _best(leaves, _DELIVERY, _is_id)
    if delivery:
        yield f"key: {_quoted(delivery)}"
    state = _best(leaves, _STATE, _is_word)
    if isinstance(_value(leaves, state or ""), int):
        state = _best(leaves, ("state", "result", "statusmessage"), lambda one: isinstance(one, str)) or state
    word = as_text(_value(leaves, state)) if state else None
    yield f"state: {_quoted(state or 'event')}" + ("" if state else _UNKNOWN)
    # The time of the message, where nothing says when it started or ended.
    sent = _moment([leaf for leaf in leaves if not _has_word(leaf[1], (*_STARTED, *_ENDED))], _UPDATED)
    # A tool may call it otherwise, such as `ref`; an id may look like one.
    about = any(_has_word(path, ("commit", "branch", "revision", "sha")) for path, *_ in leaves)
    others = _ID if about else (*_ID, "hash")
    commit = _best(leaves, _SHA, _is_commit) or next(
        (path for path, own, one in reversed(leaves) if _folded(own) not in others and _is_commit(one)), None
    )
    if commit or _DEPLOY.search(word or "") or _DEPLOY.search(next(iter(leaves), ("",))[0]):
        yield from _deploy(leaves, word, commit, sent)
    else:
        yield from _incident(leaves, word, sent)


def pack(name: str, body: Any) -> Iterator[str]:
    """Yield the lines of the `source.yaml` of a pack, for a person to continue from."""
    proof, *lines = mapping(body)
    kind = "deploy" if any(line.startswith("sha: ") for line in lines) else "incident"
    yield "# A guess from one delivery: compare each field with it. Try it, and see what is wrong:"
    yield f"#   gitdailies translate packs/{name}.yaml DELIVERY.json"
    yield f"# In gitdailies.yml: sources: {{{name}: {{adapter: {{file: packs/{name}.yaml}}, secrets: …}}}}"
    yield f"name: {name}"
    yield f"title: {name.replace('-', ' ').title()}"
    yield f"class: {kind}   # incident, alert or deploy"
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
    yield f"  {kind}:"
    for line in lines:
        yield f"    {line}"


def unfinished(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield a fault for each key of a `source.yaml` that still has the text of a draft."""
    for key, text in PLACEHOLDERS.items():
        if text in str(written.get(key)):
            yield f"source.yaml: {key}: expected what the vendor documents, got the text of the draft"


def _deploy(leaves: Leaves, word: str | None, commit: str | None, sent: str | None) -> Iterator[str]:
    meaning = "deployed" if not word or _SUCCESS.search(word) else '"say what it means: deployed, or why not"'
    yield f"states: {{{_quoted(word or 'succeeded')}: {meaning}}}   # add every word of the tool"
    repo = _best(leaves, _REPO, lambda value: isinstance(value, str) and "/" in value)
    if repo:
        yield f"repo: {_quoted(repo)}"
    else:
        route = _best(leaves, _SERVICE, _is_id)
        line = _line(leaves, route, "OWNER/NAME, environment: production")
        # A path that the delivery does not have would ignore each deploy.
        mark = "" if route else "# "
        yield f"{mark}route: {_quoted(route or 'PATH')}   # gitdailies.yml: in this source, route: {line}"
        yield f"{mark}route_required: true"
    named = commit or _best(leaves, _SHA, _is_id)
    yield f"sha: {_quoted(named or 'commit')}" + ("" if commit else "   # name the field of a whole commit")
    yield f"deployed_at: {_time(leaves, _moment(leaves, _ENDED) or sent)}"
    for name, names in _DEPLOY_PARTS:
        found = _best(leaves, names, lambda value: as_text(value) is not None and not _is_commit(value))
        if found:
            yield f"{name}: {_quoted(found)}"


def _incident(leaves: Leaves, word: str | None, sent: str | None) -> Iterator[str]:
    yield f"states: {{{_quoted(word or 'opened')}: {_meaning(word)}}}   # add every word of the tool"
    title = _best(leaves, _TITLE, _is_id) or ""
    # An object's name is no id. An envelope may have its own; the incident's is next to its title.
    ids = [leaf for leaf in leaves if not leaf[0].endswith(".name")]
    beside = [leaf for leaf in ids if leaf[0].rpartition(".")[0] == title.rpartition(".")[0]]
    incident = _best(beside, _ID, _is_id) or _best(ids, _ID, _is_id)
    yield f"incident: {_quoted(incident or 'id')}" + ("" if incident else _UNKNOWN)
    yield f"started_at: {_time(leaves, _moment(leaves, _STARTED) or sent)}"
    yield f"resolved_at: {_time(leaves, _moment(leaves, _ENDED) or sent)}"
    for name, names in _PARTS:
        found = _best(leaves, names, lambda value: as_text(value) is not None or isinstance(value, list))
        if found:
            line = f"   # gitdailies.yml: services: {_line(leaves, found, 'OWNER/NAME')}"
            yield f"{name}: {_quoted(found)}{line if name == 'service' else ''}"


def _line(leaves: Leaves, path: str | None, place: str) -> str:
    """Return the line of gitdailies.yml for the value at a path."""
    value = as_text(_value(leaves, path or "")) or "NAME"
    return f"{{{_quoted(value)}: {{repo: {place}}}}}"


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
            names = [item.get("name") for item in one if isinstance(item, Mapping)]
            yield f"{here}[*].name", name.rstrip("s"), names
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


def _moment(leaves: Leaves, words: Sequence[str]) -> str | None:
    """Return the path of a time whose name has one of the words, the best first."""
    times = [(path, own) for path, own, value in leaves if _is_time(value)]
    return next((path for word in words for path, own in times if _has_word(own, [word])), None)


def _has_word(name: str, words: Sequence[str]) -> bool:
    return any(word in _folded(name) for word in words)


def _folded(name: str) -> str:
    return name.lower().replace("_", "")


def _value(leaves: Leaves, path: str) -> Any:
    return next((value for own, _name, value in leaves if own == path), None)


def _form(value: Any) -> str | None:
    """Return the form of a time, with or without a zone; None for another value."""
    return next((form for form in _FORMS if _reads(value, form, "UTC")), None)


def _reads(value: Any, form: str, zone: str) -> bool:
    try:
        lenient_times.read(value, "", form=form, zone=zone)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    """Whether a value is a text that is a time, or seconds or milliseconds since 1970."""
    is_number = str(value).isdigit()
    return _form(value) is not None and (not is_number or len(str(value)) in (10, 13))


def _is_word(value: Any) -> bool:
    """Whether a value may be a state: a text of a few words that is no time, or a small number."""
    is_text = isinstance(value, str) and len(value.split()) < 4 and not _is_time(value)
    return is_text or (type(value) is int and 0 <= value < 10)


def _is_id(value: Any) -> bool:
    return as_text(value) is not None


def _is_commit(value: Any) -> bool:
    return isinstance(value, str) and bool(_COMMIT.fullmatch(value.strip().lower()))


def _meaning(word: str | None) -> str:
    if word and _END.search(word):
        return "resolved"
    return (
        "started" if not word or _START.search(word) else '"say what it means: started, resolved, or why not"'
    )


def _time(leaves: Leaves, path: str | None) -> str:
    if path is None:
        return "received   # no field looks like a time"
    value = _value(leaves, path)
    if _reads(value, "", ""):
        return f"{{first_of: [{_quoted(path)}, received]}}"
    form = _form(value)
    named = f'format: "{form}", ' if form else ""
    zone = "Europe/Berlin" if named.startswith('format: "%d.') else "UTC"
    return f"{{path: {_quoted(path)}, {named}zone: {zone}}}   # name the zone"


def _quoted(text: str) -> str:
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-]*", text) and text.lower() not in _NO_TEXTS
    # A text of JSON is one of YAML.
    return text if is_plain else json.dumps(text, ensure_ascii=False)
