"""A vendor's API with its proof, and the pages of it for a reader of its past; each is requested once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.errors import PayloadError, Refused
from gitdailies_core.sources.history import SecondKey, TokenApi, TokenExchange
from gitdailies_core.values.secret import Secret

from gitdailies_history.fetch.http_api import GET, Answer, HttpApi, TokenRefused
from gitdailies_history.fetch.state import State

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SignedApi:
    """The API of *vendor*. Each request has its proof, from the tokens of *http*."""

    vendor: TokenApi
    http: HttpApi

    @property
    def url(self) -> str:
        return self.http.url

    def get(self, path: str, query: Query = ()) -> Any:
        """Return the decoded JSON at *path*; raises as `HttpApi.until_answered`."""
        return self.ask(path, query).content

    def ask(
        self,
        path: str,
        query: Query = (),
        method: str = GET,
        body: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> Answer:
        """Ask until there is an answer, as `HttpApi.until_answered` does, and sign in where that is due."""
        url = self.url + _address(path, query)

        def asked(token: Secret) -> Answer:
            return self.http.until_answered(url, self._proof(token), method, body, accepted)

        if not isinstance(self.vendor, TokenExchange):
            return asked(self.http.tokens[0])
        before = self.http.access
        try:
            return asked(before or self._sign_in(self.vendor))
        except TokenRefused:
            if before is None:
                raise
            # The access token has expired.
            return asked(self._sign_in(self.vendor))

    def _sign_in(self, vendor: TokenExchange) -> Secret:
        token = self.http.tokens[0]
        url, headers = vendor.sign_in(self.url, token)
        answer = self.http.until_answered(url, headers).content
        try:
            self.http.access = access = Secret(vendor.access_token(answer), token.origin)
        except PayloadError as error:
            raise Refused(f"{self.http.named(url)}: {error}") from None
        return access

    def _proof(self, token: Secret) -> Mapping[str, str]:
        headers = self.vendor.headers(token)
        if isinstance(self.vendor, SecondKey):
            return {**headers, self.vendor.second_header: self.http.tokens[1].reveal()}
        return headers


@dataclass
class StoredPages:
    """The pages of *api*. Those in *state* are not requested again. *moved* gets the number of pages read."""

    api: SignedApi
    state: State
    moved: Callable[[int], None]

    @property
    def url(self) -> str:
        return self.api.url

    def get(self, path: str, query: Query = ()) -> Any:
        """Return the JSON at *path*, from disk if it was read before."""
        address = _address(path, query)
        page = self.state.page(address)
        if page is None:
            page = self.api.get(path, query)
            self.state.keep(address, page)
        self.moved(1)
        return page


def _address(path: str, query: Query) -> str:
    return f"{path}?{urlencode(list(query))}" if query else path
