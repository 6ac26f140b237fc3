"""A field of a delivery has one home: the class of its answer, from which all JSON is written and read."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from gitdailies_connection.relay import answers
from gitdailies_connection.relay.answers import RelayAnswer

from tests.rooms.reading import strings

ROOT = Path(__file__).resolve().parents[2]
USERS = (
    "connection/gitdailies_connection/relay",
    "relay/gitdailies_relay/operations",
    "relay/gitdailies_relay/api/app.py",
    "command-line/gitdailies_cli/relay",
    "dora/gitdailies_dora/pages/deliveries/*.py",
)
ANSWERS = [one for one in vars(answers).values() if isinstance(one, type) and issubclass(one, RelayAnswer)]


def files() -> Iterator[Path]:
    for user in USERS:
        found = sorted(ROOT.glob(user))
        assert found, user
        for path in found:
            yield from path.glob("*.py") if path.is_dir() else [path]


def names() -> set[str]:
    """The names in JSON that no other word of the code is like."""
    fields = (field for one in ANSWERS for field in msgspec.structs.fields(one))
    return {field.encode_name for field in fields if field.encode_name != field.encode_name.lower()}


def test_no_code_writes_or_reads_a_name_in_json_by_hand() -> None:
    """Commands, API and pages know a field by its attribute, which mypy checks, and never by its text."""
    known = names()
    assert {"receivedAt", "lookedBackTo", "openIncidents"} <= known
    assert [(path.name, text) for path in files() for text in strings(path) if text in known] == []
