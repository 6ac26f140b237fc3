"""Post each call with httpx."""

import sys

import httpx

from tests.support.http_clients.calls import calls, parts

with httpx.Client(timeout=60) as client:
    for url, chunked, body, headers in calls(sys.argv[1]):
        print(client.post(url, content=parts(body) if chunked else body, headers=headers).status_code)
