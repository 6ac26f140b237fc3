"""A field that is renamed in the class of an answer is an error of mypy in what shows the answer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "gitdailies_dora"
ROOT = Path(__file__).resolve().parents[2] / "dora"
# Only the class, msgspec and what shows the answer are read. All other modules are taken as they are.
CONFIGURATION = """
[mypy]
strict = True
follow_imports = skip
ignore_missing_imports = True
disable_error_code = misc, no-any-return, untyped-decorator, unused-ignore
[mypy-msgspec.*]
follow_imports = silent
"""


# A field of a class, and what shows it.
RENAMED = {
    ("figures/answers/numbers.py", "unknown_deploys"): ("pages/overview/cards.py",),
    ("derived/read/answers.py", "recovered_by"): (
        "pages/events/event_view.py",
        "pages/overview/review_view.py",
    ),
    ("derived/read/answers.py", "commit_sha"): (
        "pages/frame/event_titles.py",
        "pages/frame/event_summary.py",
    ),
}


def test_a_renamed_field_is_found(tmp_path: Path) -> None:
    """The errors are in each module that shows a field, and there is none before the fields are renamed."""
    classes = {f"{PACKAGE}/{file}" for file, _ in RENAMED}
    shown = {f"{PACKAGE}/{file}" for files in RENAMED.values() for file in files}
    for file in classes | shown:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
        for folder in Path(file).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "mypy.ini").write_text(CONFIGURATION, "utf-8")
    assert faults(tmp_path, classes | shown) == set()

    for file, field in RENAMED:
        changed = tmp_path / PACKAGE / file
        text = re.sub(rf"^    {field}:", f"    {field}_now:", changed.read_text("utf-8"), flags=re.MULTILINE)
        changed.write_text(text, "utf-8")
    assert faults(tmp_path, classes | shown) == shown


def faults(folder: Path, files: set[str]) -> set[str]:
    """Return the files in which mypy finds something."""
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", ".cache", *sorted(files)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return {line.partition(":")[0] for line in ran.stdout.splitlines() if ": error:" in line}
