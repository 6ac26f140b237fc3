"""The ID token of a job, which its platform makes for one receiver: asked for, and checked before it is sent.

This module is exempt from core's rule against I/O. It runs the platform's program, or asks the platform.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.reporting.report import DONE
from gitdailies_core.ci.sending.receiver import Receiver
from gitdailies_core.ci.sending.sender import send
from gitdailies_core.error_text import got
from gitdailies_core.errors import DeliveryError, UsageError
from gitdailies_core.values.secret import Secret

_SECONDS = 10.0
_WORKS_ON = "GitHub Actions, GitLab CI, CircleCI, Buildkite and Bitbucket Pipelines"


def id_token(
    platform: Platform, environ: Mapping[str, str], receiver: Receiver, *, fork: bool, until: datetime
) -> Secret:
    """Return an ID token for *receiver*. Raises UsageError, which says what the job lacks.

    A platform that gives none until *until* raises DeliveryError, with its answer.
    *fork*: a fork started the job, and gets none. A token for another receiver is never sent.
    """
    if not platform.oidc:
        raise UsageError(f"auth: oidc works on {_WORKS_ON} alone; use webhook-key here")
    if fork:
        raise UsageError("auth: a job of a fork gets no ID token of the repository")
    parts = urlsplit(receiver.url)
    audience = f"{parts.scheme}://{parts.netloc}".lower()
    token = _token(platform.oidc, environ, audience, receiver, until).strip()
    found = _audiences(token)
    if audience not in found:
        other = f"one for {', '.join(map(got, found[:10])) or 'nobody'}" if token else "none"
        raise UsageError(
            f"auth: expected an ID token for {audience}, got {other}"
            + platform.no_oidc.replace("AUDIENCE", audience)
        )
    return Secret(token, "ID token")


def _token(
    how: Sequence[str], environ: Mapping[str, str], audience: str, receiver: Receiver, until: datetime
) -> str:
    """Return the token that a job gets as `Platform.oidc` says, or "" if it gets none."""
    if len(how) > 2:
        return _printed([word.replace("AUDIENCE", audience) for word in how])
    first, *bearer = (environ.get(name, "") for name in how)
    if not bearer:
        return first
    if not (first and bearer[0]):
        return ""
    url = f"{first}{'&' if urlsplit(first).query else '?'}audience={quote(audience, safe='')}"
    endpoint = receiver._replace(url=url, key=Secret(bearer[0].strip(), "bearer"))
    answer = send({}, endpoint, until=until)
    if answer.code != DONE:
        raise DeliveryError(f"the token endpoint of the platform: {answer.message}")
    return str(_field(answer.body, "value") or "")


def _printed(command: Sequence[str]) -> str:
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace")


def _audiences(token: str) -> list[str]:
    """Return for whom a token is. The receiver verifies it."""
    try:
        found = _field(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")), "aud")
    except (ValueError, IndexError, RecursionError):
        return []
    listed = found if isinstance(found, list) else [found]
    return [one.rstrip("/").lower() for one in listed if isinstance(one, str)]


def _field(body: Any, name: str) -> Any:
    """Return a value of a JSON object, or None."""
    return body.get(name) if isinstance(body, dict) else None
