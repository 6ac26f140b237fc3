"""The first file loads, with its comments and without them."""

import re
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import read
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.template import first_file
from gitdailies_core.incidents.routing import Route

INIT: dict[str, Any] = {
    "url": "https://app.gitdailies.example/webhooks",
    "key": {"env": "GITDAILIES_WEBHOOK_KEY"},
}
UP: dict[str, Any] = {
    "url": "http://127.0.0.1:8700/webhooks",
    "key": {"file": "webhook.key"},
    "receiver": "ours",
    "listen": "127.0.0.1:8801",
    "status": "[::1]:8802",
    "store": "sqlite:relay.db",
    "secrets": {name: {"file": f"{name}.secret"} for name in ("pagerduty", "datadog", "squadcast")},
    "example": True,
}
FOLDER = Path("/srv/gitdailies-data")


def test_init() -> None:
    """The file of `gitdailies init` loads: the receiver is detected, and no source is enabled."""
    configuration = read(first_file(**INIT), FOLDER / "gitdailies.yml")

    assert configuration.gitdailies.url == INIT["url"]
    assert configuration.gitdailies.key == SecretSource.make(env="GITDAILIES_WEBHOOK_KEY")
    assert configuration.gitdailies.receiver is None
    assert (dict(configuration.sources), dict(configuration.routes.table)) == ({}, {})


def test_up() -> None:
    """The file of `gitdailies up` loads: ours, secrets in files, all sources, the examples' service alone."""
    configuration = read(first_file(**UP), FOLDER / "gitdailies.yml")

    assert configuration.gitdailies.receiver == "ours"
    assert configuration.gitdailies.key == SecretSource.make(file=FOLDER / "webhook.key")
    assert (str(configuration.relay.listen), str(configuration.relay.status)) == (
        "127.0.0.1:8801",
        "[::1]:8802",
    )
    assert configuration.relay.store.path == FOLDER / "relay.db"
    assert dict(configuration.routes.table) == {
        "checkout-api": (Route("larkspur/checkout-api", "production"),)
    }
    assert {name: (one.secrets, one.header) for name, one in configuration.sources.items()} == {
        name: ((SecretSource.make(file=FOLDER / f"{name}.secret"),), header)
        for name, header in (("pagerduty", ""), ("datadog", "X-Relay-Token"), ("squadcast", "X-Relay-Token"))
    }


@pytest.mark.parametrize("values", [INIT, UP], ids=["init", "up"])
def test_comments_are_right(values: dict[str, Any]) -> None:
    """Every commented setting is valid: the file still loads with all of them enabled."""
    text = first_file(**values)
    while (
        bare := re.sub(r"^( *)# ( *(?:# )?[\"*\w-]+: ?(?:$|[^ ].*))$", r"\1\2", text, flags=re.MULTILINE)
    ) != text:
        text = bare
    text = re.sub(r"^ *(?:ca_file|receiver: ours).*\n", "", text, flags=re.MULTILINE)

    configuration = read(text, FOLDER / "gitdailies.yml")

    assert sorted(configuration.sources) == ["datadog", "pagerduty", "squadcast"]
    assert configuration.gitdailies.proxy == "http://proxy:3128"
    assert sorted(configuration.routes.table) == ["*", "checkout-api", "p1svc42"]
    assert configuration.sources["pagerduty"].only.urgency == ("high",)


@pytest.mark.parametrize("name", ["a b", "a: b", "#a", 'a"b', "no", "1", "é", "{a}", "-", "a:"])
def test_odd_names(name: str) -> None:
    """Names of files that mean something to YAML arrive as they are."""
    configuration = read(first_file(**{**INIT, "key": {"file": name}}), FOLDER / "gitdailies.yml")

    assert configuration.gitdailies.key == SecretSource.make(file=FOLDER / name)
