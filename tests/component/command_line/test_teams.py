"""`gitdailies teams import`: prints YAML, and says on standard error what it left out."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies

CATALOG = """
kind: Component
metadata: {name: checkout, annotations: {github.com/project-slug: larkspur/checkout}}
spec: {owner: pay}
---
kind: Component
metadata: {name: toy}
spec: {owner: user:kim}
"""


def run(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(gitdailies, ["teams", "import", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout, done.stderr


def test_a_folder_of_backstage_is_read(tmp_path: Path) -> None:
    """Every document of every file of a folder is read."""
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "catalog-info.yaml").write_text(CATALOG)
    printed, said = run("--from", "backstage", str(tmp_path))
    assert printed == 'teams:\n  pay:\n    repos:\n      - "larkspur/checkout"\n'
    assert said == "left out: component toy: its owner is no group: user:kim\n"


def test_codeowners_and_tables_are_read(tmp_path: Path) -> None:
    """CODEOWNERS is given with its repository, a table with its columns."""
    owners, table = tmp_path / "CODEOWNERS", tmp_path / "teams.csv"
    owners.write_text("* @larkspur/pay\n")
    table.write_text("repo,team\nlarkspur/cart,shop\n")
    assert '- "larkspur/mono"' in run("--from", "codeowners", f"larkspur/mono={owners}")[0]
    assert '- "larkspur/cart"' in run("--from", "csv", str(table))[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "codeowners", "CODEOWNERS"], "expected REPOSITORY=FILE, got 'CODEOWNERS'"),
        (["--from", "csv", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], message: str) -> None:
    """The message says what was expected."""
    with pytest.raises(Exception, match=message):
        CliRunner().invoke(gitdailies, ["teams", "import", *arguments], catch_exceptions=False)
