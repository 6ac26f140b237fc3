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
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import requests
from gitdailies_connection.addresses import is_loopback
from gitdailies_connection.http.connection_pool import Deadlines, GuardedAdapter
from gitdailies_connection.http.response import excerpt, failure_reason
from gitdailies_connection.http.sender import user_agent
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError, PayloadError, Refused, UsageError
from gitdailies_core.sources.history import Reader, SecondKey, TokenExchange
from gitdailies_core.values.secret import Secret, redact

from gitdailies_history.fetch.state import State

# Some vendors list slowly.
_SECONDS = 60.0
_LONGEST_REASON = 300
_LONGEST_ANSWER = 64 * 1024


@dataclass
class HttpPages:
    """The pages of *reader*'s API at *url*. Pages in *state* are not requested again.

    *tokens* are the reader's one or two secrets. *waits* is called with the reason and the seconds of each
    wait. Tests replace *sleep*, *now* and *jitter*.
    """

    reader: Reader
    url: str
    tokens: Sequence[Secret]
    state: State
    retries: int = 8
    waits: Callable[[str, float], None] = lambda reason, seconds: None  # noqa: ARG005
    moved: Callable[[int], None] = lambda pages: None  # noqa: ARG005
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random
    seconds: float = _SECONDS
    _session: requests.Session = field(default_factory=requests.Session, init=False, repr=False)
    # The token from signing in. It stays in memory.
    _access: Secret | None = field(default=None, init=False, repr=False)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Return the JSON at *path*, from disk if it was read before."""
        address = f"{path}?{urlencode(list(query))}" if query else path
        page = self.state.page(address)
        if page is None:
            page = self._page(address)
            self.state.keep(address, page)
        self.moved(1)
        return page

    def _page(self, address: str) -> Any:
        url = self.url + address
        if not isinstance(self.reader, TokenExchange):
            return self._until_answered(url, self._proof(self.tokens[0]))
        before = self._access
        try:
            return self._until_answered(url, self._proof(before or self._sign_in(self.reader)))
        except _TokenRefused:
            if before is None:
                raise
            # The access token has expired.
            return self._until_answered(url, self._proof(self._sign_in(self.reader)))

    def _sign_in(self, reader: TokenExchange) -> Secret:
        url, headers = reader.sign_in(self.url, self.tokens[0])
        answer = self._until_answered(url, headers)
        try:
            self._access = Secret(reader.access_token(answer), self.tokens[0].origin)
        except PayloadError as error:
            raise Refused(f"{self._named(url)}: {error}") from None
        return self._access

    def _proof(self, token: Secret) -> Mapping[str, str]:
        headers = self.reader.headers(token)
        if isinstance(self.reader, SecondKey):
            return {**headers, self.reader.second_header: self.tokens[1].reveal()}
        return headers

    def _until_answered(self, url: str, headers: Mapping[str, str]) -> Any:
        started_at, reason = self.now(), ""
        for number in range(1, self.retries + 2):
            outcome, page = self._attempt(url, headers)
            verdict = retry.decide(
                outcome,
                attempt=number,
                first_attempt_at=started_at,
                now=self.now(),
                jitter=self.jitter,
                give_up_age_seconds=math.inf,
            )
            if isinstance(verdict, retry.Done):
                if outcome.status != 200:
                    raise Refused(f"{self._named(url)}: expected a page, got answered {outcome.status}")
                return page
            if isinstance(verdict, retry.Pause) and verdict.what == "key":
                origins = " and ".join(token.origin for token in self.tokens)
                raise _TokenRefused(
                    f"{self._named(url)}: expected a token ({origins}) that may read it, "
                    f"got {outcome.status}: {outcome.error}"
                )
            if not isinstance(verdict, retry.Again):
                raise Refused(f"{self._named(url)}: expected a page, got {verdict.reason}")
            reason = verdict.reason
            if number <= self.retries:
                seconds = max(0.0, (verdict.at - self.now()).total_seconds())
                self.waits(reason, seconds)
                self.sleep(seconds)
        raise DeliveryError(
            f"{self._named(url)}: expected a page in {self.retries + 1} attempts, the last got: {reason}"
        )

    def _attempt(self, url: str, proof: Mapping[str, str]) -> tuple[retry.Outcome, Any]:
        with self._deadlines.exchange() as exchange:
            try:
                answer = self._session.get(
                    url, headers={**proof}, timeout=self.seconds, allow_redirects=False
                )
                body = answer.content
            except (requests.RequestException, OSError, ValueError) as error:
                cause: BaseException = TimeoutError() if exchange.timed_out else error
                text = failure_reason(cause, url=url, proxied=False, seconds=self.seconds)
                return retry.Outcome(None, self._redacted(text)), None
        headers = answer.headers
        if answer.status_code == 200:
            try:
                return retry.Outcome(200), _read(body)
            except ValueError:
                # A truncated page may arrive whole the next time.
                return retry.Outcome(None, "an answer that is no JSON"), None
        wait = asked_to_wait(headers, self.now())
        # GitHub also answers 403 at its rate limit, and names the time of the reset in every response.
        spent = "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"
        limited = answer.status_code == 403 and spent
        status = 429 if limited else answer.status_code
        # Redact before cutting, or the beginning of a secret could remain at the end.
        message = excerpt(self._redacted(body[:_LONGEST_ANSWER].decode("utf-8", "replace"))[:_LONGEST_REASON])
        return retry.Outcome(status, message, wait if status == 429 else headers.get("Retry-After", "")), None

    def _redacted(self, text: str) -> str:
        return redact(text, *self.tokens, self._access)

    def _named(self, url: str) -> str:
        return self._redacted(url.partition("?")[0])


class _TokenRefused(Refused):
    """The vendor refuses the token."""


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
