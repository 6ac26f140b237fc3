"""What an assistant gets: the schemas of tools, from the OpenAPI document, and answers. Pure.

Texts of an answer are escaped. It has the addresses of pages, a rate in words, and what is not sure.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec
from gitdailies_core.events.events import KINDS
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, Figures
from gitdailies_dora.figures.words import rates

Json: TypeAlias = dict[str, Any]

TEXTS: Json = tomllib.loads(Path(__file__).with_name("tools.toml").read_text("utf-8"))
TOOLS: Json = TEXTS["tools"]
_COMPONENTS = "#/components/schemas/"
_KINDS = frozenset(kind.word for kind in KINDS)
# Of a long list of commits, the first ones are shown. A median of fewer than some deploys says little.
_COMMITS, _FEW = 20, 5
# What a page is not limited to.
_NO_FILTERS = frozenset({"limit", "after", "by", "interval", "compare"})


def question(name: str, document: Json) -> Json:
    """Return the schema of what a tool takes; that of anything, if the OpenAPI *document* is {}."""
    tool = TOOLS[name]
    if not (document and tool["path"]):
        return TEXTS.get(name, {"type": "object"}) if document else {"type": "object"}
    known = {one["name"]: one for one in document["paths"][tool["path"]]["get"]["parameters"]}
    fields = {
        each: known[each]["schema"] | {"description": known[each]["description"]} for each in tool["takes"]
    }
    for each in fields.keys() & tool["usual"].keys():
        fields[each]["default"] = tool["usual"][each]
    return {"type": "object", "properties": fields, "required": tool["needs"], "additionalProperties": False}


def answer(name: str, document: Json) -> Json | None:
    """Return the schema of what a tool answers, with all that it refers to; None without a *document*."""
    if not document:
        return None
    forms = [{"$ref": _COMPONENTS + form} for form in TOOLS[name]["forms"]]
    fields = {"answer": {"anyOf": forms} if forms else {}, "page": {"type": "string"}}
    defined: Json = {}
    schema = {"type": "object", "properties": fields, "required": list(fields), "$defs": defined}
    while new := set(re.findall(rf"{_COMPONENTS}(\w+)", json.dumps(schema))) - defined.keys():
        defined |= {each: document["components"]["schemas"][each] for each in new}
    found: Json = json.loads(json.dumps(schema).replace(_COMPONENTS, "#/$defs/"))
    return found


def told(name: str, given: Mapping[str, Any], found: Json, base: str) -> Json:
    """Return what an assistant gets for what a tool *found*; *base* is the address of the server."""
    filters = {key: value for key, value in given.items() if key not in _NO_FILTERS}
    page = f"{base}{TOOLS[name]['page']}?{urlencode(filters, doseq=True)}"
    seconds = found.get("windowSeconds")
    whole = _told(found, base, f"{seconds / 3600:g} h" if seconds else "the window")
    return {"answer": whole, "page": _page(base, given["id"]) if "id" in given else page.rstrip("?")}


def escaped(text: str) -> str:
    r"""Write characters that show nothing or that control a terminal as `\u202e`."""
    return "".join(c if c.isprintable() else c.encode("unicode-escape").decode() for c in text)


def _page(base: str, id_: Any) -> str:
    return f"{base}/events/id?{urlencode({'id': id_})}"


def _told(value: Any, base: str, window: str) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [_told(one, base, window) for one in value]
    if not isinstance(value, dict):
        return value
    found = {escaped(name): _told(one, base, window) for name, one in value.items()}
    if value.get("kind") in _KINDS and "id" in value:
        found["page"] = _page(base, value["id"])
    if isinstance(commits := found.get("commits"), list) and len(commits) > _COMMITS:
        found |= {"commits": commits[:_COMMITS], "commitsInAll": len(commits)}
    # A bucket has no rates.
    if FAIL_RATE in value and "whole" not in value:
        with suppress(msgspec.ValidationError):
            figures = msgspec.convert(value, Figures)
            fail = figures.change_fail_rate
            words = (rates.fail_rate(fail), rates.behind(fail, window), rates.too_new(fail, window))
            found |= {"inWords": "; ".join(words), "notSure": list(_not_sure(figures))}
    return found


def _not_sure(found: Figures) -> Iterator[str]:
    fail, recovery = found.change_fail_rate, found.failed_deployment_recovery_time
    if fail.range.low != fail.range.high:
        known = "not known" if fail.by_chance is None else f"{fail.by_chance:.1f}"
        yield f"changeFailRate: only time accuses {fail.evidence.time} of {fail.failed}; by chance: {known}"
    for name, count, enough in (
        ("changeFailRate", fail.settled, rates.LEAST_FOR_PERCENT),
        ("deploymentReworkRate", found.deployment_rework_rate.deploys, rates.LEAST_FOR_PERCENT),
        ("failedDeploymentRecoveryTime", recovery.recovered, _FEW),
        ("failedDeploymentRecoveryTime.byRemedy", recovery.by_remedy.count, _FEW),
    ):
        if 0 < count < enough:
            yield f"{name}: it rests on few deploys, {count}; say the counts"
