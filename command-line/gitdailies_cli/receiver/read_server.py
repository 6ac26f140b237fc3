"""Ask a server for what a key may read: the commands about events, figures and the review do.

Address and key are found like those to send with: an option, a variable, gitdailies.yml. The key of
`gitdailies up` is read from its folder, and is sent only to the address that is in the same folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click
from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.values.secret import Secret

from gitdailies_cli import find_config
from gitdailies_cli.common_options import CONFIG, added, naming
from gitdailies_cli.find_config import URL_VARIABLE

if TYPE_CHECKING:
    from gitdailies_connection.http.response import Response

READ_KEY = "GITDAILIES_READ_KEY"
URL = "--url"
_SERIES = "/api/metrics/series?from=2000-01-01&limit=1000"
_SECONDS = 30
# A page of events may be large, and so may a review.
_LARGEST = 16 * 1024 * 1024


# The options of a command that reads: `url`, `key_env` and `config`.
server_options = added(
    click.option(
        URL,
        help=f"a server, such as http://127.0.0.1:8700; default: {URL_VARIABLE}, else gitdailies.yml",
    ),
    click.option(
        "--key-env",
        default=READ_KEY,
        show_default=True,
        help="variable with a key that may read; else that of `gitdailies up`",
    ),
    CONFIG,
)


class CursorGone(DeliveryError):
    """A cursor from before the store of the server was restored."""


@dataclass(frozen=True)
class ReadServer:
    """A server and a key that may read; *where* is the place that the address is from."""

    url: str
    key: Secret
    where: str

    def ask(self, path: str, body: Mapping[str, Any] | None = None, method: str = "") -> Response:
        """Return the answer (200) to a request for *path*; raises UsageError, Refused and DeliveryError.

        One with a *body*, which is posted, or with a *method* needs a key that may correct.
        """
        return self._checked(self._answer(path, body, method))

    def ask_about(self, path: str) -> Response | None:
        """Return the same, or None if the server does not have it (404)."""
        answer = self._answer(path)
        return None if answer.status == 404 else self._checked(answer)

    def _answer(self, path: str, body: Mapping[str, Any] | None = None, method: str = "") -> Response:
        from gitdailies_connection.http.sender import Sender

        with Sender(f"{self.url}{path}", timeout_seconds=_SECONDS) as sender:
            if body is not None:
                send = sender.put if method == "PUT" else sender.post
                return send(json.dumps(body).encode(), key=self.key)
            return sender.fetch(method or "GET", key=self.key, largest=_LARGEST)

    def _checked(self, answer: Response) -> Response:
        if answer.status == 200:
            return answer
        message = answer.message(self.key)
        if answer.status in (401, 403):
            raise Refused(message)
        if answer.status == 400:
            raise UsageError(message)
        if answer.status == 410:
            raise CursorGone(message)
        raise DeliveryError(f"{self.where}: {self.url} answered with {answer.status}: {message}")

    def unexpected(self, what: str) -> DeliveryError:
        """Return the error about an answer that is not *what* was asked for."""
        return DeliveryError(f"{self.where}: {self.url} answered, but not with {what}")


def find_server(url: str | None, key_env: str, config: Path | None) -> ReadServer:
    """Find a server and a key that may read; raises UsageError and ConfigurationError."""
    given = url or os.environ.get(URL_VARIABLE, "").strip()
    where = URL if url else URL_VARIABLE
    path = find_config.find(config)
    if not given:
        if path is None:
            raise UsageError(f"no server is set: use {URL}, {URL_VARIABLE} or a gitdailies.yml")
        given, where = find_config.load_configuration(path).gitdailies.url, str(path)
    server = _server(given, where)
    key = Secret(os.environ.get(key_env, "").strip(), key_env)
    return ReadServer(server, key or _key_of_folder(key_env, path, server), where)


def groups_of(server: ReadServer, query: str) -> Iterator[tuple[dict[str, str], int]]:
    """Yield the names of each group that ever had a deploy or an incident, and its deploys, page by page."""
    page: dict[str, str] | None = {}
    while page is not None:
        answer = server.ask(f"{_SERIES}&{query}&{urlencode(page)}".rstrip("&")).json()
        for group in answer["groups"]:
            yield group["by"], group["total"]["deploymentFrequency"]["deploys"]
        page = {"after": answer["next"]} if answer["next"] else None


def _server(address: str, where: str) -> str:
    from gitdailies_connection import addresses

    with naming(where):
        # Other commands take the address for events, so these accept it too.
        return addresses.check_receiver(address, allow_http=True).rstrip("/").removesuffix("/webhooks")


def _key_of_folder(variable: str, path: Path | None, server: str) -> Secret:
    """Return the key in the folder of gitdailies.yml, if that file names the same server."""
    from gitdailies_connection.config.secret_source import SecretSource

    if path is not None and (file := path.parent / find_config.READ_KEY).is_file():
        own = find_config.load_configuration(path).gitdailies.url
        if _server(own, str(path)) == server:
            return SecretSource.make(file=file).read(os.environ)
    raise UsageError(f"{variable}: this variable is not set or empty; put a key in it that may read")
