"""What is left out of a body before it is stored, and how a text is erased from one."""

import json
import re
from typing import Any

import pytest
from gitdailies_core.sources.stored_body import (
    is_header_of_people,
    is_of_people,
    without_people,
    without_secrets,
    without_text,
)
from gitdailies_core.values.erased_text import ErasedText
from hypothesis import given
from hypothesis import strategies as st

FORM = "application/x-www-form-urlencoded; charset=utf-8"
KIM = ErasedText.make("Kim Larkspur")
# What a mail address is, in one pattern. A long word would take it hours.
MAIL = re.compile(rb"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
MEBIBYTE = 1 << 20


@pytest.mark.parametrize("name", ["assignedTo", "assigned_to", "ASSIGNED-TO", "user.email", "Pusher"])
def test_names_are_read_without_case_and_separators(name: str) -> None:
    """Each spelling of a field's name is the same field."""
    assert is_of_people(name)


@pytest.mark.parametrize(
    "name", ["name", "owner", "title", "service", "full_name", "created_at", "users_api"]
)
def test_fields_of_things_stay(name: str) -> None:
    """A name that is also that of a thing is none of a person."""
    assert not is_of_people(name)


def test_a_body_without_people_is_the_very_same() -> None:
    """Not one byte of a body without such fields changes."""
    body = b'{ "title":"x\\u00e9",  "n": 1.50, "n": 2 }'
    assert without_people(body, "application/json") is body


def test_people_are_left_out_at_any_depth() -> None:
    """Fields in lists, in objects and in JSON inside a text are left out, and nothing else."""
    inner = json.dumps({"email": "kim@larkspur.example", "id": 7})
    body = json.dumps({"data": [{"user": {"name": "Kim"}, "id": 1}], "message": inner, "assignee": None})
    found = json.loads(without_people(body.encode(), ""))
    assert found == {"data": [{"id": 1}], "message": '{"id": 7}'}


def test_people_are_left_out_of_a_form() -> None:
    """A form loses fields of people, and those of the JSON in its fields."""
    body = b"user=Kim&title=a+b&payload=%7B%22sender%22%3A1%2C%22id%22%3A2%7D"
    assert without_people(body, FORM) == b"title=a+b&payload=%7B%22id%22%3A+2%7D"


def test_a_body_that_cannot_be_read_loses_mail_addresses() -> None:
    """Where no field can be told, mail addresses are taken out of the bytes, and other bytes stay."""
    body = b'{"title": "a "quote"", "by": "kim.l+x@larkspur.example", "x": "\xff"'
    assert without_people(body, "application/json") == (
        b'{"title": "a "quote"", "by": "[erased]", "x": "\xff"'
    )


@given(st.text("a.%40@- ", max_size=30))
def test_mail_addresses_are_found_wherever_they_are(text: str) -> None:
    """However names, hosts and separators follow each other, what goes are mail addresses."""
    raw = b"{" + text.encode()
    assert without_people(raw, "text/plain") == MAIL.sub(b"[erased]", raw)


@pytest.mark.parametrize("part", ["x", "a@", "@a.b ", "%40", "a.", "@a", "a%40b"])
def test_a_body_of_one_long_word_is_read_at_once(part: str) -> None:
    """A mebibyte in which an address may begin anywhere costs no more than any other."""
    raw = b"{" + part.encode() * (MEBIBYTE // len(part))
    without_people(raw, "text/plain")
    assert without_people(b"kim@larkspur.example " + raw, "text/plain").startswith(b"[erased] {")


PLANTED = "planted-5f1d"


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (
            {"Payload": {"WebhookHeaderValue": PLANTED, "Id": 1}},
            {"Payload": {"WebhookHeaderValue": None, "Id": 1}},
        ),
        ({"build": {"env": {"A": PLANTED}, "id": "b"}}, {"build": {"env": {"A": None}, "id": "b"}}),
        (
            {"build": {"parameters": {"A": PLANTED, "B": True}}},
            {"build": {"parameters": {"A": None, "B": True}}},
        ),
        (
            {"object_attributes": {"variables": [{"key": "A", "value": PLANTED}]}},
            {"object_attributes": {"variables": [{"key": "A", "value": None}]}},
        ),
        ({"variables": {"A": {"value": PLANTED}}}, {"variables": {"A": {"value": None}}}),
        ({"project": {"token": PLANTED, "id": 7}}, {"project": {"token": None, "id": 7}}),
        ({"shared_secret": PLANTED}, {"shared_secret": None}),
        ({"list": [{"api-key": PLANTED}, 1]}, {"list": [{"api-key": None}, 1]}),
    ],
)
def test_secrets_are_null(given: dict[str, Any], left: dict[str, Any]) -> None:
    """The fields in which vendors send secrets are null, also in JSON inside a text; the rest stays."""
    assert json.loads(without_secrets(json.dumps(given).encode(), "application/json")) == left
    wrapped = json.dumps({"Message": json.dumps(given)}).encode()
    assert json.loads(json.loads(without_secrets(wrapped, ""))["Message"]) == left


