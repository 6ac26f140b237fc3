"""The cases of the CI platforms: what a job knows, and the deploys that it must give.

A case is `PLATFORM/NAME.json`, in the folder of the platform's module:

    about     one sentence, if the name does not say it
    environ   the variables of the job, with their texts. Required
    event     the payload of the event, where the platform has one in a file
    inputs    what the user set: {"sha": "...", "status": "failed"}, and several repositories as
              {"repos": ["PATH@SHA", ...]}. A platform without a variable of the job's status needs `status`
    git       what a checkout knows, as core's `GitFacts`: {"sha": "...", "branch": "main", ...}
    expected  {"events": [...], "notes": [...], "warnings": [...]}, {"skipped": "why"} or {"error": "message"}

`python -m tests.support.ci_cases --write PLATFORM` writes `expected` into the cases of a platform that have
none, so that a person reads it and finds it right or wrong.
"""

import json
from pathlib import Path
from typing import Any

from gitdailies_core.ci.deploys.deploy import resolve
from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import Deploys
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_core.ci.reporting.platform import detect
from gitdailies_core.errors import GitDailiesError

CASES = Path(__file__).parent
KEYS = {"about", "environ", "event", "inputs", "git", "expected"}


def read(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return case


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    """Resolve a case and write the outcome in the form of `expected`."""
    given = dict(case.get("inputs", {}))
    known = case.get("git", {})
    history = tuple((name, tuple(above), tuple(undone)) for name, above, undone in known.get("history", ()))
    lists = {"commits": tuple(known.get("commits", ())), "history": history}
    git = GitFacts(**{**known, **lists}) if known else None
    try:
        found = resolve(
            detect(PLATFORMS, case["environ"]),
            environ=case["environ"],
            event=case.get("event"),
            inputs=Inputs.make(given, repos=given.pop("repos", ())),
            git=git,
        )
    except GitDailiesError as error:
        return {"error": str(error)}
    if not isinstance(found, Deploys):
        return {"skipped": found.reason}
    said = {"notes": list(found.notes), "warnings": list(found.warnings)}
    said = {name: lines for name, lines in said.items() if lines}
    return {"events": [{"kind": "deployed", **event} for event in found.events], **said}


def write(file: Path) -> bool:
    """Write the outcome of a case as its `expected`, unless it has one. Return whether it had none."""
    case = read(file)
    if case.get("expected"):
        return False
    text = json.dumps({**case, "expected": outcome(case)}, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", "utf-8")
    return True
