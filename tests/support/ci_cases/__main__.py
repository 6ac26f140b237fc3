"""Write what is expected of new cases: `python -m tests.support.ci_cases --write PLATFORM`."""

import argparse

from gitdailies_core.ci.platforms import BY_MODULE

from tests.support.ci_cases import CASES, write

arguments = argparse.ArgumentParser(description="Write `expected` into cases that have none.")
arguments.add_argument("--write", required=True, metavar="PLATFORM", choices=sorted(BY_MODULE))
platform = arguments.parse_args().write
files = [file for file in sorted((CASES / platform).glob("*.json")) if write(file)]
print("\n".join(f"{file}: read what is expected now" for file in files) or "every case has `expected`")
