"""The chart, as Helm renders it and as Kubernetes reads it. No cluster is needed."""

import json
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_connection.config.load import load

from scripts.generators import chart as generator
from scripts.releasing import trees
from scripts.releasing.trees import packed
from tests.support.deployment.charts import CHART, CLAIMS, Refused, lint, rendered, unknown_kinds
from tests.support.releasing.owner import PUBLISHED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/do/kubernetes.md").read_text()
SHOWN: Mapping[str, Any] = yaml.safe_load(
    next(block for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
)
SQLITE: Mapping[str, Any] = {}
POSTGRESQL = {"store": {"url": "postgresql://gitdailies@db.example/gitdailies", "passwordSecret": "database"}}
# The values of the page and every other one, and what is refused.
WRITTEN = yaml.safe_load((Path(__file__).parent / "data" / "chart.yml").read_text())
EVERYTHING = {**SHOWN, **WRITTEN["everything"]}
NO_DORA = {**POSTGRESQL, "dora": {"enabled": False}, "receiver": {"url": "https://app.example/hook"}}
NO_RELAY = {"relay": {"enabled": False}}
CASES = {
    "sqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "the page": SHOWN,
    "everything": EVERYTHING,
    "no dora": NO_DORA,
    "no relay": NO_RELAY,
}
every_case = pytest.mark.parametrize("values", CASES.values(), ids=CASES)
# The oldest that Chart.yaml accepts, and the newest that the schemas have.
VERSIONS = ("1.27", "1.31", "1.37")


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return every pod of a Deployment by its name, and the pod of the test."""
    deployed = {name: one["spec"]["template"] for name, one in of_kind(manifests, "Deployment").items()}
    return deployed | of_kind(manifests, "Pod")


@every_case
def test_helm_has_nothing_to_say(values: Mapping[str, Any]) -> None:
    """`helm lint --strict` finds no fault."""
    assert lint(values) == []


@pytest.mark.parametrize("version", VERSIONS)
@every_case
def test_kubernetes_knows_every_field(values: Mapping[str, Any], version: str) -> None:
    """Each manifest fits the schema of its kind, strictly. Only kinds of others have none."""
    found = unknown_kinds(rendered(values), version)
    expected = {"HTTPRoute"} if values.get("httpRoute") else set()
    expected |= {"ServiceMonitor", "PrometheusRule"} if values.get("monitoring") else set()

    assert found == expected


def test_the_page_names_the_image_that_it_builds() -> None:
    """Every container of the values on the page runs the image that the page pushes."""
    pushed = re.search(r"^docker push (\S+)$", PAGE, re.MULTILINE)
    images = {one["image"] for pod in pods(rendered(SHOWN)).values() for one in pod["spec"]["containers"]}

    assert pushed is not None
    # A tag that stays, such as latest, would leave the old image on the nodes.
    assert images == {pushed[1]}
    assert set(re.findall(r"registry\.example\.com/gitdailies:\S+", PAGE)) == images


def used() -> Iterator[str]:
    """Yield the path of each value that a template reads."""
    for file in sorted((CHART / "templates").rglob("*.*")):
        text = file.read_text()
        yield from re.findall(r"\.Values\.([\w.]+)", text)
        # The part of `relay` or `dora` whose name is in a variable.
        for rest in re.findall(r"\$(?:values|persistence)\.([\w.]+)", text):
            for part in ("relay", "dora"):
                yield f"{part}.{rest}"
                yield f"{part}.persistence.{rest}"


def test_every_value_is_read_and_every_one_that_is_read_exists() -> None:
    """A template reads each value of the table, and reads no other."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = {".".join(value.path) for value in generator.values_of(schema)}
    read = set(used())

    assert known - read == set()
    plain = {
        path
        for path in read
        for file in (CHART / "templates").rglob("*.*")
        if re.search(rf"\.Values\.{re.escape(path)}\b", file.read_text())
    }
    assert {
        path for path in plain if not any(path == one or path.startswith(f"{one}.") for one in known)
    } == set()


def test_a_release_has_the_version_and_the_image() -> None:
    """Chart and image have one version; a release names the published image in values and table."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert (about["version"], about["appVersion"]) == (version, version)
    assert PUBLISHED.asset(f"gitdailies-{PUBLISHED.version}.tgz") in generator.source(PUBLISHED)
    assert "Nothing is published yet" in PAGE


def test_helm_reads_what_a_release_packs(tmp_path: Path) -> None:
    """The archive has the files in the chart's folder, its links name the release, and it renders alike."""
    tree = trees.chart(ROOT, PUBLISHED)
    (tmp_path / "gitdailies-0.1.0.tgz").write_bytes(packed(tree, "gitdailies", 1_772_000_000))

    packed_up = json.dumps(rendered(SHOWN, chart=tmp_path / "gitdailies-0.1.0.tgz"))
    page = "docs/do/alerts.md"
    assert json.loads(packed_up.replace(PUBLISHED.page(page), page)) == rendered(SHOWN)
    assert b"](../../" not in tree["README.md"].data
    # Who has the archive alone has no docs/.
    assert not [path for path, file in tree.items() if re.search(rb"(?<![/\w])docs/[\w/-]+\.md", file.data)]
    assert {"LICENSE", "values.schema.json", "templates/relay.yaml"} <= set(tree)


@pytest.mark.parametrize(("values", "said"), [(one["values"], one["said"]) for one in WRITTEN["refused"]])
def test_a_wrong_value_is_refused(values: Mapping[str, Any], said: str) -> None:
    """The error names the value and what to do. A password in the address of the store is one, too."""
    with pytest.raises(Refused, match=re.escape(said)) as caught:
        rendered(values)
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gd@db1:5432,db2:5432/gd?target_session_attrs=read-write&sslmode=verify-full",
        "postgresql://gd@/gd?host=db1,db2&port=5432,5433",
        "postgres://db/gd",
    ],
)
def test_an_address_of_libpq_is_taken(url: str) -> None:
    """Both servers get the address as it was written."""
    manifests = rendered({**POSTGRESQL, "store": {"url": url}})
    texts = [json.dumps(one, ensure_ascii=False) for one in manifests]
    assert sum(url in text for text in texts) >= 2


