"""The contract checks break the fields that an adapter reads, however it reads them."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_core.contract import breaking
from gitdailies_core.contract.mutations import mutations, paths_in
from gitdailies_core.sources.request import Request

BODY = {
    "id": "P1",
    "data": {"title": "down", "url": "x"},
    "tags": [{"name": "a", "color": "red"}],
    "text": "{}",
}
REQUEST = Request.make(headers={}, body=json.dumps(BODY).encode())
WAYS: dict[str, tuple[Callable[[Any], object], set[tuple[str | int, ...]]]] = {
    "get": (lambda body: body.get("data").get("title"), {("data",), ("data", "title")}),
    "a bare name": (lambda body: body["data"]["title"], {("data",), ("data", "title")}),
    "in": (lambda body: "id" in body, {("id",)}),
    "an absent name": (lambda body: body.get("other"), set()),
    "elements": (
        lambda body: [tag["name"] for tag in body["tags"]],
        {("tags",), ("tags", 0), ("tags", 0, "name")},
    ),
    "items": (
        lambda body: dict(body["data"].items()),
        {("data",), ("data", "title"), ("data", "url")},
    ),
    "a copy": (lambda body: {**body["data"]}, {("data",), ("data", "title"), ("data", "url")}),
    "JSON": (lambda body: json.dumps(body["data"]), {("data",), ("data", "title"), ("data", "url")}),
    "a loop": (lambda body: list(body["data"]), {("data",), ("data", "title"), ("data", "url")}),
}


def reading(read: Callable[[Any], object]) -> Any:
    return SimpleNamespace(translate=lambda request, options: read(request.json()))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_is_seen(way: str) -> None:
    """Each way to read a field is seen, and no other field is."""
    read, expected = WAYS[way]

    is_read = breaking.read_by(reading(read), REQUEST, {})

    assert {path for path in paths_in(BODY) if is_read(path)} == expected


def test_everything_is_broken_where_reading_cannot_be_seen() -> None:
    """An adapter that decodes the body itself, and one that raises on it, hide nothing."""
    unseen = SimpleNamespace(translate=lambda request, options: json.loads(request.body)["id"])
    raising = reading(lambda body: body["no such field"])

    for adapter in (unseen, raising):
        is_read = breaking.read_by(adapter, REQUEST, {})
        assert all(is_read(path) for path in paths_in(BODY))


def test_a_field_is_broken_once_for_each_kind_of_message() -> None:
    """A second example of the same kind breaks what the first did not have; another kind breaks all again."""
    once = breaking.Once()
    more = Request.make(headers={}, body=json.dumps({**BODY, "new": 1}).encode())

    def broken(request: Request, kind: str) -> set[str]:
        chosen = once.among([kind], breaking.everything)
        return {about.split(" ")[0] for about, _body in mutations(request, chosen, [None])}

    first = broken(REQUEST, "started")
    assert "data.title" in first
    assert broken(more, "started") == {"new"}
    assert broken(more, "resolved") == first | {"new"}
