"""The context of a request for a page: the person, the form, and whether it came from our own pages."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

from gitdailies_core.error_text import got
from gitdailies_server.http.client_address import HOST
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from gitdailies_dora.accounts.people import Person, form_token
from gitdailies_dora.events.bodies import read_body
from gitdailies_dora.events.problem import refusal

FORM_FIELD = "form_token"
_FORM_BYTES = 32 * 1024
_MOST_FIELDS = 100
# The port that a browser leaves out.
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# The fields of a form or of a query.
FormFields: TypeAlias = ImmutableMultiDict[str, str]


@dataclass(frozen=True)
class Visit:
    """A request for a page; *person* is None for a visitor who is not signed in.

    *screen* is the name of the screen whose link was opened here, or "". It shows figures and nothing else.
    *token* is that of the cookie; *origin* is the address at which the visitor sees the pages. *by_proxy*
    says that a trusted proxy named the person. *denied* says why the person whom it named may not come in,
    or "".
    """

    request: Request
    token: str
    person: Person | None
    origin: str
    fields: FormFields
    by_proxy: bool = False
    denied: str = ""
    screen: str = ""

    @property
    def form_token(self) -> str:
        """The token in the forms of this visitor."""
        return form_token(self.token)

    @property
    def secure(self) -> bool:
        """Whether the visitor sees the pages over TLS."""
        return self.origin.startswith("https:")

    @property
    def is_owner(self) -> bool:
        return self.person is not None and self.person.is_owner

    @property
    def user(self) -> Person:
        """The signed-in person; raises Refusal if there is none."""
        if self.person is None:
            raise refusal("forbidden", "page: sign in first")
        return self.person

    @property
    def address(self) -> str:
        """The network address of the visitor."""
        return "" if self.request.client is None else self.request.client.host

    @property
    def path(self) -> str:
        return str(self.request.scope["path"])

    @property
    def query(self) -> str:
        return str(self.request.scope["query_string"], "latin-1")


def origin_of(request: Request, public: str) -> str:
    """Return the address at which a visitor sees the pages: the public one, or that of the request.

    The request has the scheme and the host that trusted proxies report.
    """
    host, scheme = request.headers.get("host", "").lower(), str(request.scope.get("scheme", "http"))
    if not HOST.fullmatch(host):
        host = "localhost"
    return public or f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ''))}"


def refuse_cross_site(visit: Visit, public: str) -> None:
    """Raise Refusal for a form that was not sent from a page that this server showed to this visitor.

    Two things are checked: the origin that the browser reports, and a token that only our page contains.
    *public* is the address that the server was started with, or "".
    """
    headers = visit.request.headers
    site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin")
    if site not in ("same-origin", "none") or origin == "null":
        raise refusal(
            "form", "form: it was sent from a page of another site; open it here, and send it again"
        )
    if origin is not None and origin.lower() != visit.origin:
        raise refusal("form", f"form: {_another_address(origin, visit.origin, public)}")
    given = visit.fields.get(FORM_FIELD, "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, visit.form_token.encode()):
        raise refusal(
            "form",
            "form: the page is too old, or the browser keeps no cookies of this server; "
            "reload the page and try again",
        )


def _another_address(origin: str, ours: str, public: str) -> str:
    """Say what to do where the browser is at another address than the server knows."""
    scheme, _, host = origin.partition("://")
    if public or scheme not in _DEFAULT_PORTS or not HOST.fullmatch(host):
        return f"it was sent from a page of another address; open the pages at {ours}"
    return (
        f"it was sent from a page at {origin}, but this server knows its own address as {ours}; "
        f"if both are the same, start the server with --public-url {origin}, "
        "or name its proxy in dora.trusted_proxies"
    )


def query_of(request: Request) -> FormFields:
    """Read the query of a page."""
    return _fields(str(request.scope["query_string"], "latin-1"))


async def form_of(request: Request) -> FormFields:
    """Read a posted form; raises Refusal for another body, and what `read_body` raises."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise refusal("media-type", f"Content-Type: expected a form, got {got(media)}")
    return _fields((await read_body(request, _FORM_BYTES, "a form")).decode("latin-1"))


def local_path(text: str) -> str:
    """Return *text* if it is a path of this site, else the first page, so that no link leads elsewhere."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if plain and text.startswith("/") and not text.startswith("//") else "/"


def _fields(text: str) -> FormFields:
    try:
        pairs: Sequence[tuple[str, str]] = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise refusal("request", "form: expected name=value pairs in UTF-8, got other text") from None
    if "\x00" in "".join(value for _, value in pairs):  # PostgreSQL cannot store it
        raise refusal("request", "form: expected text without null characters, got one")
    return FormFields(list(pairs))


def cookie_name(*, secure: bool, suffix: str = "") -> str:
    """Return the cookie's name; browsers accept `__Host-` only over TLS and from this host alone."""
    return f"__Host-gitdailies{suffix}" if secure else f"gitdailies{suffix}"


def cookie_header(token: str, *, secure: bool, seconds: int | None, suffix: str = "") -> Mapping[str, str]:
    """Return the header that sets the cookie of a visitor, or of a screen; 0 seconds delete it."""
    name = cookie_name(secure=secure, suffix=suffix)
    parts = [f"{name}={token}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if secure:
        parts.append("Secure")
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    return {"set-cookie": "; ".join(parts)}
