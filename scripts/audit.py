"""Ask whether an installed package has a known vulnerability; part of `make lint`.

Fails if one is found. If the advisory service does not know a package or cannot be reached, one line
says so, and nothing fails: you can work without it.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_COMMAND = (sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off")
_SECONDS = 240


def run() -> tuple[int, str, str]:
    """Run the audit; return its code and what it wrote."""
    try:
        done = subprocess.run(
            [*_COMMAND, "--format", "json"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {_SECONDS} seconds"
    return done.returncode, done.stdout, done.stderr


def judge(code: int, out: str, err: str) -> tuple[int, list[str]]:
    """Return what to exit with, and what to say."""
    try:
        packages: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or [f"code {code}"])[-1][:200]
        return 0, [f"audit: the advisory service could not be asked: {last}"]
    lines = []
    for package in packages:
        for found in package.get("vulns", []):
            fixed = ", ".join(found.get("fix_versions") or []) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if lines:
        return 1, lines
    asked = [package for package in packages if "vulns" in package and "skip_reason" not in package]
    if not asked:
        return 0, [f"audit: the advisory service knew none of {len(packages)} packages: nothing was audited"]
    line = f"audit: no known vulnerability in {len(asked)} packages"
    left = len(packages) - len(asked)
    return 0, [f"{line}; {left} could not be audited" if left else line]


def main(asking: Callable[[], tuple[int, str, str]] = run) -> int:
    code, lines = judge(*asking())
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
