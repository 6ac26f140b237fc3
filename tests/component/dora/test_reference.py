"""The page of the API: everything in the document, from this server alone, and its examples work."""

import os
import re
import subprocess
from html import unescape
from typing import Any

import requests
from gitdailies_core.events.events import KINDS
from gitdailies_dora.api.openapi import document
from gitdailies_dora.pages.frame.site import TEMPLATES
from gitdailies_dora.pages.settings import reference

from tests.support.dora.running import Receiver
from tests.support.programs import program


def page_of(receiver: Receiver) -> str:
    answer = requests.get(f"{receiver.url}/docs", headers={"accept": "text/html"}, timeout=10)
    assert answer.status_code == 200, "the page needs no sign-in"
    return answer.text


def test_the_page_has_every_operation_and_model(receiver: Receiver) -> None:
    """Each operation, parameter, status and model of the document is on the page; links lead there."""
    page, whole = page_of(receiver), document()
    anchors = re.findall(r'id="([\w-]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(anchors)
    operations = [one for item in whole["paths"].values() for one in item.values()]
    assert {one["operationId"] for one in operations} <= set(anchors)
    assert {f"model-{name}" for name in whole["components"]["schemas"]} <= set(anchors)
    assert len(operations) > 10
    for one in operations:
        part = page.partition(f'id="{one["operationId"]}"')[2].partition("</section>")[0]
        assert all(f">{parameter['name']}</code>" in part for parameter in one.get("parameters", ()))
        assert all(f">{status}</th>" in part for status in one["responses"])
    assert "urn:gitdailies:problem:" in page
    assert page.count('data-copy="command-') == len(operations)
    assert not re.search(r"\d{5,} (?:bytes|events)", page), "sizes are for people"


def test_the_page_loads_nothing_else(receiver: Receiver) -> None:
    """There is no style, script or address of another server in it."""
    page = page_of(receiver)
    assert not re.search(r"<script(?! src=\"/static/)|<style| style=| on\w+=", page)
    assert not re.search(r'(?:src|href)="(?!/|#)', page)


def test_programs_find_the_documentation(receiver: Receiver) -> None:
    """`/llms.txt` is text and needs no sign-in, and neither does a page that it lists."""
    answer = requests.get(f"{receiver.url}/llms.txt", timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    (path,) = re.findall(r"^- \[Ask through an assistant\]\((.*)\): ", answer.text, re.MULTILINE)
    assert requests.get(receiver.url + path, timeout=10, allow_redirects=False).status_code == 200


# What is written in place of the last part of a path that names one thing.
IDS = {
    "/api/review/": "failed:deploy-2026-03-04-1",
    "/api/events/": "deploy-2026-03-04-1",
    "/api/deploys/": "deploy-2026-03-04-1",
    "/api/incidents/": "i-1",
}


def test_the_commands_work(receiver: Receiver) -> None:
    """Each command on the page, typed into a shell with a key and an id, is answered as the page says."""
    program("curl")
    key = receiver.key("all", "send", "read", "delete", "correct")
    misspelt = {**KINDS[1].example, "id": "i-2", "incidentId": "i-2", "repo": "larkspur/shop-saerch"}
    deployed = {**KINDS[0].example, "id": "d-2", "repo": "larkspur/shop-search"}
    assert receiver.post(key, [{**KINDS[1].example, "id": "i-1"}, misspelt, deployed]).status_code == 202
    page, statuses = unescape(page_of(receiver)), {}
    # What deletes comes last, so that the others find something.
    operations = sorted(
        reference.operations(document(), receiver.url), key=lambda one: one["operationId"] == "deleteEvent"
    )
    for operation in operations:
        name, command = operation["operationId"], operation["command"]
        assert page.count(command) == 1
        assert not re.search(r"^\S", command.partition("\n")[2], re.MULTILINE), "it is indented"
        id_ = next((id_ for path, id_ in IDS.items() if operation["path"].startswith(path)), "")
        command = command.replace("curl ", "curl --output /dev/null --write-out '%{http_code}' ")
        ran = subprocess.run(
            ["sh", "-c", re.sub(r"\{(id|line)\}", id_, command)],
            env={**os.environ, "GITDAILIES_TOKEN": key, "GITDAILIES_WEBHOOK_KEY": key},
            capture_output=True,
            text=True,
            timeout=30,
        )
        statuses[name] = int(ran.stdout)
        assert ran.stdout in operation["responses"], name
    # A sender of CloudEvents names itself when it asks, and the command does not.
    assert {name: status for name, status in statuses.items() if status >= 400} == {"permit": 405}


def test_text_of_a_document_stays_text() -> None:
    """Markup in a description is shown, and no link of it runs a script."""
    hostile = "<script>alert(1)</script> [x](javascript:alert(1)) ![x](https://evil.example/p) `a<b`"
    made = reference.markdown(hostile)
    assert "<script" not in made
    assert 'href="javascript' not in made
    assert "&lt;script&gt;" in made


def test_a_template_has_a_name_of_its_own() -> None:
    """Templates are found by their names alone, whichever folder they are in."""
    names = [file.name for file in TEMPLATES.glob("*/*.html")]
    assert len(names) > 50
    assert len(names) == len(set(names))


def test_types_in_words() -> None:
    """Types are named as people say them."""
    cases: dict[str, dict[str, Any]] = {
        "integer or null": {"type": ["integer", "null"]},
        '"a" or "b"': {"enum": ["a", "b"]},
        '"a"': {"enum": ["a"]},
        "string or null": {
            "anyOf": [{"type": "string"}, {"type": "string", "maxLength": 0}, {"type": "null"}]
        },
        "list of time": {"type": "array", "items": {"type": "string", "format": "date-time"}},
        "object with values: integer": {"type": "object", "additionalProperties": {"type": "integer"}},
        "any value": {},
    }
    assert {unescape(reference.type_of(one)) for one in cases.values()} == set(cases)
