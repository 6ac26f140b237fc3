"""The second listener: health and metrics, without a key. Only `--status` opens it.

Metrics are for requests to a name of ours, because a web page must not read them.
"""

import asyncio

from gitdailies_server.http.allowed_hosts import AllowedHosts
from gitdailies_server.readiness import SCRAPE_SECONDS, Readiness
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitdailies_dora.operations.metrics import ReceiverMetrics
from gitdailies_dora.operations.readiness import alive, ready

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_MISDIRECTED = "Host: expected the address of --status, localhost or a name of --status-host"


def create_status_app(metrics: ReceiverMetrics, readiness: Readiness, hosts: AllowedHosts) -> Starlette:
    """Return the application of the second listener; *hosts* are those that may ask for metrics."""

    async def exposition(request: Request) -> Response:
        # A request of HTTP/1.0 may have no Host header, and browsers always send one.
        if not all(hosts.allows(name) for name in request.headers.getlist("host")):
            return JSONResponse({"status": "misdirected", "reason": _MISDIRECTED}, 421)
        await readiness.probe(SCRAPE_SECONDS)
        # In a thread, because it reads the store.
        text = await asyncio.to_thread(metrics.text)
        return Response(text, headers={"content-type": _EXPOSITION})

    return Starlette(
        routes=[
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", ready(readiness), methods=["GET"]),
            Route("/metrics", exposition, methods=["GET"]),
        ]
    )
