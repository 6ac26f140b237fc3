"""What catalogs say of services becomes lines; what is not clear is named, and nothing is guessed."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_cli.commands.catalogs.backstage import backstage
from gitdailies_cli.commands.catalogs.cortex import cortex
from gitdailies_cli.commands.catalogs.files import catalog_files, documents
from gitdailies_cli.commands.catalogs.services import HEADER, Line, Unmapped, as_text, decide, repo_of
from gitdailies_connection.config.load import load
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut
from gitdailies_datadog.api.catalog import catalog as datadog
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "repo"),
    [
        ("larkspur/checkout-api", "larkspur/checkout-api"),
        ("larkspur/shops/eu/web", "larkspur/shops/eu/web"),
        ("https://github.com/larkspur/checkout-api", "larkspur/checkout-api"),
        ("https://github.com/larkspur/checkout-api.git", "larkspur/checkout-api"),
        ("https://github.com/larkspur/mono/tree/main/services/pay/", "larkspur/mono"),
        ("https://gitlab.com/larkspur/shops/web/-/tree/main/src", "larkspur/shops/web"),
        ("https://git.example.com/larkspur/web/blob/main/catalog-info.yaml", "larkspur/web"),
        ("https://gitlab.com/larkspur/tools/src", "larkspur/tools/src"),
        ("https://bitbucket.org/larkspur/web/src/main/", "larkspur/web"),
        ("git@github.com:larkspur/web.git", "larkspur/web"),
        ("https://user:token@github.com/larkspur/web", "larkspur/web"),
        ("https://dev.azure.com/larkspur/shop/_git/web", "larkspur/shop/web"),
        ("https://user:to[ken@github.com/larkspur/web", None),
        ("https://a\u2100b/larkspur/web", None),
        ("checkout-api", None),
        ("https://github.com/larkspur", None),
        ("larkspur/two words", None),
        ("", None),
    ],
)
def test_a_repository_is_read_from_names_and_addresses(text: str, repo: str | None) -> None:
    """Folders, pages of a host, users and `.git` are no part of a repository's name."""
    assert repo_of(text) == repo


def test_lines_are_sorted_and_say_where_they_come_from() -> None:
    """Two places that agree are one line with both; the text is the same whatever the order."""
    entries = [
        CatalogService(("P2",), ("larkspur/web",), "b.yaml:1: component web"),
        CatalogService(("P1",), ("https://github.com/larkspur/pay",), "a.yaml:4: component pay"),
        CatalogService(("p2",), ("Larkspur/Web",), "c.yaml:1: component web-two"),
    ]
    text = as_text(decide(entries), "backstage")

    assert text.splitlines()[1:] == [
        "P1: {repo: larkspur/pay}    # a.yaml:4: component pay",
        "P2: {repo: larkspur/web}    # b.yaml:1: component web; c.yaml:1: component web-two",
    ]
    assert text.startswith(HEADER)
    assert decide(reversed(entries)).lines[0] == Line("P1", "larkspur/pay", "a.yaml:4: component pay")


EXPECTED = "expected OWNER/NAME or a repository's address"


def of_p1(*repos: str, where: str = "a.yaml:1") -> CatalogService:
    return CatalogService(("P1",), repos, where)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (
            [of_p1("larkspur/b", where="b.yaml:1"), of_p1("larkspur/a")],
            "several repositories: larkspur/a (a.yaml:1); larkspur/b (b.yaml:1)",
        ),
        (
            [of_p1("larkspur/a", "larkspur/b")],
            "several repositories: larkspur/a (a.yaml:1); larkspur/b (a.yaml:1)",
        ),
        ([CatalogService(("P1",), (), "a.yaml:1", "it has no link")], "a.yaml:1: it has no link"),
        ([of_p1("ledger")], f"a.yaml:1: {EXPECTED}, got 'ledger'"),
        ([of_p1("larkspur/a"), of_p1("ledger", where="b.yaml:1")], f"b.yaml:1: {EXPECTED}, got 'ledger'"),
        ([CatalogService(("P*",), ("larkspur/a",), "a.yaml:1")], "a name that a line cannot have: 'P*'"),
    ],
)
def test_what_is_not_clear_has_no_line(entries: list[CatalogService], why: str) -> None:
    """A service with several repositories, with none or with a wrong one is named with every place."""
    found = decide(entries)

    assert found.lines == ()
    assert found.unmapped == (Unmapped(entries[0].services[0], why),)


def test_an_entry_that_says_nothing_does_not_hide_one_that_does() -> None:
    """Two components of one service, one with a repository: that is the repository."""
    entries = [of_p1(), of_p1("larkspur/a", where="b.yaml:1")]
    assert decide(entries).lines == (Line("P1", "larkspur/a", "b.yaml:1"),)


NAMES = st.text(min_size=1, max_size=30)


@given(st.lists(st.tuples(NAMES, NAMES), max_size=8))
def test_whatever_a_catalog_says_the_file_loads(found: list[tuple[str, str]]) -> None:
    """No name and no place of a catalog can break the generated file, or become a setting."""
    entries = [CatalogService((name,), ("larkspur/web",), where) for name, where in found]
    imported = decide(entries)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "generated.yml").write_text(as_text(imported, "csv"), "utf-8")
        file = Path(folder) / "gitdailies.yml"
        file.write_text(
            "gitdailies: {url: http://127.0.0.1:8700/webhooks, key: {env: KEY}}\n"
            "services: {include: generated.yml}\n"
        )
        table = load(file).routes.table

    assert set(table) == {line.service.casefold() for line in imported.lines}


