"""Reads GitLab's past, page by page; found by entry point in the group `gitdailies.history`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import quote

from gitdailies_core.ci.past import STEP_PARAMETERS, inputs_of
from gitdailies_core.sources.history import Pages, PastMessage, Window, ignore_unreadable, numbered_pages
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

from gitdailies_gitlab import past
from gitdailies_gitlab.api import rest


class Reader:
    """The reader `gitlab`: deployments of a project."""

    name = "gitlab"
    url = rest.URL
    token_env = rest.TOKEN_ENV
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "repo": "the project, as group/project",
            "environment?": "only the deployments to this one",
            **STEP_PARAMETERS,
        }
    )

    def headers(self, token: Secret) -> Mapping[str, str]:
        return rest.headers(token)

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the deploys that finished in *window*. Raises UsageError for a wrong parameter."""
        inputs = inputs_of(parameters)
        repo = inputs.repos[0].path
        # "Deployments API": a filter by finished_at needs this order and this status.
        query = [
            ("finished_after", text_of(window.since)),
            ("finished_before", text_of(window.until)),
            ("order_by", "finished_at"),
            ("sort", "asc"),
            ("status", "success"),
        ]
        if "environment" in parameters:
            query.append(("environment", parameters["environment"]))
        for page in numbered_pages(
            pages, f"/projects/{quote(repo, safe='')}/deployments", query, size=rest.PAGE
        ):
            for deployment in page:
                if window.contains(past.finished_at(deployment)):
                    yield from ignore_unreadable(past.of_deployment(repo, deployment, inputs))


reader = Reader()
