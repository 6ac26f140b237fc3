"""Paths find what is there, read nothing elsewhere, and name what is wrong with them."""

import base64
import json
from typing import Any

import pytest
from gitdailies_core.sources.request import FORM, Request
from gitdailies_sources.language import paths
from gitdailies_sources.language.faults import Mistake
from gitdailies_sources.language.scope import Scope
from hypothesis import given, settings
from hypothesis import strategies as st

BODY: dict[str, Any] = {
    "event_type": "public_incident.incident_created_v2",
    "public_incident.incident_created_v2": {"id": "01J", "mode": "standard"},
    "data": {"services": [{"name": "checkout-api"}, {"name": "ledger-worker"}, {"other": 1}], "text": "x"},
    "labels": {"app.example/name": "checkout", "two words": "yes"},
    "milestones": [
        {"type": "started", "at": 1},
        {"type": "mitigated", "at": 2, "by": {"kind": "person"}},
        {"type": "mitigated", "at": 3},
    ],
    "refs": ["Projects-1", "Releases-7"],
    "Message": json.dumps({"AlarmArn": "arn:1", "inner": {"x": [1]}}),
    "packed": base64.b64encode(b'{"status": "SUCCESS"}').decode(),
    "body": {"own": "field"},
    "empty": [],
}
HEADERS = {"content-type": "application/json", "X-Event": "opened", "X-Json": '{"a": 1}'}


def scope(body: Any = BODY) -> Scope:
    request = Request.make(
        headers=HEADERS, body=json.dumps(body).encode(), method="PUT", path="/hooks/x", query={"token": "t"}
    )
    return Scope.of(request)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data.text", "x"),
        ('labels."app.example/name"', "checkout"),
        ('labels."two words"', "yes"),
        ('"$schema"."/x"', None),
        ("data.services[name=https://x/?a].other", []),
        ("data.services[0].name", "checkout-api"),
        ("data.services[-2].name", "ledger-worker"),
        ("data.services[9].name", None),
        ("data.services[*].name", ["checkout-api", "ledger-worker"]),
        ("milestones[type=mitigated].at", [2, 3]),
        ('milestones[type="mitigated"].at', [2, 3]),
        ("milestones[by.kind=person].at", [2]),
        ("milestones[type=mit*].at", [2, 3]),
        ("labels[*]", ["checkout", "yes"]),
        ("refs[=Releases-*]", ["Releases-7"]),
        ("refs[=*-*][-1]", "Releases-7"),
        ("milestones[type=mitigated][0].at", 2),
        ("milestones[type=mitigated][-1].at", 3),
        ("milestones[type=mitigated][-1].by.kind", None),
        ("milestones[type=mitigated][2].at", None),
        ("milestones[type=closed][-1].at", None),
        ("data[type=mitigated][-1]", None),
        ("{event_type}.id", "01J"),
        ("{data.text}.id", None),
        ("Message!json.AlarmArn", "arn:1"),
        ("Message!json.inner.x[0]", 1),
        ("data.text!json.AlarmArn", None),
        ("packed!base64json.status", "SUCCESS"),
        ("data.text!base64json.status", None),
        ("header.x-event", "opened"),
        ("header.X-EVENT", "opened"),
        ("header.X-Json!json.a", 1),
        ("header.x-missing", None),
        ("query.token", "t"),
        ("body.data.text", "x"),
        ('"body".own', "field"),
        ("method", "PUT"),
        ("path", "/hooks/x"),
        ("data.text.deeper", None),
        ("data[0]", None),
        ("missing[*].x", []),
    ],
)
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


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("", "got nothing"),
        ("a.", "ends with a dot"),
        ("a..b", "expected a path"),
        ("a b", "in quotes"),
        ("a[x]", "[field=text]"),
        ("a[0", "expected ] for ["),
        ('"a', "a name in quotes"),
        ('""', "a name in quotes"),
        ("{a.b", "expected } for {"),
        ("a!xml", "expected !json"),
        ("header.", "expected header.NAME"),
        ("header.two words", "expected header.NAME"),
        ("received", "received is a time"),
        ("$.monitor.name", "write monitor.name, or"),
        ("$", "put a name with such a character in quotes"),
        ("/monitor/name", "write monitor.name, or"),
        ("tags[name==service].value", "write tags[name=service].value, or"),
        ("tags[?name==`service`].value", "write tags[name=service].value, or"),
        ("tags[?(@.name=='service')].value", "in quotes"),
        ("header.x-event!json.a/b", "write header.x-event!json.a.b, or"),
        ("a[b[*].c=1].d", "one value before ="),
        ("x" * 501, "at most 500"),
    ],
)
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
