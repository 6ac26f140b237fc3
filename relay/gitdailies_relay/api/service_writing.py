"""Write the line of a service into the text of gitdailies.yml. Pure, and every other byte stays as it is.

A library that writes the whole file again would change its indentation and the braces of other lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gitdailies_connection.config import yaml_document
from gitdailies_connection.config.template import scalar
from gitdailies_connection.config.yaml_document import Document
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import FALLBACK

from gitdailies_relay.operations.unmapped import quoted

_SERVICES = "services"
_FILE = "gitdailies.yml"
_BY_HAND = "write the line by hand"
_INDENT = "  "


@dataclass(frozen=True)
class NewLine:
    """Where a service counts, or with `ignore` that it never does. `environment` is "" for none."""

    service: str
    repo: str = ""
    environment: str = ""
    ignore: bool = False

    def value(self) -> Mapping[str, str | bool]:
        """Return what is behind the service's name."""
        if self.ignore:
            return {"ignore": True}
        return {"repo": self.repo, **({"environment": self.environment} if self.environment else {})}

    def text(self) -> str:
        """Return the line, without its indentation."""
        if self.ignore:
            return f"{quoted(self.service)}: {{ignore: true}}"
        environment = f", environment: {_value(self.environment)}" if self.environment else ""
        return f"{quoted(self.service)}: {{repo: {_value(self.repo)}{environment}}}"


def with_line(text: str, line: NewLine) -> str:
    """Return *text* with a line more, the first one under `services`.

    Raises UsageError if the service has a line, and if `services` is not written as lines.
    ConfigurationError is raised for a text that is not valid YAML.
    """
    document = yaml_document.parse(text, _FILE)
    services = document.value_at((_SERVICES,))
    if line.service == FALLBACK:
        raise UsageError(f"service: {FALLBACK} is the line of every other service; {_BY_HAND}")
    if services is not None and not isinstance(services, dict):
        raise UsageError(f"services: expected a mapping, got {got(services)}; {_BY_HAND}")
    for name in services or {}:
        if name.casefold() == line.service.casefold():
            where = document.line((_SERVICES, name))
            raise UsageError(f"service: {got(line.service)} has a line already, line {where} of {_FILE}")
    written = _inserted(text, document, line)
    _check(document, yaml_document.parse(written, _FILE), line)
    return written


def _inserted(text: str, document: Document, line: NewLine) -> str:
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if (_SERVICES,) not in document.places:
        before = "" if not lines or lines[-1].endswith("\n") else end
        return f"{text}{before}{end}{_SERVICES}:{end}{_INDENT}{line.text()}{end}"
    at = document.line((_SERVICES,))
    head = lines[at - 1].rstrip("\r\n")
    if not re.fullmatch(r"""['"]?services['"]?\s*:\s*(#.*)?""", head):
        raise UsageError(f"services: it is written in braces or with an anchor; {_BY_HAND}")
    starts = [place for path, place in document.places.items() if len(path) == 2 and path[0] == _SERVICES]
    indent = " " * (min(starts)[1] - 1) if starts else _INDENT
    ended = lines[at - 1] if lines[at - 1].endswith("\n") else lines[at - 1] + end
    return "".join([*lines[: at - 1], ended, f"{indent}{line.text()}{end}", *lines[at:]])


def _value(text: str) -> str:
    return text if scalar(text) == text else quoted(text)


def _check(before: Document, after: Document, line: NewLine) -> None:
    """Raise UsageError unless the line is all that is new."""
    wanted = dict(before.value or {})
    wanted[_SERVICES] = {**(wanted.get(_SERVICES) or {}), line.service: line.value()}
    if after.value != wanted:
        raise UsageError(f"services: it is written in a way that a line cannot be added to; {_BY_HAND}")
