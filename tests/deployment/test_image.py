"""The shipped Dockerfile: it builds without a network, and what it builds runs as the guide says."""

import re
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.support.deployment.engine import REVISION, ROOT, VERSION, Engine
from tests.support.processes import eventually
from tests.support.relay.deliveries import SECRETS, pagerduty

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

GUIDE = (ROOT / "docs/do/one-machine.md").read_text()
IMAGE = GUIDE.partition("## The image\n")[2].partition("\n## ")[0]
LINES = [
    re.sub(r"\\\n\s*", "", block).splitlines()
    for block in re.findall(r"^```shell\n(.*?)^```", IMAGE, re.MULTILINE | re.DOTALL)
]
RUNS = LINES[1:]
CONFIGURATION = re.findall(r"^```yaml\n(.*?)^```", IMAGE, re.MULTILINE | re.DOTALL)[0]
VARIABLES = {"GITDAILIES_WEBHOOK_KEY": "key", "PAGERDUTY_SECRET": SECRETS["pagerduty-secret"]}


def running(images: Engine, lines: list[str], folder: Path) -> str:
    """Run the lines of one block; return the name of the container."""
    for line in lines:
        images.typed(line, folder)
        if line.startswith("docker run"):
            (name,) = re.findall(r"--name (\S+)", line)
            eventually(partial(alive, images, name))
    return name


def alive(images: Engine, container: str) -> bool:
    return images.podman("exec", container, "gitdailies", "alive", expected=None).endswith("ok")


def proved(images: Engine, container: str) -> None:
    """It is ready and healthy, runs as 10001, writes nothing but its data, and ends in time."""
    assert "ok" in images.podman("exec", container, "gitdailies", "alive", "--ready")
    images.podman("healthcheck", "run", container)
    assert images.podman("exec", container, "id", "-u") == "10001"
    assert "Read-only" in images.podman("exec", container, "touch", "/opt/gitdailies/x", expected=1)
    images.podman("exec", container, "touch", "/data/x")
    images.podman("stop", "--time=15", container)
    assert images.inspect(container)["State"]["ExitCode"] == 0


def test_the_image_says_what_it_is(images: Engine) -> None:
    """Its labels are the arguments of the build, its user is a number, and its health check is ours."""
    made = images.inspect("gitdailies")
    labels = made["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"] == REVISION
    assert made["Config"]["User"] == "10001:10001"
    assert list(made["Config"]["Volumes"]) == ["/data"]
    assert made["Healthcheck"]["Test"] == ["CMD", "gitdailies", "alive"]


def test_one_line_gives_both_servers_and_lines_to_paste(images: Engine, tmp_path: Path) -> None:
    """The line that the log shows for PagerDuty, pasted, sends a signed incident, and it becomes an event."""
    (lines,) = [lines for lines in RUNS if lines[0].endswith(" gitdailies")]
    name = running(images, lines, tmp_path)
    link = re.compile(r"first owner: open http://127\.0\.0\.1:8700/join/\S+")
    eventually(lambda: link.search(images.podman("logs", name)))
    log = images.podman("logs", name)
    (demo,) = [line for line in log.splitlines() if " demo pagerduty " in line]
    (listing,) = [line for line in log.splitlines() if line.endswith(" gitdailies events")]
    images.typed(demo, tmp_path)
    eventually(lambda: "incidentStarted" in images.typed(listing, tmp_path))
    proved(images, name)


def test_a_relay_alone_can_be_reached_and_can_write(images: Engine, tmp_path: Path) -> None:
    """From another address it takes a signed delivery, which is in its store after a new start."""
    (lines,) = [lines for lines in RUNS if "gitdailies-relay" in lines[0]]
    (tmp_path / "gitdailies.yml").write_text(CONFIGURATION)
    relay = Engine(images.folder, {**images.environ, **VARIABLES})
    name = running(relay, lines, tmp_path)
    sent = pagerduty("incident.triggered", "Q1").post(f"http://{relay.address(name)}:8701")
    assert sent.status_code == 202, sent.text
    assert requests.get(f"http://{relay.address(name)}:8702/metrics", timeout=10).status_code == 200
    relay.podman("restart", name)
    asked = ("exec", name, "gitdailies", "relay", "explain", "Q1")
    eventually(lambda: "incidentStarted" in relay.podman(*asked, expected=None))
    proved(relay, name)


def test_the_dora_server_alone_takes_events(images: Engine, tmp_path: Path) -> None:
    """With the key that the guide makes, an event is stored; metrics are at the second port."""
    (lines,) = [lines for lines in RUNS if "gitdailies-dora" in lines[0]]
    *start, create = lines
    name = running(images, start, tmp_path)
    eventually(lambda: "first owner: open http://localhost:8700/join/" in images.podman("logs", name))
    key = images.typed(create, tmp_path)
    url = f"http://{images.address(name)}"
    event = {"kind": "deployed", "repo": "larkspur/checkout-api", "commitSHA": "a" * 40}
    sent = requests.post(f"{url}:8700/webhooks", json=event, headers={"webhook-key": key}, timeout=10)
    assert sent.status_code == 202, sent.text
    assert 'result="created"' in requests.get(f"{url}:8703/metrics", timeout=10).text
    proved(images, name)
