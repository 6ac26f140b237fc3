"""A vendor's API that listens: pages by address, with a 429 and a cut connection where a test wants them."""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from tests.support import json_server
from tests.support.json_server import JsonHandler

LIMITED, CUT = "limited", "cut"
Answer = Callable[[str, dict[str, str]], Any]


@dataclass
class Api:
    """Answers with what *answer* makes of path and query; `troubles` says what request N meets first.

    `admits` says by path and headers whether a request is let in, instead of the token alone.
    """

    answer: Answer
    token: str
    troubles: dict[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    admits: Callable[[str, Mapping[str, str]], bool] | None = None
    limit_status: int = 429
    limit_headers: dict[str, str] = field(default_factory=lambda: {"Retry-After": "0"})


class _Handler(JsonHandler):
    api: Api

    def reply(self) -> None:
        api = self.api
        api.asked.append(self.path)
        # Each vendor has a header of its own. The answer repeats a refused token.
        headers = dict(self.headers.items())
        path = urlsplit(self.path).path
        kind, _, text = headers.get("Authorization", "").partition(" ")
        proofs = [*headers.values(), b64decode(text).decode() if kind == "Basic" else ""]
        if not (api.admits(path, headers) if api.admits else any(api.token in proof for proof in proofs)):
            self.send_json(401, {"error": {"message": f"no such token: {self.headers.items()}"}})
            return
        trouble = api.troubles.get(len(api.asked), "")
        parts = urlsplit(self.path)
        body = api.answer(parts.path, dict(parse_qsl(parts.query)))
        if trouble == LIMITED:
            self.send_json(api.limit_status, {"error": "slow down"}, api.limit_headers)
        elif body is None:
            self.send_json(404, {"error": "not found"})
        else:
            self.send_json(200, body, cut=trouble == CUT)


@contextmanager
def listening(api: Api) -> Iterator[Api]:
    """Let it listen on a free port. What asks it again from this process waits for milliseconds."""
    shortly = patch("gitdailies_core.values.http_answers.FIRST_DELAY_SECONDS", 0.01)
    with shortly, json_server.listening(_Handler, api=api) as api.url:
        yield api
