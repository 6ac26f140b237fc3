"""What an assistant gets: schemas of tools, and answers with pages, words and what is not sure. Pure."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, Figures
from gitdailies_dora.figures.words import rates

Json: TypeAlias = dict[str, Any]

TEXTS: Json = tomllib.loads(Path(__file__).with_name("tools.toml").read_text("utf-8"))
TOOLS: Json = TEXTS["tools"]
# The first commits of a long list are shown. A median of fewer than some deploys says little.
_COMMITS, _FEW = 20, 5


def takes(name: str, document: Json) -> Json:
    """Return the schema of a tool's arguments; it allows any, if the OpenAPI *document* is {}."""
    if name in TEXTS or not document:
        return TEXTS[name] if document else {"type": "object"}
    tool = TOOLS[name]
    parameters = document["paths"][tool["path"]]["get"]["parameters"]
    known = {one["name"]: one["schema"] | {"description": one["description"]} for one in parameters}
    fields = {each: known[each] for each in tool["takes"] if each in known}
    for each in fields.keys() & tool["usual"].keys():
        fields[each]["default"] = tool["usual"][each]
    return {"type": "object", "properties": fields, "required": tool["needs"], "additionalProperties": False}


def told(name: str, given: Mapping[str, Any], found: Json, base: str) -> Json:
    """Return the answer to an assistant from what a tool *found*; *base* is the address of the server."""
    filters = {key: value for key, value in given.items() if key not in TEXTS["no_filters"]}
    page = f"{base}{TOOLS[name]['page']}?{urlencode(filters, doseq=True)}".rstrip("?")
    seconds = found.get("windowSeconds")
    answer = _told(found, base, f"{seconds / 3600:g} h" if seconds else "the window")
    return {"answer": answer, "page": answer.get("event", {}).get("page", page)}


def escaped(text: str) -> str:
    r"""Write characters that show nothing or that control a terminal as `\u202e`."""
    return "".join(c if c.isprintable() else c.encode("unicode-escape").decode() for c in text)


def _told(value: Any, base: str, window: str) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [_told(one, base, window) for one in value]
    if not isinstance(value, dict):
        return value
    found = {escaped(name): _told(one, base, window) for name, one in value.items()}
    if "kind" in value and "id" in value:
        found["page"] = f"{base}/events/id?{urlencode({'id': value['id']})}"
    if isinstance(commits := found.get("commits"), list) and len(commits) > _COMMITS:
        found |= {"commits": commits[:_COMMITS], "commitsInAll": len(commits)}
    # A bucket has no rates. A field of an event may look like figures, with any numbers.
    if FAIL_RATE in value and "whole" not in value:
        with suppress(msgspec.ValidationError, ArithmeticError, ValueError):
            figures = msgspec.convert(value, Figures)
            fail = figures.change_fail_rate
            words = (rates.fail_rate(fail), rates.behind(fail, window), rates.too_new(fail, window))
            found |= {"inWords": "; ".join(words), "notSure": list(_not_sure(figures))}
    return found


def _not_sure(found: Figures) -> Iterator[str]:
    fail, recovery = found.change_fail_rate, found.failed_deployment_recovery_time
    if fail.range.low != fail.range.high:
        chance = "not known" if fail.by_chance is None else round(fail.by_chance, 1)
        yield f"changeFailRate: only time accuses {fail.evidence.time} of {fail.failed}; by chance: {chance}"
    for name, count, enough in (
        ("changeFailRate", fail.settled, rates.LEAST_FOR_PERCENT),
        ("deploymentReworkRate", found.deployment_rework_rate.deploys, rates.LEAST_FOR_PERCENT),
        ("failedDeploymentRecoveryTime", recovery.recovered, _FEW),
        ("failedDeploymentRecoveryTime.byRemedy", recovery.by_remedy.count, _FEW),
    ):
        if 0 < count < enough:
            yield f"{name}: it rests on few deploys, {count}; say the counts"
