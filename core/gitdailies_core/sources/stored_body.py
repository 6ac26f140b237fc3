"""What is left out of a delivery's body before it is stored: the fields of people, and secrets.

The table comes first. A name of a field is read without case, `_` and `-`: `assignedTo`, `assigned_to`
and `ASSIGNED-TO` are one. What remains is translated to the same messages: the contract's examples of
every adapter are translated with and without these fields.
"""

import json
import re
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources.request import FORM
from gitdailies_core.values import strict_json
from gitdailies_core.values.erased_text import MARK, ErasedText


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Fields that hold a person, by any vendor: who it is, how to reach them, what they did.
PEOPLE = _names(
    """
    acknowledgedby acknowledgements acknowledger acknowledgers actor actorid agent alertgroupacknowledgedby
    alertgroupresolvedby assigned assignedto assignedtouser assignedusers assignee assigneeid assignees
    assignments author authoremail authorname authorurl avatar avatarurl cancelledby changedby closedby
    commander commitauthor commitauthoremail commitauthorlogin commitauthorname committer committeremail
    committername createdby createdbyuser creator creatorid email emailaddress emailid emails firstname
    fullnames githubcommitauthorlogin githubcommitauthorname githublogin gravatarid incidentcommander
    incidentroleassignments incidentsresponders initiatedby lastname laststatuschangeby localusername mail
    manuallycreatedby member members mergedby mitigatedby mobile mobilenumber notifiedusers oncall onlineusers
    participants people person phone phonenumber pusher releasecreatedby reportedby reporter requestedby
    requestedfor requester resolvedby responder responderrequests responders roleassignments runcreatedby
    runupdatedby sender slackuserid startedby subscriberrequests subscribers teamassignments triggeredby
    triggeringactor updatedby user useragent useravatar useremail userid userlogin username users
    userstobenotified usertag userurl userusername watchers
    """
)
# Fields that hold a secret, by any vendor: a token that proves the delivery, a key of the tool's API.
_SECRET = re.compile(
    r"secret|passw|apikey|accesskey|authtoken|accesstoken|privatekey|credential|^token$|^authorization$"
    # The header that Octopus sends with each delivery, which is in the body, too.
    r"|^webhookheadervalue$"
)
# Objects and lists of what a pipeline was given, which is often a secret: of GitLab and Azure, Jenkins, and
# Buildkite. What names a value stays. Elsewhere `env` is a label that names the environment.
_GIVEN = frozenset({"variables", "parameters"})
_GIVEN_IN = frozenset({("build", "env"), ("job", "env")})
_NAMES_OF_GIVEN = frozenset({"key", "name", "type"})
# Headers that name a person. The one with a similar name, `user-agent`, is that of a program.
_PEOPLE_HEADERS = re.compile(r"^from$|(^|-)(user|email|mail)(-?(id|name|login))?$")

