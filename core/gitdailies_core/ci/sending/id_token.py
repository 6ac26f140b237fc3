"""The ID token of a job, which its platform makes for one receiver: asked for, and checked before it is sent.

This module is exempt from core's rule against I/O. It runs the platform's program, or asks the platform.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.sending.proxy import proxy_of
from gitdailies_core.ci.sending.sender import Fault, exchange
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.secret import Secret

_SECONDS = 10.0
_ATTEMPTS = 3
_WORKS_ON = "GitHub Actions, GitLab CI, CircleCI, Buildkite and Bitbucket Pipelines"


def id_token(platform: Platform | None, environ: Mapping[str, str], url: str, *, fork: bool) -> Secret:
    """Return an ID token for the receiver at *url*. Raises UsageError, which says what the job lacks.

    *fork*: a fork started the job, and gets none. A token for another receiver is never sent.
    """
    if platform is None or platform.step.oidc is None:
        raise UsageError(f"auth: oidc works on {_WORKS_ON} alone; use webhook-key here")
    if fork:
        raise UsageError("auth: a job of a fork gets no ID token of the repository")
    parts = urlsplit(url)
    audience = f"{parts.scheme}://{parts.netloc}".lower()
    token = platform.step.oidc(environ, audience).strip()
    found = _audiences(token)
    if audience not in found:
        other = f"one for {', '.join(map(got, found[:10])) or 'nobody'}" if token else "none"
        raise UsageError(
            f"auth: expected an ID token for {audience}, got {other}"
            + platform.step.no_oidc.replace("AUDIENCE", audience)
        )
    return Secret(token, "ID token")


def printed(*command: str) -> str:
    """Return what a program of the platform prints, or "" if it fails."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace")


def fetched(url: str, bearer: str, audience: str) -> str:
    """Return the token that the platform answers at *url*, or "" if it gives none."""
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    url += f"{'&' if urlsplit(url).query else '?'}audience={quote(audience, safe='')}"
    for _ in range(_ATTEMPTS):
        answer = exchange("GET", url, headers, None, _SECONDS, proxy_of(urlsplit(url)))
        if isinstance(answer, Fault) or answer[0].status >= 500:
            continue
        value = _json(answer[1]).get("value")
        return value if isinstance(value, str) else ""
    return ""


def _audiences(token: str) -> list[str]:
    """Return for whom a token is. The receiver verifies it."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        found = _json(base64.urlsafe_b64decode(payload + "==")).get("aud")
    except ValueError:
        return []
    listed = found if isinstance(found, list) else [found]
    return [one.rstrip("/").lower() for one in listed if isinstance(one, str)]


def _json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
