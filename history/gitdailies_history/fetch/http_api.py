"""A vendor's API over HTTP, and the pages of it for a reader of its past: with its proof, with retries.

No message names a token. Redirects are not followed and netrc is not read, so the token goes only to the
configured address.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from gitdailies_connection.addresses import check_https
from gitdailies_connection.http.attempts import Attempts
from gitdailies_connection.http.bounded_client import BoundedClient, prepared, proxy_of_environment
from gitdailies_connection.http.failures import NotConnected
from gitdailies_connection.http.response import Response
from gitdailies_core import retry
from gitdailies_core.errors import DeliveryError, PayloadError, Refused, UsageError
from gitdailies_core.sources.history import NotThere, SecondKey, TokenApi, TokenExchange
from gitdailies_core.values.secret import Secret, redact
from requests.utils import parse_header_links

if TYPE_CHECKING:
    from gitdailies_history.fetch.state import State

# Some vendors list slowly.
SECONDS = 60.0
# Far more than any page has.
_LARGEST_PAGE = 64 * 1024 * 1024
GET, POST = "GET", "POST"
# A second time they do what they did the first time (RFC 9110).
_IDEMPOTENT = frozenset({GET, "PUT", "DELETE"})
Query = Sequence[tuple[str, str]]


class TokenRefused(Refused):
    """The vendor refuses the token."""


class Answer(NamedTuple):
    """The decoded JSON of an answer, and the address of the next page that its `Link` header names, or ""."""

    content: Any
    next: str


@dataclass
class HttpApi(Attempts):
    """The API of *vendor* at *url*. No message names one of *tokens* or *hidden*, or a token of signing in.

    *option* is what names the address in a command, for a message about it. Without *patient*, an address
    at which no server is ends the work at once, unless it has answered before.
    """

    vendor: TokenApi
    url: str
    tokens: Sequence[Secret]
    seconds: float = SECONDS
    option: str = "--api-url"
    patient: bool = True
    hidden: Sequence[Secret] = ()
    _access: Secret | None = field(default=None, init=False, repr=False)
    _has_answered: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        # In USER:TOKEN, the token alone is a secret, too.
        alone = [Secret(token.reveal().rpartition(":")[2]) for token in self.tokens]
        self.hidden = [*self.hidden, *alone]
        try:
            check_https(self.url)
        except ValueError:
            raise UsageError(
                f"{self.option}: expected an address like https://api.example.com "
                f"(http on this machine alone), got {'another' if self.url else 'none'}"
            ) from None
        self.url = self.url.rstrip("/")
        self._client = BoundedClient(timeout_seconds=self.seconds, ca_file=None, ca_setting="", in_flight=1)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, query: Query = ()) -> Any:
        """Return the decoded JSON at *path*; raises as `ask`."""
        return self.ask(path, query).content

    def ask(
        self,
        path: str,
        query: Query = (),
        method: str = GET,
        body: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> Answer:
        """Ask until there is an answer with a status of *accepted*: by default 200, for a POST 202.

        Signs in where that is due. A POST is sent again only where a rate limit refused it. Raises
        TokenRefused, NotThere, Refused for any other refusal, and DeliveryError if there is no answer.
        """
        url = self.url + _address(path, query)

        def asked(token: Secret) -> Answer:
            return self._until_answered(url, self._proof(token), method, body, accepted)

        if not isinstance(self.vendor, TokenExchange):
            return asked(self.tokens[0])
        before = self._access
        try:
            return asked(before or self._sign_in(self.vendor))
        except TokenRefused:
            if before is None:
                raise
            # The access token has expired.
            return asked(self._sign_in(self.vendor))

    def _sign_in(self, vendor: TokenExchange) -> Secret:
        token = self.tokens[0]
        url, headers = vendor.sign_in(self.url, token)
        answer = self._until_answered(url, headers).content
        try:
            self._access = access = Secret(vendor.access_token(answer), token.origin)
        except PayloadError as error:
            raise Refused(f"{self._named(url)}: {error}") from None
        return access

    def _proof(self, token: Secret) -> Mapping[str, str]:
        headers = self.vendor.headers(token)
        if isinstance(self.vendor, SecondKey):
            return {**headers, self.vendor.second_header: self.tokens[1].reveal()}
        return headers

    def _until_answered(
        self,
        url: str,
        headers: Mapping[str, str],
        method: str = GET,
        body: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> Answer:
        expected = f"{self._named(url)}: expected {'a page' if method == GET else 'it to be taken'}"
        accepted = accepted or ((200,) if method == GET else (202,))

        def attempt() -> tuple[retry.Outcome, Answer]:
            outcome, answer = self._attempt(url, headers, method, body)
            if outcome.status in accepted:
                return retry.Outcome(200), answer
            if outcome.status is not None and 200 <= outcome.status < 300:
                raise Refused(f"{expected}, got answered {outcome.status}")
            if method not in _IDEMPOTENT and not retry.is_answer(outcome) and outcome.status != 429:
                raise DeliveryError(f"{expected}, got {retry.describe(outcome)}; it may have been")
            return outcome, answer

        verdict, outcome, answer = self.repeated(attempt)
        if isinstance(verdict, retry.Done):
            return answer
        if isinstance(verdict, retry.Again):
            last = f"the last got: {verdict.reason}"
            raise DeliveryError(f"{expected} in {self.retries + 1} attempts, {last}")
        if isinstance(verdict, retry.Pause) and verdict.what == "key":
            origins = " and ".join(token.origin for token in self.tokens)
            may = "read it" if method == GET else "do it"
            raise TokenRefused(
                f"{self._named(url)}: expected a token ({origins}) that may {may}, "
                f"got {outcome.status}: {outcome.error}"
            )
        raise (NotThere if outcome.status == 404 else Refused)(f"{expected}, got {verdict.reason}")

    def _named(self, url: str) -> str:
        """Return an address as a message may name it."""
        return self._redacted(url.partition("?")[0])

    def _attempt(
        self, url: str, proof: Mapping[str, str], method: str, content: bytes | None
    ) -> tuple[retry.Outcome, Answer]:
        nothing = Answer(None, "")
        sent = {**proof, **({"Content-Type": "application/json"} if content is not None else {})}
        body = None if method == GET else content or b""
        to, proxy = prepared(url), proxy_of_environment(url)
        try:
            answer = self._client.exchange(method, to, sent, body, largest=_LARGEST_PAGE, proxy=proxy)
        except DeliveryError as error:
            text = self._redacted(str(error))
            if isinstance(error, NotConnected) and not self.patient and not self._has_answered:
                raise DeliveryError(f"{self._named(url)}: expected a server there, got {text}") from None
            return retry.Outcome(None, text), nothing
        self._has_answered = True
        if answer.broken:
            text = f"an answer that ended early, or took more than {self.seconds:g} s"
            return retry.Outcome(None, text), nothing
        if answer.cut:
            most = _LARGEST_PAGE // 2**20
            raise Refused(
                f"{self._named(url)}: expected at most {most} MiB, got more; fetch a shorter time at once"
            )
        if not 200 <= answer.status < 300:
            return self._refusal(answer, proof), nothing
        try:
            return retry.Outcome(answer.status), Answer(_read(answer.body), _next(answer))
        except ValueError:
            # What was made or deleted is often answered without content. A page may come whole later.
            is_page = method == GET and answer.status == 200
            text = "an answer that is no JSON"
            return retry.Outcome(None, text) if is_page else retry.Outcome(answer.status), nothing

    def _refusal(self, answer: Response, proof: Mapping[str, str]) -> retry.Outcome:
        headers, encoded = answer.headers, Secret(proof.get("Authorization", "").partition(" ")[2])
        outcome = answer.outcome(*self._secrets, encoded)
        # GitHub also answers 403 at its rate limit, and names the time of the reset in every response.
        spent = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
        if answer.status == 429 or (answer.status == 403 and spent):
            return replace(outcome, status=429, retry_after=asked_to_wait(headers, self.now()))
        return outcome

    @property
    def _secrets(self) -> list[Secret]:
        return [*self.tokens, *self.hidden, *([self._access] if self._access else [])]

    def _redacted(self, text: str) -> str:
        return redact(text, *self._secrets)


@dataclass
class StoredPages:
    """The pages of *api*. Those in *state* are not requested again. *moved* gets the number of pages read."""

    api: HttpApi
    state: "State"
    moved: Callable[[int], None]

    @property
    def url(self) -> str:
        return self.api.url

    def get(self, path: str, query: Query = ()) -> Any:
        """Return the JSON at *path*, from disk if it was read before."""
        where = _address(path, query)
        page = self.state.page(where)
        if page is None:
            page = self.api.get(path, query)
            self.state.keep(where, page)
        self.moved(1)
        return page


def _address(path: str, query: Query) -> str:
    return f"{path}?{urlencode(list(query))}" if query else path


def _read(body: bytes) -> Any:
    # A title that a vendor cut in the middle of a character must not stop the whole fetch.
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _next(answer: Response) -> str:
    links = parse_header_links(answer.headers.get("link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), "")


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> str:
    """Return the seconds or the date that a vendor asks to wait for. Each vendor has its own header.

    `Retry-After` (RFC 9110), `ratelimit-reset` (PagerDuty: seconds), `X-RateLimit-Reset` (GitHub:
    seconds since 1970; Datadog: seconds). *headers* have names in lower case.
    """
    if headers.get("retry-after"):
        return headers["retry-after"]
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit():
            seconds = int(value[:12])
            return str(max(0, seconds - int(now.timestamp())) if seconds > 10**8 else seconds)
    return ""
