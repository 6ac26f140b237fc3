"""Alert rules and the operating guide against what both servers expose while they run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from gitdailies_connection.addresses import Listen
from prometheus_client.parser import text_string_to_metric_families

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread as dora_in_thread
from tests.support.processes import eventually
from tests.support.relay.deliveries import pagerduty, signed
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure, in_thread
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deployment/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
GUIDE = (ROOT / "docs/operating.md").read_text()
ROW = re.compile(r"^\| `((?:gitdailies|process)_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, set[str]]]:
    """Every metric family of a busy relay and of busy the DORA server, with its type and labels."""
    folder = tmp_path_factory.mktemp("alerts")
    with dora_in_thread(folder / "dora.db", status=Listen("127.0.0.1", free_port())) as ours:
        ours.post(ours.key("ci"), body("deploy"))
        incoming = requests.get(f"{ours.status_url}/metrics", timeout=10).text
    with receiving() as receiver, in_thread(configure(folder, url=receiver.url)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
        pagerduty("incident.acknowledged", "Q1").post(relay.url)
        signed(b"{}").post(relay.url)

        def scraped() -> str:
            text = requests.get(f"{relay.status_url}/metrics", timeout=10).text
            return text if 'attempts_total{verdict="delivered"} 1.0' in text else ""

        return dict(_families(eventually(scraped))) | dict(_families(incoming))


def _families(text: str) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, (family.type, labels)


def test_the_guide_lists_every_metric(exposed: dict[str, tuple[str, set[str]]]) -> None:
    """The table has each series that is exposed, with its type and labels, and none that is not."""
    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(GUIDE)}
    assert listed == exposed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_asks_for_what_is_exposed(
    rule: dict[str, Any], exposed: dict[str, tuple[str, set[str]]]
) -> None:
    """Each series and label of a rule is exposed, and its annotations say what is wrong and what to do."""
    names = re.findall(r"gitdailies_\w+", rule["expr"])
    assert names
    labels = {"instance", "job", "le"}
    for name in names:
        family = name.removesuffix("_bucket")
        assert family in exposed, name
        assert name.endswith("_bucket") == (exposed[family][0] == "histogram")
        labels |= exposed[family][1]
    grouped = ",".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))
    asked = {one.strip() for one in grouped.split(",") if one.strip()}
    asked |= set(re.findall(r"\{(\w+)=", rule["expr"]))
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert asked | shown <= labels
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in ("page", "warn")


def test_every_rule_is_in_the_guide() -> None:
    """The guide says of each alert what to do."""
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in GUIDE] == []
