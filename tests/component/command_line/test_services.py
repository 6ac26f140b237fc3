"""`gitdailies services import`: two hundred components, every catalog's API, and what is not clear.

The APIs are stand-ins in the shapes of the vendors' references; every value is invented.
"""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_connection.config.load import load
from gitdailies_core.errors import ConfigurationError, DeliveryError, GitDailiesError, Refused, UsageError
from gitdailies_history.fetch import http_api
from gitdailies_history.fetch.http_api import HttpApi

from tests.support.history_fetch.api import CUT, LIMITED, Api, listening

TOKEN = "larkspur-catalog-000051"
INTEGRATION_KEY = "R0UT1NGKEY-planted-77c2"
HEAD = "gitdailies: {url: 'http://127.0.0.1:8700/webhooks', key: {env: KEY}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, tokens for every catalog, and no time spent waiting."""
    monkeypatch.chdir(tmp_path)
    for name in ("BACKSTAGE_TOKEN", "CORTEX_API_KEY", "DD_API_KEY", "DD_APP_KEY", "PAGERDUTY_API_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http_api, "HttpApi", partial(HttpApi, sleep=lambda _seconds: None))
    return tmp_path


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(gitdailies, ["services", "import", *arguments])
    shown = done.stdout + done.stderr + repr(done.exception)
    assert TOKEN not in shown
    assert INTEGRATION_KEY not in shown
    return done


def refused(*arguments: str) -> GitDailiesError:
    done = run(*arguments)
    assert isinstance(done.exception, GitDailiesError)
    return done.exception


def component(number: int, repo: str | None = None, id_: str = "") -> str:
    lines = [
        "apiVersion: backstage.io/v1alpha1",
        "kind: Component",
        "metadata:",
        f"  name: component-{number}",
        "  annotations:",
        f"    pagerduty.com/integration-key: {INTEGRATION_KEY}",
        f"    pagerduty.com/service-id: {id_ or f'P{number:06}'}",
    ]
    if repo != "":
        lines.append(f"    github.com/project-slug: {repo or f'larkspur/component-{number}'}")
    return "\n".join([*lines, "spec: {type: service, owner: group:default/team, lifecycle: production}", ""])


def written(folder: Path, number: int, text: str) -> None:
    place = folder / "catalog" / f"component-{number}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "catalog-info.yaml").write_text(text)


def test_two_hundred_components_become_two_hundred_lines(folder: Path) -> None:
    """The written file is included by gitdailies.yml and maps each service; a second run changes nothing."""
    for number in range(200):
        written(folder, number, component(number))
    done = run("--from", "backstage", "catalog", "--write", "services.generated.yml")
    generated = folder / "services.generated.yml"
    first = generated.read_bytes()

    assert (done.exit_code, done.stdout, done.stderr) == (0, "services.generated.yml: 200 services\n", "")
    assert (
        b"P000007: {repo: larkspur/component-7}    "
        b"# catalog/component-7/catalog-info.yaml:1: component component-7\n" in first
    )
    assert INTEGRATION_KEY.encode() not in first
    (folder / "gitdailies.yml").write_text(HEAD + "services: {include: services.generated.yml}\n")
    assert len(load(folder / "gitdailies.yml").routes.table) == 200
    again = run("--from", "backstage", "catalog", "--write", "services.generated.yml")
    assert again.stdout == "services.generated.yml: nothing changed\n"
    assert generated.read_bytes() == first


def test_what_is_not_clear_is_named_with_file_and_line_and_the_rest_is_written(folder: Path) -> None:
    """A conflict, an unknown repository and a broken file end with 3; each is named with its places."""
    written(folder, 1, component(1))
    written(folder, 2, "# by hand\n\n" + component(2, id_="P000001", repo="larkspur/other"))
    written(folder, 3, component(3, repo=""))
    written(folder, 4, component(4))
    written(folder, 5, "kind: Component\nmetadata: [\n")
    written(folder, 6, "kind: Group\nmetadata: {name: team}\n")
    done = run("--from", "backstage", "catalog", "--write", "out.yml")

    assert done.exit_code == 3
    (line,) = (folder / "out.yml").read_text().splitlines()[1:]
    place = "catalog/component-4/catalog-info.yaml:1: component component-4"
    assert line == f"P000004: {{repo: larkspur/component-4}}    # {place}"
    said = done.stderr.splitlines()
    assert said[0] == (
        "unmapped: P000001: several repositories: "
        "larkspur/component-1 (catalog/component-1/catalog-info.yaml:1: component component-1); "
        "larkspur/other (catalog/component-2/catalog-info.yaml:1: component component-2)"
    )
    assert said[1].startswith(
        "unmapped: P000003: catalog/component-3/catalog-info.yaml:1: component component-3: "
    )
    broken = "catalog/component-5/catalog-info.yaml"
    assert said[2].startswith(f"unmapped: {broken}: it cannot be read: {broken}:3: not valid YAML")
    assert said[3].startswith("left out: catalog/component-6/catalog-info.yaml:1: group team: ")
    assert said[4] == "without a line: 3. Complete the catalog, or write lines in gitdailies.yml."


def test_lines_of_gitdailies_yml_decide(folder: Path) -> None:
    """A service that a person mapped is left to that line, even before the included file exists."""
    written(folder, 1, component(1))
    written(folder, 2, component(2, id_="P000001", repo="larkspur/other"))
    (folder / "gitdailies.yml").write_text(
        HEAD + "services:\n  include: out.yml\n  p000001: {repo: larkspur/by-hand}\n"
    )
    done = run("--from", "backstage", "catalog", "--write", "out.yml")

    assert (done.exit_code, done.stderr) == (0, "by hand: gitdailies.yml has lines of its own for P000001\n")
    assert load(folder / "gitdailies.yml").routes.table["p000001"][0].repo == "larkspur/by-hand"


def test_repositories_without_a_mirror_are_named(folder: Path) -> None:
    """Where gitdailies.yml names mirrors, a repository without one is named. That is no fault."""
    for number in (1, 2, 3):
        written(folder, number, component(number))
    (folder / "gitdailies.yml").write_text(HEAD + "dora: {mirrors: {Larkspur/Component-2: mirrors/2.git}}\n")
    done = run("--from", "backstage", "catalog")

    named = "larkspur/component-1, larkspur/component-3"
    assert (done.exit_code, done.stderr) == (0, f"no mirror: dora.mirrors does not name {named}\n")
    (folder / "gitdailies.yml").write_text(HEAD)
    assert run("--from", "backstage", "catalog").stderr == ""


def test_a_dry_run_shows_what_would_change(folder: Path) -> None:
    """Added and removed lines are shown, and the file stays as it was."""
    written(folder, 1, component(1))
    run("--from", "backstage", "catalog", "--write", "out.yml")
    before = (folder / "out.yml").read_bytes()
    written(folder, 1, component(1, repo="larkspur/moved"))
    done = run("--from", "backstage", "catalog", "--write", "out.yml", "--dry-run")

    changed = [line for line in done.stdout.splitlines() if line[:2] in ("+P", "-P")]
    assert [line.partition("    #")[0] for line in changed] == [
        "-P000001: {repo: larkspur/component-1}",
        "+P000001: {repo: larkspur/moved}",
    ]
    assert (folder / "out.yml").read_bytes() == before
    done = run("--from", "backstage", "catalog", "--write", "new.yml", "--dry-run")
    assert "+P000001" in done.stdout
    assert not (folder / "new.yml").exists()


def test_a_file_of_a_person_is_never_overwritten(folder: Path) -> None:
    """A file that this command did not write stays, byte for byte."""
    written(folder, 1, component(1))
    (folder / "mine.yml").write_text("ledger: {repo: larkspur/ledger}\n")
    error = refused("--from", "backstage", "catalog", "--write", "mine.yml")

    assert "--write: mine.yml was not written by this command" in str(error)
    assert (folder / "mine.yml").read_text() == "ledger: {repo: larkspur/ledger}\n"


def test_a_table_is_read(folder: Path) -> None:
    """A CSV table has the columns service and repo, in any order and case; a row names its line."""
    (folder / "services.csv").write_text(
        "Repo,owner,Service\nlarkspur/web,kim,Web shop\n,kim,Ledger\nlarkspur/x,,\n"
    )
    done = run("--from", "csv", "services.csv")

    assert done.exit_code == 3
    assert done.stdout.splitlines()[1:] == ['"Web shop": {repo: larkspur/web}    # services.csv:2']
    assert done.stderr.splitlines()[:2] == [
        "unmapped: Ledger: services.csv:3: its row has no repository",
        "left out: services.csv:4: its row has no service",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "csv"], "FILE: expected a CSV table, got none"),
        (["--from", "backstage"], "URL: expected a file, a folder or the address of backstage, got none"),
        (["--from", "backstage", "gone"], "gone: no such file"),
        (["--from", "pagerduty", "services.yaml"], "FILE: pagerduty has no files"),
        (["--from", "backstage", "http://backstage.example.com"], "URL: expected an address like https://"),
        (["--from", "csv", "empty.csv"], "expected the columns service and repo, got none"),
        (["--from", "backstage", "x", "--dry-run"], "--dry-run: expected it with --write, got it alone"),
        (
            ["--from", "backstage", "x", "--token-env", "A"],
            "--token-env or --token-file: expected neither for files",
        ),
        (["--from", "backstage", "empty"], "empty: expected files that end in .yaml, got none"),
    ],
)
def test_a_wrong_argument_is_named(folder: Path, arguments: list[str], message: str) -> None:
    """The message says what was expected, and nothing is written."""
    (folder / "empty").mkdir()
    (folder / "empty.csv").write_text("")
    error = refused(*arguments)

    assert message in str(error)
    assert isinstance(error, UsageError)


