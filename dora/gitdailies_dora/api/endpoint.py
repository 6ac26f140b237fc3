"""Describes an endpoint next to the function that answers it. The router and OpenAPI read this."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct
from starlette.routing import BaseRoute, Route

from gitdailies_dora.events.query import TEXT

# The form of an answer: a class that is written as JSON, or the media type of a text.
Form: TypeAlias = type[Struct] | str
Handler = TypeVar("Handler", bound=Callable[..., Any])

# The problems of a request with a body.
WITH_BODY = ("unreadable", "too-large", "media-type", "timeout", "bodies")


class Parameter(NamedTuple):
    """A parameter of a request; *place* is query, path or header."""

    name: str
    about: str
    schema: Mapping[str, Any] = TEXT
    place: str = "query"


class Endpoint(NamedTuple):
    """A request: its method and path, its name in clients, and what it is answered with, by status.

    *problems* are their words. *public*: no key is needed.
    """

    method: str
    path: str
    name: str
    about: str
    answers: Mapping[int, tuple[Form, ...]]
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[str, ...] = ()
    body: type[Struct] | None = None
    example: Mapping[str, Any] | None = None
    public: bool = False


_ENDPOINTS: dict[Callable[..., Any], Endpoint] = {}


def endpoint(
    route: str,
    *forms: Form,
    others: Mapping[int, tuple[Form, ...]] | None = None,
    parameters: tuple[Parameter, ...] = (),
    body: type[Struct] | None = None,
    example: Mapping[str, Any] | None = None,
    also: tuple[str, ...] = (),
    public: bool = False,
) -> Callable[[Handler], Handler]:
    """Answer *route*, such as `GET /api/events`, by the function below, whose docstring describes it.

    *forms* are those of a 200, and *others* those of other statuses. *also* are problems that are not those
    of every such request.
    """
    method, path = route.split(" ")
    problems = also
    if not public:
        problems = ("request", "unauthorized", "too-many", "issuer", *also)
        problems += ("forbidden",) if path.startswith("/api/") else ()
        problems += ("busy",) if method == "GET" else ()
        problems += ("not-found",) if "{" in path else ()
        problems += () if body is None else WITH_BODY

    def mark(handler: Handler) -> Handler:
        first, *others_ = handler.__name__.split("_")
        _ENDPOINTS[handler] = Endpoint(
            method,
            path,
            first + "".join(word.capitalize() for word in others_),
            inspect.getdoc(handler) or "",
            {200: forms, **(others or {})},
            parameters,
            problems,
            body,
            example,
            public,
        )
        return handler

    return mark


def endpoints_of(group: type) -> Iterator[tuple[str, Endpoint]]:
    """Yield the endpoints of a class, each with the name of its method."""
    for name, member in vars(group).items():
        if inspect.isfunction(member) and member in _ENDPOINTS:
            yield name, _ENDPOINTS[member]


def routes(group: object) -> list[BaseRoute]:
    """Return the routes of the endpoints of an object. Names in paths may have slashes."""
    return [
        Route(re.sub(r"\{(\w+)\}", r"{\1:path}", one.path), getattr(group, name), methods=[one.method])
        for name, one in endpoints_of(type(group))
    ]


def number(name: str, about: str, most: int, default: int) -> Parameter:
    """Return a parameter from 1 to *most*."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter(name, about, schema)


def word(name: str, about: str, *words: str, **more: str) -> Parameter:
    """Return a parameter that is one of some words; *more* is for the schema."""
    return Parameter(name, about, {"type": "string", "enum": list(words), **more})


def path_id(about: str, name: str = "id", **schema: Any) -> Parameter:
    """Return the parameter that is a part of the path."""
    return Parameter(name, about, {"type": "string", **schema}, "path")


def texts(**about: str) -> tuple[Parameter, ...]:
    """Return parameters that are text; `from_` is `from`."""
    return tuple(Parameter(name.rstrip("_"), text) for name, text in about.items())


MOMENT = "a date (its midnight in the server's time zone) or a time like 2026-03-04T09:12:41Z"
ANY_CASE = "in upper or lower case"
TEAM = Parameter("team", "only this team of gitdailies.yml; none is for what is in no team")
NOW = Parameter("now", f"answer as of this moment: {MOMENT}, not in the future; later events are ignored")
NEXT = Parameter("after", "`next` of the page before")
PERIOD = texts(
    from_=f"the first moment of the period: {MOMENT}; default: 90 days before its end",
    to=f"the moment at which the period is over: {MOMENT}; default: it is not over",
)
