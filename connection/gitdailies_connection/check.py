"""`gitdailies check`: whether the secrets, the receiver and the relays in gitdailies.yml exist and work."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from gitdailies_core.errors import ConfigurationError, DeliveryError, RelayFault, UnreadableBody
from gitdailies_core.events.dialect import VERIFIED
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.receivers import OURS
from gitdailies_core.values.secret import Secret, redact

from gitdailies_connection.addresses import origin
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.services import lines_of
from gitdailies_connection.config.sections.settings import Configuration, Destination, RelayAddress
from gitdailies_connection.config.sections.sources import refuse_unfit
from gitdailies_connection.http.response import Response
from gitdailies_connection.http.sender import Sender
from gitdailies_connection.published import PACKAGE
from gitdailies_connection.relay.answers import DeliveryPage, RelayStatus
from gitdailies_connection.relay.client import RelayClient

OK = "ok"
FAULT = "fault"
WARNING = "warning"
_ANOTHER_KEY = "create a key with `gitdailies keys create NAME` or on the settings page"


@dataclass(frozen=True)
class Finding:
    """One checked item: `level` is ok, fault or warning; `remedy` says what to do."""

    level: str
    text: str
    remedy: str = ""


def check(configuration: Configuration, environ: Mapping[str, str]) -> list[Finding]:
    """Check secrets, sources and the receiver. It sends no event, and a ping only to a receiver of ours."""
    sources = configuration.sources.values()
    findings = [Finding(OK, f"{configuration.path}: valid, {len(sources)} {_plural(len(sources), 'source')}")]
    key = None
    for finding, secret in _secret("gitdailies.key", configuration.gitdailies.key, environ):
        findings.append(finding)
        key = secret or key
    for source in sources:
        for index, secret_source in enumerate(source.secrets):
            where = f"sources.{source.name}.secrets[{index}]"
            fit = partial(refuse_unfit, source)
            findings += [finding for finding, _ in _secret(where, secret_source, environ, fit)]
        findings.append(Finding(OK, f"sources.{source.name}: adapter {source.adapter} loads"))
    included = Counter(
        line.file.name for line in lines_of(configuration.path).values() if line.file != configuration.path
    )
    for name, count in included.items():
        text = (
            f"services: {count} {_plural(count, 'line')} of {name}; those of {configuration.path.name} decide"
        )
        findings.append(Finding(OK, text))
    if sources and not configuration.routes.table:
        findings.append(
            Finding(WARNING, "services: empty, so no incident is counted", "add a line for each service")
        )
    try:
        with Sender.to(configuration.gitdailies) as sender:
            findings += _receiver(configuration.gitdailies, sender, key)
    except ConfigurationError as error:
        findings.append(Finding(FAULT, str(error), "create the file, or name another one"))
    return findings


def _secret(
    where: str,
    source: SecretSource,
    environ: Mapping[str, str],
    refuse_unfit: Callable[[Secret], None] = lambda _: None,
) -> Iterator[tuple[Finding, Secret | None]]:
    try:
        secret = source.read(environ)
        refuse_unfit(secret)
    except ConfigurationError as error:
        remedy = f"export {source.env}=…" if source.env else "write the secret, alone, into that file"
        yield Finding(FAULT, f"{where}: {error}", remedy), None
        return
    yield Finding(OK, f"{where}: {source.describe()} is set"), secret
    if source.warning():
        yield Finding(WARNING, f"{where}: {source.warning()}", f"chmod 600 {source.file}"), None


def _receiver(destination: Destination, sender: Sender, key: Secret | None) -> Iterator[Finding]:
    try:
        found = sender.receiver()
    except DeliveryError as error:
        yield Finding(
            FAULT, f"gitdailies.url: {error}", "check url, proxy and ca_file, and that the receiver runs"
        )
        return
    secure = ", its certificate is trusted" if sender.url.startswith("https:") else ""
    yield Finding(OK, f"gitdailies.url: {origin(sender.url)} answers{secure}")
    if destination.receiver == OURS and found != OURS:
        yield Finding(
            FAULT,
            "gitdailies.receiver: set to ours, but the receiver has no /openapi.json that says so",
            "remove receiver, or check url",
        )
        return
    if destination.receiver is None:
        yield Finding(OK, f"gitdailies.receiver: detected as {found}")
    if (destination.receiver or found) == OURS:
        yield from _pinged(sender, key)
    else:
        yield from _documented(sender)


def _pinged(sender: Sender, key: Secret | None) -> Iterator[Finding]:
    if key is None:
        yield Finding(WARNING, "gitdailies.key: not tested, because it could not be read")
        return
    try:
        answer = sender.ping(key)
    except DeliveryError as error:
        reason = redact(str(error), key)
        yield Finding(FAULT, f"gitdailies.url: {reason}", "look at the receiver, then check again")
        return
    status, message = answer.status, answer.message(key)
    shown = f"{status}: {message}" if message else str(status)
    if 200 <= status < 300:
        yield _allowed(answer)
    elif status in (401, 403):
        yield Finding(FAULT, f"gitdailies.key: the receiver refused it with {shown}", _ANOTHER_KEY)
    elif status in (404, 405):
        yield Finding(
            FAULT,
            f"gitdailies.url: the receiver has no such path: {shown}",
            "check the path of url; that of a DORA server is /webhooks",
        )
    else:
        yield Finding(FAULT, f"gitdailies.url: the receiver answered a ping with {shown}")


def _allowed(answer: Response) -> Finding:
    """Return what the key may send, if the answer to the ping says so."""
    try:
        body = answer.json()
    except UnreadableBody:
        body = None
    allowed = body.get("allow") if isinstance(body, dict) else None
    accepted = "gitdailies.key: accepted by a ping, which stores nothing"
    if not isinstance(allowed, list) or "send" in allowed:
        return Finding(OK, accepted)
    words = [kind.word for kind in KINDS if kind.word in allowed]
    if not words:
        fault = "gitdailies.key: this key may not send events"
        return Finding(FAULT, fault, _ANOTHER_KEY)
    return Finding(OK, f"{accepted}; it may send only {', '.join(words)}")


def _documented(sender: Sender) -> Iterator[Finding]:
    """Check the path without sending an event, by methods that the receiver may not support."""
    try:
        answer = sender.fetch("GET")
        if answer.status in (404, 410):
            # Some servers answer GET with 404 on a path that only accepts POST, but answer OPTIONS.
            answer = sender.fetch("OPTIONS")
    except DeliveryError as error:
        yield Finding(FAULT, f"gitdailies.url: {error}", "look at url and at the receiver")
        return
    yield _path(answer)
    names = [name for kind in KINDS for name in (kind.word, *(f.name for f in kind.fields if f.documented))]
    unverified = ", ".join(dict.fromkeys(name for name in names if name not in VERIFIED))
    yield Finding(
        WARNING,
        "gitdailies.key: not tested, because a check sends nothing to a documented receiver",
        "report a deploy with `gitdailies deploy` to test it",
    )
    yield Finding(
        WARNING,
        f"gitdailies.dialect: GitDailies does not publish the names {unverified}",
        "ask GitDailies for its OpenAPI document, and set gitdailies.dialect where a name differs",
    )


def _path(answer: Response) -> Finding:
    if answer.status in (404, 410):
        return Finding(
            FAULT,
            f"gitdailies.url: the receiver answered GET and OPTIONS of its path with {answer.status}",
            "compare it with the address that GitDailies shows, or report a deploy to test it",
        )
    if 300 <= answer.status < 400:
        return Finding(
            FAULT,
            f"gitdailies.url: the receiver answered with {answer.message()}",
            "set url to the target of the redirect",
        )
    if answer.status >= 500 or answer.status == 429:
        return Finding(WARNING, f"gitdailies.url: the receiver answered {answer.status}", "check again later")
    if answer.status < 300 and answer.is_html:
        return Finding(
            WARNING,
            "gitdailies.url: the receiver answered with an HTML page, perhaps one to sign in",
            "if a proxy asks for a sign-in, exempt this path; the relay takes no page for an answer",
        )
    return Finding(OK, f"gitdailies.url: its path exists, the receiver answered {answer.status} and not 404")


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"


def check_relay(relay: RelayAddress, environ: Mapping[str, str]) -> Finding:
    """Ask a relay as the pages do. Another version is a warning: it may know less than the pages ask."""
    where, client = f"dora.relay {relay.name} at {relay.url}", RelayClient(relay, environ)
    try:
        client.get("/deliveries", DeliveryPage, limit="1")
        status = client.get("/status", RelayStatus)
    except RelayFault as fault:
        return Finding(FAULT, f"{where}: {fault}", fault.remedy)
    theirs = status.server.version if status and status.server else "another version"
    if theirs != version(PACKAGE):
        remedy = "run both servers with the same version"
        return Finding(WARNING, f"{where}: it runs {theirs}, and this is {version(PACKAGE)}", remedy)
    return Finding(OK, f"{where}: answers with its key, version {theirs}")