def backstage_api(path: str, query: Mapping[str, str]) -> Any:
    """450 components in pages of 200, each continued by a cursor, as "Software catalog API" has them."""
    assert path == "/api/catalog/entities/by-query"
    start = int(query.get("cursor", "0"))
    items = [yaml.safe_load(component(number)) for number in range(start, min(start + 200, 450))]
    info = {"nextCursor": str(start + 200)} if start + 200 < 450 else {}
    return {"items": items, "totalItems": 450, "pageInfo": info}


def cortex_api(path: str, query: Mapping[str, str]) -> Any:
    """Pages from 0, with descriptors as text and as objects, as "List entity descriptors" has them."""
    assert path == "/api/v1/catalog/descriptors"
    number = int(query["page"])
    info = {
        "x-cortex-tag": f"component-{number}",
        "x-cortex-oncall": {"pagerduty": {"id": f"P{number:06}", "type": "SERVICE"}},
        "x-cortex-git": {"github": {"repository": f"larkspur/component-{number}"}},
    }
    descriptor: Any = {"openapi": "3.0.1", "info": info}
    if number:
        descriptor = json.dumps(descriptor)
    return {"descriptors": [descriptor], "page": number, "total": 2, "totalPages": 2}


def datadog_api(path: str, query: Mapping[str, str]) -> Any:
    """150 entities in pages of 100. A second list has their schemas, as in "Get a list of entities"."""
    assert (path, query["include"]) == ("/api/v2/catalog/entity", "schema")
    start, size = int(query["page[offset]"]), int(query["page[limit]"])
    found: dict[str, Any] = {"data": [], "included": [], "meta": {"count": 150}}
    for number in range(start, min(start + size, 150)):
        kind, name = {"apiVersion": "v3", "kind": "service"}, f"component-{number}"
        schema = {"data": {"id": f"schema-{number}", "type": "schema"}}
        entity = {"id": f"entity-{number}", "type": "entity", "attributes": {**kind, "name": name}}
        found["data"].append({**entity, "relationships": {"schema": schema}})
        code = {"codeLocations": [{"repositoryURL": f"https://github.com/larkspur/{name}"}]}
        described = {"schema": {**kind, "metadata": {"name": name}, "datadog": code}}
        found["included"].append({**schema["data"], "attributes": described})
    return found


