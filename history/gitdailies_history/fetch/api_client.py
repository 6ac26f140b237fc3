"""The pages of a vendor's API for a reader of its past; each is stored, and requested once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from gitdailies_core.errors import PayloadError, Refused
from gitdailies_core.sources.history import Reader, SecondKey, TokenExchange
from gitdailies_core.values.secret import Secret

from gitdailies_history.fetch.http_api import SECONDS, HttpApi, TokenRefused
from gitdailies_history.fetch.state import State


@dataclass
class HttpPages:
    """The pages of *reader*'s API at *url*. Pages in *state* are not requested again.

    *tokens* are the reader's one or two secrets. The rest is as HttpApi has it.
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
    seconds: float = SECONDS
    _http: HttpApi = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._http = HttpApi(
            self.url,
            self.tokens,
            retries=self.retries,
            waits=self.waits,
            sleep=self.sleep,
            now=self.now,
            jitter=self.jitter,
            seconds=self.seconds,
        )
        self.url = self._http.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
            return self._read(url, self.tokens[0])
        before = self._http.access
        try:
            return self._read(url, before or self._sign_in(self.reader))
        except TokenRefused:
            if before is None:
                raise
            # The access token has expired.
            return self._read(url, self._sign_in(self.reader))

    def _read(self, url: str, token: Secret) -> Any:
        return self._http.until_answered(url, self._proof(token)).content

    def _sign_in(self, reader: TokenExchange) -> Secret:
        url, headers = reader.sign_in(self.url, self.tokens[0])
        answer = self._http.until_answered(url, headers).content
        try:
            self._http.access = access = Secret(reader.access_token(answer), self.tokens[0].origin)
        except PayloadError as error:
            raise Refused(f"{self._http.named(url)}: {error}") from None
        return access

    def _proof(self, token: Secret) -> Mapping[str, str]:
        headers = self.reader.headers(token)
        if isinstance(self.reader, SecondKey):
            return {**headers, self.reader.second_header: self.tokens[1].reveal()}
        return headers
