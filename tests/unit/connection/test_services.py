"""`services`: lines of gitdailies.yml, lines of included files, and which of them decides."""

from pathlib import Path

import pytest
import yaml
from gitdailies_connection.config.load import load
from gitdailies_connection.config.sections.services import ServiceLine, lines_of
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.incidents.routing import Route

FAULTS = Path(__file__).parent / "data/include-faults.yml"
HEAD = "gitdailies: {url: 'https://app.gitdailies.example/webhooks', key: {env: KEY}}\nservices:\n"


def written(folder: Path, own: str, **included: str) -> Path:
    """Write gitdailies.yml with these lines under services, and a file NAME.yml for each of *included*."""
    for name, text in included.items():
        (folder / f"{name}.yml").write_text(text)
    file = folder / "gitdailies.yml"
    file.write_text(HEAD + "".join(f"  {line}\n" for line in own.splitlines()))
    return file


def repos(file: Path) -> dict[str, list[str]]:
    return {name: [route.repo for route in routes] for name, routes in load(file).routes.table.items()}


def complaints(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return [one.replace(f"{file.parent}/", "") for one in caught.value.complaints]


def test_lines_of_gitdailies_yml_decide(tmp_path: Path) -> None:
    """An included file adds services, and changes none that gitdailies.yml names, in any case."""
    file = written(
        tmp_path,
        "include: generated.yml\nCheckout: {repo: larkspur/by-hand}",
        generated="checkout: {repo: larkspur/generated}\nledger: {repo: larkspur/ledger}\n"
        "old: {ignore: true}\n",
    )

    assert repos(file) == {"checkout": ["larkspur/by-hand"], "ledger": ["larkspur/ledger"], "old": []}


def test_several_files_may_say_the_same(tmp_path: Path) -> None:
    """The same line in two included files is one line, and an empty file adds none."""
    file = written(
        tmp_path,
        "include: [a.yml, b.yml, c.yml]",
        a="ledger: {repo: larkspur/ledger, environment: eu}\n",
        b="# nothing yet\n",
        c='Ledger: {repo: larkspur/ledger, environment: eu}\n"team-*": {repo: "larkspur/{slug}"}\n',
    )

    assert load(file).routes.table == {
        "ledger": (Route("larkspur/ledger", "eu"),),
        "team-*": (Route("larkspur/{slug}"),),
    }


def test_a_conflict_of_two_files_is_named_with_both_lines(tmp_path: Path) -> None:
    """Nothing is guessed: both files and lines are named, and a line in gitdailies.yml settles it."""
    conflict = {
        "a": "# by a\nledger: {repo: larkspur/ledger}\n",
        "b": "docs: {repo: larkspur/docs}\nLedger: {repo: larkspur/other}\n",
    }
    file = written(tmp_path, "include: [a.yml, b.yml]", **conflict)

    assert complaints(file) == [
        (
            "b.yml:2: Ledger: expected what a.yml:2 says about this service, got something else; "
            "a line in gitdailies.yml settles it"
        )
    ]

    settled = written(tmp_path, "include: [a.yml, b.yml]\nledger: {repo: larkspur/ledger}", **conflict)
    assert repos(settled) == {"ledger": ["larkspur/ledger"], "docs": ["larkspur/docs"]}


@pytest.mark.parametrize("fault", yaml.safe_load(FAULTS.read_text()), ids=lambda fault: fault["message"][:40])
def test_what_is_wrong_is_named_with_its_own_file(tmp_path: Path, fault: dict[str, str]) -> None:
    """A fault in an included file names that file and its line, one of `include` names gitdailies.yml."""
    own = f"include: {fault.get('include', 'a.yml')}"
    (complaint,) = complaints(written(tmp_path, own, a=fault.get("text", "")))

    assert complaint.startswith(fault["message"])


def test_the_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Those of gitdailies.yml first, then those of each included file."""
    file = written(
        tmp_path,
        "include: [a.yml, b.yml]\nshop: {repo: shop}",
        a="ledger: {repo: ledger}\n",
        b="docs: text\n",
    )

    assert [one.partition(": ")[0] for one in complaints(file)] == ["gitdailies.yml:4", "a.yml:1", "b.yml:1"]


def test_a_service_may_be_called_include(tmp_path: Path) -> None:
    """With a capital letter it is a service, since names are compared without case."""
    assert repos(written(tmp_path, "Include: {repo: larkspur/include}")) == {"include": ["larkspur/include"]}


def test_each_line_is_found_in_its_file(tmp_path: Path) -> None:
    """The place of a line is that which decides, and a file that is wrong now has none."""
    file = written(
        tmp_path,
        "include: [a.yml, broken.yml]\nledger: {repo: larkspur/ledger}",
        a="Ledger: {repo: larkspur/other}\ndocs: {repo: larkspur/docs}\n",
        broken="{",
    )

    assert lines_of(file) == {
        "ledger": ServiceLine(file, 4, "ledger"),
        "docs": ServiceLine(tmp_path / "a.yml", 2, "docs"),
    }
    assert lines_of(tmp_path / "gone.yml") == {}