def pagerduty_api(path: str, query: Mapping[str, str]) -> Any:
    """150 services in pages. The first has a custom field, the others a description."""
    if path == "/services/custom_fields":
        return {"fields": [{"name": "gitdailies_repo", "enabled": True}, {"name": "tier", "enabled": True}]}
    if path.endswith("/custom_fields/values"):
        value = "larkspur/by-field" if path.startswith("/services/P000000/") else None
        return {
            "custom_fields": [{"name": "tier", "value": "1"}, {"name": "gitdailies_repo", "value": value}]
        }
    assert path == "/services"
    start, size = int(query["offset"]), int(query["limit"])
    rows = [
        {
            "id": f"P{number:06}",
            "name": f"Component {number}",
            "status": "active" if number != 2 else "disabled",
            "description": f"Pays. Source: https://github.com/larkspur/component-{number}. "
            "Runbook: https://wiki.example.com/larkspur/pay",
        }
        for number in range(start, min(start + size, 150))
    ]
    return {"services": rows, "limit": size, "offset": start, "more": start + size < 150}


@pytest.mark.parametrize(
    ("kind", "answer", "lines", "expected"),
    [
        ("backstage", backstage_api, 450, "P000449: {repo: larkspur/component-449}"),
        ("cortex", cortex_api, 2, "P000001: {repo: larkspur/component-1}"),
        ("datadog", datadog_api, 150, "component-149: {repo: larkspur/component-149}"),
        ("pagerduty", pagerduty_api, 149, "P000149: {repo: larkspur/component-149}"),
    ],
)
@pytest.mark.parametrize("trouble", ["", LIMITED, CUT])
def test_an_api_is_read_page_by_page(kind: str, answer: Any, lines: int, expected: str, trouble: str) -> None:
    """All pages are read, also after a 429 and after an answer that breaks off."""
    with listening(Api(answer, TOKEN, {2: trouble} if trouble else {})) as api:
        done = run("--from", kind, api.url)

    assert done.exit_code == 0, done.stderr
    found = done.stdout.splitlines()[1:]
    assert len(found) == lines
    assert any(line.startswith(f"{expected}    # ") for line in found)
    assert ("waits" in done.stderr) == bool(trouble)


