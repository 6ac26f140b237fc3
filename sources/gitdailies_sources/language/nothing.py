"""Values that say nothing: what tools send in the place of a value that they do not have.

Sources: Alertmanager (a zero time), Google Cloud Monitoring (null), UptimeRobot (`*alertDuration*`),
Zabbix (`{EVENT.RECOVERY.DATE}`), Datadog (`$HOSTNAME`), Go templates (`<no value>`), Dynatrace (-1).
"""

import re
from typing import Any

# Without case and outer spaces.
WORDS = frozenset({"", "null", "n/a", "none", "<no value>", "<nil>", "undefined"})
# A name that a template did not replace. One text may hold a date and a time.
_MACROS = re.compile(
    r"(?:\{[A-Z][A-Z0-9_.#]*\}[ T:]*)+"
    r"|\*[A-Za-z][A-Za-z0-9_]*\*"
    r"|\$[A-Za-z_][A-Za-z0-9_.]*"
    r"|\$?\{\{[^{}]*\}\}"
    r"|%[A-Za-z_][A-Za-z0-9_.]*%"
)
_MACRO_FIRST = frozenset("{*$%")
# Every text of `WORDS` and every macro begins with one of these.
_FIRST = _MACRO_FIRST | frozenset("nNuU<0 \t\r\n")
_ZERO_DAY = "0001-01-01"


def is_nothing(value: Any) -> bool:
    """Return whether *value* says nothing, as an empty list or object does. Zero and false say something."""
    if type(value) is str:
        return not value or (value[0] in _FIRST and _says_nothing(value))
    return value is None or (isinstance(value, (list, dict)) and not value)


def _says_nothing(text: str) -> bool:
    plain = text.strip()
    if len(plain) < 12 and plain.lower() in WORDS:
        return True
    if plain[0] in _MACRO_FIRST:
        return bool(_MACROS.fullmatch(plain))
    return plain.startswith(_ZERO_DAY)


def as_text(value: Any) -> str | None:
    """Return a JSON value as text; None for nothing, a list and an object.

    Numbers are their digits, and true and false are these words. Outer spaces are taken off.
    """
    if type(value) is str:
        if not value or (value[0] in _FIRST and _says_nothing(value)):
            return None
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return None
