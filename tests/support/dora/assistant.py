"""An assistant: the official client of the Model Context Protocol, which starts `gitdailies mcp` itself."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.support.machine import environment

Value = TypeVar("Value")


@asynccontextmanager
async def assistant(url: str, key: str, folder: Path, mode: str = "auto") -> AsyncIterator[Client]:
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gitdailies_cli", "mcp", "--url", url],
        env=environment({"GITDAILIES_READ_KEY": key}),
        cwd=folder,
    )
    async with Client(started, mode=mode, read_timeout_seconds=60) as client:
        yield client


def asks(
    url: str, key: str, folder: Path, talk: Callable[[Client], Awaitable[Value]], mode: str = "auto"
) -> Value:
    """Have an assistant *talk* to `gitdailies mcp`, and return what comes of it."""

    async def run() -> Value:
        async with assistant(url, key, folder, mode) as client:
            return await talk(client)

    return anyio.run(run)


def answers(url: str, key: str, folder: Path, *calls: tuple[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the structured answers to some calls of tools. None of them may be an error."""

    async def talk(client: Client) -> list[dict[str, Any]]:
        await client.list_tools()
        found = [await client.call_tool(name, dict(arguments)) for name, arguments in calls]
        assert [one.content for one in found if one.is_error] == []
        return [one.structured_content for one in found]

    return asks(url, key, folder, talk)
