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


def main(asking: Callable[[], tuple[int, str, str]] = run) -> int:
    code, out, err = asking()
    try:
        packages: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or [f"code {code}"])[-1][:200]
        print(f"audit: the advisory service could not be asked: {last}")
        return 0
    faults = [(package, fault) for package in packages for fault in package.get("vulns", [])]
    for package, fault in faults:
        fixed = ", ".join(fault.get("fix_versions") or []) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, fixed in {fixed}")
    if faults:
        return 1
    asked = [package for package in packages if "vulns" in package and "skip_reason" not in package]
    left = len(packages) - len(asked)
    if not asked:
        print(f"audit: the advisory service knew none of {left} packages: nothing was audited")
    else:
        others = f"; {left} could not be audited" if left else ""
        print(f"audit: no known vulnerability in {len(asked)} packages{others}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
