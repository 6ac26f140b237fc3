"""Reads Octopus' past, page by page; found by entry point in the group `gitdailies.history`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from urllib.parse import quote

from gitdailies_core.ci.past import STEP_PARAMETERS, inputs_of
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import (
    Pages,
    PastMessage,
    Row,
    Window,
    ignore_unreadable,
    newest_first,
    rows_of,
)
from gitdailies_core.values.secret import Secret

from gitdailies_octopus import past

PAGE = 100


class Reader:
    """The reader `octopus`: the deployments of a project."""

    name = "octopus"
    # Each customer has an own server.
    url = ""
    token_env = "OCTOPUS_API_KEY"  # noqa: S105  a name, not a token
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "project": "the project, by its slug or id",
            "space?": "the id of its space, as Spaces-2; else the default space",
            "environment?": "only the deployments to this one",
            "repo?": "as the step's input",
            **STEP_PARAMETERS,
        }
    )

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {"X-Octopus-ApiKey": token.reveal(), "Accept": "application/json"}

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the deploys of the deployments that were created in *window*.

        Raises UsageError for a wrong parameter.
        """
        # The step takes the environment's name from Octopus, which may write it in another case.
        inputs = replace(inputs_of(parameters), environment=None)
        space = f"/api/{quote(parameters['space'], safe='')}" if "space" in parameters else "/api"
        project = Fields(pages.get(f"{space}/projects/{quote(parameters['project'], safe='')}"), "project")
        environments = _environments(pages, space)
        query = [("projects", project.text("Id")), ("taskState", past.SUCCESS)]
        if "environment" in parameters:
            query.append(("environments", _named(environments, parameters["environment"])))
        deployments = newest_first(_listed(pages, f"{space}/deployments", query), window, _created_at)
        while some := list(islice(deployments, PAGE)):
            tasks = _by_id(pages, f"{space}/tasks", some, "TaskId")
            releases = _by_id(pages, f"{space}/releases", some, "ReleaseId")
            for row in some:
                around = past.Around(
                    task=tasks.get(str(row.get("TaskId"))),
                    release=releases.get(str(row.get("ReleaseId"))),
                    environment=environments.get(str(row.get("EnvironmentId"))),
                )
                yield from ignore_unreadable(past.of_deployment(row, around, inputs, server=pages.url))


def _created_at(deployment: Row) -> datetime:
    return Fields(deployment, "deployment").time("Created")


def _environments(pages: Pages, space: str) -> dict[str, Row]:
    path = f"{space}/environments/all"
    return {str(row.get("Id")): row for row in rows_of(pages.get(path), "", path)}


def _named(environments: Mapping[str, Row], name: str) -> str:
    """Return the id of the environment *name*. Raises UsageError if there is none."""
    names = {str(row.get("Name")): key for key, row in environments.items()}
    found = next((key for one, key in names.items() if one.lower() == name.lower()), None)
    if found is None:
        raise UsageError(f"--with: expected environment=NAME with one of {', '.join(names)}, got {name!a}")
    return found


def _by_id(pages: Pages, path: str, rows: Sequence[Row], name: str) -> dict[str, Row]:
    """Read the rows whose ids *rows* hold under *name*. One that no longer exists is left out."""
    ids = sorted({str(row[name]) for row in rows if row.get(name)})
    listed = _listed(pages, path, [("ids", ",".join(ids))]) if ids else ()
    return {str(row.get("Id")): row for found in listed for row in found}


def _listed(pages: Pages, path: str, query: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
    """Yield pages of rows. A server may put fewer rows on a page than requested."""
    skip, more = 0, True
    while more:
        page = Fields(pages.get(path, [*query, ("skip", str(skip)), ("take", str(PAGE))]))
        rows = rows_of(page.raw("Items"), "", path)
        yield rows
        skip += len(rows)
        links = page.optional_object("Links")
        more = bool(rows and links and links.has("Page.Next"))


reader = Reader()
