"""A vendor's API over HTTP: one request at a time, with retries, and never a token in a message.

Redirects are not followed and netrc is not read, so the token goes only to the configured address.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from gitdailies_connection.addresses import is_loopback
from gitdailies_connection.http.bounded_client import proxy_of_environment, user_agent
from gitdailies_connection.http.connection_pool import Deadlines, GuardedAdapter
from gitdailies_connection.http.failures import failure_reason, is_unreachable
from gitdailies_connection.http.response import excerpt
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.values.secret import Secret, redact

# Some vendors list slowly.
SECONDS = 60.0
_LONGEST_REASON = 300
_LONGEST_ANSWER = 64 * 1024
GET, POST = "GET", "POST"
# A second time they do what they did the first time (RFC 9110).
_IDEMPOTENT = frozenset({GET, "PUT", "DELETE"})


class TokenRefused(Refused):
    """The vendor refuses the token."""


class NotThere(Refused):
    """The vendor has nothing at this address: 404."""


class Answer(NamedTuple):
    """The decoded JSON of an answer, and the address of the next page that its `Link` header names, or ""."""

    content: Any
    next: str


@dataclass
class HttpApi:
    """The API at *url*. No message names one of *tokens* or *hidden*, or a token of signing in, `access`.

    *option* is what names the address in a command, for a message about it.
    *waits* is called with the reason and the seconds of each wait. Without *patient*, an address at which no
    server is ends the work at once, unless it has answered before. Tests replace *sleep*, *now* and *jitter*.
    """

    url: str
    tokens: Sequence[Secret]
    retries: int = 8
    waits: Callable[[str, float], None] = lambda reason, seconds: None  # noqa: ARG005
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random
    seconds: float = SECONDS
    option: str = "--api-url"
    patient: bool = True
    hidden: Sequence[Secret] = ()
    access: Secret | None = field(default=None, init=False, repr=False)
    _has_answered: bool = field(default=False, init=False, repr=False)
    _session: requests.Session = field(default_factory=requests.Session, init=False, repr=False)

    def __post_init__(self) -> None:
        self._deadlines = Deadlines(self.seconds)
        # Of USER:TOKEN, the token alone is a secret, too.
        alone = [Secret(token.reveal().rpartition(":")[2]) for token in self.tokens]
        self.hidden = [*self.hidden, *alone]
        parts = urlsplit(self.url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise UsageError(
                f"{self.option}: expected an address like https://api.example.com "
                f"(http on this machine alone), got {'another' if self.url else 'none'}"
            )
        self.url = self.url.rstrip("/")
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, GuardedAdapter(max_retries=0))
        if is_loopback(parts.hostname):
            self._session.trust_env = False
        self._session.headers["User-Agent"] = user_agent()
        # An explicit authentication function keeps requests from reading netrc.
        self._session.auth = lambda request: request

    def close(self) -> None:
        self._session.close()

    def until_answered(
        self,
        url: str,
        headers: Mapping[str, str],
        method: str = GET,
        body: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> Answer:
        """Ask until there is an answer with a status of *accepted*: by default 200, for a POST 202.

        A POST is sent again only where a rate limit refused it. Raises TokenRefused, NotThere, Refused for
        any other refusal, and DeliveryError if there is no answer.
        """
        what = "a page" if method == GET else "it to be taken"
        accepted = accepted or ((200,) if method == GET else (202,))
        started_at, reason = self.now(), ""
        for number in range(1, self.retries + 2):
            outcome, answer = self._attempt(url, headers, method, body)
            if outcome.status in accepted:
                return answer
            verdict = retry.decide(
                outcome,
                attempt=number,
                first_attempt_at=started_at,
                now=self.now(),
                jitter=self.jitter,
                give_up_age_seconds=math.inf,
            )
            if isinstance(verdict, retry.Done):
                raise Refused(f"{self.named(url)}: expected {what}, got answered {outcome.status}")
            if isinstance(verdict, retry.Pause) and verdict.what == "key":
                origins = " and ".join(token.origin for token in self.tokens)
                may = "read it" if method == GET else "do it"
                raise TokenRefused(
                    f"{self.named(url)}: expected a token ({origins}) that may {may}, "
                    f"got {outcome.status}: {outcome.error}"
                )
            if not isinstance(verdict, retry.Again):
                kind = NotThere if outcome.status == 404 else Refused
                raise kind(f"{self.named(url)}: expected {what}, got {verdict.reason}")
            reason = verdict.reason
            if method not in _IDEMPOTENT and outcome.status != 429:
                raise DeliveryError(f"{self.named(url)}: expected {what}, got {reason}; it may have been")
            if number <= self.retries:
                seconds = max(0.0, (verdict.at - self.now()).total_seconds())
                self.waits(f"{reason} (attempt {number} of {self.retries + 1})", seconds)
                self.sleep(seconds)
        raise DeliveryError(
            f"{self.named(url)}: expected {what} in {self.retries + 1} attempts, the last got: {reason}"
        )

    def named(self, url: str) -> str:
        """Return an address as a message may name it."""
        return self._redacted(url.partition("?")[0])

    def _attempt(
        self, url: str, proof: Mapping[str, str], method: str, content: bytes | None
    ) -> tuple[retry.Outcome, Answer]:
        nothing = Answer(None, "")
        sent = {**proof, **({"Content-Type": "application/json"} if content is not None else {})}
        with self._deadlines.exchange() as exchange:
            try:
                answer = self._session.request(
                    method, url, data=content, headers=sent, timeout=self.seconds, allow_redirects=False
                )
                body = answer.content
            except (requests.RequestException, OSError, ValueError) as error:
                cause: BaseException = TimeoutError() if exchange.timed_out else error
                text = failure_reason(cause, url=url, proxy=proxy_of_environment(url), seconds=self.seconds)
                if not self.patient and not self._has_answered and is_unreachable(error):
                    raise DeliveryError(f"{self.named(url)}: expected a server there, got {text}") from None
                return retry.Outcome(None, self._redacted(text)), nothing
        self._has_answered = True
        headers = answer.headers
        if 200 <= answer.status_code < 300:
            try:
                found = Answer(_read(body), answer.links.get("next", {}).get("url", ""))
            except ValueError:
                if method == GET and answer.status_code == 200:
                    # A truncated page may arrive whole the next time.
                    return retry.Outcome(None, "an answer that is no JSON"), nothing
                # What was made or deleted is often answered without content.
                found = nothing
            return retry.Outcome(answer.status_code), found
        wait = asked_to_wait(headers, self.now())
        # GitHub also answers 403 at its rate limit, and names the time of the reset in every response.
        spent = "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"
        limited = answer.status_code == 403 and spent
        status = 429 if limited else answer.status_code
        # Redact before cutting, or the beginning of a secret could remain at the end.
        told = body[:_LONGEST_ANSWER].decode("utf-8", "replace")
        told = redact(told, proof.get("Authorization", "").partition(" ")[2])
        message = excerpt(self._redacted(told)[:_LONGEST_REASON])
        asked = wait if status == 429 else headers.get("Retry-After", "")
        return retry.Outcome(status, message, asked), nothing

    def _redacted(self, text: str) -> str:
        return redact(text, *self.tokens, *self.hidden, self.access)


def _read(body: bytes) -> Any:
    # A title that a vendor cut in the middle of a character must not stop the whole fetch.
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> str:
    """Return the seconds or the date that a vendor asks to wait for. Each vendor has its own header.

    `Retry-After` (RFC 9110), `ratelimit-reset` (PagerDuty: seconds), `X-RateLimit-Reset` (GitHub:
    seconds since 1970; Datadog: seconds).
    """
    if headers.get("Retry-After"):
        return headers["Retry-After"]
    for name in ("ratelimit-reset", "X-RateLimit-Reset"):
        value = (headers.get(name) or "").strip()
        if value.isascii() and value.isdigit():
            seconds = int(value[:12])
            return str(max(0, seconds - int(now.timestamp())) if seconds > 10**8 else seconds)
    return ""
