"""Cortex: descriptors, and the on-call service and the repository that they name. Pure.

Sources: Cortex' "Defining entities with YAML", its examples for on-call tools and for Git, and the reference
of "List entity descriptors".
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages

from gitdailies_cli.commands.catalogs.backstage import Bearer, inner

_PATH = "/api/v1/catalog/descriptors"
_PAGE = 250
_HOSTS = ("github", "gitlab", "bitbucket")


class Cortex(Bearer):
    """The catalog `cortex`."""

    name = "cortex"
    url = "https://api.getcortexapp.com"
    token_env = "CORTEX_API_KEY"  # noqa: S105  a name, not a token

    def read(self, pages: Pages, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield every descriptor. Pages are numbered from 0."""
        number = 0
        while True:
            query = [("yaml", "false"), ("pageSize", str(_PAGE)), ("page", str(number))]
            page = Fields(pages.get(_PATH, query), _PATH)
            listed = page.raw("descriptors")
            if not isinstance(listed, list):
                raise PayloadError(f"{page.where('descriptors')}: expected a list, got {got(listed)}")
            for one in listed:
                value = _decoded(one)
                tag = inner(value, "info").get("x-cortex-tag") if isinstance(value, Mapping) else None
                yield from self.of_document(value, f"Cortex' entity {tag or 'without a tag'}", names=names)
            total, number = page.raw("totalPages"), number + 1
            if not isinstance(total, int) or number >= total:
                return

    def of_document(self, value: Any, where: str, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield what a descriptor says."""
        info = inner(value, "info") if isinstance(value, Mapping) else {}
        tag = info.get("x-cortex-tag")
        if not isinstance(tag, str) or not tag:
            yield LeftOut(where, "it is no descriptor with info and x-cortex-tag")
            return
        called = inner(inner(info, "x-cortex-oncall"), "pagerduty")
        is_service = str(called.get("type") or "").upper() == "SERVICE"
        id_ = str(called.get("id") or "") if is_service else ""
        services = tuple(one for one in (id_, tag if names else "") if one)
        shown = where if tag in where else f"{where}: {tag}"
        if not services:
            yield LeftOut(shown, "its x-cortex-oncall names no service of PagerDuty")
            return
        git = inner(info, "x-cortex-git")
        repos = tuple(
            repo
            for host in _HOSTS
            if isinstance(repo := inner(git, host).get("repository"), str) and repo.strip()
        )
        yield CatalogService(
            services, repos, shown, f"its x-cortex-git names no repository of {', '.join(_HOSTS)}"
        )


def _decoded(descriptor: Any) -> Any:
    # The reference says text; older answers had the object itself.
    if not isinstance(descriptor, str):
        return descriptor
    try:
        return json.loads(descriptor)
    except ValueError:
        raise PayloadError(f"{_PATH}: expected descriptors as JSON, got other text") from None


cortex = Cortex()
