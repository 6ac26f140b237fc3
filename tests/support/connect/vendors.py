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

Answer = tuple[int, Any]


@dataclass
class Vendor:
    """An API. `troubles` has what the requests with a method and a beginning of a path meet first, in order.

    A trouble is a status, or a cut connection, before or after the request was carried out.
    """

    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: dict[tuple[str, str], list[int | str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    url: str = ""
    size: int = 100
    on_test: Callable[[dict[str, Any]], None] = lambda hook: None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(7001))

    def token_of(self, headers: Mapping[str, str]) -> str:
        """Return the token in the headers of a request."""
        return (headers.get("Authorization") or "").rpartition(" ")[2]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        raise NotImplementedError

    def trouble(self, method: str, path: str) -> int | str | None:
        for (at, beginning), waiting in self.troubles.items():
            if method == at and path.startswith(beginning) and waiting:
                return waiting.pop(0)
        return None


class PagerDuty(Vendor):
    """Webhook subscriptions: pages by offset, and a secret that only the answer to the first request has."""

    def token_of(self, headers: Mapping[str, str]) -> str:
        return (headers.get("Authorization") or "").removeprefix("Token token=")

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        root = "/webhook_subscriptions"
        if (method, path) == ("GET", root):
            offset, rows = int(query["offset"]), [self._shown(one) for one in self.hooks.values()]
            page = rows[offset : offset + self.size]
            return 200, {
                "webhook_subscriptions": page,
                "more": offset + self.size < len(rows),
                "offset": offset,
            }
        if (method, path) == ("POST", root):
            id_ = f"PSUB{next(self.ids)}"
            self.hooks[id_] = {**body["webhook_subscription"], "id": id_, "active": True}
            made = json.loads(json.dumps(self.hooks[id_]))
            made["delivery_method"]["secret"] = GIVEN
            return 201, {"webhook_subscription": made}
        id_ = path.split("/")[2]
        if id_ not in self.hooks:
            return 404, {"error": {"message": "Not Found", "code": 2100}}
        if method == "DELETE":
            del self.hooks[id_]
            return 204, None
        if method == "POST" and path.endswith("/ping"):
            self.on_test(self.hooks[id_])
            return 202, None
        return 405, {}

    @staticmethod
    def _shown(hook: dict[str, Any]) -> dict[str, Any]:
        return {**hook, "delivery_method": {**hook["delivery_method"], "secret": None}}


class GitHub(Vendor):
    """Webhooks of a repository or an organization, in numbered pages."""

    root = "/repos/larkspur/checkout-api/hooks"

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if path == self.root and method == "GET":
            start = (int(query["page"]) - 1) * self.size
            return 200, [self._shown(one) for one in [*self.hooks.values()][start : start + self.size]]
        if path == self.root and method == "POST":
            number = next(self.ids)
            self.hooks[str(number)] = {**body, "id": number, "type": "Repository"}
            return 201, self._shown(self.hooks[str(number)])
        if not path.startswith(f"{self.root}/"):
            return 404, {"message": "Not Found"}
        id_ = path.removeprefix(f"{self.root}/").partition("/")[0]
        if id_ not in self.hooks:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            del self.hooks[id_]
            return 204, None
        if method == "POST" and path.endswith("/pings"):
            self.on_test(self.hooks[id_])
            return 204, None
        return 405, {}

    @staticmethod
    def _shown(hook: dict[str, Any]) -> dict[str, Any]:
        return {**hook, "config": {**hook["config"], "secret": "********"}}


class GitLab(GitHub):
    """Webhooks of a project. The answer says only that there is a token."""

    root = "/projects/larkspur/shop/hooks"

    def token_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("PRIVATE-TOKEN") or ""

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if method == "POST" and path.endswith("/test/push_events"):
            return super().answer(method, path.replace("/test/push_events", "/pings"), query, body)
        return super().answer(method, path, query, body)

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
        if (method, path) == ("GET", self.root):
            start, rows = int(query["offset"]), [*self.hooks.values()]
            listed = [
                {"id": one["id"], "name": one["name"], "description": one.get("description", "")}
                for one in rows[start : start + int(query["page-limit"])]
            ]
            return 200, {"data": {"result": listed, "meta": {"total_count": len(rows)}}}
        if (method, path) == ("POST", self.root):
            id_ = f"62f0fdde{next(self.ids)}"
            self.hooks[id_] = {**body, "id": id_, "slug": "gitdailies"}
            return 201, self.hooks[id_]
        id_ = path.removeprefix(f"{self.root}/")
        if id_ not in self.hooks:
            return 404, {"meta": {"status": 404, "error_message": "not found"}}
        if method == "DELETE":
            del self.hooks[id_]
            return 204, None
        return 200, {"data": self.hooks[id_]}


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
