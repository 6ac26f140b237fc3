"""Decide about the documents of an OpenID Connect provider, and about its answers. Pure.

Sources: OpenID Connect Discovery 1.0, section 3 and 4.3; RFC 6749, 2.3.1; RFC 7636; RFC 9207.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from gitdailies_connection import addresses
from gitdailies_connection.config.sections.sign_in import OpenIdSettings
from gitdailies_core.values.secret import Secret

from gitdailies_dora.accounts.single_sign_on.account import SignInRefused

WELL_KNOWN = "/.well-known/openid-configuration"
BASIC, POST = "client_secret_basic", "client_secret_post"
# A word of RFC 6749, and not a text that somebody else wrote.
_ERROR_WORD = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True)
class ProviderMetadata:
    """The addresses of a provider, and what this server needs to know about it."""

    issuer: str
    authorization: str  # address of the authorization endpoint
    token: str  # address of the token endpoint
    keys: str  # address of the key set
    userinfo: str  # address, "" for none
    names_itself: bool  # whether its answers have its issuer
    secret_in: str  # BASIC or POST


def metadata_of(document: object, issuer: str) -> ProviderMetadata:
    """Read the document of a provider; raises SignInRefused with what is wrong."""
    if not isinstance(document, dict):
        raise SignInRefused("the provider's configuration: expected a JSON object, got something else")
    if document.get("issuer") != issuer:
        raise SignInRefused(
            "the provider's configuration: expected the issuer of dora.sign_in.openid.issuer, got another"
        )
    methods = document.get("token_endpoint_auth_methods_supported")
    supported = methods if isinstance(methods, list) else [BASIC]
    return ProviderMetadata(
        issuer=issuer,
        authorization=address_in(document, "authorization_endpoint", issuer),
        token=address_in(document, "token_endpoint", issuer),
        keys=address_in(document, "jwks_uri", issuer),
        userinfo=address_in(document, "userinfo_endpoint", issuer) if "userinfo_endpoint" in document else "",
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in=POST if POST in supported and BASIC not in supported else BASIC,
    )


def authorization_address(
    metadata: ProviderMetadata,
    settings: OpenIdSettings,
    *,
    redirect: str,
    state: str,
    nonce: str,
    verifier: str,
) -> str:
    """Return where the browser goes to sign in."""
    challenge = hashlib.sha256(verifier.encode()).digest()
    query = urlencode(
        {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
    )
    separator = "&" if urlsplit(metadata.authorization).query else "?"
    return f"{metadata.authorization}{separator}{query}"


def code_of(answer: Mapping[str, str], metadata: ProviderMetadata) -> str:
    """Return the code with which the browser came back; raises SignInRefused."""
    issuer = answer.get("iss")
    if issuer is None and metadata.names_itself:
        raise SignInRefused("the answer does not name the provider, which it promised to do")
    if issuer not in (None, metadata.issuer):
        raise SignInRefused("the answer comes from another provider")
    if "error" in answer:
        raise SignInRefused(f"the provider answered {error_word(answer['error'])}")
    code = answer.get("code", "")
    if not code:
        raise SignInRefused("the answer has no code")
    return code


def token_request(
    metadata: ProviderMetadata,
    *,
    code: str,
    client_id: str,
    secret: Secret | None,
    redirect: str,
    verifier: str,
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of the request that exchanges a code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if secret is not None and metadata.secret_in == BASIC:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form["client_id"] = client_id
        if secret is not None:
            form["client_secret"] = secret.reveal()
    return headers, urlencode(form).encode()


def error_word(value: object) -> str:
    """Return the word of an error if it is one, so that no text of others is repeated."""
    return value if isinstance(value, str) and _ERROR_WORD.fullmatch(value) else "an error"


def address_in(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """Return an address in a document of *issuer*: https, or on this machine; raises SignInRefused."""
    value = document.get(name)
    where = f"the provider's configuration: {name}"
    if not isinstance(value, str):
        raise SignInRefused(f"{where}: expected an address, got none")
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        plain = parts.scheme == "http" and addresses.is_loopback(urlsplit(issuer).hostname or "")
        safe = parts.scheme == "https" or (plain and addresses.is_loopback(host))
    except ValueError:
        raise SignInRefused(f"{where}: expected an address, got one that cannot be read") from None
    if not safe or not host or "@" in parts.netloc or re.search(r"[^\x21-\x7e]|\\|#", value):
        raise SignInRefused(f"{where}: expected an https address, got another")
    if addresses.forbidden_reason(host):
        raise SignInRefused(f"{where}: expected a provider, got {addresses.forbidden_reason(host)}")
    return value
