"""Every fault in a row has its message, and every message its fault; the documentation shows real ones."""

import ast
import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import gitdailies_history
import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_core.errors import UsageError
from gitdailies_history.files import formats

from tests.support.history.faulty import CASES, GOOD, HEADER, MAPPING, Case, deploy

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path(gitdailies_history.__file__).parent
TELLERS = {"Fault", "fault", "ValueError", "InvalidEvent"}
CONFIG = (
    "gitdailies: {url: 'https://example.com/webhooks', key: {env: KEY}}\n"
    "services: {search: {repo: larkspur/search}}\n"
)
# Events handed over by a program, not rows: a programmer's mistake.
NO_ROW = {"plan.py": "history, got nothing"}


def imported(*arguments: str) -> Result:
    return CliRunner().invoke(gitdailies, ["history", "import", *arguments, "--dry-run"])


def printed(case: Case, folder: Path) -> str:
    """Import the file of *case* and return the printed faults, for a cell of a table."""
    (folder / case.file).write_bytes(case.content)
    (folder / "gitdailies.yml").write_text(CONFIG)
    options = case.options
    if "mirrors" in case.mapping and not (folder / "search.git").exists():
        subprocess.run(["git", "init", "--quiet", "--bare", folder / "search.git"], check=True)
    if case.mapping:
        (folder / "mapping.yml").write_text(case.mapping)
        options = (*options, "--mapping", "mapping.yml")
    ran = imported(case.file, *options)
    assert isinstance(ran.exception, UsageError), ran.output
    lines = [line for line in ran.stderr.splitlines() if line.startswith(case.file)]
    return "<br>".join(f"`{line}`" for line in lines)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| ([^|]+) \| (`.*`) \|$", text, re.MULTILINE))


