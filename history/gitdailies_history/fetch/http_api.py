"""A vendor's API over HTTP: one request at a time, with retries, and never a token in a message.

Redirects are not followed and netrc is not read, so the token goes only to the configured address.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from gitdailies_connection.addresses import is_loopback
from gitdailies_connection.http.bounded_client import user_agent
from gitdailies_connection.http.connection_pool import Deadlines, GuardedAdapter
from gitdailies_connection.http.response import excerpt, failure_reason
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.values.secret import Secret, redact

# Some vendors list slowly.
SECONDS = 60.0
_LONGEST_REASON = 300
_LONGEST_ANSWER = 64 * 1024
GET, POST = "GET", "POST"


class TokenRefused(Refused):
    """The vendor refuses the token."""


class Answer(NamedTuple):
    """The decoded JSON of an answer, and the address of the next page that its `Link` header names, or ""."""

    content: Any
    next: str


@dataclass
class HttpApi:
    """The API at *url*. No message names one of *tokens*, or a token that signing in gave, `access`.

    *waits* is called with the reason and the seconds of each wait. Tests replace *sleep*, *now* and *jitter*.
    """

    url: str
    tokens: Sequence[Secret]
    retries: int = 8
    waits: Callable[[str, float], None] = lambda reason, seconds: None  # noqa: ARG005
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random
    seconds: float = SECONDS
    access: Secret | None = field(default=None, init=False, repr=False)
    _session: requests.Session = field(default_factory=requests.Session, init=False, repr=False)

    def __post_init__(self) -> None:
        self._deadlines = Deadlines(self.seconds)
        parts = urlsplit(self.url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise UsageError(
                "--api-url: expected an address like https://api.example.com (http on this machine alone), "
                f"got {'another' if self.url else 'none'}"
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

    def until_answered(self, url: str, headers: Mapping[str, str], method: str = GET) -> Answer:
        """Ask until there is an answer. A POST is sent again only where a rate limit refused it.

        Raises TokenRefused, Refused for any other refusal, and DeliveryError if there is no answer.
        """
        what, done = ("a page", 200) if method == GET else ("it to be taken", 202)
        started_at, reason = self.now(), ""
        for number in range(1, self.retries + 2):
            outcome, answer = self._attempt(url, headers, method)
            verdict = retry.decide(
                outcome,
                attempt=number,
                first_attempt_at=started_at,
                now=self.now(),
                jitter=self.jitter,
                give_up_age_seconds=math.inf,
            )
            if isinstance(verdict, retry.Done):
                if outcome.status != done:
                    raise Refused(f"{self.named(url)}: expected {what}, got answered {outcome.status}")
                return answer
            if isinstance(verdict, retry.Pause) and verdict.what == "key":
                origins = " and ".join(token.origin for token in self.tokens)
                raise TokenRefused(
                    f"{self.named(url)}: expected a token ({origins}) that may read it, "
                    f"got {outcome.status}: {outcome.error}"
                )
            if not isinstance(verdict, retry.Again):
                raise Refused(f"{self.named(url)}: expected {what}, got {verdict.reason}")
            reason = verdict.reason
            if method == POST and outcome.status != 429:
                raise DeliveryError(f"{self.named(url)}: expected {what}, got {reason}; it may have been")
            if number <= self.retries:
                seconds = max(0.0, (verdict.at - self.now()).total_seconds())
                self.waits(reason, seconds)
                self.sleep(seconds)
        raise DeliveryError(
            f"{self.named(url)}: expected {what} in {self.retries + 1} attempts, the last got: {reason}"
        )

    def named(self, url: str) -> str:
        """Return an address as a message may name it."""
        return self._redacted(url.partition("?")[0])

    def _attempt(self, url: str, proof: Mapping[str, str], method: str) -> tuple[retry.Outcome, Answer]:
        nothing = Answer(None, "")
        with self._deadlines.exchange() as exchange:
            try:
                answer = self._session.request(
                    method, url, headers={**proof}, timeout=self.seconds, allow_redirects=False
                )
                body = answer.content
            except (requests.RequestException, OSError, ValueError) as error:
                cause: BaseException = TimeoutError() if exchange.timed_out else error
                text = failure_reason(cause, url=url, proxied=False, seconds=self.seconds)
                return retry.Outcome(None, self._redacted(text)), nothing
        headers = answer.headers
        if answer.status_code == 200:
            try:
                found = Answer(_read(body), answer.links.get("next", {}).get("url", ""))
            except ValueError:
                # A truncated page may arrive whole the next time.
                return retry.Outcome(None, "an answer that is no JSON"), nothing
            return retry.Outcome(200), found
        wait = asked_to_wait(headers, self.now())
        # GitHub also answers 403 at its rate limit, and names the time of the reset in every response.
        spent = "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"
        limited = answer.status_code == 403 and spent
        status = 429 if limited else answer.status_code
        # Redact before cutting, or the beginning of a secret could remain at the end.
        message = excerpt(self._redacted(body[:_LONGEST_ANSWER].decode("utf-8", "replace"))[:_LONGEST_REASON])
        asked = wait if status == 429 else headers.get("Retry-After", "")
        return retry.Outcome(status, message, asked), nothing

    def _redacted(self, text: str) -> str:
        return redact(text, *self.tokens, self.access)


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
