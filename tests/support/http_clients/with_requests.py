"""Post each call with requests."""

import sys

import requests

from tests.support.http_clients.calls import calls, parts

with requests.Session() as session:
    for url, chunked, body, headers in calls(sys.argv[1]):
        answer = session.post(url, data=parts(body) if chunked else body, headers=headers, timeout=60)
        print(answer.status_code)
