"""Set up GitHub's webhook of a repository or an organization by its API.

Source: "Repository webhooks" and "Organization webhooks" of GitHub's REST API reference.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from gitdailies_core.errors import UsageError
from gitdailies_core.sources.connecting import POST, Call, Lookup, Made, Step, Target, Vendor
from gitdailies_core.values.secret import Secret

from gitdailies_github_action.api import rest

EVENTS = ("deployment_status", "push", "repository")


class Connect(Vendor):
    """The vendor `github`."""

    name = "github"
    url = rest.URL
    token_env = rest.TOKEN_ENV
    parameters: Mapping[str, str] = {
        "repo?": "a repository, as owner/name; or org",
        "org?": "an organization, for all of its repositories; or repo",
    }

    headers = staticmethod(rest.headers)

    def find(self, lookup: Lookup, target: Target) -> Iterator[Made]:
        path = _path(target)
        for hook in self.webhooks(lookup, path, rest.PAGE):
            if hook.object("config").raw("url") == target.url:
                yield Made.of(hook, path)

    def steps(self, target: Target, secret: Secret | None) -> Sequence[Step]:
        path = _path(target)
        config = {"url": target.url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        body = {"name": "web", "active": True, "events": list(EVENTS), "config": config}
        return (Step(Call("make the webhook", POST, path, body), lambda answer: Made.of(answer, path)),)

    def test(self, made: Sequence[Made], target: Target) -> Call | None:
        return Call("send a ping", POST, f"{_path(target)}/{made[0].id}/pings", None, (200, 204))


def _path(target: Target) -> str:
    repo, org = target.parameters.get("repo"), target.parameters.get("org")
    if (repo is None) == (org is None):
        raise UsageError("--with: expected repo=OWNER/NAME or org=NAME for github, got both or neither")
    if repo is not None and (repo.count("/") != 1 or not all(repo.split("/"))):
        raise UsageError(f"--with: expected repo=OWNER/NAME for github, got {repo!a}")
    return f"/repos/{quote(repo)}/hooks" if repo is not None else f"/orgs/{quote(org or '', safe='')}/hooks"


connect = Connect()