def test_sqlite_has_one_relay_and_a_volume_for_each_server() -> None:
    """The old pod ends before the new one opens the file. A volume outlasts the release."""
    manifests = rendered(SQLITE)
    for name, deployment in of_kind(manifests, "Deployment").items():
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}
        assert volumes["data"]["persistentVolumeClaim"] == {"claimName": CLAIMS[name]}
    claims = of_kind(manifests, "PersistentVolumeClaim")
    assert set(of_kind(manifests, "Deployment")) == set(CLAIMS)
    assert set(claims) == set(CLAIMS.values())
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in claims.values()} == {"keep"}
    assert of_kind(manifests, "PodDisruptionBudget") == {}


def test_postgresql_has_two_pods_of_each_server_and_no_volume() -> None:
    """One of either may be away, and an upgrade replaces one after the other."""
    manifests = rendered(POSTGRESQL)
    for part in ("relay", "dora"):
        deployment = of_kind(manifests, "Deployment")[f"gitdailies-{part}"]["spec"]
        assert deployment["replicas"] == 2
        assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert of_kind(manifests, "PodDisruptionBudget")[f"gitdailies-{part}"]["spec"]["maxUnavailable"] == 1
        spread = deployment["template"]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"].rpartition("/")[2] for one in spread] == ["hostname", "zone"]
    assert of_kind(manifests, "PersistentVolumeClaim") == {}


