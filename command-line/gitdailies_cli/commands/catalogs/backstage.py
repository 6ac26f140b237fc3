"""Backstage: entities, and the services and repositories that their annotations name. Pure.

Sources: Backstage's "Well-known annotations" and "Software catalog API"; for `pagerduty.com/service-id` the
documentation of PagerDuty's plugin. The annotation `pagerduty.com/integration-key` is a secret, and is not
read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut
from gitdailies_core.sources.history import Pages, rows_of
from gitdailies_core.values.secret import Secret

# Where an entity names its repository, as OWNER/NAME.
SLUGS = ("github.com/project-slug", "gitlab.com/project-slug")
# The folder of its sources, as url:https://…/
_SOURCE = "backstage.io/source-location"
_SERVICE_ID = "pagerduty.com/service-id"
_PATH = "/api/catalog/entities/by-query"
_PAGE = 500
# People and groups have no incidents.
_NEVER = frozenset({"group", "user", "location", "template"})


def inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the mapping under *name*, an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


class Bearer:
    """A catalog whose API takes a bearer token."""

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}


class Backstage(Bearer):
    """The catalog `backstage`. Each company runs its own, so it has no default address."""

    name = "backstage"
    url = ""
    token_env = "BACKSTAGE_TOKEN"  # noqa: S105  a name, not a token

    def read(self, pages: Pages, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield every entity. The API continues a listing with a cursor."""
        query = [("limit", str(_PAGE)), ("fields", "kind,metadata.name,metadata.annotations")]
        while True:
            page = pages.get(_PATH, query)
            for entity in rows_of(page, "items", _PATH):
                metadata = inner(entity, "metadata")
                where = f"Backstage's {entity.get('kind') or 'entity'} {metadata.get('name') or ''}".strip()
                yield from self.of_document(entity, where, names=names)
            # Only a dictionary has rows.
            info = page.get("pageInfo") or {}
            cursor = info.get("nextCursor") if isinstance(info, Mapping) else None
            if not cursor:
                return
            if not isinstance(cursor, str):
                raise PayloadError(f"{_PATH}: pageInfo.nextCursor: expected text, got {got(cursor)}")
            query = [("limit", str(_PAGE)), ("cursor", cursor)]

    def of_document(self, value: Any, where: str, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield what an entity says."""
        if not isinstance(value, Mapping) or "metadata" not in value:
            yield LeftOut(where, "it is no entity with kind and metadata")
            return
        kind = str(value.get("kind") or "entity").casefold()
        metadata = inner(value, "metadata")
        annotations = inner(metadata, "annotations")
        own = str(metadata.get("name") or "") if names and kind not in _NEVER else ""
        if where.rpartition(":")[2].isdigit():
            where = f"{where}: {kind} {metadata.get('name') or ''}"
        services = tuple(one for one in (_text(annotations.get(_SERVICE_ID)), own) if one)
        if not services:
            yield LeftOut(where, f"it has no annotation {_SERVICE_ID}")
            return
        slugs = tuple(repo for slug in SLUGS if (repo := _text(annotations.get(slug))))
        source = _text(annotations.get(_SOURCE)).removeprefix("url:")
        yield CatalogService(
            services,
            slugs or ((source,) if source else ()),
            where,
            f"it has no annotation {', '.join(SLUGS)} or {_SOURCE}",
        )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


backstage = Backstage()
