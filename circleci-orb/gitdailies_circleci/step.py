"""How the orb's step reads its parameters: each is PARAM_NAME, `$NAME` in one is filled in.

Source: CircleCI's "Orb author best practices", for parameters by environment and for key variables by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitdailies_core.ci import console
from gitdailies_core.ci.settings import INPUTS

AGENT = "gitdailies-circleci-orb"
NO_KEY = (
    "; put it into a context or the project's environment variables as GITDAILIES_WEBHOOK_KEY, or name "
    "its variable in webhook_key (forked pull requests get none unless the project passes secrets to them)"
)

# The orb's parameters: a template can read none whose name has a hyphen.
PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name; the address may also stand in GITDAILIES_WEBHOOK_URL."""
    read = console.texts(environ, "PARAM_")
    filled = {name: filled_in(text, environ) for name, text in read.items()}
    if not filled["webhook-url"].strip():
        filled["webhook-url"] = environ.get("GITDAILIES_WEBHOOK_URL", "")
    # The parameter holds the name of the variable that holds the key.
    filled["webhook-key"] = environ.get(read["webhook-key"].strip(), "")
    return filled


def filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Put in what `$NAME` and `${NAME}` stand for; where one of them is not set, return that one.

    Half a value would be reported as a whole one; of a bare reference core says that nothing
    filled it in.
    """
    for found in _REFERENCE.finditer(text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return _REFERENCE.sub(lambda found: environ[found[1] or found[2]], text)
