"""Write the line of a service into the text of gitdailies.yml. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.yaml_lines import BY_HAND, FILE, with_entry
from gitdailies_connection.config.sections.services import SERVICES
from gitdailies_connection.config.template import plain_or_quoted, quoted
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import FALLBACK


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
        environment = f", environment: {plain_or_quoted(self.environment)}" if self.environment else ""
        return f"{quoted(self.service)}: {{repo: {plain_or_quoted(self.repo)}{environment}}}"


def with_line(text: str, line: NewLine) -> str:
    """Return *text* with a line more, the first one under `services`.

    Raises UsageError if the service has a line, and if `services` is not written as lines.
    ConfigurationError is raised for a text that is not valid YAML.
    """
    document = yaml_document.parse(text, FILE)
    services = document.value_at((SERVICES,))
    if line.service == FALLBACK:
        raise UsageError(f"service: {FALLBACK} is the line of every other service; {BY_HAND}")
    if services is not None and not isinstance(services, dict):
        raise UsageError(f"services: expected a mapping, got {got(services)}; {BY_HAND}")
    for name in services or {}:
        if name.casefold() == line.service.casefold():
            where = document.line((SERVICES, name))
            raise UsageError(f"service: {got(line.service)} has a line already, line {where} of {FILE}")
    return with_entry(text, SERVICES, line.service, [line.text()], line.value())
