"""Shared secrets that a delivery carries: in a header, as a password, in the query or in a field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from gitdailies_core import ProofError, Request, Secret, UnreadableBody
from gitdailies_core.sources.protocol import Proven
from gitdailies_core.sources.signatures import any_equal, check_secrets, raw

from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.values import Value

_AUTHORIZATION = "authorization"


def _check(given: Sequence[str], secrets: Sequence[Secret], where: str) -> None:
    check_secrets(secrets)
    expected = [secret.reveal().encode() for secret in secrets]
    if not any_equal(expected, [raw(one) for one in given]):
        raise ProofError(f"{where}: expected one of our tokens, got none")


class HeaderToken:
    """A token in a header: the whole value, or what follows a prefix."""

    def __init__(self, header: str, prefix: str = "") -> None:
        self.where = header.lower()
        self._prefix = prefix

    def is_tried(self, request: Request) -> bool:
        value = request.header(self.where)
        return bool(value) and self._begins(value)

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        value = request.header(self.where)
        _check([value[len(self._prefix) :] if self._begins(value) else ""], secrets, self.where)

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven:  # noqa: ARG002
        """Return the header with the token."""
        return Proven({self.where: self._prefix + secret.reveal()}, {})

    def _begins(self, value: str) -> bool:
        return value[: len(self._prefix)].lower() == self._prefix.lower()


class NamedHeader(HeaderToken):
    """The token in the header that a source names. `Bearer ` before it is allowed."""

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        value = request.header(self.where)
        bare = [value[7:]] if value[:7].lower() == "bearer " else []
        _check([value, *bare], secrets, self.where)


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


class QueryToken:
    """A token in the query of the address. It is never logged."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.where = f"query.{name}"

    def is_tried(self, request: Request) -> bool:
        return bool(request.query.get(self._name))

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        _check([request.query.get(self._name, "")], secrets, self.where)

    def made(self, body: bytes, secret: Secret, user: str, at: datetime) -> Proven:  # noqa: ARG002
        """Return the parameter with the token."""
        return Proven({}, {self._name: secret.reveal()})


class FieldToken:
    """A token in a field of the body."""

    def __init__(self, value: Value) -> None:
        self._value = value
        self.where = value.where

    def is_tried(self, request: Request) -> bool:
        return bool(self._text(request))

    def check(self, request: Request, secrets: Sequence[Secret], user: str) -> None:  # noqa: ARG002
        _check([self._text(request)], secrets, self.where)

    def _text(self, request: Request) -> str:
        try:
            return self._value.text(Scope.of(request)) or ""
        except UnreadableBody:
            # Who may not send shall not learn what is wrong with a body.
            return ""
