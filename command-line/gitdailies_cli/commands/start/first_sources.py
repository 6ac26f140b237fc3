"""The lines that a source needs in a first gitdailies.yml, found by reading what was written. Pure."""

import re
import textwrap
from collections.abc import Callable, Sequence

from gitdailies_connection.config.template import TOKEN_HEADER
from gitdailies_core.errors import ConfigurationError, UsageError

# What a source may need besides its adapter and its secret: a header for the token, and a choice of alerts.
_HEADER = f"header: {TOKEN_HEADER}    # for the token; the tool sends it with each delivery"
_COUNT = "count: all    # every alert is an incident; in its place, only says which are"
_TRIES: Sequence[Sequence[str]] = ((), (_HEADER,), (_COUNT,), (_HEADER, _COUNT))


_ROUTE = re.compile(r"^( +)route:.*\n((?:\1 +.*\n?)+)", re.MULTILINE)


def route_example(name: str, setup: str) -> Sequence[str]:
    """Return the `route` that the text *setup* of a pack shows, as comments; () if it shows none.

    The tool reports more than deploys, or to more than one environment. Only the user knows the words.
    """
    found = _ROUTE.search(setup)
    if found is None:
        return ()
    lines = textwrap.dedent(found[2]).splitlines()
    head = f"# Which of its words are deploys, and where to; `gitdailies sources show {name}` explains it."
    return [head, "# route:", *(f"#   {line}" for line in lines)]


def secret_file(name: str) -> str:
    """Return the name of the file of a source's secret, next to gitdailies.yml."""
    return f"{name}-secret"


def settings_of(name: str, check: Callable[[Sequence[str]], None]) -> Sequence[str]:
    """Return the fewest lines with which *check*, which reads them in a file, finds no fault.

    Raises UsageError for a name that is no adapter and no pack, and for a source that needs more than can be
    guessed.
    """
    own = [f"adapter: {name}", f"secrets: [{{file: {secret_file(name)}}}]"]
    faults: ConfigurationError | None = None
    for more in _TRIES:
        try:
            check([*own, *more])
        except ConfigurationError as error:
            faults = faults or error
        else:
            return [*own, *more]
    assert faults is not None
    _, unusable, text = str(faults).partition(".adapter: ")
    if unusable:
        raise UsageError(f"--source: {text.replace('no adapter ', 'no tool ', 1)}")
    raise UsageError(
        f"--source: {name} needs settings that only you know; `gitdailies sources show {name}` prints them"
    )
