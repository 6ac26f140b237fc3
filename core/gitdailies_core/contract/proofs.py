"""Check an adapter's `verify` with its signature vectors, with other secrets and with hostile headers.

This module is exempt from core's rule against I/O, because it reads the examples of installed packages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.sources.protocol import Adapter, ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values import times
from gitdailies_core.values.secret import Secret

HOSTILE = ("", "v1=", "v1=,v1=", "é", "v1=é", "\x00", "," * 10_000, "v1=" + "0" * 64)
_FILE = "examples/signatures.json"
# No vector is signed with it.
_NOBODYS = "the secret of nobody"
_REMEDY = "raise ProofError, or use verify_hmac_sha256 or verify_shared_token"
# The parts of a vector: each with its type and the type's name in a message.
_PARTS: Mapping[str, tuple[type, str]] = {
    "about": (str, "text"),
    "headers": (dict, "an object"),
    "secrets": (list, "a list of texts"),
    "accepted": (bool, "true or false"),
}


def faults(adapter: Adapter, body: bytes) -> Iterator[str]:
    """Yield what is wrong with `verify`, each fault with its remedy. *body* is that of some delivery."""
    folder = files(adapter.examples).joinpath("examples")
    if not folder.joinpath("signatures.json").is_file():
        yield (
            f'{_FILE}: missing; write a list such as [{{"about": "the token", "headers": '
            f'{{"X-Token": "t0ken"}}, "body": "NAME.payload.json", "secrets": ["t0ken"], "accepted": true}}] '
            "and a refused one"
        )
        return
    try:
        vectors = json.loads(folder.joinpath("signatures.json").read_text("utf-8"))
    except ValueError as error:
        yield f"{_FILE}: expected JSON, got something else: {error}"
        return
    malformed = list(_malformed(vectors))
    if malformed:
        yield from malformed
        return
    if {vector["accepted"] for vector in vectors} != {True, False}:
        yield f"{_FILE}: expected accepted and refused vectors, got one kind; add one of the other kind"
    for vector in vectors:
        given = vector["body"]
        if isinstance(given, str) and not folder.joinpath(given).is_file():
            yield f"{_FILE}: {vector['about']}: examples/{given} is missing; name a file that exists"
            continue
        raw = given["text"].encode() if isinstance(given, dict) else folder.joinpath(given).read_bytes()
        yield from _vector_faults(adapter, vector, _request(vector, raw), folder)
    yield from _hostile_faults(adapter, vectors, body)


def _malformed(vectors: Any) -> Iterator[str]:
    if not isinstance(vectors, list):
        yield f"{_FILE}: expected a list of objects, got {got(vectors)}"
        return
    for number, vector in enumerate(vectors):
        where = f"{_FILE}: [{number}]"
        if not isinstance(vector, dict):
            yield f"{where}: expected an object, got {got(vector)}"
            continue
        for name, (kind, expected) in _PARTS.items():
            if not isinstance(vector.get(name), kind):
                yield f"{where}.{name}: expected {expected}, got {got(vector.get(name))}"
        body = vector.get("body")
        if not isinstance(body, str) and not (isinstance(body, dict) and isinstance(body.get("text"), str)):
            yield f'{where}.body: expected a file name or {{"text": "…"}}, got {got(body)}'


def _request(vector: Mapping[str, Any], raw: bytes) -> Request:
    at = vector.get("received_at")
    return Request.make(
        headers=vector["headers"],
        body=raw,
        query=vector.get("query", {}),
        received_at=times.parse(at, "received_at") if at else None,
    )


def _vector_faults(
    adapter: Adapter, vector: Mapping[str, Any], request: Request, folder: Traversable
) -> Iterator[str]:
    about, expected = vector["about"], vector["accepted"]
    settings = ProofSettings(
        header=vector.get("header", ""), user=vector.get("user", ""), allowed=tuple(vector.get("allowed", ()))
    )
    certificates = vector.get("certificates")
    if certificates and hasattr(adapter, "with_certificates"):
        found = {address: folder.joinpath(file).read_bytes() for address, file in certificates.items()}
        adapter = adapter.with_certificates(found)
    accepted = _accepts(adapter, request, [Secret(secret) for secret in vector["secrets"]], settings)
    if accepted is not expected:
        yield f"{_FILE}: {about}: expected {expected}, got {accepted}; correct the vector or `verify`"
    if expected and not vector["secrets"]:
        # A certificate proves it, and no secret does.
        return
    for secrets in _other_secrets(vector["secrets"] if expected else []):
        if _accepts(adapter, request, secrets, settings) is True:
            yield f"verify: expected an error for other secrets, got acceptance of: {about}; {_REMEDY}"


def _hostile_faults(adapter: Adapter, vectors: Sequence[Mapping[str, Any]], body: bytes) -> Iterator[str]:
    for carrier in sorted({vector.get("header", "") for vector in vectors}):
        names = [*(name for vector in vectors for name in vector["headers"]), *([carrier] if carrier else [])]
        for text in HOSTILE:
            request = Request.make(headers=dict.fromkeys(names, text), body=body)
            accepted = _accepts(adapter, request, [Secret("right")], ProofSettings(carrier, ("any",)))
            if accepted is not False and not (carrier == "" and getattr(adapter, "needs_header", False)):
                yield f"verify with header {text[:20]!a}: expected ProofError, got {accepted}; {_REMEDY}"


def _other_secrets(secrets: Sequence[str]) -> Iterator[list[Secret]]:
    """Yield secrets that did not sign: none, empty ones, and some that begin like the right ones."""
    yield []
    for text in ("", _NOBODYS, *(s[:1] for s in secrets), *(s[:-1] for s in secrets)):
        yield [Secret(text)]
    yield [Secret(_NOBODYS), Secret("")]
    yield [Secret(secret + "x") for secret in secrets]


def _accepts(adapter: Adapter, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> Any:
    """Return True or False, or the text of an error that `verify` must not raise."""
    try:
        adapter.verify(request, secrets, settings)
    except ProofError:
        return False
    except ConfigurationError as error:
        return f"ConfigurationError: {error}"
    except Exception as error:  # noqa: BLE001  a faulty adapter may raise anything
        return f"{type(error).__name__}: {error}"
    return True
