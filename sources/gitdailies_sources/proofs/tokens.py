"""Shared secrets that a delivery carries: in a header, as a password, in the query or in a field."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime

from gitdailies_core import ProofError, Request, Secret, UnreadableBody
from gitdailies_core.sources.protocol import Proven
from gitdailies_core.sources.signatures import any_equal, bare_tokens, check_secrets, raw

from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.values import Value

_AUTHORIZATION = "authorization"


def _check(given: Sequence[str], secrets: Sequence[Secret], where: str) -> None:
    check_secrets(secrets)
    expected = [secret.reveal().encode() for secret in secrets]
    if not any_equal(expected, [raw(one) for one in given]):
        raise ProofError(f"{where}: expected one of our tokens, got {'another' if any(given) else 'none'}")


class Token:
    """A token that a delivery carries: `given` reads what may be one, nothing where there is none.

    `proven` carries a token in the same place; None where only the tool can.
    """

    def __init__(
        self,
        where: str,
        given: Callable[[Request], Sequence[str]],
        proven: Callable[[str], Proven] | None = None,
    ) -> None:
        self.where = where
        self._given = given
        self._proven = proven

    def is_tried(self, request: Request) -> bool:
        return bool(self._given(request))

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        _check(self._given(request), secrets, self.where)

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven | None:  # noqa: ARG002
        return self._proven(secret.reveal()) if self._proven else None


def header(name: str, prefix: str = "") -> Token:
    """Return a proof by a token in a header: what follows a prefix, else the value, even after `Bearer`."""

    def given(request: Request) -> list[str]:
        value = request.header(name)
        if not prefix:
            return bare_tokens(value)
        return [value[len(prefix) :]] if value[: len(prefix)].lower() == prefix.lower() else []

    return Token(name.lower(), given, lambda token: Proven({name.lower(): prefix + token}, {}))


def query(name: str) -> Token:
    """Return the proof by a token in the query of the address. It is never logged."""

    def given(request: Request) -> list[str]:
        return list(filter(None, [request.query.get(name)]))

    return Token(f"query.{name}", given, lambda token: Proven({}, {name: token}))


def field(value: Value) -> Token:
    """Return the proof by a token in a field of the body."""

    def given(request: Request) -> list[str]:
        try:
            return value.texts(Scope.of(request))[:1]
        except UnreadableBody:
            # A sender without the right must not learn what is wrong with a body.
            return []

    return Token(value.where, given)


class Basic:
    """A user's name and a password; the password is the secret."""

    where = _AUTHORIZATION

    def __init__(self, user: str = "") -> None:
        self._user = user

    def is_tried(self, request: Request) -> bool:
        return request.header(_AUTHORIZATION)[:6].lower() == "basic "

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:
        given_user, password = "", ""
        if self.is_tried(request):
            try:
                plain = base64.b64decode(request.header(_AUTHORIZATION)[6:].strip(), validate=True)
                given_user, _, password = plain.decode("utf-8").partition(":")
            except (binascii.Error, ValueError):
                given_user, password = "", ""
        wanted = user or self._user
        right_user = not wanted or any_equal([wanted.encode()], [raw(given_user)])
        _check([password], secrets, self.where)
        if not right_user:
            raise ProofError(f"{self.where}: expected the name of our user, got another one")

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven:  # noqa: ARG002
        """Return the header with name and password."""
        pair = f"{user or self._user or 'gitdailies'}:{secret.reveal()}".encode()
        return Proven({self.where: f"Basic {base64.b64encode(pair).decode()}"}, {})
