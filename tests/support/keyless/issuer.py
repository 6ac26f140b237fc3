"""A stand-in of the issuer of each platform: a real server with its configuration and its keys.

`claims.json` has the claims of a token as the platforms' documents show them; names and ids are invented.
`wrong.json` has tokens and events that must be refused.
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gitdailies_connection.config.sections.trusted_ci import TrustedCi, project_id
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from tests.support.json_server import JsonHandler, listening
from tests.support.sign_in import hostile_provider as hostile
from tests.support.sign_in.hostile_provider import CURVE, OTHER, RIGHT, HostileProvider

AUDIENCE = "http://dora.internal:8700"
REPO = "larkspur/checkout-api"
CLAIMS: Mapping[str, dict[str, Any]] = json.loads(Path(__file__).with_name("claims.json").read_text())
WRONG: list[dict[str, Any]] = json.loads(Path(__file__).with_name("wrong.json").read_text())
# The claims of ids, for the setting `projects`.
_IDS = {
    "circleci": "oidc.circleci.com/project-id",
    "buildkite": "pipeline_id",
    "bitbucket": "repositoryUuid",
}
_UNPUBLISHED = RSAKey.generate_key(2048, {"kid": "unpublished"})
SIGNED_BY: dict[str, Key] = {"right": RIGHT, "another": OTHER, "curve": CURVE, "unpublished": _UNPUBLISHED}


@contextmanager
def issuers(*platforms: str) -> Iterator[dict[str, HostileProvider]]:
    """Run the issuer of each platform."""
    with ExitStack() as servers:
        yield {name: servers.enter_context(hostile.hostile_provider()) for name in platforms or CLAIMS}


@dataclass
class Endpoint:
    """Where a runner of GitHub asks for ID tokens: its address, what it answers, and what it was asked."""

    issuer: str
    url: str = ""
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)


@contextmanager
def endpoint(issuer: str, bearer: str = "runner-secret") -> Iterator[Endpoint]:
    """Run a stand-in of the endpoint. It answers *statuses* first, then a token for the audience."""
    state = Endpoint(issuer)

    class Handler(JsonHandler):
        def reply(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            state.asked.append((self.headers["authorization"], self.path))
            status = state.statuses.pop(0) if state.statuses else 200
            if self.headers["authorization"] != f"Bearer {bearer}" or query.get("api-version") != ["2.0"]:
                status = 401
            audience = query.get("audience", [""])[0]
            state.made.append(token("github", issuer, {"aud": audience, **state.claims}))
            body = {"count": 1, "value": state.made[-1]} if status == 200 else {"title": "not now"}
            self.send_json(status, body)

    with listening(Handler) as address:
        state.url = f"{address}/idtoken?api-version=2.0"
        yield state


def trusted(
    platform: str, issuer: str, *repositories: str, environments: tuple[str, ...] = ("*",)
) -> TrustedCi:
    """Return the settings of a platform whose issuer is a stand-in."""
    projects = {project_id(CLAIMS[platform][_IDS[platform]]): REPO} if platform in _IDS else {}
    return TrustedCi(platform, issuer, repositories or ("larkspur/*",), environments, projects)


def token(
    platform: str,
    issuer: str,
    claims: Mapping[str, Any] | None = None,
    times: Mapping[str, int] | None = None,
    header: Mapping[str, Any] | None = None,
    sign: str = "right",
) -> str:
    """Make a token. *claims* replace those of the platform, None takes one away; *times* are from now on.

    *sign* is a key of `SIGNED_BY`, or what is done instead.
    """
    now = int(time.time())
    all_claims = {"iss": issuer, "aud": AUDIENCE, **CLAIMS[platform]}
    all_claims |= {
        name: now + seconds for name, seconds in {"iat": -5, "nbf": -5, "exp": 295, **(times or {})}.items()
    }
    all_claims |= claims or {}
    all_claims = {name: value for name, value in all_claims.items() if value is not None}
    head = {"alg": "ES256" if sign == "curve" else "RS256", "kid": "right", **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    if sign == "curve" and header is None:
        head["kid"] = "curve"
    if sign == "none":
        return f"{_part({**head, 'alg': 'none'})}.{_part(all_claims)}."
    if sign == "hmac":
        return hostile._with_public_key_as_secret({**head, "alg": "HS256"}, all_claims)
    made = jwt.encode(head, all_claims, SIGNED_BY.get(sign, RIGHT), algorithms=[head["alg"]])
    first, _, last = made.split(".")
    if sign == "changed":
        return f"{first}.{_part({**all_claims, 'repository': 'larkspur/other'})}.{last}"
    return made[:-20] if sign == "cut" else made


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
