"""The pages about tools are true: what they show is read, printed and loaded as they say."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from gitdailies_connection.config.load import load
from gitdailies_core.sources import registry

from tests.support.processes import run

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, PACKS = (DOCS / "sources.md").read_text(), (DOCS / "source-packs.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str, page: str = PAGE) -> list[str]:
    return [match[2] for match in BLOCK.finditer(page) if match[1] == language]


def translated(folder: Path, *arguments: str) -> list[str]:
    """Return the lines of `translate` after the name of the file."""
    return run("translate", *arguments, folder=folder).stdout.splitlines()[1:]


def test_the_delivery_becomes_the_events_shown(tmp_path: Path) -> None:
    """`translate` prints the lines of the page, among other fields, and the mapping is under twenty lines."""
    (tmp_path / "opened.json").write_text(blocks("json")[0])
    mapping = blocks("yaml")[0]
    (tmp_path / "gitdailies.yml").write_text(mapping)
    assert len(mapping[mapping.index("  pager:") :].splitlines()) < 20
    command, _, *shown = blocks("text")[0].splitlines()
    printed = translated(tmp_path, *command.removeprefix("$ gitdailies translate ").split())
    assert len(printed) == len(shown) == 2
    for line, expected in zip(printed, shown, strict=True):
        assert set(expected.split()) <= set(line.split()), line


def test_the_deploy_counts_by_its_route(tmp_path: Path) -> None:
    """The page's deploy is one of production; a job that no line names is none."""
    text = blocks("json")[1]
    (tmp_path / "deploy.json").write_text(text)
    (tmp_path / "other.json").write_text(text.replace("ship-checkout", "test-checkout"))
    (tmp_path / "gitdailies.yml").write_text(blocks("yaml")[1])

    (deployed,) = translated(tmp_path, "shipit", "deploy.json")
    (ignored,) = translated(tmp_path, "shipit", "other.json")

    wanted = {"deployed", "repo=larkspur/checkout-api", "environment=production", "time=2026-11-24T10:06:38Z"}
    assert wanted <= set(deployed.split())
    assert ignored.strip().startswith("ignored: no route names 'test-checkout'; to count it, write route: ")


def words_of_routes() -> dict[str, tuple[str, str]]:
    """Return the table of WORDs: by adapter, the word, and what a deploy is without a line."""
    found = {}
    for line in PACKS.partition("| adapter | WORD |")[2].partition("\n\n")[0].splitlines()[2:]:
        names, word, without = (cell.strip() for cell in line.strip("|").split(" | "))
        found.update(dict.fromkeys(re.findall(r"`([\w-]+)`", names), (word, without)))
    return found


def test_every_pack_of_deploys_has_its_word() -> None:
    """The table has each pack, each looks something up, and it says ignored where one needs a line."""
    table, folder = words_of_routes(), Path(str(files("gitdailies_sources"))) / "packs"
    kinds = {name: getattr(registry.adapter(name), "kind", "") for name in registry.pack_names()}
    assert set(table) == {name for name, kind in kinds.items() if kind == "deploy"}, (
        "write each into the table of WORDs in docs/source-packs.md"
    )
    for name, (_, without) in table.items():
        entries = yaml.safe_load((folder / name / "source.yaml").read_text())["messages"].values()
        named = [entry for entry in entries if {"route", "service_by"} & entry.keys()]
        assert named, name
        assert without.startswith("ignored") == any("route_required" in entry for entry in named), name


@pytest.mark.parametrize("text", blocks("yaml") + blocks("yaml", PACKS))
def test_every_configuration_of_the_page_loads(text: str, tmp_path: Path) -> None:
    """Each gitdailies.yml is accepted unchanged."""
    (tmp_path / "gitdailies.yml").write_text(text)
    assert load(tmp_path / "gitdailies.yml").sources
