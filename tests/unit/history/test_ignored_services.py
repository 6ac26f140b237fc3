"""Rows of services with `ignore: true`: neither sent nor faulty, and said."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies

from tests.support.history.faulty import MAPPED, MAPPING

CONFIG = (
    "gitdailies: {url: 'https://example.com/webhooks', key: {env: KEY}}\n"
    "services: {search: {repo: larkspur/search}, helpdesk: {ignore: true}}\n"
)


def test_a_row_of_a_service_that_shall_not_count_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other row is sent, and a note says how many rows were left out, and why."""
    monkeypatch.chdir(tmp_path)
    Path("gitdailies.yml").write_text(CONFIG)
    Path("mapping.yml").write_text(MAPPING)
    times = "2025-03-04T10:00:00Z,2025-03-04T11:00:00Z"
    Path("h.csv").write_text(f"{MAPPED}INC-1,{times},search\nINC-2,{times},helpdesk\n")
    command = ["history", "import", "h.csv", "--dry-run", "--mapping", "mapping.yml"]
    ran = CliRunner().invoke(gitdailies, command)
    assert ran.exit_code == 0, ran.output
    assert "note: 1 row of 'helpdesk', which has ignore: true under services" in ran.output
    assert "INC-2" not in ran.stdout