MESSAGES = table((Path(__file__).parent / "data/faults.md").read_text("utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_the_message_of_a_fault(name: str, tmp_path: Path) -> None:
    """The command prints the message of the list for such a file, word for word."""
    assert MESSAGES.get(name) == printed(CASES[name], tmp_path)


def test_the_list_names_no_other_fault() -> None:
    """Each message has a file that shows it, in the same order."""
    assert list(MESSAGES) == list(CASES)


def test_the_documentation_shows_real_messages() -> None:
    """Each message in the documentation is one of the list, word for word."""
    page = (ROOT / "docs/history.md").read_text("utf-8")
    shown = table(page.partition("<!-- faults -->")[2])
    assert shown
    assert shown.items() <= MESSAGES.items()


def places(path: Path) -> Iterator[tuple[int, int, str]]:
    """Find where a module makes a fault: the first and last line, and the text."""
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TELLERS:
            yield node.lineno, node.end_lineno or node.lineno, ast.get_source_segment(text, node) or ""


def test_every_place_that_makes_a_fault_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of the code that makes a fault is reached by a case of the table."""
    monkeypatch.setattr(formats, "LARGEST_JSON", 999)
    seen: dict[str, set[int]] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(str(PACKAGE)):
            return None
        if event == "line":
            seen.setdefault(Path(file).name, set()).add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for case in CASES.values():
            printed(dataclasses.replace(case, content=case.content[:1000]), tmp_path)
    finally:
        sys.settrace(before)

    missed = [
        f"{path.name}:{first}: {text}"
        for path in sorted(PACKAGE.glob("*.py"))
        for first, last, text in places(path)
        if not seen.get(path.name, set()) & set(range(first, last + 1))
        and NO_ROW.get(path.name, "\0") not in text
    ]
    assert missed == []


def test_every_fault_of_every_row_is_reported(tmp_path: Path) -> None:
    """Two faults of one row and one of another are three lines, and nothing is sent."""
    bad = "deployed,b,zz,production,2025-03-04T08:55:12Z,,\n" + GOOD + "deployed,a/b,zz,,2025-03-04,,\n"

    assert printed(Case("h.csv", (HEADER + bad).encode()), tmp_path).split("<br>") == [
        "`h.csv:2: repo: expected a repository like 'larkspur/checkout-api', got 'b'`",
        "`h.csv:2: commitSHA: expected 7 to 64 hexadecimal digits, got 'zz'`",
        "`h.csv:4: time: expected a time like 2026-03-04T09:12:41Z, got '2025-03-04'`",
        "`h.csv:4: commitSHA: expected 7 to 64 hexadecimal digits, got 'zz'`",
    ]


def test_an_event_in_another_row_is_at_the_line_where_it_begins(tmp_path: Path) -> None:
    """Behind a cell of two lines and an empty line, a fault still names its own line."""
    rows = f'deployed,a/b,{"a" * 40},"x\ny",2025-03-04T08:55:12Z,,\n\n{GOOD.replace("a/b", "b")}'

    assert printed(Case("h.csv", (HEADER + rows).encode()), tmp_path).split("<br>") == [
        "`h.csv:2: environment: expected text on one line, got 'x\\ny'`",
        "`h.csv:5: repo: expected a repository like 'larkspur/checkout-api', got 'b'`",
    ]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("kind,repo,time,sha", "sha (did you mean commitSHA)"),
        ("kind,repo,time,commitSHA,sha", "sha"),
        ("kind,repo,time,commit", "commit (did you mean commitSHA)"),
        ("kind,repo,time,commitSHA,commit", "commit (did you mean commits)"),
        ("kind,repo,time,commit_time", "commit_time (did you mean commitTime)"),
        ("kind,repo,time,enviroment,color", "enviroment (did you mean environment), color"),
    ],
)
def test_a_column_that_no_event_has_is_named(header: str, columns: str) -> None:
    """With the field that may have been meant, unless the file has a column of that name."""
    Path("h.csv").write_text(f"{header}\n")
    ran = imported("h.csv", "--url", "https://example.com")

    assert f"note: h.csv: columns that no event has: {columns}\n" in ran.stderr


@pytest.mark.parametrize("time", ["03.11.2025 08:55", "11/3/2025 8:55 AM", "3-11-25", "45964.3715", "45964"])
def test_the_message_for_a_spreadsheet_time_says_how_to_format_it(time: str, tmp_path: Path) -> None:
    """A country's time format is not guessed, and a number of days is not read as seconds."""
    message = printed(Case("h.csv", (HEADER + deploy(time=time)).encode()), tmp_path)

    assert message.endswith(f"got '{time}'; format the column as yyyy-mm-dd hh:mm:ss`")


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_a_first_line_with_the_separator_is_no_row(first: str, tmp_path: Path) -> None:
    """The rows after it are read with that separator, and faults have the line numbers of the file."""
    rows = (HEADER + deploy(repo="b")).replace(",", ";")

    assert printed(Case("h.csv", f"{first}\r\n{rows}".encode()), tmp_path) == (
        "`h.csv:3: repo: expected a repository like 'larkspur/checkout-api', got 'b'`"
    )
    assert printed(Case("h.csv", f"{first}\nkind;time\n".encode()), tmp_path).startswith("`h.csv:2: repo: ")


def test_a_field_that_the_mapping_fills_is_offered_for_no_column() -> None:
    """If a mapping gives repository and environment, their columns are listed among the unused ones."""
    Path("h.csv").write_text("number,opened,closed,team,repository,env,color\n")
    Path("mapping.yml").write_text(MAPPING)
    Path("gitdailies.yml").write_text(CONFIG)
    ran = imported("h.csv", "--mapping", "mapping.yml")

    assert "note: h.csv: columns that no event has: repository, env, color\n" in ran.stderr


def test_a_fault_of_every_row_is_printed_some_times_and_then_counted() -> None:
    """One missing time zone is one fault a row: the first rows are named, the others are a number."""
    rows = [f"deployed,larkspur/search,{number:040x},2026-03-01 09:00:00" for number in range(130)]
    Path("past.csv").write_text("\n".join(["kind,repo,commitSHA,time", *rows, "deployed,x,1,2026"]) + "\n")
    Path("gitdailies.yml").write_text(CONFIG)
    done = imported("past.csv")
    lines = done.stderr.splitlines()

    assert isinstance(done.exception, UsageError)
    assert "past.csv:51: time: expected a time with a zone" in done.stderr
    assert "past.csv:52: time" not in done.stderr
    [others] = [line for line in lines if "with the same fault" in line]
    assert others.startswith("80 more with the same fault: time: expected a time with a zone")
    assert "past.csv:132: repo: " in done.stderr
