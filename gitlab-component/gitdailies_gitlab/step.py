"""How the component's step reads its inputs, and how it ends where a deploy could not be reported.

Sources: GitLab's "CI/CD variable precedence" and "allow_failure:exit_codes".
"""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci import console

AGENT = "gitdailies-gitlab-component"
NO_KEY = (
    "; set GITDAILIES_WEBHOOK_KEY as a masked CI/CD variable of the project or group, or name its variable "
    "in webhook-key-env (a protected variable reaches protected branches and tags alone)"
)


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name: the component's, else the GITDAILIES_* variable of that name.

    The component passes INPUT_*, since a project's variable overrules a job's of the same name.
    """
    inputs, variables = (console.texts(environ, prefix) for prefix in ("INPUT_", "GITDAILIES_"))
    read = {name: text if text.strip() else variables[name] for name, text in inputs.items()}
    if named := environ.get("INPUT_WEBHOOK_KEY_ENV", "").strip():
        read["webhook-key"] = environ.get(named, "")
    return read


def warned(environ: Mapping[str, str]) -> int:
    """Return the exit code of a warning: the one that the component's job is allowed to fail with, else 0."""
    code = environ.get("GITDAILIES_WARNING_EXIT", "")
    return int(code) if code.isdecimal() else 0
