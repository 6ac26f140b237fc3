"""The cluster's compose file as the guide starts it: any container may end, and each delivery counts once."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.deployment.engine import BUILD, ROOT, Engine
from tests.support.deployment.vendor import Vendor, wait_until_ready
from tests.support.processes import eventually
from tests.support.relay.deliveries import SECRETS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

GUIDE = (
    (ROOT / "docs/do/cluster.md").read_text().partition("## Try it on one machine\n")[2].partition("\n## ")[0]
)
START, _ = re.findall(r"^```shell\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PLACEHOLDER = "paste the secret of the webhook here"
LIST = "docker compose exec -T {} patronictl --config-file /etc/patroni/patroni.yml list"


def leader(listed: str) -> str:
    """Return who leads in what `patronictl list` printed, or ""."""
    found = re.search(r"^\| (\S+) +\|[^|]*\| Leader +\|", listed, re.MULTILINE)
    return found[1] if found else ""


def test_any_container_of_the_cluster_may_end(images: Engine, tmp_path: Path) -> None:
    """A relay, a DORA server, an etcd and the leader are killed: answers are 2xx or 503, nothing is lost."""
    shutil.copytree(ROOT / "deployment", tmp_path / "deployment")
    folder = tmp_path / "deployment" / "cluster"
    images.run("buildah", "bud", *BUILD, "--tag", "gitdailies-cluster", folder)
    assert START.startswith("cd deployment\n")
    secrets, _, start = START.replace(PLACEHOLDER, SECRETS["pagerduty-secret"]).partition("cd cluster\n")
    images.typed(secrets.removeprefix("cd deployment\n"), folder.parent)
    with images.health_checks():
        for line in start.splitlines():
            images.typed(line, folder)
    proxy = f"http://{images.address('gitdailies-cluster_haproxy_1')}:8080"
    wait_until_ready(proxy)
    first = eventually(lambda: leader(images.typed(LIST.format("database-1"), folder)), 60)
    other = "database-2" if first == "database-1" else "database-1"
    with Vendor(proxy) as vendor:
        vendor.more(5)
        for name in ("relay-1", "dora-1", "etcd-1"):
            images.typed(f"docker compose kill {name}", folder)
            vendor.more(5)
        assert vendor.answers == {202}
        images.typed(f"docker compose kill {first}", folder)
        vendor.more(10)
    assert vendor.answers <= {202, 503}
    assert leader(images.typed(LIST.format(other), folder)) not in ("", first)

    keys = "docker compose exec -T dora-2 gitdailies keys create reader --allow read --quiet"
    vendor.wait_until_all_count(images.typed(keys, folder))
    images.typed("docker compose down --volumes", folder)
