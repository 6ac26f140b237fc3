"""The settings of a step besides the deploy itself: the address, the key, timeouts and retries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitdailies_core.ci.facts import given
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import DOCUMENTED, OUR_KEY_PREFIX, OURS, RECEIVERS
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
)
STEP_INPUTS = (
    "path",
    "webhook-url",
    "webhook-key",
    "receiver",
    "timeout",
    "retries",
    "dry-run",
    "fail-on-error",
)
INPUTS = (*DEPLOY_INPUTS, *STEP_INPUTS)

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Settings:
    """A step's settings. Build them with `make`."""

    inputs: Inputs
    path: str | None
    url: str | None
    key: Secret
    receiver: str
    timeout_seconds: float
    retries: int
    dry_run: bool

    @classmethod
    def make(cls, texts: Mapping[str, str | None]) -> Settings:
        """Read texts by the names of `DEPLOY_INPUTS` and `STEP_INPUTS`. A missing name means not given.

        Raises UsageError that names the input.
        """
        key = Secret((texts.get("webhook-key") or "").strip(), "webhook-key")
        dry_run = flag(texts, "dry-run")
        # The end of the process reads this input. A wrong value is reported here like any other.
        flag(texts, "fail-on-error")
        receiver = given(texts.get("receiver")) or _receiver_of(key, dry_run)
        if receiver not in RECEIVERS:
            raise UsageError(f"receiver: expected one of {', '.join(RECEIVERS)}, got {got(receiver)}")
        return cls(
            inputs=Inputs.make(
                repos=[texts.get("repo") or ""],
                **{name: texts.get(name) for name in DEPLOY_INPUTS if name != "repo"},
            ),
            path=given(texts.get("path")),
            url=given(texts.get("webhook-url")),
            key=key,
            receiver=receiver,
            timeout_seconds=_number(texts, "timeout", default=10.0, least=0.1, most=300),
            retries=int(_number(texts, "retries", default=3, least=0, most=10)),
            dry_run=dry_run,
        )


def flag(texts: Mapping[str, str | None], name: str) -> bool:
    """Read true or false. The default is false. Raises UsageError."""
    word = (given(texts.get(name)) or "false").lower()
    if word not in TRUE + FALSE:
        raise UsageError(f"{name}: expected true or false, got {got(word)}")
    return word in TRUE


def _receiver_of(key: Secret, dry_run: bool) -> str:
    if key:
        return OURS if key.reveal().startswith(OUR_KEY_PREFIX) else DOCUMENTED
    return OURS if dry_run else DOCUMENTED


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
