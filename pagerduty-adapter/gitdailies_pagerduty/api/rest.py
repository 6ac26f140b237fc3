"""PagerDuty's REST API: its address, the headers of each request, and its listings.

Sources: "REST API overview", "Authentication" and "Pagination" of PagerDuty's documentation for developers.
"""

from collections.abc import Iterator, Mapping, Sequence

from gitdailies_core import Fields, Secret
from gitdailies_core.sources.connecting import Lookup

PAGE = 100


class Api:
    """What all that ask the API have in common."""

    name = "pagerduty"
    url = "https://api.pagerduty.com"
    token_env = "PAGERDUTY_API_TOKEN"  # noqa: S105  a name, not a token

    def headers(self, token: Secret) -> Mapping[str, str]:
        """Return the headers of every request."""
        return {
            "Authorization": f"Token token={token.reveal()}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }


def listed(
    pages: Lookup,
    path: str,
    name: str,
    query: Sequence[tuple[str, str]] = (),
    first: Fields | None = None,
) -> Iterator[Fields]:
    """Yield the rows under *name* of every page. *first* is the first one, if it was read before."""
    offset, page = 0, first or page_at(pages, path, query, 0)
    while True:
        rows = page.objects(name)
        yield from rows
        offset += len(rows)
        if page.raw("more") is not True or not rows:
            return
        page = page_at(pages, path, query, offset)


def page_at(pages: Lookup, path: str, query: Sequence[tuple[str, str]], offset: int) -> Fields:
    """Return the page of a listing that begins at *offset*."""
    return Fields(pages.get(path, [*query, ("limit", str(PAGE)), ("offset", str(offset))]))