@pytest.mark.parametrize(("values", "only"), [(POSTGRESQL, []), (NO_DORA, ["--only=relay"]), (SQLITE, None)])
def test_a_job_migrates_before_anything_else(values: Mapping[str, Any], only: list[str] | None) -> None:
    """It is a hook, needs no ConfigMap and no Secret but the password, and is for PostgreSQL alone."""
    jobs = of_kind(rendered(values), "Job")
    assert bool(jobs) is (only is not None)
    for job in jobs.values():
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        spec = job["spec"]["template"]["spec"]
        assert spec["containers"][0]["args"] == ["migrate", "--store=$(GITDAILIES_STORE)", *(only or [])]
        needs = {one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one}
        assert needs == {"database"}
        assert "configMap" not in str(spec["volumes"])


@every_case
def test_every_name_leads_to_what_there_is(values: Mapping[str, Any]) -> None:
    """Selectors fit pods, ports have names of containers, routes and monitors lead to Services."""
    manifests = rendered(values)
    made = pods(manifests)

    def chosen(labels: Mapping[str, str]) -> list[dict[str, Any]]:
        return [one for one in made.values() if labels.items() <= one["metadata"]["labels"].items()]

    services = of_kind(manifests, "Service")
    for service in services.values():
        (pod,) = chosen(service["spec"]["selector"])
        names = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert names[port["targetPort"]] == port["port"]
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for one in of_kind(manifests, kind).values():
            selector = one["spec"].get("selector") or one["spec"]["podSelector"]
            assert len(chosen(selector["matchLabels"])) == 1
    for deployment in of_kind(manifests, "Deployment").values():
        assert len(chosen(deployment["spec"]["selector"]["matchLabels"])) == 1
    for monitor in of_kind(manifests, "ServiceMonitor").values():
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [one for one in services.values() if labels <= one["metadata"]["labels"].items()]
        assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"] == "status"
    backends = re.findall(r"'(?:service|backendRefs)': .*?'name': '([\w-]+)'", str(manifests))
    assert set(backends) <= set(services)


@every_case
def test_pods_may_do_what_they_must_and_no_more(values: Mapping[str, Any]) -> None:
    """Every container runs as the image's user, read-only, without capabilities and without a token."""
    manifests = rendered(values)
    jobs = [one["spec"]["template"] for one in of_kind(manifests, "Job").values()]
    for pod in (*pods(manifests).values(), *jobs):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted <= {one["name"] for one in spec["volumes"]}


@every_case
def test_only_monitoring_and_the_pages_reach_what_has_no_password(values: Mapping[str, Any]) -> None:
    """The port of health and metrics is open to peers that are named, the other one to everybody."""
    for policy in of_kind(rendered(values), "NetworkPolicy").values():
        ways = {way["ports"][0]["port"]: way.get("from") for way in policy["spec"]["ingress"]}
        assert ways["http"] is None
        assert ways["status"]
        assert all(peer for peer in ways["status"])


@every_case
def test_probes_restart_what_is_dead_and_keep_work_from_what_is_not_ready(values: Mapping[str, Any]) -> None:
    """A store that is away makes a pod not ready, and never restarts it."""
    for deployment in of_kind(rendered(values), "Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        paths = {
            name: container[f"{name}Probe"]["httpGet"]["path"]
            for name in ("startup", "readiness", "liveness")
        }
        assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}
        assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 5 + 15


@every_case
def test_the_configuration_loads_and_names_files_that_are_mounted(
    values: Mapping[str, Any], tmp_path: Path
) -> None:
    """gitdailies.yml is one, and each file in it is in a Secret that the pod which reads it mounts."""
    manifests = rendered(values)
    (text,) = (one["data"]["gitdailies.yml"] for one in of_kind(manifests, "ConfigMap").values())
    (tmp_path / "gitdailies.yml").write_text(text)
    loaded = load(tmp_path / "gitdailies.yml")

    assert (loaded.relay.listen.port, loaded.relay.status.port) == (8701, 8702)
    files = set(re.findall(r"file: (/\S+)", text))
    assert files
    for name, pod in pods(manifests).items():
        if name.endswith("-dora"):
            continue
        (container,) = pod["spec"]["containers"]
        mounts = [one["mountPath"] for one in container["volumeMounts"]]
        assert [file for file in files if not any(file.startswith(f"{mount}/") for mount in mounts)] == []
        if values.get("store"):
            variables = {one["name"]: one["value"] for one in container["env"]}
            assert variables["PGPASSFILE"].rpartition("/")[0] in mounts
            assert variables["GITDAILIES_STORE"] == values["store"]["url"]


