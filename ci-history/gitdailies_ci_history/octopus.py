"""Reads the past deployments of Octopus, as the step would have reported them.

Sources: the resources of Octopus' REST API, `Deployment`, `Task` and `Release`. `Changes` of a
deployment is the variable Octopus.Deployment.Changes of its steps.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from gitdailies_core.ci.job.facts import value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import INPUT_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.octopus import OCTOPUS
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, newest_first, rows_of, time_of
from gitdailies_core.sources.protocol import Ignored

SUCCESS = "Success"


class Around(NamedTuple):
    """The rows that a deployment names by id. One that no longer exists is None."""

    task: Row | None
    release: Row | None
    environment: Row | None


def of_deployment(deployment: Row, around: Around, inputs: Inputs, *, server: str) -> PastMessages:
    """Yield a deploy for each repository, or why there is none. *server* is the address of the pages."""
    for what, row in zip(around._fields, around, strict=True):
        if row is None:
            yield Ignored(f"a deployment whose {what} no longer exists")
            return
    task, release, environment = (Fields(row, what) for what, row in zip(around._fields, around, strict=True))
    fields, state = Fields(deployment, "deployment"), task.text("State")
    environ = {
        "Octopus.Release.Id": value_at(deployment, "ReleaseId"),
        "Octopus.Deployment.Id": fields.text("Id"),
        "Octopus.Deployment.Changes": json.dumps(fields.raw("Changes")),
        "Octopus.Deployment.Error": "" if state == SUCCESS else state,
        "Octopus.Environment.Name": environment.text("Name"),
        "Octopus.Release.Number": release.text("Version"),
        "Octopus.Web.ServerUri": server,
        "Octopus.Web.DeploymentLink": value_at(deployment, "Links.Web"),
    }
    ended = task.time("CompletedTime") if state == SUCCESS else None
    yield from deploys(OCTOPUS, environ, inputs, at=ended)


PAGE = 100


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the deployments that were created in *window*."""
    # The step takes the environment's name from Octopus, which may write it in another case.
    inputs = inputs._replace(environment=None)
    space = f"/api/{quote(parameters['space'], safe='')}" if "space" in parameters else "/api"
    project = Fields(pages.get(f"{space}/projects/{quote(parameters['project'], safe='')}"), "project")
    path = f"{space}/environments/all"
    environments = {str(row.get("Id")): row for row in rows_of(pages.get(path), "", path)}
    query = [("projects", project.text("Id")), ("taskState", SUCCESS)]
    if "environment" in parameters:
        query.append(("environments", _named(environments, parameters["environment"])))
    listed = _listed(pages, f"{space}/deployments", query)
    deployments = newest_first(listed, window, time_of("deployment", "Created"))
    while some := list(islice(deployments, PAGE)):
        tasks = _by_id(pages, f"{space}/tasks", some, "TaskId")
        releases = _by_id(pages, f"{space}/releases", some, "ReleaseId")
        for row in some:
            around = Around(
                task=tasks.get(str(row.get("TaskId"))),
                release=releases.get(str(row.get("ReleaseId"))),
                environment=environments.get(str(row.get("EnvironmentId"))),
            )
            yield of_deployment(row, around, inputs, server=pages.url)


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


reader = DeployReader(
    name="octopus",
    # Each customer has an own server.
    url="",
    token_env="OCTOPUS_API_KEY",  # noqa: S106  a name, not a token
    parameters={
        **INPUT_PARAMETERS,
        "project": "the project, by its slug or id",
        "space?": "the id of its space, as Spaces-2; else the default space",
        "environment?": "only the deployments to this one",
    },
    deploys=_deploys,
    headers=lambda token: {"X-Octopus-ApiKey": token.reveal(), "Accept": "application/json"},
)
