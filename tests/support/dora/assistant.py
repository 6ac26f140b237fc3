"""An assistant: the official client of the Model Context Protocol, which starts `gitdailies mcp` itself."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent

from tests.support.machine import environment

Value = TypeVar("Value")


def asks(
    url: str,
    key: str,
    folder: Path,
    talk: Callable[[Client], Awaitable[Value]],
    mode: str = "auto",
    arguments: Sequence[str] = (),
) -> Value:
    """Have an assistant *talk* to `gitdailies mcp`, or to what *arguments* say; return what comes of it."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gitdailies_cli", *(arguments or ("mcp", "--url", url))],
        env=environment({"GITDAILIES_READ_KEY": key}),
        cwd=folder,
    )

    async def run() -> Value:
        async with Client(started, mode=mode, read_timeout_seconds=60) as client:
            return await talk(client)

    return anyio.run(run)


def text_of(content: object) -> str:
    assert isinstance(content, TextContent)
    return content.text


def answers(url: str, key: str, folder: Path, *calls: tuple[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the structured answers to some calls of tools. None of them may be an error."""

    async def talk(client: Client) -> list[dict[str, Any]]:
        await client.list_tools()
        found = [await client.call_tool(name, dict(arguments)) for name, arguments in calls]
        assert [one.content for one in found if one.is_error] == []
        return [one.structured_content for one in found]

    return asks(url, key, folder, talk)
