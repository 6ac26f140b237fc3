"""Datadog's Software Catalog: the name of each service, its PagerDuty service, and its repositories.

Sources: "Get a list of entities" of the API reference, and the published schemas of entities, v2.2 and v3
(DataDog/schema). A service has its name in the tag `service` of monitors.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitdailies_core import Fields
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut
from gitdailies_core.sources.history import Pages

from gitdailies_datadog.api.rest import Api

_PATH = "/api/v2/catalog/entity"
_PAGE = 100
_SERVICE = "service"
_REPO = "repo"
_WITHOUT = "it has no codeLocations, and no link of type repo"


class Catalog(Api):
    """The catalog `datadog`."""

    def read(self, pages: Pages, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield every entity. Another list of the page has the schema of each."""
        offset = 0
        while True:
            query = [("include", "schema"), ("page[limit]", str(_PAGE)), ("page[offset]", str(offset))]
            page = Fields(pages.get(_PATH, query), _PATH)
            schemas = {one.optional_text("id"): one for one in page.objects("included")}
            rows = page.objects("data")
            for row in rows:
                attributes = row.object("attributes")
                where = f"Datadog's {attributes.optional_text('kind') or 'entity'} {attributes.text('name')}"
                yield from self.of_document(_schema(row, schemas), where, names=names)
            offset += len(rows)
            if len(rows) < _PAGE:
                return

    def of_document(self, value: Any, where: str, *, names: bool) -> Iterator[CatalogEntry]:  # noqa: ARG002  always
        """Yield what a definition of a service says, v2 to v3."""
        if not isinstance(value, Mapping):
            yield LeftOut(where, "it has no definition")
        elif isinstance(value.get("dd-service"), str):
            yield _service(
                str(value["dd-service"]),
                # v2 has a list of repositories, later versions have links.
                [one.get("url") for one in _objects(value, "repos")] or _linked(value),
                _inner(_inner(value, "integrations"), "pagerduty").get("service-url"),
                where,
            )
        elif str(value.get("apiVersion", "")).startswith("v3"):
            yield _of_v3(value, where)
        else:
            yield LeftOut(where, "it is no definition with dd-service or with apiVersion v3")


def _of_v3(value: Mapping[str, Any], where: str) -> CatalogEntry:
    kind, metadata = value.get("kind"), _inner(value, "metadata")
    name = metadata.get("name")
    if kind != _SERVICE or not isinstance(name, str):
        return LeftOut(where, f"it is no service, but of the kind {kind}")
    located = [one.get("repositoryURL") for one in _objects(_inner(value, "datadog"), "codeLocations")]
    called = _inner(_inner(value, "integrations"), "pagerduty").get("serviceURL")
    return _service(name, located or _linked(metadata), called, where)


def _service(name: str, repos: Sequence[Any], called: Any, where: str) -> CatalogService:
    # https://larkspur.pagerduty.com/service-directory/P1SVC42
    id_ = called.rstrip("/").rpartition("/")[2] if isinstance(called, str) else ""
    shown = where if name in where else f"{where}: {name}"
    return CatalogService(
        (name, id_) if id_ else (name,),
        tuple(dict.fromkeys(repo for repo in repos if isinstance(repo, str) and repo)),
        shown,
        _WITHOUT,
    )


def _linked(value: Mapping[str, Any]) -> list[Any]:
    return [one.get("url") for one in _objects(value, "links") if one.get("type") == _REPO]


def _schema(row: Fields, schemas: Mapping[str | None, Fields]) -> Any:
    related = row.optional_object("relationships")
    schema = related.optional_object("schema") if related is not None else None
    pointer = schema.optional_object("data") if schema is not None else None
    found = schemas.get(pointer.optional_text("id")) if pointer is not None else None
    return None if found is None else found.object("attributes").raw("schema")


def _inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _objects(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = value.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


catalog = Catalog()
