"""Stand-ins for the webhook APIs of vendors: each keeps what was made, and deletes it when asked.

Shapes are those of the vendors' references; every value is invented. A `trouble` meets a request before, or
after, it is carried out.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support import json_server
from tests.support.json_server import JsonHandler

TOKEN = "larkspur-connect-000068"
# What the vendor gives; PagerDuty alone does.
GIVEN = "pd-given-secret-5d3f"
CUT_AFTER, CUT_BEFORE = "cut after", "cut before"
# Of a page.
SIZE = 100

Answer = tuple[int, Any]


@dataclass
class Vendor:
    """An API of webhooks. `troubles` has what requests with a method and a beginning of a path meet first.

    A trouble is a status, or a cut connection, before or after the request was carried out.
    """

    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: dict[tuple[str, str], list[int | str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    url: str = ""
    on_test: Callable[[dict[str, Any]], None] = lambda hook: None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(7001))

    root = ""
    # The end of the path of a request for a test, and its answer.
    test, tested = "", 202

    def token_of(self, headers: Mapping[str, str]) -> str:
        """Return the token in the headers of a request."""
        return (headers.get("Authorization") or "").rpartition(" ")[2]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        """List, make, show, delete or test webhooks."""
        if path == self.root:
            if method == "POST":
                return self.made(str(next(self.ids)), body)
            return 200, self.page([*self.hooks.values()], query)
        id_, _, rest = path.removeprefix(f"{self.root}/").partition("/")
        if id_ not in self.hooks:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            del self.hooks[id_]
            return 204, None
        if method == "POST" and rest == self.test:
            self.on_test(self.hooks[id_])
            return self.tested, None
        return 200, {"data": self.hooks[id_]}

    def made(self, number: str, body: Any) -> Answer:
        """Keep a webhook; return the answer."""
        raise NotImplementedError

    def page(self, rows: list[dict[str, Any]], query: Mapping[str, str]) -> Any:
        """Return the page of *rows* that is asked for."""
        raise NotImplementedError

    def trouble(self, method: str, path: str) -> int | str | None:
        for (at, beginning), waiting in self.troubles.items():
            if method == at and path.startswith(beginning) and waiting:
                return waiting.pop(0)
        return None


class PagerDuty(Vendor):
    """Webhook subscriptions: pages by offset, and a secret that only the answer to the first request has."""

    root, test = "/webhook_subscriptions", "ping"

    def token_of(self, headers: Mapping[str, str]) -> str:
        return (headers.get("Authorization") or "").removeprefix("Token token=")

    def made(self, number: str, body: Any) -> Answer:
        id_ = f"PSUB{number}"
        self.hooks[id_] = {**body["webhook_subscription"], "id": id_, "active": True}
        return 201, {"webhook_subscription": self._with_secret(self.hooks[id_], GIVEN)}

    def page(self, rows: list[dict[str, Any]], query: Mapping[str, str]) -> Any:
        offset = int(query["offset"])
        page = [self._with_secret(one, None) for one in rows[offset : offset + SIZE]]
        return {"webhook_subscriptions": page, "more": offset + SIZE < len(rows), "offset": offset}

    @staticmethod
    def _with_secret(hook: dict[str, Any], secret: str | None) -> dict[str, Any]:
        return {**hook, "delivery_method": {**hook["delivery_method"], "secret": secret}}


class GitHub(Vendor):
    """Webhooks of a repository or an organization, in numbered pages."""

    root, test, tested = "/repos/larkspur/checkout-api/hooks", "pings", 204

    def made(self, number: str, body: Any) -> Answer:
        self.hooks[number] = {**body, "id": int(number), "type": "Repository"}
        return 201, self._shown(self.hooks[number])

    def page(self, rows: list[dict[str, Any]], query: Mapping[str, str]) -> Any:
        start = (int(query["page"]) - 1) * SIZE
        return [self._shown(one) for one in rows[start : start + SIZE]]

    @staticmethod
    def _shown(hook: dict[str, Any]) -> dict[str, Any]:
        return {**hook, "config": {**hook["config"], "secret": "********"}}


class GitLab(GitHub):
    """Webhooks of a project. The answer says only that there is a token."""

    root, test = "/projects/larkspur/shop/hooks", "test/push_events"

    def token_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("PRIVATE-TOKEN") or ""

    @staticmethod
    def _shown(hook: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in hook.items() if name != "token"} | {"token_present": True}


class Datadog(Vendor):
    """Custom variables, webhooks and notification rules, each by its name or id."""

    base = "/api/v1/integration/webhooks/configuration"
    rules = "/api/v2/monitor/notification_rule"

    def token_of(self, headers: Mapping[str, str]) -> str:
        # Both keys have the same text in tests.
        return headers.get("DD-API-KEY") or "" if headers.get("DD-APPLICATION-KEY") == TOKEN else ""

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if (method, path) == ("GET", self.rules):
            start = int(query["page"]) * int(query["per_page"])
            rows = [one for name, one in self.hooks.items() if name.startswith(self.rules)]
            return 200, {"data": rows[start : start + int(query["per_page"])], "meta": {}}
        if (method, path) == ("POST", self.rules):
            id_ = f"rule-{next(self.ids)}"
            self.hooks[f"{self.rules}/{id_}"] = {"id": id_, **body["data"]}
            return 200, {"data": self.hooks[f"{self.rules}/{id_}"]}
        if method == "POST":
            self.hooks[f"{path}/{body['name']}"] = body
            return 201, {name: value for name, value in body.items() if name != "value"}
        if path not in self.hooks:
            return 404, {"errors": ["Not found"]}
        if method == "DELETE":
            del self.hooks[path]
            return 200, None
        return 200, {name: value for name, value in self.hooks[path].items() if name != "value"}


class Squadcast(Vendor):
    """Event webhooks: a listing of names, the object itself, and a temporary access token."""

    root = "/extensions/event-webhooks"
    access = "larkspur-access-000069"

    def token_of(self, headers: Mapping[str, str]) -> str:
        if headers.get("X-Refresh-Token"):
            return str(headers["X-Refresh-Token"])
        return TOKEN if headers.get("Authorization") == f"Bearer {self.access}" else ""

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if path == "/oauth/access-token":
            return 200, {"data": {"access_token": self.access}}
        return super().answer(method, path, query, body)

    def made(self, number: str, body: Any) -> Answer:
        id_ = f"62f0fdde{number}"
        self.hooks[id_] = {**body, "id": id_, "slug": "gitdailies"}
        return 201, self.hooks[id_]

    def page(self, rows: list[dict[str, Any]], query: Mapping[str, str]) -> Any:
        start = int(query["offset"])
        listed = [
            {"id": one["id"], "name": one["name"], "description": one.get("description", "")}
            for one in rows[start : start + int(query["page-limit"])]
        ]
        return {"data": {"result": listed, "meta": {"total_count": len(rows)}}}


class _Handler(JsonHandler):
    vendor: Vendor

    def reply(self) -> None:
        vendor, method = self.vendor, self.command
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        vendor.asked.append(f"{method} {path}")
        vendor.bodies.append(body)
        if vendor.token_of(dict(self.headers.items())) != TOKEN:
            # It repeats what it refuses, as careless servers do.
            self.send_json(401, {"message": f"no such token in {self.headers.items()} for {raw!r}"})
            return
        trouble = vendor.trouble(method, path)
        if isinstance(trouble, int):
            self.send_json(
                trouble,
                {"message": f"refused: {raw.decode()}"},
                {"Retry-After": "1"} if trouble == 429 else {},
            )
            return
        if trouble == CUT_BEFORE:
            self.close_connection = True
            return
        status, answer = vendor.answer(method, path, dict(parse_qsl(parts.query)), body)
        if trouble == CUT_AFTER:
            self.close_connection = True
            return
        self.send_json(status, answer)


@contextmanager
def listening(vendor: Vendor) -> Iterator[Vendor]:
    """Let it listen on a free port of this machine."""
    with json_server.listening(_Handler, vendor=vendor) as vendor.url:
        yield vendor
