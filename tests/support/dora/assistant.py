"""An assistant: the official client of the Model Context Protocol, which starts `gitdailies mcp` itself."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, TextContent

from tests.support.machine import environment

Value = TypeVar("Value")


class Assistant:
    """An assistant that has started `gitdailies mcp` and talks to it."""

    def __init__(self, key: str, client: Client, portal: BlockingPortal) -> None:
        self.key, self._client, self._portal = key, client, portal

    def asks(self, talk: Callable[[Client], Awaitable[Value]]) -> Value:
        return self._portal.call(talk, self._client)

    def answers(self, *calls: tuple[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the structured answers to some calls of tools. None of them may be an error."""
        found = [self._call(*call) for call in calls]
        assert [one.content for one in found if one.is_error] == []
        return [one.structured_content for one in found]

    def refused(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return the sentence of a tool error."""
        found = self._call(name, arguments)
        assert (found.is_error, found.structured_content) == (True, None)
        return text_of(found.content[0])

    def _call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        return self._portal.call(self._client.call_tool, name, dict(arguments))


@contextmanager
def assistant(url: str, key: str, mode: str = "auto", arguments: Sequence[str] = ()) -> Iterator[Assistant]:
    """Have an assistant start `gitdailies mcp`, or what *arguments* say, as long as the block lasts."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gitdailies_cli", *(arguments or ("mcp", "--url", url))],
        env=environment({"GITDAILIES_READ_KEY": key}),
        cwd="/",
    )
    client = Client(started, mode=mode, read_timeout_seconds=60)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield Assistant(key, client, portal)


def text_of(content: object) -> str:
    assert isinstance(content, TextContent)
    return content.text
