"""The Action's package is run as one generated file and not installed: tests find it beside action.yml."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "github-action"))
