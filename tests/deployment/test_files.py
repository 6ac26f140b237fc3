"""What is handed to an operator to run: each file fits its schema, and the project as it is."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_cli.main import COMMANDS
from gitdailies_connection.config.load import load
from gitdailies_core.sources import registry

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = ROOT / "deployment"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (DEPLOYMENT / "Dockerfile").read_text()
IGNORED = (DEPLOYMENT / "Dockerfile.dockerignore").read_text().splitlines()


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOYMENT / "compose.yaml").read_text())
    return content


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, lines that go on joined, comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def test_compose_fits_its_schema() -> None:
    """The compose file is one by the schema of the Compose specification."""
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([*command, str(DEPLOYMENT / "compose.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_that_compose_mounts_and_builds_exists() -> None:
    """Each file that a service mounts is in the folder of the compose file, and it builds from the root."""
    for name, service in compose()["services"].items():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOYMENT / source).is_file(), f"{name}: {source}"
        if "build" in service:
            context = (DEPLOYMENT / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()


def test_relays_of_compose_get_what_their_configuration_names() -> None:
    """The configuration loads, and both relays get each variable it reads, and share a database."""
    text = (DEPLOYMENT / "gitdailies.yml").read_text()
    configuration = load(DEPLOYMENT / "gitdailies.yml")
    services = compose()["services"]
    relays = [services[name] for name in services if name.startswith("relay")]
    assert len(relays) == 2
    for relay in relays:
        assert {*re.findall(r"\{env: (\w+)\}", text), "PGPASSWORD"} == set(relay["environment"])
        assert all(value.startswith("${") for value in relay["environment"].values())
    assert str(configuration.relay.store) == "postgresql://postgresql/relay"
    assert {source.adapter for source in configuration.sources.values()} <= set(registry.names())
    upstreams = re.findall(r"server (\S+):(\d+);", (DEPLOYMENT / "compose.nginx.conf").read_text())
    assert upstreams == [(name, str(configuration.relay.listen.port)) for name in services if "relay" in name]


def test_nothing_of_compose_but_the_proxy_is_published() -> None:
    """Relays and database are out of reach from outside; relays write nothing and may do nothing."""
    services = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    for name in ("relay-1", "relay-2"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_the_image_runs_the_command_as_nobody_in_particular() -> None:
    """The image ends in our command with a subcommand there is, under a number that is not root's."""
    directives = dict(instructions())
    scripts = PROJECT["project"]["scripts"]
    assert directives["ENTRYPOINT"] == f'["{next(iter(scripts))}"]'
    arguments = re.findall(r'"([^"]+)"', directives["CMD"])
    assert arguments[0] in COMMANDS
    assert arguments[2].startswith("/etc/gitdailies/")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", directives["USER"])
    assert directives["EXPOSE"].split() == ["8701", "8702"]
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(images) == 2
    extras = re.search(r"'\.\[(\w+)\]'", DOCKERFILE)
    assert extras
    assert extras[1] in PROJECT["project"]["optional-dependencies"]


def test_the_health_check_of_the_image_is_valid_python() -> None:
    """It asks the status listener whether the relay is alive, in code that compiles."""
    found = re.search(r'CMD \["python", "-c", "([^"]+)"\]', DOCKERFILE)
    assert found
    compile(found[1], "healthcheck", "exec")
    assert ":8702/healthz" in found[1]


def test_the_image_is_built_from_the_packages_alone() -> None:
    """What is let into the build are exactly the packages of the project and what its metadata names."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = [PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"]
    assert IGNORED[1] == "*"
    assert {line[1:] for line in IGNORED if line.startswith("!")} == {*wheel, *named}


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOYMENT / "gitdailies-relay.service")
    return parser


def test_the_unit_starts_the_relay_and_gives_it_time_to_end() -> None:
    """It runs a command there is, as a user of its own, and waits longer than the relay needs."""
    service = unit()["Service"]
    program, verb, option, path = service["ExecStart"].split()
    assert (Path(program).name, option, path) == ("gitdailies", "--config", "/etc/gitdailies/gitdailies.yml")
    assert verb in COMMANDS
    assert service["User"] not in ("", "root")
    assert int(service["TimeoutStopSec"]) > 10
    assert "-HUP" in service["ExecReload"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "gitdailies"),
        ("StateDirectoryMode", "0700"),
    ],
)
def test_the_unit_may_do_what_it_must_and_no_more(setting: str, value: str) -> None:
    """Each of these holds: all is read-only but its own folder, and nothing is gained on the way."""
    assert unit()["Service"][setting] == value
