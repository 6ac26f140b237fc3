"""`gitdailies check`: whether what gitdailies.yml names is there and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gitdailies_core.errors import ConfigurationError, DeliveryError, UnreadableBody
from gitdailies_core.events.dialect import OURS, VERIFIED
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.secret import Secret, redact

from gitdailies_connection.addresses import origin
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.settings import Configuration, Destination
from gitdailies_connection.http.response import Response
from gitdailies_connection.http.sender import Sender

OK = "ok"
FAULT = "fault"
UNPROVEN = "unproven"
_ANOTHER_KEY = "create a key with `gitdailies keys create NAME` or on the settings page"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `level` is ok, fault or unproven; `remedy` says what to do."""

    level: str
    text: str
    remedy: str = ""


def check(
    configuration: Configuration,
    environ: Mapping[str, str],
    *,
    sender: Callable[[Destination], Sender] = Sender.to,
) -> list[Finding]:
    """Look at secrets, sources and the receiver; sends no event, and a ping only to a receiver of ours."""
    sources = configuration.sources.values()
    findings = [Finding(OK, f"{configuration.path}: read, {len(sources)} {_plural(len(sources), 'source')}")]
    key = None
    for found, secret in _secret("gitdailies.key", configuration.gitdailies.key, environ):
        findings.append(found)
        key = secret or key
    for source in sources:
        for index, one in enumerate(source.secrets):
            where = f"sources.{source.name}.secrets[{index}]"
            findings += [found for found, _ in _secret(where, one, environ)]
        findings.append(Finding(OK, f"sources.{source.name}: adapter {source.adapter} loads"))
    if sources and not configuration.routes.table:
        findings.append(
            Finding(UNPROVEN, "services: no line, so that no incident counts", "add the lines that you need")
        )
    try:
        with sender(configuration.gitdailies) as opened:
            findings += _receiver(configuration.gitdailies, opened, key)
    except ConfigurationError as error:
        findings.append(Finding(FAULT, str(error), "put the file there, or name another"))
    return findings


def _secret(
    where: str, source: SecretSource, environ: Mapping[str, str]
) -> Iterator[tuple[Finding, Secret | None]]:
    try:
        secret = source.read(environ)
    except ConfigurationError as error:
        remedy = f"export {source.env}=…" if source.env else "write the secret, alone, into that file"
        yield Finding(FAULT, f"{where}: {error}", remedy), None
        return
    yield Finding(OK, f"{where}: {source.describe()} is set"), secret
    if source.warning():
        yield Finding(UNPROVEN, f"{where}: {source.warning()}", f"chmod 600 {source.file}"), None


def _receiver(destination: Destination, sender: Sender, key: Secret | None) -> Iterator[Finding]:
    try:
        found = sender.receiver()
    except DeliveryError as error:
        yield Finding(
            FAULT, f"gitdailies.url: {error}", "look at url, proxy and ca_file, and at the receiver"
        )
        return
    secure = ", its certificate is trusted" if sender.url.startswith("https:") else ""
    yield Finding(OK, f"gitdailies.url: {origin(sender.url)} answers{secure}")
    if destination.receiver == OURS and found != OURS:
        yield Finding(
            FAULT,
            "gitdailies.receiver: expected a receiver of ours, got one without our /openapi.json",
            "leave receiver out, or look at url",
        )
        return
    if destination.receiver is None:
        yield Finding(OK, f"gitdailies.receiver: found to be {found}")
    if (destination.receiver or found) == OURS:
        yield from _pinged(sender, key)
    else:
        yield from _looked_at(sender)


def _pinged(sender: Sender, key: Secret | None) -> Iterator[Finding]:
    if key is None:
        yield Finding(UNPROVEN, "gitdailies.key: not tried, since it could not be read")
        return
    try:
        answer = sender.ping(key)
    except DeliveryError as error:
        said = redact(str(error), key)
        yield Finding(FAULT, f"gitdailies.url: {said}", "look at the receiver, then check again")
        return
    status, said = answer.status, answer.message(key) or "no more than that"
    if 200 <= status < 300:
        yield _allowed(answer)
    elif status in (401, 403):
        yield Finding(FAULT, f"gitdailies.key: refused with {status}: {said}", _ANOTHER_KEY)
    elif status in (404, 405):
        yield Finding(FAULT, f"gitdailies.url: no such path, {status}: {said}", "look at the path of url")
    else:
        yield Finding(FAULT, f"gitdailies.url: a ping was answered with {status}: {said}")


def _allowed(answer: Response) -> Finding:
    """Say what the key that was pinged with may send, as far as the receiver tells."""
    try:
        told = answer.json()
    except UnreadableBody:
        told = None
    allowed = told.get("allow") if isinstance(told, dict) else None
    accepted = "gitdailies.key: a ping was accepted; nothing was stored"
    if not isinstance(allowed, list) or "send" in allowed:
        return Finding(OK, accepted)
    words = [kind.word for kind in KINDS if kind.word in allowed]
    if not words:
        fault = "gitdailies.key: expected a key that may send events, got one that may not"
        return Finding(FAULT, fault, _ANOTHER_KEY)
    return Finding(OK, f"{accepted}; it may send {', '.join(words)} alone")


def _looked_at(sender: Sender) -> Iterator[Finding]:
    """Prove the path as far as that goes without sending: by a method that a receiver need not have."""
    try:
        answer = sender.fetch("GET")
        if answer.status in (404, 410):
            # Some servers hide a path that only takes POST from GET, but not from OPTIONS.
            answer = sender.fetch("OPTIONS")
    except DeliveryError as error:
        yield Finding(FAULT, f"gitdailies.url: {error}", "look at url and at the receiver")
        return
    yield _path(answer)
    names = [name for kind in KINDS for name in (kind.word, *(f.name for f in kind.fields if f.documented))]
    unverified = ", ".join(dict.fromkeys(name for name in names if name not in VERIFIED))
    yield Finding(
        UNPROVEN,
        "gitdailies.key: a documented receiver is sent nothing by a check, so the key is not tried",
        "report a deploy with `gitdailies deploy`",
    )
    yield Finding(
        UNPROVEN,
        f"gitdailies.dialect: the names {unverified} are not public",
        "ask GitDailies for its OpenAPI document, then `gitdailies check --openapi FILE`",
    )


def _path(answer: Response) -> Finding:
    if answer.status in (404, 410):
        return Finding(
            FAULT,
            f"gitdailies.url: its path is answered with {answer.status} to GET and OPTIONS",
            "compare it with the address that GitDailies shows; a deploy proves it",
        )
    if 300 <= answer.status < 400:
        return Finding(
            FAULT, f"gitdailies.url: answered with {answer.message()}", "set url to where it leads"
        )
    if answer.status >= 500 or answer.status == 429:
        return Finding(
            UNPROVEN, f"gitdailies.url: its path is answered with {answer.status}", "check again later"
        )
    if answer.status < 300 and answer.content_type == "text/html":
        return Finding(
            UNPROVEN,
            "gitdailies.url: its path is answered with a page of HTML, as people are who have to sign in",
            "where a proxy asks for that, let events through; its 2xx would pass for the receiver's",
        )
    return Finding(OK, f"gitdailies.url: its path is there, answered with {answer.status} and not with 404")


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"