_SEPARATORS = re.compile(r"[^a-z0-9]+")
# A mail address from its `@` on, and the bytes of the name before it. One pattern for both would try each
# byte of a long word as the first of a name.
_MAIL_HOST = re.compile(rb"(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_MAIL_NAME = (string.ascii_letters + string.digits + "._%+-").encode()

# The text in place of a field that is left out.
_PERSON: Any = object()

Decode = Callable[[bytes], Any]


def without_people(body: bytes, content_type: str, decode: Decode = strict_json.loads) -> bytes:
    """Return *body* without the fields of people; the very same bytes where it has none.

    A body that is neither JSON nor a form is stored for a person to correct. It loses mail addresses.
    """
    return _changed(body, content_type, decode, _without_people, _without_mail)


def without_secrets(body: bytes, content_type: str, decode: Decode = strict_json.loads) -> bytes:
    """Return *body* with null, in a form with nothing, for each secret; the very same bytes if it has none.

    Null is what a source's mapping reads as absent. So a body that is translated again never counts with
    a mark in the place of a name. A body that is neither JSON nor a form stays as it is.
    """
    return _changed(body, content_type, decode, _without_secrets, lambda raw: raw)


def without_text(
    body: bytes, content_type: str, text: ErasedText, decode: Decode = strict_json.loads
) -> bytes:
    """Return *body* with a mark in the place of *text*; the very same bytes if it does not contain it."""

    def out_of_json(value: Any) -> Any:
        return text.out_of_json(value) if text.is_in_json(value) else value

    def out_of_bytes(raw: bytes) -> bytes:
        # Bytes that are no UTF-8 survive.
        plain = raw.decode("utf-8", "surrogateescape")
        return text.out_of(plain).encode("utf-8", "surrogateescape")

    return _changed(body, content_type, decode, out_of_json, out_of_bytes)


def is_of_people(name: str) -> bool:
    """Return whether a field of this name is one of a person."""
    return _SEPARATORS.sub("", name.casefold()) in PEOPLE


def is_header_of_people(name: str) -> bool:
    """Return whether a header of this name, in lower case, names a person."""
    return _PEOPLE_HEADERS.search(name) is not None


def _changed(
    body: bytes,
    content_type: str,
    decode: Decode,
    of_value: Callable[[Any], Any],
    of_bytes: Callable[[bytes], bytes],
) -> bytes:
    """Change a body: as JSON, else as a form, else as bytes."""
    try:
        value = decode(body)
    except UnreadableBody:
        if content_type.split(";", maxsplit=1)[0].strip().lower() == FORM:
            return _changed_form(body, of_value, of_bytes)
        return of_bytes(body)
    changed = of_value(value)
    return (
        body if changed is value else json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()
    )


def _changed_form(body: bytes, of_value: Callable[[Any], Any], of_bytes: Callable[[bytes], bytes]) -> bytes:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return of_bytes(body)
    before = dict(pairs)
    changed = of_value(before)
    if changed is before:
        return body
    return urlencode({name: "" if value is None else value for name, value in changed.items()}).encode()


def _without_mail(raw: bytes) -> bytes:
    """Return bytes with a mark in the place of each mail address."""
    left, written, since = [], 0, 0
    for host in _MAIL_HOST.finditer(raw):
        name = since + len(raw[since : host.start()].rstrip(_MAIL_NAME))
        if name < host.start():
            left += [raw[written:name], MARK.encode()]
            written = host.end()
        since = max(written, host.start())
    return b"".join([*left, raw[written:]])


def _without_people(value: Any) -> Any:
    """Return a JSON value without the fields of people; the very same value where it has none."""
    if isinstance(value, dict):
        left = {name: _without_person(name, item) for name, item in value.items()}
        return _same(value, {name: item for name, item in left.items() if item is not _PERSON})
    return _each(value, _without_people)


def _without_person(name: str, value: Any) -> Any:
    if not is_of_people(name):
        return _without_people(value)
    # In an object of Git, the time of a commit is next to its author.
    return {"date": value["date"]} if isinstance(value, dict) and "date" in value else _PERSON


def _without_secrets(value: Any, within: str = "") -> Any:
    """Return a JSON value with null for each secret; the very same value where it has none.

    *within* is the name of the field that has the value.
    """
    if isinstance(value, dict):
        return _same(value, {name: _without_secret(name, item, within) for name, item in value.items()})
    return _each(value, _without_secrets)


def _same(value: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
    same = len(left) == len(value) and all(left[name] is item for name, item in value.items())
    return value if same else left


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change the items of a list, and JSON inside a text, as some senders wrap it."""
    if isinstance(value, list):
        items = [change(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=False)) else items
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        inner = strict_json.loads(value.encode())
    except UnreadableBody:
        return value
    changed = change(inner)
    return value if changed is inner else json.dumps(changed, ensure_ascii=False)


def _without_secret(name: str, value: Any, within: str) -> Any:
    folded = _SEPARATORS.sub("", name.casefold())
    if isinstance(value, str) and _SECRET.search(folded):
        return None
    is_given = folded in _GIVEN or (within, folded) in _GIVEN_IN
    if is_given and isinstance(value, (dict, list)) and value:
        return _without_values(value)
    return _without_secrets(value, folded)


def _without_values(value: Any) -> Any:
    """Return a value with null for each text in it, but those that name one."""
    if isinstance(value, dict):
        return {
            name: item if name in _NAMES_OF_GIVEN and isinstance(item, str) else _without_values(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_without_values(item) for item in value]
    return value if value is None or isinstance(value, bool) else None
