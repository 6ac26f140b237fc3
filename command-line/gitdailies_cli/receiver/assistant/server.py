"""Serves the tools over standard input and output, with the official SDK, and asks the DORA server."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import mcp_types as sdk
from anyio.to_thread import run_sync
from gitdailies_connection.published import release
from gitdailies_core.error_text import got
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_core.values.secret import redact
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from gitdailies_cli.receiver.assistant.answers import TEXTS, TOOLS, Json, escaped, takes, told
from gitdailies_cli.receiver.read_server import ReadServer, groups_of


async def serve(server: ReadServer) -> None:
    """Answer an assistant until it closes standard input."""
    prompts = {one["name"]: sdk.Prompt(**one) for one in TEXTS["prompts"]}

    async def listed(_: Any, __: Any) -> sdk.ListToolsResult:
        return sdk.ListToolsResult(tools=await run_sync(_described, server))

    async def called(_: Any, asked: sdk.CallToolRequestParams) -> sdk.CallToolResult:
        try:
            found = await run_sync(_called, server, asked.name, asked.arguments or {})
        except GitDailiesError as error:
            text = redact(escaped(str(error)), server.key)
            return sdk.CallToolResult(content=[sdk.TextContent(text=text)], is_error=True)
        text = redact(json.dumps(found, ensure_ascii=False), server.key)
        return sdk.CallToolResult(content=[sdk.TextContent(text=text)], structured_content=json.loads(text))

    async def offered(_: Any, __: Any) -> sdk.ListPromptsResult:
        return sdk.ListPromptsResult(prompts=list(prompts.values()))

    async def prompted(_: Any, asked: sdk.GetPromptRequestParams) -> sdk.GetPromptResult:
        limits = (f"Only {name} {text}." for name, text in (asked.arguments or {}).items() if text)
        text = sdk.TextContent(text=" ".join((prompts[asked.name].description or "", *limits)))
        return sdk.GetPromptResult(messages=[sdk.PromptMessage(role="user", content=text)])

    app = Server[Any](
        "gitdailies",
        version=release(),
        instructions=TEXTS["instructions"],
        on_list_tools=listed,
        on_call_tool=called,
        on_list_prompts=offered,
        on_get_prompt=prompted,
    )
    async with stdio_server() as (incoming, outgoing):
        await app.run(incoming, outgoing, app.create_initialization_options())


def _described(server: ReadServer) -> list[sdk.Tool]:
    """Return the tools for this key. While the server does not answer, they have no schema."""
    document: Json = {}
    rights: list[str] = []
    with suppress(GitDailiesError):
        document = server.ask("/openapi.json").json()
        rights = server.ask("/webhooks/ping", {}).json()["allow"]
    return [
        sdk.Tool(
            name=name,
            title=tool["title"],
            description=f"{tool['description']} {TEXTS['data']}",
            annotations=TEXTS["hints"].get(name, TEXTS["hints"]["read"]),
            input_schema=takes(name, document),
        )
        for name, tool in TOOLS.items()
        if name != "correct" or "correct" in rights
    ]


def _called(server: ReadServer, name: str, arguments: Mapping[str, Any]) -> Json:
    """Return what a tool answers; raises GitDailiesError."""
    tool, given = TOOLS[name], {key: value for key, value in arguments.items() if value not in (None, "")}
    if missing := [each for each in tool["needs"] if each not in given]:
        raise UsageError(f"{name}: it needs {' and '.join(missing)}")
    found = _ANSWERED.get(name, _asked)(server, tool["path"], tool["usual"] | given)
    return told(name, given, found, server.url)


def _asked(server: ReadServer, path: str, given: Json) -> Any:
    return server.ask(f"{path}?{urlencode(given, doseq=True)}").json()


def _why(server: ReadServer, path: str, given: Json) -> Any:
    """Return all about one event or incident, or what does not count in a period."""
    if "id" in given:
        for kind in ("deploys", "incidents", "events"):
            if found := server.ask_about(f"/api/{kind}/{quote(str(given['id']), safe='')}"):
                return found.json()
        raise UsageError(f"id: no event or incident has the id {got(given['id'])}")
    answer = _asked(server, path, given)
    for event in answer["events"]:
        verdicts = event["verdicts"]
        # A deploy that did not fail has nothing to recover from, which is no news.
        event["verdicts"] = [one for one in verdicts if not one["counts"] and one["word"] != "not-failed"]
    left = [event for event in answer["events"] if event["verdicts"]]
    return {**answer, "lookedAt": len(answer["events"]), "events": left}


def _live(server: ReadServer, path: str, given: Json) -> Any:
    """Return the newest deploy that counts of each environment and service."""
    groups = groups_of(server, urlencode({"by": "service,environment", "repo": given["repo"]}))
    return {
        "live": [_asked(server, path, given | names)["events"][0] for names, deploys in groups if deploys]
    }


def _targets(server: ReadServer, path: str, given: Json) -> Any:
    answer = _asked(server, path, given)
    counts = ((one["by"], one["total"]["deploymentFrequency"]["deploys"]) for one in answer["groups"])
    return {"targets": [{**names, "deploys": deploys} for names, deploys in counts], "next": answer["next"]}


def _correct(server: ReadServer, _: str, given: Json) -> Any:
    """Make or undo a correction. The server refuses one without a reason, and a key that may not correct."""
    known, what = TEXTS["corrections"], given.pop("what")
    if what not in known:
        raise UsageError(f"what: expected one of {', '.join(known)}, got {got(what)}")
    path, undo = known[what][0].format(quote(str(given.pop("id")), safe="")), given.pop("undo", False)
    body = None if undo else given | json.loads(known[what][1])
    return server.ask(path, body, method="DELETE" if undo else "PUT").json()


_ANSWERED = {"why": _why, "live": _live, "targets": _targets, "correct": _correct}
