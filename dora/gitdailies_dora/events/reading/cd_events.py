"""Read CDEvents, which come as CloudEvents whose data is the whole CDEvent. Pure.

| type, without `dev.cdevents.` and the version | ours |
| --- | --- |
| `service.deployed`, `service.upgraded` | `deployed` |
| `service.rolledback` | `deployed` with `type: rollback` |
| `incident.detected`, `incident.reported` | `incidentStarted` |
| `incident.resolved` | `incidentResolved` |

Every 0.x version is read. A CDEvent has no field for a commit, and most have none for a repository: both
come from the package URL of the artifact or from `customData`.
Sources: https://cdevents.dev/docs/, https://github.com/package-url/purl-spec
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, INCIDENT_STARTED, kind_of

# How the types of CDEvents begin, and of tools that extend them.
PREFIX = "dev.cdevents"
_TYPE = re.compile(r"dev\.cdevents\.([a-z]+\.[a-z]+)(?:\.0\.[0-9]+\.[0-9]+(?:-.+)?)?")
_KINDS: Mapping[str, Mapping[str, str]] = {
    "service.deployed": {"kind": DEPLOYED},
    "service.upgraded": {"kind": DEPLOYED},
    "service.rolledback": {"kind": DEPLOYED, "type": "rollback"},
    "incident.detected": {"kind": INCIDENT_STARTED},
    "incident.reported": {"kind": INCIDENT_STARTED},
    "incident.resolved": {"kind": INCIDENT_RESOLVED},
}

# pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH
_PACKAGE = re.compile(r"pkg:/*([a-z0-9.+-]+)/([^@?#]+)(?:@([^?#]+))?(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE)
_HOSTED = ("github", "gitlab", "bitbucket")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?", re.IGNORECASE)
_WEB = re.compile(r"https?://")
# Names in `customData` under which people put what CDEvents have no field for.
_CUSTOM = {"commitSHA": ("commitSHA", "commit", "sha"), "repo": ("repo", "repository")}


def event_of(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of ours in a CDEvent; *data* may also be an event of ours without its kind.

    Raises InvalidEvent for a type that is not counted, and for one without repository or commit.
    """
    found = _TYPE.fullmatch(type_)
    given = _KINDS.get(found[1]) if found else None
    if given is None:
        raise InvalidEvent(
            f"type: expected one of the CDEvents that count, {', '.join(_KINDS)}, in a version 0.x; "
            f"got {got(type_)}",
            "type",
        )
    subject = data.get("subject")
    if not isinstance(subject, Mapping):
        return {**given, **data}
    content, custom = _object(subject.get("content")), _object(data.get("customData"))
    repo, sha = _code(content.get("artifactId"))
    named = {"repo": _custom(custom, "repo") or repo}
    if given["kind"] == DEPLOYED:
        named["commitSHA"] = _custom(custom, "commitSHA") or sha
    for name, value in named.items():
        if not value:
            raise InvalidEvent(
                f"{name}: a CDEvent has no field for it; name it in customData.{name}, "
                "or in subject.content.artifactId like pkg:github/OWNER/NAME@SHA",
                name,
            )
    known = {**given, **_fields(given["kind"], subject, content), **named}
    known["time"] = _object(data.get("context")).get("timestamp")
    event = {name: value for name, value in known.items() if value not in (None, "")}
    # A tool of ours puts its whole event there; others put what CDEvents have no field for.
    if custom.get("kind") == given["kind"]:
        return {**event, **custom}
    ours = kind_of(given["kind"]).names - {"kind", "id"}
    return {**{name: value for name, value in custom.items() if name in ours}, **event}


def _fields(kind: str, subject: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    environment = _id(content.get("environment"))
    if kind == DEPLOYED:
        return {"environment": environment, "service": str(subject.get("id", "")).rpartition("/")[2]}
    ticket = content.get("ticketURI")
    incident = {
        "environment": environment,
        "incidentId": subject.get("id"),
        "service": _id(content.get("service")),
        "url": ticket if isinstance(ticket, str) and _WEB.match(ticket) else None,
    }
    return {**incident, "title": content.get("description")} if kind == INCIDENT_STARTED else incident


def _custom(custom: Mapping[str, Any], field: str) -> str | None:
    for place in (custom, _object(custom.get("git"))):
        for name in _CUSTOM[field]:
            if isinstance(value := place.get(name), str) and value:
                return value
    return None


def _code(package: Any) -> tuple[str | None, str | None]:
    """Return the repository and the commit that a package URL names.

    A version that is no full SHA, such as a tag or a digest, is no commit.
    """
    found = _PACKAGE.fullmatch(package) if isinstance(package, str) else None
    if found is None:
        return None, None
    kind, path, version, qualifiers = found[1].lower(), unquote(found[2]).strip("/"), found[3], found[4]
    # A plus is a space in forms, but not here.
    origin = parse_qs((qualifiers or "").replace("+", "%2B")).get("vcs_url", [""])[0].removeprefix("git+")
    address, _, revision = origin.rpartition("@")
    if address and _COMMIT.fullmatch(revision):
        return slug(address), revision
    sha = version if version and _COMMIT.fullmatch(version) else None
    if kind in _HOSTED:
        return path, sha
    host, _, name = path.partition("/")
    return name if kind == "golang" and "." in host else None, sha


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _id(value: Any) -> Any:
    return _object(value).get("id") if isinstance(value, Mapping) else value
