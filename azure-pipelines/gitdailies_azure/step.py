"""How the template's step reads its parameters and writes its log, in the agent's own forms.

Sources: Azure Pipelines' "Define variables" and "Logging commands" pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitdailies_core.ci import console
from gitdailies_core.ci.report import Report
from gitdailies_core.ci.settings import INPUTS

AGENT = "gitdailies-azure-pipelines"
NO_KEY = (
    "; set GITDAILIES_WEBHOOK_KEY as a secret variable of the pipeline or of a variable group, or pass "
    "webhookKey: its reference (runs of forks get no secrets unless the pipeline says so)"
)

# The template's parameters: `webhookKey`, since Azure's names have no hyphens.
PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}

# What the agent leaves where no variable of that name exists.
_UNSET = re.compile(r"^\$\([^()]*\)$")


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name; address and key stand for a variable, which may not be there."""
    read = console.texts(environ, "GITDAILIES_")
    for name in ("webhook-url", "webhook-key"):
        if _UNSET.match(read[name].strip()):
            read[name] = ""
    return read


def commands(report: Report, *, fails: bool) -> list[str]:
    """Return the lines for the log; what went wrong goes to the run's page too.

    The agent looks for its commands anywhere in a line, so that texts of others must not hold one.
    """
    told = [line.replace("##", "# #") for line in console.lines(report, fails=fails)]
    if report.ok:
        return told
    issue = f"##vso[task.logissue type={'error' if fails else 'warning'}]"
    notes = len(report.notes)
    return told[:notes] + [issue + line for line in told[notes:]]