def test_no_secret_is_in_a_manifest() -> None:
    """The chart makes no Secret, and no value is for one. Pods name those that exist, whole, as folders."""
    manifests = rendered(EVERYTHING)
    assert of_kind(manifests, "Secret") == {}
    assert "secretKeyRef" not in str(manifests)
    # A single file of a Secret never changes in a running pod.
    assert "subPath" not in str(manifests)
    schema = json.loads((CHART / "values.schema.json").read_text())
    for value in generator.values_of(schema):
        name = value.path[-1].lower()
        assert not re.search(r"password$|token$|secret$", name) or "name of" in value.about.lower(), value


def test_pods_start_anew_when_the_configuration_changes() -> None:
    """The checksum of gitdailies.yml is in every pod, and nothing else changes it."""

    def checksums(values: Mapping[str, Any]) -> set[str]:
        return {
            one["metadata"]["annotations"]["checksum/config"]
            for name, one in pods(rendered(values)).items()
            if not name.endswith("-check")
        }

    (before,) = checksums(SHOWN)
    assert checksums({**SHOWN, "monitoring": {"enabled": False}}) == {before}
    assert checksums({**SHOWN, "config": {**SHOWN["config"], "teams": {}}}) != {before}
    assert checksums({**SHOWN, "files": {"services.generated.yml": "{}"}}) != {before}


def test_services_may_be_in_a_file_of_their_own(tmp_path: Path) -> None:
    """A file that `gitdailies services import` wrote is beside gitdailies.yml, which includes it."""
    lines = "PCHKAPI: {repo: larkspur/checkout-api}\n'*': {repo: \"larkspur/{service}\"}\n"
    values = {
        "files": {"services.generated.yml": lines},
        "config": {"services": {"include": "services.generated.yml"}},
    }
    (made,) = of_kind(rendered(values), "ConfigMap").values()
    for name, text in made["data"].items():
        (tmp_path / name).write_text(text)

    assert (tmp_path / "services.generated.yml").read_text() == lines
    assert load(tmp_path / "gitdailies.yml").routes


def test_the_password_is_written_for_the_library(tmp_path: Path) -> None:
    """The line of the pod's first container, run here, makes a file of PostgreSQL's form for us alone."""
    relay = pods(rendered(POSTGRESQL))["gitdailies-relay"]
    (container,) = relay["spec"]["initContainers"]
    (line,) = container["args"]
    (tmp_path / "database").mkdir()
    (tmp_path / "pgpass").mkdir()
    (tmp_path / "database" / "password").write_text("a:b\\c d*\n")
    done = subprocess.run(
        ["sh", "-c", line.replace("/run/gitdailies", str(tmp_path))],
        env={"PATH": "/usr/bin:/bin", **{one["name"]: one["value"] for one in container["env"]}},
        capture_output=True,
        text=True,
    )
    written = tmp_path / "pgpass" / "pgpass"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert written.read_text() == "*:*:*:*:a\\:b\\\\c d*\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_alert_rules_are_those_of_the_file() -> None:
    """The chart's PrometheusRule has every group of alerts.yml, with its templates unread."""
    (rule,) = of_kind(rendered({"monitoring": {"enabled": True}}), "PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load((ROOT / "deployment" / "alerts.yml").read_text())


def test_helm_test_checks_the_configuration() -> None:
    """The pod of `helm test` runs `gitdailies check` with the file and the secrets of the relay."""
    pod = pods(rendered(SHOWN))["gitdailies-check"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["args"] == ["check", "/etc/gitdailies/gitdailies.yml"]
