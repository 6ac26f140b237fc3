"""A provider that says what a test wants: wrong issuers, tokens of others, tokens without a signature."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gitdailies_connection.config.sections.sign_in import OpenIdSettings
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from tests.support.json_server import JsonHandler, listening

CLIENT = "gitdailies"
RIGHT, OTHER = RSAKey.generate_key(2048, {"kid": "right"}), RSAKey.generate_key(2048, {"kid": "right"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def having(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {**claims, **values}


@dataclass
class HostileProvider:
    """What it answers next. `seen` holds the paths that it was asked for, and the last form of a token."""

    port: int = 0
    claims: Callable[[dict[str, Any]], dict[str, Any]] = dict
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "right"})
    key: Key = field(default_factory=lambda: RIGHT)
    token: str = ""
    configuration: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [RIGHT.as_dict(private=False), CURVE.as_dict(private=False)]
    )
    userinfo: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    form: dict[str, list[str]] = field(default_factory=dict)
    nonce: str = ""
    last_token: str = ""

    def reset(self) -> None:
        """Answer as at the beginning."""
        for name, value in vars(HostileProvider(self.port)).items():
            setattr(self, name, value)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> OpenIdSettings:
        return OpenIdSettings(self.issuer, CLIENT)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.seen.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            document = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **({"userinfo_endpoint": f"{self.issuer}/userinfo"} if self.userinfo else {}),
                **self.configuration,
            }
            return 200, json.dumps(document).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == "/userinfo":
            return 200, json.dumps(self.userinfo).encode()
        self.form = parse_qs(body.decode())
        self.last_token = self.token or self.made_token()
        return 200, json.dumps({"access_token": "at", "id_token": self.last_token}).encode()

    def made_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "u-1",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "name": "Robin",
            "groups": ["engineering"],
        }
        if self.header["alg"] == "HS256":
            return _with_public_key_as_secret(self.header, self.claims(claims))
        return jwt.encode(self.header, self.claims(claims), self.key, algorithms=[self.header["alg"]])

    def note(self, address: str) -> dict[str, str]:
        """Take the address to which our server sent a browser, and return its query."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = query["nonce"]
        return query


def _with_public_key_as_secret(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token with an HMAC whose secret is the public key. The library refuses to make one."""
    parts = [json.dumps(part).encode() for part in (header, claims)]
    signed = b".".join(map(_base64, parts))
    return (signed + b"." + _base64(hmac.digest(RIGHT.as_pem(private=False), signed, "sha256"))).decode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    state = HostileProvider()

    class Handler(JsonHandler):
        def reply(self) -> None:
            length = int(self.headers.get("content-length", 0))
            status, body = state.answer(urlsplit(self.path).path, self.rfile.read(length))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as address:
        state.port = int(address.rpartition(":")[2])
        yield state