ID = {"pagerduty.com/service-id": "P1SVC42"}


def annotated(more: Mapping[str, str] | None = None, *, names: bool = False) -> CatalogEntry:
    annotations = {**ID, **(more or {})}
    value = {"kind": "Component", "metadata": {"name": "checkout", "annotations": annotations}}
    (found,) = backstage.of_document(value, "a.yaml:1", names=names)
    return found


def test_backstage_names_services_and_repositories() -> None:
    """A slug overrides the location of the sources, which may be a folder of a repository."""
    slug = {"github.com/project-slug": "larkspur/checkout"}
    source = {"backstage.io/source-location": "url:https://github.com/larkspur/mono/tree/main/checkout/"}
    where = "a.yaml:1: component checkout"

    assert annotated({**slug, **source}) == CatalogService(
        ("P1SVC42",),
        ("larkspur/checkout",),
        where,
        annotated().without,  # type: ignore[union-attr]
    )
    found = annotated(source)
    assert isinstance(found, CatalogService)
    assert decide([found]).lines == (Line("P1SVC42", "larkspur/mono", where),)
    assert "github.com/project-slug, gitlab.com/project-slug" in decide([annotated()]).unmapped[0].why
    named = annotated(slug, names=True)
    assert isinstance(named, CatalogService)
    assert named.services == ("P1SVC42", "checkout")


def test_backstage_leaves_out_what_has_no_incidents() -> None:
    """An entity without an id, a group, and what is no entity are left out, with the reason."""
    (group,) = backstage.of_document({"kind": "Group", "metadata": {"name": "pay"}}, "a.yaml:1", names=True)
    (other,) = backstage.of_document({"kind": "Deployment"}, "a.yaml:1", names=True)

    assert isinstance(group, LeftOut)
    assert other == LeftOut("a.yaml:1", "it is no entity with kind and metadata")


def test_cortex_names_services_of_pagerduty_alone() -> None:
    """A schedule or an escalation policy is no service."""

    def of(called: dict[str, str], git: Mapping[str, object], names: bool = False) -> CatalogEntry:
        info = {
            "x-cortex-tag": "checkout",
            "x-cortex-oncall": {"pagerduty": called},
            "x-cortex-git": git,
        }
        (found,) = cortex.of_document({"openapi": "3.0.1", "info": info}, "cortex.yaml:1", names=names)
        return found

    git = {"github": {"repository": "larkspur/checkout", "basePath": "api"}}
    found = of({"id": "P1", "type": "SERVICE"}, git)
    assert isinstance(found, CatalogService)
    assert (found.services, found.repos) == (("P1",), ("larkspur/checkout",))
    assert isinstance(of({"id": "P1", "type": "SCHEDULE"}, git), LeftOut)
    assert isinstance(of({"id": "P1", "type": "SCHEDULE"}, git, names=True), CatalogService)
    unmapped = of({"id": "P1", "type": "SERVICE"}, {"azure": {"project": "shop", "repository": "web"}})
    assert decide([unmapped]).unmapped[0].why.endswith("no repository of github, gitlab, bitbucket")
    (no,) = cortex.of_document(["x"], "cortex.yaml:1", names=True)
    assert no == LeftOut("cortex.yaml:1", "it is no descriptor with info and x-cortex-tag")


DEFINITIONS = [*yaml.safe_load_all((Path(__file__).parent / "data/datadog.yaml").read_text("utf-8"))]


@pytest.mark.parametrize("given", DEFINITIONS, ids=["v2.2", "v2", "v3"])
def test_datadog_names_services_in_every_version(given: dict[str, Any]) -> None:
    """The name and the id in PagerDuty have one line each; code locations go before links."""
    (found,) = datadog.of_document(given["document"], "service.datadog.yaml:1", names=False)

    assert isinstance(found, CatalogService)
    assert (found.services, list(found.repos)) == (("checkout", "P1SVC42"), [given["repo"]])
    assert found.where == "service.datadog.yaml:1: checkout"


def test_datadog_leaves_out_other_kinds() -> None:
    """A queue, a document of another tool and an entity without a definition are left out."""
    found = [
        entry
        for value in ({"apiVersion": "v3", "kind": "queue", "metadata": {"name": "q"}}, {"a": 1}, None)
        for entry in datadog.of_document(value, "a.yaml:1", names=True)
    ]
    assert [type(one) for one in found] == [LeftOut] * 3


def test_documents_have_their_lines(tmp_path: Path) -> None:
    """Each document is named by its first line, empty ones are none, and a fault has its line in the file."""
    file = tmp_path / "catalog-info.yaml"
    file.write_text("# all\n---\na: 1\n--- # next\n\n\nb: 2\n---\n")
    assert list(documents(file)) == [
        ({"a": 1}, f"{file}:3"),
        ({"b": 2}, f"{file}:7"),
    ]
    file.write_text("a: 1\n---\nb: [\n")
    with pytest.raises(ConfigurationError, match=r"catalog-info\.yaml:4: not valid YAML"):
        list(documents(file))


def test_a_folder_is_read_without_what_git_keeps(tmp_path: Path) -> None:
    """Files of YAML and JSON in all folders, in a fixed order."""
    for name in ("b/catalog-info.yaml", "a.yml", "c.json", ".git/x.yaml", "d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [one.relative_to(tmp_path).as_posix() for one in catalog_files(tmp_path)] == [
        "a.yml",
        "b/catalog-info.yaml",
        "c.json",
    ]
