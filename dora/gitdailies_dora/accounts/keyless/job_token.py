"""Decide about the ID token of a CI job: whose it is, and what the job may report. Pure.

Signatures are checked by joserfc. Messages name a claim, and repeat no part of a signature.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_connection.config.sections.trusted_ci import TrustedCi, project_id
from gitdailies_core.error_text import got, got_of
from gitdailies_core.values import patterns
from gitdailies_core.values.renames import folded
from joserfc import jws, jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption

from gitdailies_dora.accounts.keys.webhook_key import Limits
from gitdailies_dora.accounts.single_sign_on.account import SignInRefused

# Every platform signs with RS256. A GitLab or GitHub of one's own may have an elliptic curve.
ALGORITHMS = ("RS256", "ES256")
# How far the clocks of issuer and server may differ.
LEEWAY_SECONDS = 60
LONGEST_TOKEN, _LONGEST_CLAIM = 16 * 1024, 255
_NEEDED = ClaimsOption(essential=True)
_REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


class _Claims(NamedTuple):
    """The claims of a platform's tokens: the repository, an id in place of it, the environment, if any.

    A token is taken for *minutes*. Some platforms make it for the step that asks, others when a job begins.
    """

    repository: str
    project: str
    environment: str
    minutes: int


_PLATFORMS: Mapping[str, _Claims] = {
    # Source: its "OpenID Connect reference".
    "github": _Claims("repository", "", "environment", 10),
    # Its "OpenID Connect (OIDC) authentication using ID tokens". For a merge request of a fork, project_path
    # is the fork's since GitLab 18.2.2.
    "gitlab": _Claims("project_path", "", "environment", 60),
    # Its "Using OpenID Connect tokens in jobs". The address of the repository without a scheme, for a fork's
    # pull request that of the fork. A pipeline that a custom webhook started has none.
    "circleci": _Claims("oidc.circleci.com/vcs-origin", "oidc.circleci.com/project-id", "", 10),
    # Its "buildkite-agent oidc". The step asks for this claim, because slugs change.
    "buildkite": _Claims("", "pipeline_id", "", 10),
    # Its "Integrate Pipelines with resource servers using OIDC".
    "bitbucket": _Claims("", "repositoryUuid", "", 60),
}


def claimed(token: str, trusted: Sequence[TrustedCi]) -> tuple[list[TrustedCi], str | None]:
    """Return the settings of who is said to have issued a token, and its key's id; raises SignInRefused."""
    try:
        if len(token) > LONGEST_TOKEN:
            raise ValueError
        extracted = jws.extract_compact(token.encode(), registry=_REGISTRY)
        header, issuer = extracted.protected, json.loads(extracted.payload).get("iss")
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise SignInRefused("it cannot be read: expected three parts of Base64, the first two JSON") from None
    if header.get("alg") not in ALGORITHMS:
        raise SignInRefused(f"alg: expected {' or '.join(ALGORITHMS)}, got {got_of(header, 'alg')}")
    found = [one for one in trusted if one.issuer == issuer]
    if not found:
        known = ", ".join(dict.fromkeys(one.issuer for one in trusted)) or "nobody"
        raise SignInRefused(
            f"iss: this server trusts {known}, got {got(issuer)}; "
            "add the issuer to dora.trusted_ci of gitdailies.yml, or send a key"
        )
    key_id = header.get("kid")
    return found, key_id if isinstance(key_id, str) else None


def proven(
    token: str, keys: KeySet, *, trusted: Sequence[TrustedCi], audience: str, now: int
) -> tuple[Limits, str]:
    """Verify a token; *now* is in seconds since 1970, and *audience* the address of this server.

    *trusted* are the settings of its issuer. Returns its repository with the environments that they allow,
    and the environment that the token has, or "". Raises SignInRefused.
    """
    about = trusted[0]
    claims = _verified(token, keys, about, audience=audience, now=now)
    repository = _repository(claims, about)
    name = folded(repository)
    fitting = [e for e in trusted if any(patterns.matches(folded(repo), name) for repo in e.repositories)]
    if not fitting:
        repos = ", ".join(dict.fromkeys(repo for entry in trusted for repo in entry.repositories))
        raise SignInRefused(
            f"repository: dora.trusted_ci trusts {repos}, got {got(repository)}; add it to repositories there"
        )
    environments = dict.fromkeys(one.casefold() for entry in fitting for one in entry.environments)
    environment = str(claims.get(_PLATFORMS[about.platform].environment) or "")[:_LONGEST_CLAIM]
    return Limits((name,), tuple(environments)), environment


def _verified(token: str, keys: KeySet, about: TrustedCi, *, audience: str, now: int) -> dict[str, Any]:
    """Return the claims of a token whose signature, issuer, audience and times are right."""
    minutes = _PLATFORMS[about.platform].minutes
    here = ClaimsOption(essential=True, values=[audience.lower()])
    claims: dict[str, Any] = {}
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS, registry=_REGISTRY).claims
        named = claims.get("aud")
        listed = named if isinstance(named, list) else [named]
        audiences = [one.rstrip("/").lower() for one in listed if isinstance(one, str)]
        registry = jwt.JWTClaimsRegistry(now, LEEWAY_SECONDS, aud=here, exp=_NEEDED, iat=_NEEDED)
        registry.validate({**claims, "aud": audiences})
        if now < claims["iat"] + 60 * minutes + LEEWAY_SECONDS:
            return claims
        wrong = "iat"
    except InvalidKeyIdError:
        raise SignInRefused(f"kid: {about.issuer} publishes no such key") from None
    except ClaimError as error:
        wrong = error.claim.partition(",")[0]
    except (JoseError, ValueError, TypeError, KeyError):
        raise SignInRefused(f"the signature is not that of {about.issuer}") from None
    found = got_of(claims, wrong)
    if wrong == "aud":
        raise SignInRefused(
            f"aud: expected {audience}, the address of this server, got {found}; "
            "webhook-url, --public-url and the audience, if the job names one, must have the same address"
        )
    raise SignInRefused(
        f"{wrong}: expected a token that is valid at {now}, the clock of this server, and at most "
        f"{minutes} minutes old, got {found}; report right after the deploy"
    )


def _repository(claims: Mapping[str, Any], about: TrustedCi) -> str:
    """Return the repository of a job, by its name or by the setting `projects`."""
    form = _PLATFORMS[about.platform]
    name, project = claims.get(form.repository), claims.get(form.project)
    if isinstance(name, str) and name:
        return name.partition("/")[2] if about.platform == "circleci" else name
    if isinstance(project, str) and project_id(project) in about.projects:
        return about.projects[project_id(project)]
    if not form.project:
        raise SignInRefused(
            f"{form.repository}: expected a repository, got {got_of(claims, form.repository)}"
        )
    raise SignInRefused(
        f"{form.project}: expected an id of dora.trusted_ci.projects, got {got_of(claims, form.project)}; "
        "add a line with this id and its repository there"
    )