def test_a_body_without_secrets_is_the_very_same() -> None:
    """Labels with such names are no objects of a pipeline, and tokens of other names are things."""
    body = (
        b'{ "env": "production",  "labels": {"env": "prod"}, "parameters": [], "tokens_used": 3, "token": 5 }'
    )
    assert without_secrets(body, "application/json") is body


def test_secrets_are_left_out_of_a_form() -> None:
    """A form loses the value, and keeps the name."""
    assert without_secrets(b"token=abc&title=a+b", FORM) == b"token=&title=a+b"


@pytest.mark.parametrize("name", ["from", "x-user", "x-forwarded-user", "x-auth-request-email", "x-user-id"])
def test_headers_that_name_a_person(name: str) -> None:
    """Such a header is one of a person, and the name of a program is not."""
    assert (is_header_of_people(name), is_header_of_people("user-agent")) == (True, False)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"a": "by KIM LARKSPUR, x", "Kim Larkspur": 1}', {"a": "by [erased], x", "[erased]": 1}),
        (
            b'{"a": "https://x.example/?q=Kim%20Larkspur&r=kim+larkspur"}',
            {"a": "https://x.example/?q=[erased]&r=[erased]"},
        ),
        (b'{"a": "{\\"by\\": \\"Kim Larkspur\\"}"}', {"a": '{"by": "[erased]"}'}),
    ],
)
def test_a_text_is_erased_in_any_form(body: bytes, left: object) -> None:
    """Case, percent-encoding and JSON inside a text hide nothing."""
    assert json.loads(without_text(body, "", KIM)) == left


def test_a_text_is_erased_from_bytes_and_forms() -> None:
    """A body that is no JSON loses the text, too; other bytes stay."""
    assert without_text(b"\xff Kim Larkspur {", "", KIM) == b"\xff [erased] {"
    assert without_text(b"a=Kim+Larkspur&b=1", FORM, KIM) == b"a=%5Berased%5D&b=1"
    assert without_text(same := b'{"a":  1}', "", KIM) is same


@pytest.mark.parametrize(
    ("text", "whole", "anywhere"),
    [
        ("analytics and banana import fail, says Ana", "analytics and banana import fail, says *", None),
        ("ana", "*", "*"),
        ("ana.lopez@larkspur.example", "*.lopez@larkspur.example", None),
        ("ANA_LOPEZ, ana2", "*_LOPEZ, ana2", None),
        ("/users/by%20Ana%20L?x=Ana", "/users/by%20*%20L?x=*", None),
        ('{"a": "called\\nAna"', '{"a": "called\\n*"', None),
        ("Añana, лана", "Añana, лана", "Añ*, лана"),
    ],
)
def test_a_text_is_whole_words_or_anywhere(text: str, whole: str, anywhere: str | None) -> None:
    """By default a longer word keeps the text. Signs, escapes and underscores are between words."""
    assert ErasedText.make("Ana").out_of(text) == whole.replace("*", "[erased]")
    if anywhere is not None:
        assert ErasedText.make("Ana", inside_words=True).out_of(text) == anywhere.replace("*", "[erased]")
    assert ErasedText.make("Ana", inside_words=True).out_of("banana") == "b[erased]na"
    assert ErasedText.make("@ana").out_of("by x@ana") == "by x[erased]"


def test_the_text_is_in_no_representation() -> None:
    """An error report that prints the value does not name the person; a text of two letters is refused."""
    assert "im" not in repr(KIM)
    with pytest.raises(ValueError, match="at least 3 characters, got 2"):
        ErasedText.make(" ab ")