def test_a_custom_field_goes_before_a_description(folder: Path) -> None:
    """PagerDuty's field decides; a disabled service has no line, and a runbook is no repository."""
    with listening(Api(pagerduty_api, TOKEN)) as api:
        done = run("--from", "pagerduty", api.url, "--names")

    assert "P000000: {repo: larkspur/by-field}    # PagerDuty's service Component 0" in done.stdout
    assert '"Component 0": {repo: larkspur/by-field}' in done.stdout
    assert "P000002" not in done.stdout
    assert "left out: PagerDuty's service Component 2: it is disabled" in done.stderr


def test_an_account_without_custom_fields_is_read_by_descriptions() -> None:
    """A plan without them answers 404; that is said, and the descriptions count."""

    def answer(path: str, query: Mapping[str, str]) -> Any:
        return None if path.startswith("/services/") else pagerduty_api(path, query)

    with listening(Api(answer, TOKEN)) as api:
        done = run("--from", "pagerduty", api.url)

    assert done.exit_code == 0
    assert "P000000: {repo: larkspur/component-0}" in done.stdout
    assert "left out: custom fields of services" in done.stderr


@pytest.mark.parametrize("kind", ["backstage", "cortex", "datadog", "pagerduty"])
@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, Refused, "expected a token (env "),
        (403, Refused, "expected a token (env "),
        (404, Refused, "expected a page, got"),
        (503, DeliveryError, "expected a page in 1 attempts"),
    ],
)
def test_a_refusal_writes_nothing(
    folder: Path, kind: str, status: int, error: type[Exception], message: str
) -> None:
    """A wrong token, a missing right, a wrong address and an absent vendor are named. No file is made."""

    def answer(path: str, query: Mapping[str, str]) -> Any:
        return None if status == 404 else {}

    api = Api(answer, TOKEN if status != 401 else "another", limit_status=status, limit_headers={})
    if status in (403, 503):
        api.troubles = {1: LIMITED}
    with listening(api):
        found = refused("--from", kind, api.url, "--write", "out.yml", "--retries", "0")

    assert isinstance(found, error)
    assert message in str(found)
    assert not (folder / "out.yml").exists()


def test_a_token_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, and nothing is asked for."""
    monkeypatch.delenv("PAGERDUTY_API_TOKEN")
    error = refused("--from", "pagerduty")
    assert isinstance(error, ConfigurationError)
    assert "env PAGERDUTY_API_TOKEN: this variable is not set" in str(error)
    assert "PAGERDUTY_API_TOKEN" not in os.environ


@pytest.mark.parametrize(
    ("kind", "page", "message"),
    [
        ("backstage", {"items": "many"}, "expected a list of objects, got 'many'"),
        (
            "backstage",
            {"items": [], "pageInfo": {"nextCursor": 7}},
            "pageInfo.nextCursor: expected text, got 7",
        ),
        ("cortex", {"descriptors": None}, "descriptors: expected a list, got null"),
        ("cortex", {"descriptors": ["kind: ["]}, "expected descriptors as JSON"),
        ("datadog", {"data": [{"attributes": {}}]}, "name: expected text"),
        ("pagerduty", {"services": 3}, "services: expected a list, got 3"),
    ],
)
def test_an_answer_of_another_form_is_named(kind: str, page: Any, message: str) -> None:
    """An answer that is not as the reference says is an error with its place, not an empty catalog."""
    with listening(Api(lambda _path, _query: page, TOKEN)) as api:
        assert message in str(refused("--from", kind, api.url))
