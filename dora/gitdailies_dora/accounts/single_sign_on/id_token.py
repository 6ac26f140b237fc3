"""Verify an ID token. Pure. Source: OpenID Connect Core 1.0, 3.1.3.7.

The signature and the claims of time are checked by joserfc, the library on which Authlib is built.
"""

import hmac
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet, RSAKey

from gitdailies_dora.accounts.single_sign_on.account import SignInRefused

# Signatures by a private key alone. With an HMAC, everybody who may verify could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
KEY_TYPES = ("RSA", "EC", "OKP")
# How far the clocks of provider and server may differ.
LEEWAY_SECONDS = 60
# A token is made while the browser waits, so an old one was kept by somebody.
OLDEST_SECONDS = 600
_WEAKEST_RSA_BITS = 2048
_MOST_KEYS = 100


def keys_of(document: object) -> KeySet:
    """Read the keys of a provider, without those that this server cannot use; raises SignInRefused."""
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise SignInRefused("the provider's keys: expected a JSON object with keys, got something else")
    keys = [key for value in found[:_MOST_KEYS] for key in _usable(value)]
    if not keys:
        raise SignInRefused("the provider's keys: expected a key for signatures, got none")
    return KeySet(keys)


def verified_claims(
    token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: int
) -> dict[str, Any]:
    """Return the claims of an ID token; *now* is in seconds since 1970.

    Raises SignInRefused, which says what is wrong and repeats nothing of the token.
    """
    try:
        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS, registry=registry).claims
        jwt.JWTClaimsRegistry(
            now,
            LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(claims)
    except InvalidKeyIdError:
        raise SignInRefused("the ID token is signed by a key that the provider does not publish") from None
    except JoseError as error:
        raise SignInRefused(f"the ID token is not valid: {error.error}{_claim(error)}") from None
    except (ValueError, TypeError, KeyError):
        raise SignInRefused("the ID token cannot be read") from None
    if claims["iat"] < now - OLDEST_SECONDS - LEEWAY_SECONDS:
        raise SignInRefused("the ID token is not valid: it was issued long ago")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise SignInRefused("the ID token is not valid: it was issued for another sign-in (nonce)")
    audience, party = claims["aud"], claims.get("azp")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise SignInRefused("the ID token is not valid: it is for several receivers and names none (azp)")
    if party not in (None, client_id):
        raise SignInRefused("the ID token is not valid: it was issued to another receiver (azp)")
    return claims


def _usable(value: object) -> list[Key]:
    if not isinstance(value, dict) or value.get("kty") not in KEY_TYPES or value.get("use", "sig") != "sig":
        return []
    try:
        key = JWKRegistry.import_key(value)
        if isinstance(key, RSAKey) and key.public_key.key_size < _WEAKEST_RSA_BITS:
            return []
    except (JoseError, ValueError, TypeError, KeyError):
        return []
    return [key]


def _claim(error: JoseError) -> str:
    claim = getattr(error, "claim", None)
    return f" ({claim})" if claim in ("iss", "sub", "aud", "exp", "iat", "nbf") else ""
