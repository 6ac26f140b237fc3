"""Reading YAML: places, YAML 1.2's words, bounds, and that any text loads or is refused by our error."""

import json
from pathlib import Path

import pytest
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.load import read as read_configuration
from gitdailies_core.errors import ConfigurationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.forms import examples

DATA = Path(__file__).parent / "data"


def test_places() -> None:
    """A setting's place is its name, an item's its beginning, and a missing one's the place of its parent."""
    read = yaml_document.parse("a:\n  b: [1,\n    2]\n", "f")

    assert read.places == {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", "b"): (2, 3),
        ("a", "b", 0): (2, 7),
        ("a", "b", 1): (3, 5),
    }
    assert read.line(("a", "missing", "deeper")) == 1
    places = (("a", "b", 1), ("a", 0), ("a", "b", "c"))
    assert [read.value_at(place) for place in places] == [2, None, None]


def test_words_of_yaml_1_2() -> None:
    """`no`, `on`, dates and clock times are text; numbers, true, false and null have their types."""
    text = "[no, on, y, 2026-03-04, 12:30, 0o17, 1_000, .inf, true, False, ~, null, 12, -3, 1.5, 1e3, 0123]"

    assert yaml_document.parse(text, "f").value == [
        *("no", "on", "y", "2026-03-04", "12:30", "0o17", "1_000", ".inf"),
        *(True, False, None, None, 12, -3, 1.5, 1000.0, 123),
    ]


def test_names_are_text() -> None:
    """Names are text exactly as written, even if they look like numbers or booleans."""
    assert yaml_document.parse("007: a\n1e5: b\nno: c\n~: d\n", "f").value == {
        "007": "a",
        "1e5": "b",
        "no": "c",
        "~": "d",
    }


# Pieces that the reader treats apart, so that the fuzz meets them more often than chance would have it.
PIECES = st.sampled_from(
    "gitdailies url key sources services relay only dialect rename secrets adapter pagerduty".split()  # noqa: SIM905
    + "{ } [ ] : - ? & * ~ | \" ' &a *a << !!set 1e400 0 true :// @ http://[ http://h:99999".split()  # noqa: SIM905
    + ", > #x % --- ... 0x1 |2 é 😀 \\u0041".split()  # noqa: SIM905
    + [": ", "- ", "? ", " ", "\n", "\n  ", "k:\n  ", " #x", "&a ", "!t ", "!!str ", "<<: ", "%YAML 1.1\n"]
    + ["{env: A}", "|-\n", "\\", "\\\n", "\r\n", "\t", "\x07", "\x85", "\ufeff", "\u2028", "\ud7ff"]
)


def _read(text: str) -> tuple[str, object]:
    try:
        return "read", yaml_document.parse(text, "f").value
    except ConfigurationError as error:
        return "refused", str(error)


@settings(max_examples=examples(3000))
@given(pieces=st.lists(PIECES, max_size=14))
@example(pieces=["c:", "\t", "1"])
@example(pieces=["|", "#x"])
@example(pieces=["!!int ", "[", "1", "]"])
@example(pieces=["\x85", "\ufeff"])
def test_a_machine_without_libyaml_reads_the_same(pieces: list[str]) -> None:
    """Both loaders of PyYAML give the same values, or the same error."""
    text = "".join(pieces)
    found = _read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_document, "_FastLoader", yaml_document._Loader)
        assert _read(text) == found


def test_merge() -> None:
    """`<<` brings in names that the mapping does not have itself, the first of several mappings winning."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 0}\n"

    assert yaml_document.parse(text, "f").value["c"] == {"x": 0, "y": 1, "z": 2}


def test_byte_order_mark(tmp_path: Path) -> None:
    """A mark that an editor put before the text is no part of it."""
    path = tmp_path / "f.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert yaml_document.parse(yaml_document.read_text(path), "f").value == {"a": 1}


NOT_PLAIN = "f:1: a: expected a plain YAML value, got another type"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('a: "\\ud800"', "f:1: a: expected text that UTF-8 can hold, got half of a surrogate pair"),
        ("a: !!python/object:os.system x", NOT_PLAIN),
        ("a: 1e999", NOT_PLAIN),
        ("a: !!int planted", NOT_PLAIN),
        ("a: !!set {planted}", NOT_PLAIN),
        ("? [planted]\n: 1", "f:1: top level: expected text for a name, got something else"),
        ("a: {<<: planted}", "f:1: a: expected a mapping after <<, got something else"),
        ("a: 1\n\x01", "f:2: not valid YAML: it has a control character"),
        ('a: "\\UFFFFFFFF"', "f: not valid YAML: an escape names no character"),
        ("a:\n\tb: 1", "f:2: expected spaces, got a tab at column 1"),
        ("a:\n  b:\t1", "f:2: expected spaces, got a tab at column 5"),
        ("a: '", "f:1: not valid YAML: found unexpected end of stream at column 5"),
        ("[" * 3000, "f: expected at most 100 levels of nesting, got more"),
        ("[" * 150 + "]" * 150, "f:1: top level: expected at most 100 levels of nesting, got more"),
        ("a" * (1024 * 1024 + 1), "f: expected at most 1048576 characters, got more"),
    ],
)
def test_refused(text: str, complaint: str) -> None:
    """Invalid text gives one message with its line, and the message does not repeat the value."""
    with pytest.raises(ConfigurationError) as caught:
        yaml_document.parse(text, "f")

    assert caught.value.complaints == (complaint,)


def test_merges_are_bounded() -> None:
    """Mappings that bring in mappings that bring in mappings end at the bound, not after hours."""
    layers = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(900)) + "}"]
    layers += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 900)}]}}" for n in range(1, 4)]

    with pytest.raises(ConfigurationError, match="expected at most 100000 values, got more"):
        yaml_document.parse("\n".join(layers), "f")


@settings(max_examples=examples(400), deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
@example('gitdailies: {url: "http://[", key: {env: A}}')
@example("sources: {a: {secrets: [1], adapter: [x]}}")
@example("gitdailies: {dialect: {rename: {kind: repo}}}")
def test_any_text_loads_or_is_refused(text: str) -> None:
    """Any text at all loads or raises ConfigurationError."""
    _load_or_refuse(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.just("http://127.0.0.1/"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["env", "file", "repo"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=examples(400), deadline=None)
@given(st.data())
def test_any_value_in_any_place_loads_or_is_refused(data: st.DataObject) -> None:
    """The full example with any value at any of its places loads or raises ConfigurationError."""
    value = yaml_document.parse((DATA / "good-postgresql.yml").read_text(), "f").value
    _plant(value, data)

    _load_or_refuse(json.dumps(value))


def _plant(value: object, data: st.DataObject) -> None:
    while True:
        names = list(value) if isinstance(value, dict) else list(range(len(value)))  # type: ignore[arg-type]
        name = data.draw(st.sampled_from(names))
        inner = value[name]  # type: ignore[index]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            value[name] = data.draw(VALUES)  # type: ignore[index]
            return
        value = inner


def _load_or_refuse(text: str) -> None:
    complaints: tuple[str, ...]
    try:
        complaints = (f"folder/gitdailies.yml: {read_configuration(text, Path('folder/gitdailies.yml'))}",)
    except ConfigurationError as error:
        complaints = error.complaints

    assert complaints
    assert all(line.startswith("folder/gitdailies.yml:") for line in complaints)
    assert "\n".join(complaints).encode()
