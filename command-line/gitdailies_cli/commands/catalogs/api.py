"""The pages of a catalog's API, over HTTP with retries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gitdailies_history.fetch.http_api import HttpApi


@dataclass(frozen=True)
class CatalogPages:
    """The pages of an API, as core's protocol has them. Each is requested when it is asked for."""

    http: HttpApi
    headers: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.http.url

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        address = f"{self.url}{path}?{urlencode(list(query))}" if query else f"{self.url}{path}"
        return self.http.until_answered(address, self.headers).content
