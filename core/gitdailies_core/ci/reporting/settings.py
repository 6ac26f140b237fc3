"""The settings of a step besides the deploy itself: the address, the key, timeouts and retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_core.ci.job.facts import given
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.receivers import DOCUMENTED, OUR_KEY_PREFIX, OURS, RECEIVERS
from gitdailies_core.values.secret import Secret

# Every step has these inputs. Each platform names them by its own conventions.
DEPLOY_INPUTS = (
    "repo",
    "sha",
    "branch",
    "environment",
    "service",
    "type",
    "time",
    "id",
    "status",
    "url",
    "fixes",
    "paths",
)
STEP_INPUTS = (
    "path",
    "webhook-url",
    "webhook-key",
    "auth",
    "receiver",
    "timeout",
    "retries",
    "dry-run",
    "debug",
    "fail-on-error",
)
INPUTS = (*DEPLOY_INPUTS, *STEP_INPUTS)

# By a webhook key, or by an ID token that the platform makes for the job.
AUTH_KEY, AUTH_OIDC = "key", "oidc"
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Settings(NamedTuple):
    """A step's settings. Build them with `make`."""

    inputs: Inputs
    path: str | None
    url: str | None
    key: Secret
    oidc: bool
    receiver: str
    timeout_seconds: float
    retries: int | None
    dry_run: bool
    debug: bool

    @classmethod
    def make(cls, texts: Mapping[str, str | None]) -> Settings:
        """Read texts by the names of `DEPLOY_INPUTS` and `STEP_INPUTS`. A missing name means not given.

        Raises UsageError that names the input.
        """
        key = Secret((texts.get("webhook-key") or "").strip(), "webhook-key")
        dry_run = flag(texts, "dry-run")
        # The end of the process reads this input. A wrong value is reported here like any other.
        flag(texts, "fail-on-error")
        auth = (given(texts.get("auth")) or AUTH_KEY).lower()
        if auth not in (AUTH_KEY, AUTH_OIDC):
            raise UsageError(f"auth: expected {AUTH_KEY} or {AUTH_OIDC}, got {got(auth)}")
        is_ours = key.reveal().startswith(OUR_KEY_PREFIX) if key else dry_run or auth == AUTH_OIDC
        receiver = given(texts.get("receiver")) or (OURS if is_ours else DOCUMENTED)
        if receiver not in RECEIVERS:
            raise UsageError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        return cls(
            inputs=Inputs.make(
                {name: texts.get(name) for name in DEPLOY_INPUTS if name != "repo"},
                repos=[texts.get("repo") or ""],
            ),
            path=given(texts.get("path")),
            url=given(texts.get("webhook-url")),
            key=key,
            oidc=auth == AUTH_OIDC,
            receiver=receiver,
            timeout_seconds=_number(texts, "timeout", default=10.0, least=0.1, most=300),
            retries=_retries(texts),
            dry_run=dry_run,
            debug=flag(texts, "debug"),
        )


def flag(texts: Mapping[str, str | None], name: str) -> bool:
    """Read true or false. The default is false. Raises UsageError."""
    word = (given(texts.get(name)) or "false").lower()
    if word not in TRUE + FALSE:
        raise UsageError(f"{name}: expected true or false, got {got(word)}")
    return word in TRUE


def _retries(texts: Mapping[str, str | None]) -> int | None:
    # Without a number, the step retries until its time is over.
    number = _number(texts, "retries", default=-1, least=0, most=10)
    return None if number < 0 else int(number)


def _number(
    texts: Mapping[str, str | None], name: str, *, default: float, least: float, most: float
) -> float:
    text = given(texts.get(name))
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not least <= number <= most or (isinstance(default, int) and number % 1):
        whole = "whole number" if isinstance(default, int) else "number"
        raise UsageError(f"{name}: expected a {whole} from {least:g} to {most:g}, got {got(text)}")
    return number
