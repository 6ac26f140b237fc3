"""The forms of a mapping: rows that are wanted, two columns of a time, translated texts, commits of tags."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_core.errors import ConfigurationError, UsageError

from tests.support.figures.git.repository import Repository
from tests.support.history.faulty import MAPPED, MAPPING, SHA, VERSIONS

FETCH = "its mirror may need git fetch --tags"
HEADER = "Repository,Date,Time,Version,Env,Result\n"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def imported(rows: str, mapping: str = VERSIONS, header: str = HEADER) -> Result:
    Path("h.csv").write_text(header + rows)
    Path("mapping.yml").write_text(mapping)
    command = ["history", "import", "h.csv", "--mapping", "mapping.yml", "--dry-run"]
    return CliRunner().invoke(gitdailies, [*command, "--timezone", "Europe/Berlin", "--json"])


def first(ran: Result) -> dict[str, Any]:
    assert ran.exit_code == 0, ran.stderr
    found: dict[str, Any] = next(iter(json.loads(ran.stdout)["first"].values()))
    return found


@pytest.fixture
def search() -> Repository:
    """The mirror that the mapping names, with a light tag, an annotated one, and a tag of a file."""
    made = Repository(Path("search.git"))
    made.commit("c1", "2025-03-02T08:00:00Z")
    made.git("tag", "v1.4.1")
    made.commit("c2", "2025-03-03T08:00:00Z")
    made.git("tag", "--annotate", "--message=x", "1.4.2")
    made.git("tag", "v1.4.3", "HEAD:c2")
    return made


@pytest.mark.parametrize(
    ("version", "commit"), [("1.4.1", "c1"), ("v1.4.1", "c1"), ("1.4.2", "c2"), (SHA, "")]
)
def test_a_version_becomes_the_commit_of_its_tag(search: Repository, version: str, commit: str) -> None:
    """A tag, with or without a v before it, gives its commit; a commit stays as it is."""
    event = first(imported(f"Larkspur/Search,2025-03-04,8:55,{version},prod,ok\n"))

    assert event["commitSHA"] == (search.shas[commit] if commit else SHA)


@pytest.mark.parametrize("version", ["1.4.3", "20250604", "4f0c2d6"])
def test_what_is_no_tag_of_a_commit_is_refused(search: Repository, version: str) -> None:
    """A tag of a file, and a version that looks like the beginning of a SHA, are one fault beside others."""
    ran = imported(f"larkspur/search,2025-03-04,8:55,{version},qa,ok\n")

    assert isinstance(ran.exception, UsageError)
    assert [line for line in ran.stderr.splitlines() if line.startswith("h.csv")] == [
        "h.csv:2: Env: expected one of prod, stage, as values says, got 'qa'",
        f"h.csv:2: Version: expected a tag of larkspur/search, got '{version}'; {FETCH}",
    ]


@pytest.mark.usefixtures("search")
def test_two_columns_are_one_time_and_texts_are_translated() -> None:
    """Date and time of day are read together, in the zone; a text is replaced by its meaning, in any case."""
    event = first(imported("larkspur/search,2025-03-04,8:55,1.4.1,PROD,ok\n"))

    assert (event["time"], event["environment"]) == ("2025-03-04T07:55:00Z", "production")


@pytest.mark.usefixtures("search")
def test_rows_that_no_item_wants_are_counted_and_not_checked() -> None:
    """A row with another result gives no event and no fault, whatever else it has; a note counts it."""
    ran = imported(
        "larkspur/search,2025-03-04,8:55,1.4.1,prod,OK\nnonsense,never,,?,,failed\nx,,,,,\n",
    )

    assert first(ran)["time"] == "2025-03-04T07:55:00Z"
    assert json.loads(ran.stdout)["rows"] == 3
    assert "note: 2 rows left out, because of only in the mapping" in ran.stderr


def test_a_row_of_a_service_that_shall_not_count_is_left_out() -> None:
    """The other row is sent, and a note says how many rows were left out, and why."""
    Path("gitdailies.yml").write_text(
        "gitdailies: {url: 'https://example.com/webhooks', key: {env: KEY}}\n"
        "services: {search: {repo: larkspur/search}, helpdesk: {ignore: true}}\n"
    )
    times = "2025-03-04T10:00:00Z,2025-03-04T11:00:00Z"
    ran = imported(f"INC-1,{times},search\nINC-2,{times},helpdesk\n", MAPPING, MAPPED)

    assert first(ran)["incidentId"] == "INC-1"
    assert "note: 1 row of 'helpdesk', which has ignore: true under services" in ran.stderr
    assert "INC-2" not in ran.stdout


def test_each_item_has_its_rows() -> None:
    """Two items with `only` make different events from one sheet."""
    mapping = """
