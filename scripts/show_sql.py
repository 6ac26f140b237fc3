"""Print a statement of the derived rows as text that sqlite3 or psql takes, for example to see its plan.

    .venv/bin/python -m scripts.show_sql DEPLOYS_AROUND
    .venv/bin/python -m scripts.show_sql DEPLOYS_AROUND --postgresql

Put EXPLAIN QUERY PLAN before it in sqlite3. In psql: PREPARE one AS …; EXPLAIN EXECUTE one(…);
"""

import argparse
import re
from itertools import count

from gitdailies_dora.derived.model import statements
from gitdailies_dora.sql.bulk import Lookup, sql_of

# The columns of the table `given` that hold whole numbers.
_NUMBERS = frozenset({"number", "at", "since", "until", "first", "last", "asked"})
_GIVEN = re.compile(r"\bgiven\.(\w+)")
# What `{where}` stands for: a target and a period.
_WHERE = "repo = ? AND environment = ? AND at >= ? AND at < ?"


def names() -> list[str]:
    """Return the names of the statements."""
    return [
        name
        for name, value in vars(statements).items()
        if name.isupper() and name[0] != "_" and _is_statement(value)
    ]


def text_of(name: str, *, postgresql: bool) -> str:
    """Return the statement *name*; parameters are `?` for sqlite3, and `$1` and so on for psql."""
    value = getattr(statements, name)
    parts = value if isinstance(value, Lookup) else (value,)
    given = list(dict.fromkeys(_GIVEN.findall(" ".join(map(str, parts)))))
    if "{}" in parts[0]:
        value = value.replace("{}", f"(SELECT {', '.join(f'? AS {one}' for one in given)}) AS given")
    elif given:
        value = sql_of(", ".join(given), value, [one in _NUMBERS for one in given] if postgresql else None)
    text = " ".join(value.replace("{where}", _WHERE).split())
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", text) if postgresql else text


def _is_statement(value: object) -> bool:
    if isinstance(value, Lookup):
        return True
    return isinstance(value, str) and bool(
        _GIVEN.search(value) or re.match(r"\s*(SELECT|WITH|DELETE)\b", value)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=names(), metavar="NAME")
    parser.add_argument("--postgresql", action="store_true", help="for psql; default: for sqlite3")
    given = parser.parse_args()
    print(text_of(given.name, postgresql=given.postgresql))


if __name__ == "__main__":
    main()
