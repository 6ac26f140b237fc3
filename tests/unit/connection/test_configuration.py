"""gitdailies.yml: which files load, and the message of every mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.load import load, load_dora, load_dora_alone, read
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import (
    Configuration,
    DeploySettings,
    DoraSettings,
    TeamSettings,
)
from gitdailies_core.deploys.routing import DeployRoute
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.incidents.routing import Filter
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change, ProofSettings, Service
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import Renames
from gitdailies_core.values.times import parse

DATA = Path(__file__).parent / "data"
PLANTED = "planted-4f2c9d"


@pytest.mark.parametrize("file", sorted(DATA.glob("bad-*.yml")), ids=lambda file: file.stem)
def test_complaints(file: Path) -> None:
    """Each faulty file gives exactly the messages in its first comments, and no message shows a secret."""
    text = file.read_text()
    expected = [line[2:] for line in text.splitlines() if line.startswith("# bad-")]

    with pytest.raises(ConfigurationError) as caught:
        read(text, Path(file.name))

    assert list(caught.value.complaints) == expected
    assert str(caught.value) == "\n".join(expected)
    assert PLANTED not in repr(caught.value)


@pytest.mark.parametrize("name", ["bad-sign-in-no-owner", "bad-paths", "bad-trusted-ci-issuers"])
def test_the_dora_server_has_the_same_complaints(name: str) -> None:
    """What is wrong with its settings is refused by the DORA server as by a relay."""
    found = []
    for reads in (load, load_dora):
        with pytest.raises(ConfigurationError) as caught:
            reads(DATA / f"{name}.yml")
        found.append(caught.value.complaints)
    assert found[0] == found[1]


@pytest.mark.parametrize("file", sorted(DATA.glob("good-*.yml")), ids=lambda file: file.stem)
def test_good_files(file: Path) -> None:
    """Each valid file loads, and neither its repr nor its text shows a password."""
    configuration = load(file)

    assert PLANTED not in repr(configuration)
    assert PLANTED not in str(configuration.relay.store)


def test_every_setting() -> None:
    """The settings of a file arrive as values, words as YAML 1.2 has them and names as they are written."""
    configuration = load(DATA / "good-postgresql.yml")
    destination, relay = configuration.gitdailies, configuration.relay

    assert destination.key == SecretSource.make(file=Path("/run/secrets/webhook.key"))
    assert (destination.address, destination.proxy) == (
        "http://receiver.internal/v1/events",
        "http://proxy:3128",
    )
    assert (destination.ca_file, destination.timeout_seconds) == (DATA / "corp.pem", 2.5)
    assert destination.dialect().names == {
        "kind": "type",
        "repo": "repo",
        "commitSHA": "commitSHA",
        "environment": "environment",
        "time": "time",
        "incidentId": "incident",
        "id": "id",
        "service": "service",
    }
    assert destination.dialect().kinds["incidentStarted"] == "incident_opened"
    assert (relay.listen, relay.status) == (Listen("::1", 8701), Listen("localhost", 0))
    assert relay.store.url is not None
    assert relay.store.url.reveal() == "postgresql://relay@db.internal:5432/relay?sslmode=require"
    assert str(relay.store) == "postgresql://db.internal:5432/relay"
    assert (relay.give_up_days, relay.in_flight, relay.queue_bytes) == (0.5, 4, 1048576)
    source = configuration.sources["pagerduty-eu"]
    assert source.secrets == (SecretSource.make(file=DATA / "pagerduty.secret"),)
    assert source.only == Filter(priority=("none",), tags={"team": ("payments",)})
    assert [_routed(configuration, name) for name in ("123", "NO", "1e5", "2")] == [
        (DeployTarget("larkspur/ledger", None, "123"),),
        (DeployTarget("larkspur/norway", None, "NO"),),
        (DeployTarget("larkspur/norway", "no", "1e5"),),
        (),
    ]


def test_a_file_of_the_dora_server_alone(tmp_path: Path) -> None:
    """Only a sender needs `gitdailies` in the file, and reports that it is missing."""
    file = tmp_path / "gitdailies.yml"
    file.write_text(
        "dora: {window_hours: 48, timezone: Europe/Berlin, production: [eu-*], count_same_commit: true,"
        " deploys: {hotfix: [hotfix/*]}, mirrors: {Lark/Api-1: a.git}}\n"
        "teams: {pay: {name: Payments, repos: [lark/pay-*], services: ['lark/mono: checkout']},"
        " shop: {repos: [a/b-before]}}\n"
        "repositories: {lark/api: {was: [lark/api-2]}, a/b: {was: [A/B-before]},"
        " lark/api-2: {was: [lark/api-1]}}"
    )

    hotfix = DeploySettings(("hotfix/*",))
    expected = DoraSettings(
        48,
        "Europe/Berlin",
        ("eu-*",),
        True,
        hotfix,
        {"lark/api": tmp_path / "a.git"},
        teams=(
            TeamSettings("pay", "Payments", ("lark/pay-*",), (("lark/mono", "checkout"),)),
            TeamSettings("shop", "shop", ("a/b",)),
        ),
        # The first of three names leads to the last, whatever the order of the lines.
        repositories=Renames((("lark/api-2", "lark/api"), ("A/B-before", "a/b"), ("lark/api-1", "lark/api"))),
    )
    assert load_dora(file) == expected
    with pytest.raises(ConfigurationError, match=r"yml:1: gitdailies: expected url and key of the receiver"):
        load(file)


def test_the_paths_of_services_are_known_under_the_present_name(tmp_path: Path) -> None:
    """Both servers have the globs of each service, by folded names, also from a line of a former name."""
    file = tmp_path / "gitdailies.yml"
    paths = (
        "repositories:\n"
        "  Lark/Mono: {was: [lark/old], services: {API: {paths: [services/api/**, '!**/*.md']}}}\n"
        "  lark/old: {services: {web: {paths: [web]}}}\n"
    )
    file.write_text(paths)
    expected = {"lark/mono": {"api": ("services/api/**", "!**/*.md"), "web": ("web",)}}
    assert load_dora(file).service_paths == expected
    file.write_text(f"gitdailies: {{url: https://a.example/, key: {{env: KEY}}}}\n{paths}")
    assert load(file).routes.paths == load(file).dora.service_paths == expected


@pytest.mark.parametrize("read", [load, load_dora, load_dora_alone])
def test_the_former_name_of_the_section_is_one_fault(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """`webhooks:` is refused by every reader, in one sentence that names the new word."""
    file = tmp_path / "gitdailies.yml"
    file.write_text("relay: {}\nwebhooks: {window_hours: 48, unknown: 1}\n")

    with pytest.raises(ConfigurationError) as caught:
        read(file)
    assert caught.value.complaints == (
        f"{file}:2: webhooks: this section is now called `dora`; rename it, and keep its contents",
    )


def test_the_receiver_reads_the_file_of_a_relay(tmp_path: Path) -> None:
    """A file without `dora` leaves every setting at its default; a faulty or empty one is refused."""
    assert load_dora(DATA / "good-postgresql.yml") == DoraSettings()
    for text, message in (("relay: {}", "gitdailies: expected url and key"), ("", "got an empty file")):
        file = tmp_path / "gitdailies.yml"
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=message):
            load_dora(file)


def test_options_are_complete() -> None:
    """A source holds every option of its adapter: the given ones as given, others at their default."""
    text = (DATA / "good-full.yml").read_text().replace("{warn: false, no_data: false, ", "{warn: true, ")

    options = read(text, Path("gitdailies.yml")).sources["datadog"].options

    assert dict(options) == {"warn": True, "no_data": False, "incident_ends_at": "stable"}


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"gitdailies:\n  url: caf\xe9\n", ":2: expected UTF-8, got other bytes"),
        (b"#" * (1024 * 1024 + 1), ": expected at most 1048576 bytes, got more"),
    ],
)
def test_unreadable_file(tmp_path: Path, raw: bytes, complaint: str) -> None:
    """Bytes that are no UTF-8 and more than a megabyte are refused in one line."""
    path = tmp_path / "gitdailies.yml"
    path.write_bytes(raw)

    with pytest.raises(ConfigurationError) as caught:
        load(path)

    assert str(caught.value) == f"{path}{complaint}"


def test_folder_instead_of_file(tmp_path: Path) -> None:
    """A folder of that name is reported as a folder."""
    with pytest.raises(ConfigurationError, match="cannot read it: Is a directory"):
        load(tmp_path)


class Broken:
    """An adapter that a stranger wrote; each test sets its `verify`."""

    name, table, options, examples = "broken", {}, {}, "broken"
    raises: Exception | None = None

    def verify(self, request: object, secrets: object, settings: ProofSettings) -> None:
        if self.raises:
            raise self.raises


@pytest.mark.parametrize(
    ("loads", "raises", "complaint"),
    [
        (True, None, "that refuses a delivery without proof, got one that accepts it"),
        (True, KeyError("x-sig"), "that refuses a delivery without proof, got KeyError"),
        (False, ImportError("no module 'frobnicate'"), "that loads, got ImportError: no module 'frobnicate'"),
    ],
)
def test_sloppy_adapter(
    monkeypatch: pytest.MonkeyPatch, loads: bool, raises: Exception | None, complaint: str
) -> None:
    """An adapter that takes a delivery without proof, breaks on it or does not load is refused."""

    def load_adapter(name: str) -> Broken:
        if raises and not loads:
            raise raises
        adapter = Broken()
        adapter.raises = raises
        return adapter

    monkeypatch.setattr(registry, "adapter", load_adapter)
    source = "  one: {adapter: broken, secrets: [{env: S}]}"
    text = f"gitdailies:\n  url: http://127.0.0.1:1/\n  key: {{env: K}}\nsources:\n{source}\n"

    with pytest.raises(ConfigurationError) as caught:
        read(text, Path("g.yml"))

    assert caught.value.complaints == (f"g.yml:5: sources.one.adapter: expected an adapter {complaint}",)


def _routed(configuration: Configuration, service: str) -> tuple[DeployTarget, ...]:
    change = Change(
        state="started",
        word="x",
        incident="I1",
        at=parse("2026-03-04T09:12:41Z", "at"),
        services=[Service(service)],
    )
    return configuration.routes.route(change).targets


def test_the_route_of_deploys() -> None:
    """A line of `route` may be a glob, and names what it changes; `only` filters by environment."""
    sources = load(DATA / "good-routes.yml").sources

    assert sources["ci"].only.environment == ("prod*",)
    assert list(sources["ci"].route.named("live", "JOB-7", "lint", "X", "two")) == [
        DeployRoute("same", "qa"),
        DeployRoute(service="api"),
        DeployRoute(service=""),
        DeployRoute("larkspur/web", also=("larkspur/cart",)),
    ]
    assert [len(source.route.lines) for source in sources.values()] == [3, 1, 3, 1]