events:
  - {only: {Type: [deploy, rollout]}, kind: {text: deployed}, repo: {text: a/b}, time: At, commitSHA: Id}
  - {only: {Type: incident}, kind: {text: incidentStarted}, repo: {text: a/b}, time: At, incidentId: Id}
"""
    rows = f"Rollout,2025-03-04T08:55:12Z,{SHA}\nincident,2025-03-04T09:55:12Z,INC-7\n"
    found = json.loads(imported(rows, mapping, "Type,At,Id\n").stdout)["first"]

    assert {kind: event["time"][11:13] for kind, event in found.items()} == {
        "deployed": "08",
        "incidentStarted": "09",
    }


def test_a_kind_may_be_translated() -> None:
    """The kind of a row may be a text of the sheet; one that is not listed is one fault."""
    mapping = """
events:
  - kind: {column: Type, values: {deploy: deployed}}
    repo: {text: a/b}
    time: At
    commitSHA: Id
"""
    assert (
        first(imported(f"deploy,2025-03-04T08:55:12Z,{SHA}\n", mapping, "Type,At,Id\n"))["kind"] == "deployed"
    )
    wrong = imported(f"depoy,2025-03-04T08:55:12Z,{SHA}\n", mapping, "Type,At,Id\n")
    assert [line for line in wrong.stderr.splitlines() if line.startswith("h.csv")] == [
        "h.csv:2: Type: expected one of deploy, as values says, got 'depoy'"
    ]


def test_the_mirrors_of_gitdailies_yml_are_used(search: Repository) -> None:
    """Without `mirrors` in the mapping, those under dora of gitdailies.yml give the tags."""
    Path("gitdailies.yml").write_text("dora: {mirrors: {larkspur/search: search.git}}\n")
    mapping = VERSIONS.partition("mirrors:")[0]
    event = first(imported("larkspur/search,2025-03-04,8:55,1.4.2,prod,ok\n", mapping))

    assert event["commitSHA"] == search.shas["c2"]


def test_a_mirror_that_cannot_be_read_names_its_place() -> None:
    """A path without a repository is an error that names the mirror."""
    ran = imported("larkspur/search,2025-03-04,8:55,1.4.2,prod,ok\n")

    assert isinstance(ran.exception, UsageError)
    assert str(ran.exception).startswith("mirrors.larkspur/search: ")
    assert "expected a git repository" in str(ran.exception)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("time: {date: A}", "events[0].time: expected the name of a column, "),
        ("repo: {date: A, time: B}", "events[0].repo: expected the name of a column, "),
        ("repo: {tag: A}", "events[0].repo: expected the name of a column, "),
        ("branch: {service: A}", "events[0].branch: expected the name of a column, "),
        ("branch: {column: A, values: {}}", "events[0].branch.values: expected texts of the column"),
        ("branch: {column: A, values: {x: 1}}", "events[0].branch.values.x: expected text, got 1"),
        ("branch: {text: 1}", "events[0].branch.text: expected text, got 1"),
        ("only: {A: 1}", "events[0].only.A: expected a text or a list of texts, in quotes, got 1"),
        ("only: ok", "events[0].only: expected columns, each with the texts of the rows to read, got 'ok'"),
        ("only: {A: []}", "events[0].only.A: expected a text or a list of texts"),
        ("commit: Id", "events[0].commit: expected one of "),
        (
            "repo: {service: A}, environment: B",
            "events[0].environment: expected none together with repo: {service: …}, which sets it, got 'B'",
        ),
    ],
)
def test_a_wrong_form_is_named_with_its_place(item: str, fault: str) -> None:
    """A mapping with a wrong form is refused with its line and its place, before a row is read."""
    ran = imported("", f"events:\n  - {{kind: {{text: deployed}}, {item}}}\n")

    assert isinstance(ran.exception, ConfigurationError)
    assert f"mapping.yml:2: {fault}" in str(ran.exception)


@pytest.mark.parametrize(
    ("mirrors", "fault"),
    [
        ("x", "mirrors: expected the path of each repository's mirror, got 'x'"),
        (
            "{search: a.git}",
            "mirrors.search: expected a repository like 'larkspur/checkout-api', got another name",
        ),
        ("{a/b: 1}", "mirrors['a/b']: expected the path of a mirror, got 1"),
    ],
)
def test_wrong_mirrors_are_named(mirrors: str, fault: str) -> None:
    """A mirror needs a repository and a path."""
    ran = imported("", VERSIONS.partition("mirrors:")[0] + f"mirrors: {mirrors}\n")

    assert fault in str(ran.exception)
