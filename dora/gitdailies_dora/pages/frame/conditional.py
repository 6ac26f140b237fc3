"""Tags of answers: a client that has the answer already gets 304 instead. Pure."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response


def matches(header: str, tag: str) -> bool:
    """Whether If-None-Match names *tag*. Proxies that compress drop the `W/` of some tags."""
    named = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in named or tag.removeprefix("W/") in named


def conditional(request: Request, page: Response) -> Response:
    """Return *page* with its tag, or 304 if the request names that tag."""
    tag = f'W/"{sha256(page.body).hexdigest()[:24]}"'
    if page.status_code == 200 and matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers={"etag": tag})
    page.headers["etag"] = tag
    return page
