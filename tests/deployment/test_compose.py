"""The compose file as the guide starts it: each server restarts under deliveries, and each counts once."""

import re
import shutil
from pathlib import Path

import pytest
import requests

from tests.support.deployment.engine import PEERS, ROOT, Engine
from tests.support.deployment.vendor import Vendor, wait_until_ready
from tests.support.relay.deliveries import SECRETS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

GUIDE = (ROOT / "docs/do/compose.md").read_text().partition("## Start\n")[2].partition("\n## ")[0]
START, STATUS = re.findall(r"^```shell\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
RESTARTS = ("docker compose restart relay-1", "docker compose restart relay-2")
PLACEHOLDER = "paste the secret of the webhook here"


def test_each_delivery_counts_once_whatever_restarts(images: Engine, tmp_path: Path) -> None:
    """While one relay, the other and then PostgreSQL restart, answers are 2xx or 503, and nothing is lost."""
    shutil.copytree(ROOT / "deployment", tmp_path / "deployment")
    folder = tmp_path / "deployment"
    assert START.startswith("cd deployment\n")
    assert PLACEHOLDER in START
    for name in PEERS:
        images.build(name)
    with images.health_checks():
        for line in START.replace(PLACEHOLDER, SECRETS["pagerduty-secret"]).splitlines()[1:]:
            log = images.typed(line, folder)
    assert re.search(r"first owner: open http://localhost:8080/join/\S+", log)
    proxy = f"http://{images.address('gitdailies_proxy_1')}:8080"
    wait_until_ready(proxy)
    with Vendor(proxy) as vendor:
        vendor.more(5)
        for line in (*RESTARTS, *STATUS.splitlines()):
            images.typed(line, folder)
            vendor.more(5)
        assert vendor.answers == {202}
        images.typed("docker compose restart postgresql", folder)
        vendor.more(10)
    assert vendor.answers <= {202, 503}

    keys = "docker compose exec -T dora gitdailies keys create reader --allow read --quiet"
    vendor.wait_until_all_count(images.typed(keys, folder))
    page = requests.get(f"{proxy}/sign-in", timeout=10)
    assert page.status_code == 200
    for container in ("relay-1", "relay-2", "dora"):
        images.podman("exec", f"gitdailies_{container}_1", "gitdailies", "alive", "--ready")
    images.typed("docker compose down --volumes", folder)
