"""Octopus' past deployments, as the step would have reported them.

Sources: the resources of Octopus' REST API, `Deployment`, `Task` and `Release`. `Changes` of a
deployment is the variable Octopus.Deployment.Changes of its steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.octopus import OCTOPUS
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Row
from gitdailies_core.sources.protocol import Ignored

SUCCESS = "Success"


class Around(NamedTuple):
    """The rows that a deployment names by id. One that no longer exists is None."""

    task: Row | None
    release: Row | None
    environment: Row | None


def of_deployment(
    deployment: Row, around: Around, inputs: Inputs, *, server: str
) -> Iterator[Event | Ignored]:
    """Yield a deploy for each repository, or why there is none. *server* is the address of the pages."""
    for what, row in zip(around._fields, around, strict=True):
        if row is None:
            yield Ignored(f"a deployment whose {what} no longer exists")
            return
    task, release, environment = (Fields(row, what) for what, row in zip(around._fields, around, strict=True))
    fields, state = Fields(deployment, "deployment"), task.text("State")
    links = fields.optional_object("Links")
    environ = {
        "Octopus.Release.Id": fields.optional_text("ReleaseId") or "",
        "Octopus.Deployment.Id": fields.text("Id"),
        "Octopus.Deployment.Changes": json.dumps(fields.raw("Changes")),
        "Octopus.Deployment.Error": "" if state == SUCCESS else state,
        "Octopus.Environment.Name": environment.text("Name"),
        "Octopus.Release.Number": release.text("Version"),
        "Octopus.Web.ServerUri": server,
        "Octopus.Web.DeploymentLink": (links.optional_text("Web") if links else None) or "",
    }
    at = task.time("CompletedTime") if state == SUCCESS else None
    yield from deploys(OCTOPUS, environ, inputs, at=at)
