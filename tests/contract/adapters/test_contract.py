"""Core's contract checks: every installed adapter passes them, and a sloppy one does not."""

import shutil
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.errors import ProofError
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import STARTED, Change, Ignored
from gitdailies_core.values.times import from_epoch

AT = from_epoch(1772615820, "at")


@pytest.mark.parametrize("name", registry.names())
def test_every_installed_adapter_meets_the_contract(name):
    """An adapter's table, examples, mutated examples and signature vectors hold no fault."""
    assert list(checks.faults(registry.adapter(name))) == []


@pytest.mark.parametrize("name", registry.names())
def test_an_example_is_small_and_invented(name):
    """Each payload is under eight kilobytes and names no company but the invented one."""
    for example in checks.examples(registry.adapter(name)):
        assert len(example.request.body) < 8192, example.name
        assert b"acme" not in example.request.body.lower(), example.name


@pytest.fixture
def sloppy(tmp_path, monkeypatch):
    """Make an adapter from a translation: Squadcast's table and proof, its own copy of two examples."""
    source = files("gitdailies_squadcast").joinpath("examples")
    # A name of its own for each test: an imported package stays where it was found first.
    package = f"sloppy_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / package / "examples"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    for stem in ("v2.incident.triggered", "v2.incident.resolved"):
        for ending in ("payload.json", "expected.json"):
            shutil.copy(str(source.joinpath(f"{stem}.{ending}")), folder)
    shutil.copy(str(source.joinpath("signatures.json")), folder)
    shutil.copy(Path(str(source)).parent / "payload.schema.json", folder.parent)
    monkeypatch.syspath_prepend(str(tmp_path))
    real = registry.adapter("squadcast")

    def make(translate=real.translate, **more):
        fields = {
            "name": "sloppy",
            "table": {"incident.triggered": STARTED, "incident.resolved": "resolved"},
            "options": {},
            "examples": package,
            "verify": real.verify,
            "translate": translate,
        }
        return SimpleNamespace(**{**fields, **more}), folder

    return make


def faults_of(adapter):
    return "\n".join(checks.faults(adapter))


def test_the_copy_itself_is_not_sloppy(sloppy):
    """Without a planted fault the same checks find nothing."""
    assert faults_of(sloppy()[0]) == ""


def test_a_bare_key_is_a_fault(sloppy):
    """One bare data["id"], fine on every example, is found by taking the field away."""
    real = registry.adapter("squadcast")

    def translate(request, options):
        body = request.json()
        return real.translate(request, options) if body["data"]["resource_data"]["id"] else ()

    assert "data.resource_data.id removed" in faults_of(sloppy(translate)[0])


def test_a_crash_on_an_example_is_a_fault_of_that_example(sloppy):
    """An adapter that raises on its own example is reported, not raised through the checks."""

    def translate(request, options):
        raise KeyError("event")

    assert "examples/v2.incident.triggered: expected messages" in faults_of(sloppy(translate)[0])


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ((), "expected at least one message, got a list of 0"),
        (None, "expected at least one message, got null"),
        ((Ignored(" "),), "expected the reason of an ignored message, got nothing"),
        (
            (Change.make(state=STARTED, word="w", incident="\ud800", at=AT),),
            "expected a message that can be written, got InvalidEvent",
        ),
    ],
)
def test_what_is_neither_message_nor_reason_is_a_fault(sloppy, messages, fault):
    """Silence, an empty reason and text that no store can hold are each a fault."""
    assert fault in faults_of(sloppy(lambda request, options: messages)[0])


def test_a_proof_that_takes_any_secret_is_a_fault(sloppy):
    """An adapter whose proof looks for a header alone is found by trying other secrets."""

    def verify(request, secrets, settings):
        if not request.header(settings.header):
            raise ProofError("no token")

    assert "verify: expected an error for other secrets" in faults_of(sloppy(verify=verify)[0])


def test_a_word_that_starts_needs_an_example(sloppy):
    """A word of the table that starts something, shown by no example, is a fault."""
    adapter, _ = sloppy(table={"incident.triggered": STARTED, "incident.flared": STARTED})

    assert "table['incident.flared']: no example; add a delivery with this word" in faults_of(adapter)


@pytest.mark.parametrize(
    ("stray", "fault"),
    [
        ("a.expected.json", "examples/a.payload.json: missing; add it or delete examples/a.expected.json"),
        ("a.options.json", "examples/a.payload.json: missing; add it or delete examples/a.options.json"),
        ("a.payload.json", "examples/a.expected.json: missing; run `gitdailies translate sloppy --messages"),
    ],
)
def test_half_a_pair_is_a_fault(sloppy, stray, fault):
    """A payload without its expectation, and the other way round, is named."""
    adapter, folder = sloppy()
    (folder / stray).write_text("{}")

    assert fault in faults_of(adapter)


def test_a_changed_translation_shows_both_sides(sloppy):
    """A fault about a changed outcome shows the expected outcome and the actual one."""
    adapter, folder = sloppy()
    file = folder / "v2.incident.resolved.expected.json"
    file.write_text(file.read_text().replace("resolved", "started", 1))

    assert "examples/v2.incident.resolved: expected {" in faults_of(adapter)
