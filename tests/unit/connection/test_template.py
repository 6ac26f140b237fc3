"""The first file loads, with its comments and without them."""

import re
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import read
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.template import first_file

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
