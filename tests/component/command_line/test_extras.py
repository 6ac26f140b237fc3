"""A plain installation has the command for CI jobs; what needs more says what to install."""

import json
import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).with_name("without_extras.py")
# Commands that are known to need more than a plain installation.
NEED_MORE = {
    "translate": "relay",
    "sources preview": "relay",
    "relay explain": "relay",
    "relay status": "relay",
    "relay": "relay",
    "scan": "dora",
    "keys list": "dora",
    "dora": "dora",
    "mcp": "mcp",
}


def test_each_command_works_without_extras_or_names_the_extra(tmp_path: Path) -> None:
    """No command ends in a traceback; where a module is missing, the line to paste is the only one."""
    done = subprocess.run([sys.executable, CHILD], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = json.loads(done.stdout)
    needing: dict[str, str] = {}
    for name, (code, error) in ran.items():
        assert "Traceback" not in error, (name, error)
        assert code in range(5), (name, code, error)
        if "which is not installed" in error:
            assert code == 2, name
            assert error.count("\n") == 1, error
            needing[name] = error.partition("pip install 'gitdailies-integrations[")[2].partition("]'")[0]
    assert len(ran) > 50
    assert {name: needing.get(name) for name in NEED_MORE} == NEED_MORE
