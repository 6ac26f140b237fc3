"""What is handed to an operator to run: each file fits its schema, and the project as it is."""

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from gitdailies_cli import find_config
from gitdailies_cli.main import COMMANDS, gitdailies
from gitdailies_connection.config.load import load
from gitdailies_core.sources import registry
from gitdailies_dora.pages.frame import documentation

from tests.support.programs import program
from tests.support.steps import fits_schema

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


@pytest.mark.parametrize("file", ["compose.yaml", "cluster/compose.yaml"])
def test_compose_fits_its_schema(file: str) -> None:
    """The compose file is one by the schema of the Compose specification."""
    fits_schema("vendor.compose-spec", DEPLOYMENT / file)


def test_every_file_that_compose_mounts_and_builds_exists() -> None:
    """Each file that a service mounts is in the folder of the compose file, and it builds from the root."""
    for name, service in compose()["services"].items():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOYMENT / source).exists(), f"{name}: {source}"
                # Docker makes a folder where a file is missing.
                assert (DEPLOYMENT / source).is_dir() == (Path(source).suffix == ""), f"{name}: {source}"
        if "build" in service:
            context = (DEPLOYMENT / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()


def test_servers_of_compose_get_what_their_configuration_names() -> None:
    """The configuration loads; each server gets the secrets it reads; all share one database."""
    text = (DEPLOYMENT / "gitdailies.yml").read_text()
    configuration = load(DEPLOYMENT / "gitdailies.yml")
    named = compose()
    services = named["services"]
    relays = [services[name] for name in services if name.startswith("relay")]
    assert len(relays) == 2
    store = set()
    for server in (*relays, services["dora"]):
        variables = server["environment"]
        assert Path(variables["PGPASSFILE"]).name in server["secrets"]
        store.add(variables["GITDAILIES_STORE"])
        assert "./gitdailies.yml:/etc/gitdailies/gitdailies.yml:ro" in server["volumes"]
    for relay in relays:
        read = {Path(path).name for path in re.findall(r"\{file: (/run/secrets/[^\s}]+)\}", text)}
        assert read | {"pgpass"} == set(relay["secrets"])
    (asked,) = load(DEPLOYMENT / "gitdailies.yml").dora.relay
    assert asked.key.file is not None
    assert asked.key.file.name in services["dora"]["secrets"]
    assert configuration.relay.status_key == asked.key
    relay = urlsplit(asked.url)
    assert relay.port == 8702
    assert all(relay.hostname in one["networks"]["inside"]["aliases"] for one in relays)
    assert relay.hostname in configuration.relay.status_hosts
    assert store == {re.findall(r"store: (postgresql://\S+)", text)[0]}
    assert str(configuration.relay.store) == "postgresql://postgresql/gitdailies"
    receiver = urlsplit(configuration.gitdailies.url)
    assert services[receiver.hostname]["command"][0] == "dora"
    assert {source.adapter for source in configuration.sources.values()} <= set(registry.names())


def test_the_proxy_of_compose_asks_for_names_that_there_are() -> None:
    """It finds relays by their alias and the DORA server by their service, at the ports they listen on."""
    services = compose()["services"]
    proxy = (DEPLOYMENT / "compose.nginx.conf").read_text()
    asked = dict(re.findall(r"set \$(\w+) (\S+);", proxy))
    assert asked == {"relays": "relay", "dora": "dora"}
    assert re.findall(r"proxy_pass http://\$(\w+):(\d+);", proxy) == [
        ("relays", "8701"),
        ("dora", "8700"),
    ]
    relays = [services[name] for name in services if name.startswith("relay")]
    assert all(relay["networks"]["outside"]["aliases"] == [asked["relays"]] for relay in relays)
    assert "outside" in services["dora"]["networks"]
    assert services["proxy"]["networks"] == ["outside"]
    (template,) = services["proxy"]["volumes"]
    assert template.split(":")[1].startswith("/etc/nginx/templates/")
    assert "NGINX_ENTRYPOINT_LOCAL_RESOLVERS" in services["proxy"]["environment"]


def test_nothing_of_compose_but_the_proxy_is_published() -> None:
    """Servers and database are out of reach from outside; servers write nothing and may do nothing."""
    services, volume = compose()["services"], dict(instructions())["VOLUME"]
    ordinary = {name: service for name, service in services.items() if "profiles" not in service}
    assert [name for name, service in ordinary.items() if "ports" in service] == ["proxy"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)
    for name in ("relay-1", "relay-2", "dora"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["tmpfs"] == [f"{path}:mode=1777" for path in ("/tmp", volume)]
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_prometheus_and_grafana_of_compose_ask_for_what_there_is() -> None:
    """Each target is a service at its port of metrics, which answers this name. Each variable has a value."""
    services = compose()["services"]
    file = yaml.safe_load((DEPLOYMENT / "prometheus.yml").read_text())
    targets = [
        urlsplit(f"//{target}")
        for job in file["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    relays = [name for name in services if name.startswith("relay")]
    assert {(one.hostname, one.port) for one in targets} == {
        *((name, 8702) for name in relays),
        ("dora", 8703),
    }
    assert set(relays) <= set(load(DEPLOYMENT / "gitdailies.yml").relay.status_hosts)
    assert services["dora"]["command"][-2:] == ["--status-host", "dora"]
    prometheus, grafana = services["prometheus"], services["grafana"]
    assert {"./prometheus.yml", "./alerts.yml"} <= {one.split(":")[0] for one in prometheus["volumes"]}
    assert file["rule_files"] == ["alerts.yml"]
    used = set(
        re.findall(
            r"\$([A-Z_]+)", (DEPLOYMENT / "grafana/provisioning/datasources/gitdailies.yml").read_text()
        )
    )
    exported = set(re.findall(r"export (\w+)=", " ".join(grafana["entrypoint"])))
    assert used == {name for name in grafana["environment"] if not name.startswith("GF_")} | exported
    assert all("inside" in one["networks"] for one in (prometheus, grafana))
    assert [one["profiles"] for one in (prometheus, grafana)] == [["grafana"], ["grafana"]]


def test_no_secret_of_compose_is_in_a_variable_or_has_a_default() -> None:
    """Each secret is a file in the folder `secrets`, which git ignores. No variable holds a secret."""
    content = compose()
    for service in content["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASS|KEY|SECRET|TOKEN", name):
                assert value.startswith("/run/secrets/"), name
        assert set(service.get("secrets", ())) <= set(content["secrets"])
    for name, secret in content["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert "/deployment/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_image_runs_the_command_as_nobody_in_particular() -> None:
    """The image ends in our command with a subcommand there is, under a number that is not root's."""
    directives = dict(instructions())
    scripts = PROJECT["project"]["scripts"]
    assert directives["ENTRYPOINT"] == f'["{next(iter(scripts))}"]'
    assert directives["CMD"] == '["up"]'
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", directives["USER"])
    assert directives["EXPOSE"].split() == ["8700", "8701", "8702", "8703"]
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert images == ["${BASE}", "${BASE}"]
    extras = re.search(r"'\.\[(\w+)\]'", DOCKERFILE)
    assert extras
    assert extras[1] in PROJECT["project"]["optional-dependencies"]


def test_the_image_keeps_all_data_in_one_volume() -> None:
    """Its volume is its working folder, the home of its user and what the command takes for its data."""
    directives = dict(instructions())
    volume = directives["VOLUME"]
    assert directives["WORKDIR"] == volume
    assert f"{find_config.DATA_VARIABLE}={volume}" in DOCKERFILE
    assert f"{find_config.HOST_VARIABLE}=0.0.0.0" in DOCKERFILE
    assert f"--home-dir {volume} " in DOCKERFILE
    assert re.search(
        rf"install --directory --owner 10001 --group 10001 --mode 0700 {volume}$", DOCKERFILE, re.MULTILINE
    )


def test_the_image_says_what_it_is() -> None:
    """Version, source and revision are labels, given as arguments of the build, none in the file."""
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', DOCKERFILE))
    for name in ("version", "source", "revision"):
        assert labels[name] == f"${{{name.upper()}}}"
        assert f'ARG {name.upper()}=""' in DOCKERFILE
    assert labels["licenses"] == PROJECT["project"]["license"]


def test_the_health_check_of_the_image_is_a_command_there_is() -> None:
    """It asks whichever server runs."""
    found = re.search(r'HEALTHCHECK .* CMD \["gitdailies", "(\w+)"\]', DOCKERFILE)
    assert found
    assert found[1] in COMMANDS


def test_the_image_is_built_from_the_packages_alone() -> None:
    """What is let into the build are the packages of the project, its metadata and the documentation."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = [*PROJECT["project"]["license-files"], "pyproject.toml", "hatch_build.py", *documentation.FILES]
    assert PROJECT["project"]["readme"] in documentation.files().values()
    assert IGNORED[1] == "*"
    assert {line[1:] for line in IGNORED if line.startswith("!")} == {*wheel, *named}


SERVERS = ("relay", "dora")
UNITS = [DEPLOYMENT / f"gitdailies-{server}.service" for server in SERVERS]


def unit(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(file)
    return parser


@pytest.mark.parametrize("server", SERVERS)
def test_a_unit_starts_its_server_and_gives_it_time_to_end(server: str) -> None:
    """It runs a command there is, with options there are, and waits longer than the server needs."""
    service = unit(DEPLOYMENT / f"gitdailies-{server}.service")["Service"]
    program, verb, *options = service["ExecStart"].split()
    assert (Path(program).name, verb) == ("gitdailies", server)
    assert [one for one in options if one.startswith("--")] == [
        one for one in options if one.startswith("--") and one in _options(verb)
    ]
    assert service["User"] not in ("", "root")
    assert int(service["TimeoutStopSec"]) > 10
    assert "-HUP" in service["ExecReload"]
    assert service["Environment"] == f"{find_config.DATA_VARIABLE}=/var/lib/gitdailies"


def _options(verb: str) -> set[str]:
    command = gitdailies.get_command(click.Context(gitdailies), verb)
    assert command is not None
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_a_unit_hides_nothing_that_the_metrics_read(file: Path) -> None:
    """The process_ metrics need /proc/stat, which `ProcSubset=pid` would hide."""
    assert unit(file)["Service"].get("ProcSubset", "all") == "all"


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_a_unit_may_do_what_it_must_and_no_more(file: Path) -> None:
    """All is read-only but its own folder, nothing is gained on the way, and systemd rates it below 1.5."""
    service = unit(file)["Service"]
    expected = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "CapabilityBoundingSet": "",
        "StateDirectory": "gitdailies",
        "StateDirectoryMode": "0700",
    }
    assert {name: service[name] for name in expected} == expected
    done = _analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(file))
    assert done.returncode == 0, done.stdout
    assert re.search(r"Overall exposure level for \S+: 1\.[0-5] OK", done.stdout)


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_systemd_knows_every_line_of_a_unit(file: Path, tmp_path: Path) -> None:
    """Where its program and its user exist, systemd has nothing to say about the unit."""
    text = file.read_text().replace("/opt/gitdailies/bin/gitdailies", sys.executable)
    text = re.sub(r"^(User|Group)=gitdailies$", r"\1=root", text, flags=re.MULTILINE)
    copy = tmp_path / file.name
    copy.write_text(text)
    done = _analyze("verify", "--man=no", "--recursive-errors=no", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("systemd-analyze"), *arguments], capture_output=True, text=True, timeout=60
    )
