"""Set up GitLab's webhook of a project or a group by its API.

Source: "Project webhooks API" and "Group webhooks API" of GitLab's documentation. GitLab has no ping: a test
sends the last push again, and a push counts as no deploy.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from gitdailies_core.errors import UsageError
from gitdailies_core.sources.connecting import POST, Call, Lookup, Made, Step, Target, Vendor
from gitdailies_core.values.secret import Secret

from gitdailies_gitlab.api import rest


class Connect(Vendor):
    """The vendor `gitlab`."""

    name = "gitlab"
    url = rest.URL
    token_env = rest.TOKEN_ENV
    parameters: Mapping[str, str] = {
        "project?": "a project, as group/project; or group",
        "group?": "a group, for all of its projects (Premium and Ultimate); or project",
    }

    headers = staticmethod(rest.headers)

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        path = _path(target)
        for hook in self.webhooks(lookup, path, rest.PAGE):
            if hook.raw("url") == target.url:
                yield Made.of(hook, path)

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:
        path = _path(target)
        body = {
            "url": target.url,
            "name": f"GitDailies: {target.source}",
            "token": secret,
            "job_events": True,
            "deployment_events": True,
            "push_events": True,
            "enable_ssl_verification": True,
        }
        return (Step(Call("make the webhook", POST, path, body), lambda answer: Made.of(answer, path)),)

    def test(self, made: Sequence[Made], target: Target) -> Call | None:
        path = f"{_path(target)}/{made[0].id}/test/push_events"
        return Call("send the last push as a test", POST, path, None, (200, 201))


def _path(target: Target) -> str:
    project, group = target.parameters.get("project"), target.parameters.get("group")
    if (project is None) == (group is None):
        raise UsageError(
            "--with: expected project=GROUP/PROJECT or group=NAME for gitlab, got both or neither"
        )
    if project is not None:
        return f"/projects/{quote(project, safe='')}/hooks"
    return f"/groups/{quote(group or '', safe='')}/hooks"


connect = Connect()
