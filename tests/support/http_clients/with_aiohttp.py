"""Post each call with aiohttp."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp

from tests.support.http_clients.calls import calls, parts


async def sent(body: bytes) -> AsyncIterator[bytes]:
    for part in parts(body):
        yield part


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        for url, chunked, body, headers in calls(sys.argv[1]):
            async with session.post(url, data=sent(body) if chunked else body, headers=headers) as answer:
                print(answer.status)


asyncio.run(main())
