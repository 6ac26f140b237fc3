"""The chart's pods, run by podman: both servers start as the chart says, and an incident counts."""

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.support.deployment.charts import CLAIMS, rendered
from tests.support.deployment.engine import Engine
from tests.support.processes import eventually
from tests.support.relay.deliveries import SECRETS, pagerduty

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

DORA, RELAY = "gitdailies-dora", "gitdailies-relay"
VALUES = yaml.safe_load((Path(__file__).parent / "data" / "chart.yml").read_text())["run"]


def played(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as podman needs it: without a group for volumes, so that everybody reads secrets."""
    if manifest["kind"] == "Deployment":
        for volume in manifest["spec"]["template"]["spec"]["volumes"]:
            if "secret" in volume:
                volume["secret"]["defaultMode"] = 0o444
    return manifest


def secret(name: str, **files: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": files}


def play(images: Engine, folder: Path, *manifests: dict[str, Any]) -> None:
    (folder / "play.yaml").write_text(yaml.safe_dump_all(map(played, manifests)))
    images.podman("kube", "play", "--network", "chart", folder / "play.yaml")


def address(images: Engine, deployment: str) -> str:
    """Return where this machine reaches the pod of a Deployment."""
    infra = images.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", f"{deployment}-pod")
    return images.address(infra)


def test_the_pods_count_an_incident(images: Engine, tmp_path: Path) -> None:
    """The relay gets a key, and the DORA server the incident that it takes. `check` finds no fault."""
    made = {(one["kind"], one["metadata"]["name"]): one for one in rendered(VALUES)}
    images.podman("network", "create", "chart")
    shared = made["ConfigMap", "gitdailies"]
    play(
        images,
        tmp_path,
        shared,
        made["PersistentVolumeClaim", CLAIMS[DORA]],
        secret("tools", pagerduty=SECRETS["pagerduty-secret"]),
        made["Deployment", DORA],
    )
    dora = f"{DORA}-pod-dora"
    eventually(lambda: images.podman("exec", dora, "gitdailies", "alive", expected=None).endswith("ok"))
    key = images.podman("exec", dora, "gitdailies", "keys", "create", "relay", "--quiet")
    reader = images.podman(
        "exec", dora, "gitdailies", "keys", "create", "reader", "--allow", "read", "--quiet"
    )
    play(
        images,
        tmp_path,
        shared,
        made["PersistentVolumeClaim", CLAIMS[RELAY]],
        secret("gitdailies-webhook-key", key=key),
        made["Deployment", RELAY],
    )
    relay = f"{RELAY}-pod-relay"
    eventually(lambda: images.podman("exec", relay, "gitdailies", "alive", expected=None).endswith("ok"))
    (checked,) = made["Pod", "gitdailies-check"]["spec"]["containers"]
    assert "FAULT" not in images.podman("exec", relay, "gitdailies", *checked["args"])

    sent = pagerduty("incident.triggered", "Q1").post(f"http://{address(images, RELAY)}:8701")
    assert sent.status_code == 202, sent.text
    events = f"http://{address(images, DORA)}:8700/api/events"
    eventually(
        lambda: "incidentStarted" in requests.get(events, headers={"webhook-key": reader}, timeout=10).text
    )
    assert requests.get(f"http://{address(images, RELAY)}:8702/metrics", timeout=10).status_code == 200
    for container in (dora, relay):
        assert images.podman("exec", container, "id", "-u") == "10001"
        assert "Read-only" in images.podman("exec", container, "touch", "/opt/gitdailies/x", expected=1)
    for deployment in (RELAY, DORA):
        images.podman("pod", "stop", "--time=15", f"{deployment}-pod")
