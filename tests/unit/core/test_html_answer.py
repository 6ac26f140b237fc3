"""Whether an answer is a web page: the family of pages that answer 200, and answers that are none."""

import pytest
from gitdailies_core.html_answer import is_html

JSON = "application/json"
PAGE = b"<!doctype html><title>Sign in</title>"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "TEXT/HTML",
        " text/html ; charset=utf-8",
        "text/html;",
        "application/xhtml+xml",
        "text/html, x",
    ],
)
def test_the_content_type_says_page(content_type: str) -> None:
    """A header that says HTML is believed, whatever text follows."""
    assert is_html(content_type, b"Please sign in")
    assert is_html(content_type, PAGE)


@pytest.mark.parametrize(
    "body",
    [
        PAGE,
        b"<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'><html>",
        b"<html>",
        b"<HTML lang=en>",
        b"<hTmL\n>",
        b"\xef\xbb\xbf<!doctype html>",
        b"\xef\xbb\xbf \r\n\t<html>",
        "\ufeff<html>".encode("utf-16-le"),
        "\ufeff<!DOCTYPE html>".encode("utf-16-be"),
        b"\n\n  <!doctype html>",
        b"<!-- a gateway --><!doctype html>",
        b" <!-- one --> <!-- two\n--> <html>",
        b"<!-- " + b"long " * 2000 + b"--><html>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html><html>",
        b"<head><meta http-equiv=refresh content=0>",
        b"<script>location = '/login'</script>",
        b"<body onload=go()>",
        b"<title>Sign in</title>",
        b"<meta charset=utf-8>",
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("content_type", ["", "text/plain", JSON, "application/octet-stream"])
def test_the_body_begins_as_a_page(body: bytes, content_type: str) -> None:
    """A page is one whatever header, mark of its encoding, white space or comment comes first."""
    assert is_html(content_type, body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"status":"created"}'),
        (JSON, b'{"text":"<!doctype html>"}'),
        (JSON, b"[]"),
        ("", b""),
        ("text/plain", b"ok"),
        ("text/plain", b"htmlish"),
        ("text/plain", b"<3"),
        ("text/plain", b"<htmlx>"),
        ("application/xml", b"<?xml version='1.0'?><ok/>"),
        ("application/problem+json", b"{}"),
        ("text/htmlx", b"ok"),
        # What frameworks send when nobody chose a type: no page.
        ("text/html; charset=utf-8", b""),
        ("text/html", b" \n"),
        ("text/html", b'{"status":"created"}'),
        ("text/html", b'\xef\xbb\xbf [{"status":"created"}]'),
    ],
)
def test_what_is_no_page(content_type: str, body: bytes) -> None:
    """JSON, plain text, other XML and an empty answer are no pages, even under a header that says HTML."""
    assert not is_html(content_type, body)
