"""Limits of a key: which events it may send, by kind, repository and environment."""

from pathlib import Path

import pytest
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.values.renames import Renames
from gitdailies_dora.accounts.keys.key_store import create_key, list_keys
from gitdailies_dora.accounts.keys.webhook_key import Key, Limits
from gitdailies_dora.api.access import forbidden
from gitdailies_dora.figures.history.settings import FigureSettings

SETTINGS = FigureSettings(
    production=("production", "prod-*"), renames=Renames((("larkspur/pay-old", "larkspur/pay-api"),))
)


def key_for(
    folder: Path, *allow: str, repos: tuple[str, ...] = (), environments: tuple[str, ...] = ()
) -> Key:
    """Return a key as the store has it."""
    create_key(folder / "w.db", "ci", allow, limits=Limits.make(repos, environments))
    (key,) = list_keys(folder / "w.db")
    return key


def deploy(**fields: str) -> Event:
    return Event.from_wire(
        {"kind": "deployed", "repo": "larkspur/pay-api", "commitSHA": "4f0c2d6b8e1a", **fields}
    )


@pytest.mark.parametrize(
    ("repos", "environments", "fields", "refused"),
    [
        (("larkspur/pay-*",), (), {"repo": "larkspur/pay-api"}, ""),
        (("larkspur/pay-*",), (), {"repo": "Larkspur/Pay-API.git"}, ""),
        (("larkspur/pay-*",), (), {"repo": "larkspur/checkout"}, "repo"),
        (("larkspur/pay-api", "larkspur/web"), (), {"repo": "larkspur/web"}, ""),
        # Both names of a renamed repository are of it.
        (("larkspur/pay-api",), (), {"repo": "larkspur/pay-old"}, ""),
        (("larkspur/pay-old",), (), {"repo": "larkspur/pay-old"}, ""),
        ((), ("staging",), {"environment": "Staging"}, ""),
        ((), ("staging",), {"environment": "production"}, "environment"),
        # Silence is production, and so is a name whose tier says so.
        ((), ("staging",), {}, "environment"),
        ((), ("staging",), {"environment": "staging", "tier": "production"}, "environment"),
        ((), ("production",), {}, ""),
        ((), ("production",), {"environment": "prod-eu"}, ""),
        ((), ("prod-eu",), {"environment": "prod-eu"}, ""),
        ((), ("prod-eu",), {"environment": "prod-us"}, "environment"),
        ((), ("prod-eu",), {}, "environment"),
        (("larkspur/*",), ("eu west",), {"repo": "larkspur/web", "environment": "EU West"}, ""),
    ],
)
def test_which_events_are_within_limits(
    tmp_path: Path,
    repos: tuple[str, ...],
    environments: tuple[str, ...],
    fields: dict[str, str],
    refused: str,
) -> None:
    """An event outside the limits is refused at its field, and the answer names the limit."""
    key = key_for(tmp_path, repos=repos, environments=environments)
    problem = forbidden(deploy(**fields), key=key, settings=SETTINGS)
    assert (problem.field if problem else "") == refused
    if problem is not None:
        assert problem.status == 403
        assert " or ".join(repos or environments) in problem.detail


@pytest.mark.parametrize("allow", ["read", "delete", "correct"])
def test_only_a_key_that_sends_alone_is_limited(tmp_path: Path, allow: str) -> None:
    """What a limit would not hold for is refused when the key is made."""
    with pytest.raises(UsageError, match="allow: only sending can be limited"):
        create_key(tmp_path / "w.db", "ci", ("send", allow), limits=Limits.make(["larkspur/*"]))


@pytest.mark.parametrize("name", ["", " ", "a,b", "a\nb", "x" * 201])
def test_a_limit_that_names_nothing(name: str) -> None:
    """A limit is a name or a pattern on one line, without commas."""
    with pytest.raises(UsageError, match="repos: use names or patterns"):
        Limits.make([name])
