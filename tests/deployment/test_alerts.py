"""Alert rules and the operating guide against what both servers expose while they run."""

import re
import subprocess
from collections.abc import Iterator
from functools import partial
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
from tests.support.programs import program
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
ROW = re.compile(r"^\| (`(?:gitdailies|process)_[\w`, ]+`) \| (\w+) \|([^|]*)\|", re.MULTILINE)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The metrics of a busy relay and of a busy DORA server."""
    folder = tmp_path_factory.mktemp("alerts")
    with dora_in_thread(folder / "dora.db", status=Listen("127.0.0.1", free_port())) as ours:
        ours.post(ours.key("ci"), body("deploy"))
        dora = requests.get(f"{ours.status_url}/metrics", timeout=10).text
    with receiving() as receiver, in_thread(configure(folder, url=receiver.url)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
        pagerduty("incident.acknowledged", "Q1").post(relay.url)
        signed(b"{}").post(relay.url)

        def scraped() -> str:
            text = requests.get(f"{relay.status_url}/metrics", timeout=10).text
            return text if 'attempts_total{verdict="delivered"} 1.0' in text else ""

        return eventually(scraped), dora


@pytest.fixture(scope="module")
def exposed(texts: tuple[str, str]) -> dict[str, tuple[str, set[str]]]:
    """Every metric family of both servers, with its type and labels."""
    return {name: family for text in texts for name, family in _families(text)}


def _families(text: str) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, (family.type, labels)


def test_the_guide_lists_every_metric(exposed: dict[str, tuple[str, set[str]]]) -> None:
    """The table has each series that is exposed, with its type and labels, and none that is not."""
    listed = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in ROW.findall(GUIDE)
        for name in re.findall(r"`(\w+)`", names)
    }
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
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in ("page", "warn")


def test_the_metrics_are_as_prometheus_wants_them(texts: tuple[str, str]) -> None:
    """promtool has nothing to say about names, types and units."""
    for text in texts:
        done = subprocess.run(
            [program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_can_be_counted_begins_at_zero(tmp_path: Path) -> None:
    """The series that rules count are there before the first request, also of a source that a reload adds."""
    counted = {
        'gitdailies_dora_requests_total{part="events",status="401"}',
        'gitdailies_dora_requests_total{part="pages",status="500"}',
        'gitdailies_dora_events_total{result="invalid"}',
    }
    with dora_in_thread(tmp_path / "dora.db", status=Listen("127.0.0.1", free_port())) as dora:
        assert counted <= _zeros(dora.status_url)
    file = configure(tmp_path)
    sources = {"datadog": file.read_text()}
    sources["added"] = sources["datadog"] + "  added: {adapter: pagerduty, secrets: [{file: old-secret}]}\n"
    with in_thread(file) as relay:
        for source, text in sources.items():
            file.write_text(text)
            relay.reload()
            counted = {
                f'gitdailies_relay_requests_total{{source="{source}",status="503"}}',
                f'gitdailies_relay_requests_total{{source="{source}",status="401"}}',
                f'gitdailies_relay_quarantined_total{{reason="unmapped",source="{source}"}}',
                f'gitdailies_relay_messages_total{{outcome="stored",source="{source}"}}',
            }
            eventually(partial(_zeros_have, relay.status_url, counted))


def _zeros_have(url: str, counted: set[str]) -> bool:
    return counted <= _zeros(url)


def _zeros(url: str) -> set[str]:
    lines = requests.get(f"{url}/metrics", timeout=10).text.splitlines()
    return {line.removesuffix(" 0.0") for line in lines if line.endswith(" 0.0")}


def test_every_rule_has_a_part_of_the_page() -> None:
    """The page says of each alert what to do, and of no other, and the alert names its part."""
    page = (ROOT / "docs/do/alerts.md").read_text()
    assert sorted(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == sorted(r["alert"] for r in RULES)
    # A release makes an address of it.
    assert {rule["alert"]: rule["annotations"]["runbook_url"] for rule in RULES} == {
        rule["alert"]: f"docs/do/alerts.md#{rule['alert'].lower()}" for rule in RULES
    }
