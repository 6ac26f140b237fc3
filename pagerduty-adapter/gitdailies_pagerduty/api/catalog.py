"""PagerDuty's services as a catalog: the id of each, and the repository that a field or a text names.

Sources: "List services" and "Service custom fields" of PagerDuty's REST API reference. PagerDuty has no field
for a repository of its own. So the name of the field is ours, and a description counts only with the address
of a repository on a host that is known for them.
"""

import re
from collections.abc import Iterator

from gitdailies_core import Fields
from gitdailies_core.errors import Refused
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut
from gitdailies_core.sources.history import Pages

from gitdailies_pagerduty.api import rest

FIELD = "gitdailies_repo"
_FIELDS = "/services/custom_fields"
_ADDRESS = re.compile(r"https://(?:github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com)/[^\s<>()\"']+")
_WITHOUT = f"it has no custom field {FIELD}, and its description has no address of a repository"


class Catalog(rest.Api):
    """The catalog `pagerduty`."""

    def read(self, pages: Pages, *, names: bool) -> Iterator[CatalogEntry]:
        """Yield every service that is not disabled."""
        listed = list(rest.listed(pages, "/services", "services"))
        try:
            fields = Fields(pages.get(_FIELDS), _FIELDS).objects("fields")
            has_field = any(
                field.raw("name") == FIELD and field.raw("enabled") is not False for field in fields
            )
        except Refused as error:
            # Not every plan has custom fields, and not every token may read them.
            yield LeftOut("custom fields of services", str(error))
            has_field = False
        for service in listed:
            yield _entry(pages, service, has_field=has_field, names=names)


def _entry(pages: Pages, service: Fields, *, has_field: bool, names: bool) -> CatalogEntry:
    id_, called = service.text("id"), service.optional_text("name") or ""
    where = f"PagerDuty's service {called or id_}"
    if service.raw("status") == "disabled":
        return LeftOut(where, "it is disabled")
    repo = _of_field(pages, id_) if has_field else ""
    described = _ADDRESS.findall(service.optional_text("description") or "")
    services = (id_, called) if names and called else (id_,)
    # A sentence ends with a mark that is not a part of an address.
    repos = (repo,) if repo else tuple(one.rstrip(".,;:!?") for one in described)
    return CatalogService(services, repos, where, _WITHOUT)


def _of_field(pages: Pages, id_: str) -> str:
    path = f"/services/{id_}/custom_fields/values"
    values = Fields(pages.get(path), path).objects("custom_fields")
    found = next((one for one in values if one.raw("name") == FIELD), None)
    return (found.optional_text("value") or "").strip() if found is not None else ""


catalog = Catalog()
