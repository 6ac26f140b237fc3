"""The contract checks pass a good adapter and find what is wrong with a sloppy one."""

import importlib
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.contract import checks

STRANGER = Path(__file__).parent / "data" / "stranger"


def indented(code: str) -> str:
    """Make *code* fit in where a statement of a method stood."""
    return textwrap.indent(code, " " * 8).lstrip()


@pytest.fixture
def beacon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Load a copy of the stranger's adapter with some of its text replaced and files changed."""

    def load(*changes: tuple[str, str], files: dict[str, str | None] | None = None) -> Any:
        package = tmp_path / "gitdailies_beacon"
        shutil.copytree(STRANGER / "gitdailies_beacon", package)
        text = (package / "adapter.py").read_text("utf-8")
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (package / "adapter.py").write_text(text, "utf-8")
        for name, content in (files or {}).items():
            path = package / "examples" / name
            if content is None:
                path.unlink()
            else:
                path.write_text(content, "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        for module in [name for name in sys.modules if name.split(".")[0] == "gitdailies_beacon"]:
            monkeypatch.delitem(sys.modules, module)
        return importlib.import_module("gitdailies_beacon").adapter

    yield load
    for module in [name for name in sys.modules if name.split(".")[0] == "gitdailies_beacon"]:
        del sys.modules[module]


def test_a_good_adapter_passes(beacon: Any) -> None:
    """An adapter of thirty lines, its examples and its vectors have no fault."""
    assert list(checks.faults(beacon())) == []


SLOPPY = {
    "one bare access": (('data.text("id")', 'data.raw("id")["x"]'), "got TypeError"),
    "one bare name": (("incident=data.text", 'incident=request.json()["id"] and data.text'), "got KeyError"),
    "a time of its own": (
        ('at=data.time("at")', 'at=__import__("datetime").datetime.fromisoformat(data.text("at"))'),
        "got ValueError",
    ),
    "messages that are none": (
        ("return (Ignored(meaning, word, code=code),)", "return ()"),
        "expected at least one message",
    ),
    "a list of messages": (
        ("return (Ignored(meaning, word, code=code),)", "return [Ignored(meaning, word, code=code)]"),
        "expected at least one message, got a list of 1",
    ),
    "no reason": (
        ("Ignored(meaning, word", 'Ignored("", word'),
        "expected the reason of an ignored message",
    ),
    "a code that is not in the list": (
        ("UNKNOWN_TYPE\n            return", '"anything"\n            return'),
        "got ValueError: code: expected one of",
    ),
    "another meaning": (('"lamp.out": RESOLVED', '"lamp.out": STARTED'), "examples/out: expected "),
    "a word without a meaning": (
        ('"a lamp that is dimmed still burns"', '""'),
        "table['lamp.dimmed']: expected ",
    ),
    "a word without an example": (
        ("TABLE = {", 'TABLE = {\n    "lamp.relit": STARTED,'),
        "table['lamp.relit']: expected an example of it, got none",
    ),
    "no table": (
        ("table: Mapping[str, str] = TABLE", "table: Mapping[str, str] = {}"),
        "table: expected the vendor's",
    ),
    "an option without a value": (
        ("Option] = {}", 'Option] = {"all": Option((), "")}'),
        "options.all: expected allowed values and a description, got none",
    ),
}


@pytest.mark.parametrize("case", [case for case in SLOPPY if case != "an option without a value"])
def test_a_sloppy_adapter_is_refused(case: str, beacon: Any) -> None:
    """Each single slip is found, and named with the example or the table's row."""
    change, message = SLOPPY[case]

    faults = list(checks.faults(beacon(change)))

    assert [fault for fault in faults if message in fault], faults


CHECK = "verify_shared_token(request, secrets, header=header)"
FAILING_OPEN: dict[str, str] = {
    "never looks": "return",
    "without a secret": f"if secrets:\n    {CHECK}",
    "with an empty secret": f"if all(secrets):\n    {CHECK}",
    "when it cannot tell": f"try:\n    {CHECK}\nexcept Exception:\n    pass",
    "by an answer": "return request.header(header) in [secret.reveal() for secret in secrets]",
    "on a beginning": (
        "from gitdailies_core.errors import ProofError\n"
        "if not any(request.header(header)[:1] == secret.reveal()[:1] for secret in secrets):\n"
        '    raise ProofError("no")'
    ),
    "on more than the secret": (
        "from gitdailies_core.errors import ProofError\n"
        "if not any(secret and request.header(header).startswith(secret.reveal()) for secret in secrets):\n"
        '    raise ProofError("no")'
    ),
}


@pytest.mark.parametrize("way", FAILING_OPEN)
def test_an_adapter_that_fails_open_is_refused(way: str, beacon: Any) -> None:
    """A check that lets a missing, empty or wrong secret pass is found."""
    faults = list(checks.faults(beacon((CHECK, indented(FAILING_OPEN[way])))))

    assert [fault for fault in faults if fault.startswith(("verify", "examples/signatures.json"))], faults


def test_an_adapter_that_crashes_on_a_header_is_refused(beacon: Any) -> None:
    """A comparison that takes only ASCII raises on a hostile header, and is found."""
    comparing = "__import__('hmac').compare_digest(request.header(header), secrets[0].reveal())"
    adapter = beacon((CHECK, f"secrets and {comparing}; {CHECK}"))

    assert [fault for fault in checks.faults(adapter) if "got TypeError" in fault]


FILES: dict[str, tuple[dict[str, str | None], str]] = {
    "no pair": ({"lit.expected.json": None}, "lit.expected.json: expected it beside lit.payload.json"),
    "no payload": ({"lit.payload.json": None}, "lit.payload.json: expected it beside lit.expected.json"),
    "no vectors": ({"signatures.json": None}, "examples/signatures.json: expected it, got no such file"),
    "vectors of one kind": ({"signatures.json": "[]"}, "expected accepted and refused vectors"),
    "no examples": (
        {f"{name}.{kind}.json": None for name in ("lit", "out", "dimmed") for kind in ("payload", "expected")}
        | {"signatures.json": json.dumps([])},
        "examples: expected at least one pair, got none",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_missing_files_are_named(case: str, beacon: Any) -> None:
    """What is not there is said by name, without a crash."""
    files, message = FILES[case]

    faults = list(checks.faults(beacon(files=files)))

    assert [fault for fault in faults if message in fault], faults


def test_an_option_needs_values_and_words(beacon: Any) -> None:
    """A setting that has neither is named."""
    change, message = SLOPPY["an option without a value"]
    adapter = beacon(change)

    with pytest.raises(IndexError):
        checks.defaults(adapter)
    assert next(checks.faults(adapter)) == message
