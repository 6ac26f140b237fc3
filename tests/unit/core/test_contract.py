"""The contract checks pass a good adapter and find the faults of a sloppy one."""

import importlib
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
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
        "table['lamp.relit']: no example; add a delivery with this word to examples",
    ),
    "no table": (
        ("table: Mapping[str, str] = TABLE", "table: Mapping[str, str] = {}"),
        "table: no words; map each of the vendor's words",
    ),
    "an option without a value": (
        ("Option] = {}", 'Option] = {"all": Option((), "")}'),
        "options.all: expected allowed values and a description, got none; use Option((default, other), …)",
    ),
}


@pytest.mark.parametrize("case", [case for case in SLOPPY if case != "an option without a value"])
def test_a_sloppy_adapter_is_refused(case: str, beacon: Any) -> None:
    """Each single slip is found, and named with the example or the table's row."""
    change, message = SLOPPY[case]

    faults = list(checks.faults(beacon(change)))

    assert [fault for fault in faults if message in fault], faults


CHECK = "verify_shared_token(request, secrets, header=settings.header)"
FAILING_OPEN: dict[str, str] = {
    "never looks": "return",
    "without a secret": f"if secrets:\n    {CHECK}",
    "with an empty secret": f"if all(secrets):\n    {CHECK}",
    "when it cannot tell": f"try:\n    {CHECK}\nexcept Exception:\n    pass",
    "by an answer": "return request.header(settings.header) in [secret.reveal() for secret in secrets]",
    "on a beginning": (
        "from gitdailies_core.errors import ProofError\n"
        "if not any(request.header(settings.header)[:1] == secret.reveal()[:1] for secret in secrets):\n"
        '    raise ProofError("no")'
    ),
    "on more than the secret": (
        "from gitdailies_core.errors import ProofError\n"
        "given = request.header(settings.header)\n"
        "if not any(secret and given.startswith(secret.reveal()) for secret in secrets):\n"
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
    comparing = "__import__('hmac').compare_digest(request.header(settings.header), secrets[0].reveal())"
    adapter = beacon((CHECK, f"secrets and {comparing}; {CHECK}"))

    assert [fault for fault in checks.faults(adapter) if "got TypeError" in fault]


FILES: dict[str, tuple[dict[str, str | None], str]] = {
    "no pair": (
        {"lit.expected.json": None},
        "examples/lit.expected.json: missing; run `gitdailies translate beacon --messages …/examples/lit.",
    ),
    "no payload": (
        {"lit.payload.json": None},
        "examples/lit.payload.json: missing; add it or delete examples/lit.expected.json",
    ),
    "no vectors": ({"signatures.json": None}, "examples/signatures.json: missing; write a list such as"),
    "an expectation that is no JSON": (
        {"lit.expected.json": "{"},
        "examples/lit.expected.json: expected JSON, got something else",
    ),
    "vectors that are no list": (
        {"signatures.json": "{}"},
        "examples/signatures.json: expected a list of objects, got an object",
    ),
    "a vector that is no object": (
        {"signatures.json": "[7]"},
        "examples/signatures.json: [0]: expected an object, got 7",
    ),
    "a vector without its parts": (
        {"signatures.json": '[{"about": "the token", "headers": {}, "secrets": ["t0ken"], "body": "x"}]'},
        "examples/signatures.json: [0].accepted: expected true or false, got null",
    ),
    "a vector without a body": (
        {"signatures.json": '[{"about": "a", "headers": {}, "secrets": [], "accepted": true}]'},
        'examples/signatures.json: [0].body: expected a file name or {"text": "…"}, got null',
    ),
    "a vector whose body is no file": (
        {
            "signatures.json": json.dumps(
                [
                    {"about": about, "headers": {}, "secrets": [], "accepted": about == "a", "body": "gone"}
                    for about in "ab"
                ]
            )
        },
        "examples/signatures.json: a: examples/gone is missing; name a file that exists",
    ),
    "vectors of one kind": ({"signatures.json": "[]"}, "expected accepted and refused vectors"),
    "no examples": (
        {f"{name}.{kind}.json": None for name in ("lit", "out", "dimmed") for kind in ("payload", "expected")}
        | {"signatures.json": json.dumps([])},
        "examples: no delivery; write NAME.payload.json and NAME.expected.json there",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_missing_files_are_named(case: str, beacon: Any) -> None:
    """Each missing or malformed file is named, and nothing crashes."""
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


def test_an_adapter_without_its_parts_is_named_so() -> None:
    """An object that is no adapter is reported with its missing names, without a crash."""
    assert list(checks.faults(SimpleNamespace(name="bare", table={}))) == [
        f"adapter.{name}: missing; see gitdailies_core.Adapter"
        for name in ("options", "examples", "verify", "translate")
    ]


def test_everything_that_is_missing_is_named_at_once(beacon: Any) -> None:
    """A missing expectation does not hide the missing vectors."""
    adapter = beacon(files={"lit.expected.json": None, "signatures.json": None})

    faults = list(checks.faults(adapter))

    for name in ("examples/lit.expected.json", "examples/signatures.json"):
        assert [fault for fault in faults if fault.startswith(f"{name}: missing; ")], faults
