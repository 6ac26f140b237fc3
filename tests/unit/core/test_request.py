"""A delivery's headers and body, read without ever raising but for the body."""

from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources.request import FORM, Request, decode_query
from hypothesis import given


def make(headers: Any = (), body: bytes = b"") -> Request:
    return Request.make(headers=headers, body=body)


def test_headers_are_found_without_case() -> None:
    """Names are compared without case, whichever way the headers came; one that is absent is empty."""
    for headers in ({"X-Webhook-Id": "7"}, [(b"x-WEBHOOK-id", b"7")]):
        request = make(headers)

        assert request.header("x-webhook-ID") == "7"
        assert request.header("x-other") == ""


def test_a_header_that_is_sent_twice_is_joined() -> None:
    """Two lines of one name are one list, in their order."""
    assert make([(b"X-A", b"1"), (b"x-b", b"0"), (b"x-a", b"2")]).header("x-a") == "1, 2"


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_no_header_can_raise(pairs: list[tuple[bytes, bytes]]) -> None:
    """Any bytes are text: UTF-8, else Latin-1."""
    request = make(pairs)

    assert all(isinstance(value, str) for value in request.headers.values())


def test_header_bytes_are_utf_8_or_else_latin_1() -> None:
    """A header that is no UTF-8 is read as Latin-1."""
    assert make([(b"a", "é".encode())]).header("a") == "é"
    assert make([(b"a", b"\xe9")]).header("a") == "é"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (FORM, True),
        (f"{FORM}; charset=utf-8", True),
        (f" {FORM.upper()} ;x", True),
        ("application/json", False),
        (f"text/plain; {FORM}", False),
        ("", False),
    ],
)
def test_a_form_is_recognized_by_its_content_type(content_type: str, expected: bool) -> None:
    """Parameters and case change nothing."""
    assert make({"Content-Type": content_type}).is_form is expected


def test_a_form_is_read() -> None:
    """Names and values are decoded, blank values stay, and the last of equal names counts."""
    assert make(body=b"a=1&b=%C3%A9+x&a=2&c=").form() == {"a": "2", "b": "é x", "c": ""}


@pytest.mark.parametrize(
    "body",
    [b"", b"a", b"a=1&b", b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 201), b"a=1&&b=2"],
    ids=["empty", "no value", "no value later", "escaped bytes", "bytes", "too many", "two separators"],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    """Anything but name=value pairs in UTF-8, in a bounded number, is an unreadable body."""
    with pytest.raises(UnreadableBody, match=r"^body: expected at most 200 name=value pairs in UTF-8"):
        make(body=body).form()


@given(st.binary())
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """No bytes raise anything but UnreadableBody, as JSON or as a form."""
    request = make(body=body)

    for read in (request.json, request.form):
        try:
            read()
        except UnreadableBody:
            continue


def test_json_is_read_by_the_decoder_given() -> None:
    """A room's faster decoder is used where it hands one in, strict JSON where it does not."""
    assert Request.make(headers={}, body=b"[1]", decode=len).json() == 3
    assert make(body=b"[1]").json() == [1]
    with pytest.raises(UnreadableBody):
        make(body=b"NaN").json()


def test_a_request_does_not_show_its_body() -> None:
    """The repr of a request does not contain its body."""
    assert "s3cret" not in repr(make(body=b"s3cret"))


def test_a_query_is_read_within_bounds() -> None:
    """The last of equal names counts, odd bytes are Latin-1, and no query or header is in the repr."""
    query = decode_query(b"token=a&token=b%20c&n%C3%A9=%FF&empty=")
    assert dict(query) == {"token": "b c", "né": "ÿ", "empty": ""}
    assert decode_query(b"") == {}

    request = Request.make(headers={"x-token": "hidden"}, body=b"", query=query, path="/hooks/ci")
    assert (request.method, request.path) == ("POST", "/hooks/ci")
    assert "hidden" not in repr(request)
    assert "b c" not in repr(request)
    with pytest.raises(UnreadableBody, match="at most 50 parameters, got more"):
        decode_query(b"&".join(b"a=1" for _ in range(51)))
