"""Paths find what is there, read nothing elsewhere, and name what is wrong with them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.sources.request import FORM, Request
from gitdailies_sources.language import paths
from gitdailies_sources.language.faults import Mistake
from gitdailies_sources.language.scope import Scope
from hypothesis import given, settings
from hypothesis import strategies as st

PATHS = yaml.safe_load((Path(__file__).parent / "paths.yaml").read_text("utf-8"))
BODY: dict[str, Any] = PATHS["body"]
HEADERS = {"content-type": "application/json", "X-Event": "opened", "X-Json": '{"a": 1}'}


def scope(body: Any = BODY) -> Scope:
    request = Request.make(
        headers=HEADERS, body=json.dumps(body).encode(), method="PUT", path="/hooks/x", query={"token": "t"}
    )
    return Scope.of(request)


@pytest.mark.parametrize(("path", "found"), PATHS["found"].items())
def test_a_path_finds_what_is_there(path: str, found: Any) -> None:
    """Each form of a path reads its value, None, or the values that there are."""
    assert paths.compiled(path).read(scope()) == found


def test_a_path_in_an_element_starts_there_and_body_is_the_outside() -> None:
    """Inside an element, names are its own; `body` leads out."""
    inside = scope().at(BODY["milestones"][1])
    assert paths.compiled("at").read(inside) == 2
    assert paths.compiled("body.data.text").read(inside) == "x"
    assert paths.compiled("data.text").read(inside) is None


def test_a_list_at_the_top_is_read_by_body() -> None:
    """A body that is a list has no name of its own."""
    listed = scope([{"a": 1}, {"a": 2}])
    assert paths.compiled("body[*].a").read(listed) == [1, 2]
    assert paths.compiled("[1].a").read(listed) == 2


def test_a_form_is_read_by_its_fields_or_by_the_json_in_payload() -> None:
    """A form has fields; the field payload alone holds the JSON that others send as the body."""
    plain = Request.make(headers={"content-type": FORM}, body=b"a=1&b=x+y")
    assert paths.compiled("form.b").read(Scope.of(plain)) == "x y"
    wrapped = Request.make(
        headers={"content-type": FORM}, body=b"payload=%7B%22a%22%3A+%7B%22b%22%3A+3%7D%7D"
    )
    assert paths.compiled("a.b").read(Scope.of(wrapped)) == 3


@pytest.mark.parametrize(("path", "named"), [*PATHS["wrong"].items(), ("x" * 501, "at most 500")])
def test_a_wrong_path_says_what_is_wrong(path: str, named: str) -> None:
    """A mistake names what was expected, and the text."""
    with pytest.raises(Mistake) as caught:
        paths.compiled(path)
    assert named in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet='abc.[]{}"=*!-0 $', max_size=40),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=10,
    ),
)
def test_any_text_is_a_path_that_reads_or_a_mistake(path: str, body: Any) -> None:
    """Whatever is written, compiling ends with a path or a Mistake, and reading raises nothing."""
    try:
        compiled = paths.compiled(path)
    except Mistake:
        return
    found = compiled.read(scope(body))
    assert isinstance(found, list) or not compiled.many
