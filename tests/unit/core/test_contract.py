"""The contract checks pass a good adapter and find the faults of a sloppy one."""

import importlib
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from gitdailies_core.contract import checks

DATA = Path(__file__).parent / "data"
STRANGER = DATA / "stranger"
# Slips of the adapter, proofs that fail open, and wrong files.
FAULTS = yaml.safe_load((DATA / "faults.yaml").read_text("utf-8"))
CHECK = "verify_shared_token(request, secrets, header=settings.header)"


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


def by_name(faults: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(fault, id=fault["about"]) for fault in faults]


@pytest.mark.parametrize("slip", by_name(FAULTS["slips"]))
def test_a_sloppy_adapter_is_refused(slip: dict[str, str], beacon: Any) -> None:
    """Each single slip is found, and named with the example or the table's row."""
    faults = list(checks.faults(beacon((slip["before"], slip["after"]))))

    assert [fault for fault in faults if slip["says"] in fault], faults


@pytest.mark.parametrize("way", FAULTS["proofs"])
def test_an_adapter_that_fails_open_is_refused(way: str, beacon: Any) -> None:
    """A check that lets a missing, empty or wrong secret pass is found."""
    code = FAULTS["proofs"][way].replace("{check}", CHECK)

    faults = list(checks.faults(beacon((CHECK, indented(code)))))

    assert [fault for fault in faults if fault.startswith(("verify", "examples/signatures.json"))], faults


def test_an_adapter_that_crashes_on_a_header_is_refused(beacon: Any) -> None:
    """A comparison that takes only ASCII raises on a hostile header, and is found."""
    comparing = "__import__('hmac').compare_digest(request.header(settings.header), secrets[0].reveal())"
    adapter = beacon((CHECK, f"secrets and {comparing}; {CHECK}"))

    assert [fault for fault in checks.faults(adapter) if "got TypeError" in fault]


@pytest.mark.parametrize("wrong", by_name(FAULTS["files"]))
def test_missing_files_are_named(wrong: dict[str, Any], beacon: Any) -> None:
    """Each missing or malformed file is named, and nothing crashes."""
    faults = list(checks.faults(beacon(files=wrong["files"])))

    assert [fault for fault in faults if wrong["says"] in fault], faults


def test_an_option_needs_values_and_words(beacon: Any) -> None:
    """A setting that has neither is named."""
    adapter = beacon(("Option] = {}", 'Option] = {"all": Option((), "")}'))

    with pytest.raises(IndexError):
        checks.defaults(adapter)
    assert next(checks.faults(adapter)) == (
        "options.all: expected allowed values and a description, got none; use Option((default, other), …)"
    )


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
