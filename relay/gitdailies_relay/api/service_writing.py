"""Write, change and remove the line of a service in the text of gitdailies.yml. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.yaml_lines import BY_HAND, FILE, changed_entry, with_entry
from gitdailies_connection.config.sections.services import SERVICES
from gitdailies_connection.config.template import plain_or_quoted, quoted
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import FALLBACK

ADD, EDIT, REMOVE = "add", "edit", "remove"
CHANGES = (ADD, EDIT, REMOVE)


@dataclass(frozen=True)
class NewLine:
    """Where a service counts, or with `ignore` that it never does. `environment` is "" for none.

    `name` is that of a service which is given by its id, else "". `change` is one of CHANGES.
    `counts_as` is the service of a monorepo: None for its own name, and "" for none.
    """

    service: str
    repo: str = ""
    environment: str = ""
    ignore: bool = False
    name: str = ""
    change: str = ADD
    counts_as: str | None = None

    def value(self) -> Mapping[str, str | bool]:
        """Return the value after the service's name."""
        if self.ignore:
            return {"ignore": True}
        environment = {"environment": self.environment} if self.environment else {}
        return {
            "repo": self.repo,
            **environment,
            **({} if self.counts_as is None else {"service": self.counts_as}),
        }

    def text(self) -> str:
        """Return the line, without its indentation."""
        comment = f"  # {' '.join(self.name.split())}" if self.name else ""
        return f"{quoted(self.service)}: {_braces(self.value())}{comment}"


def with_line(text: str, line: NewLine) -> str:
    """Return *text* with a line more, the first one under `services`, or with a changed one, or without it.

    Raises UsageError if the service has a line, or has none to change, and if `services` or the line are
    written in another way. ConfigurationError is raised for a text that is not valid YAML.
    """
    document = yaml_document.parse(text, FILE)
    services = document.value_at((SERVICES,))
    if line.service == FALLBACK:
        raise UsageError(f"service: {FALLBACK} is the line of every other service; {BY_HAND}")
    if services is not None and not isinstance(services, dict):
        raise UsageError(f"services: expected a mapping, got {got(services)}; {BY_HAND}")
    for name in services or {}:
        if name.casefold() == line.service.casefold():
            if line.change == ADD:
                where = document.line((SERVICES, name))
                raise UsageError(f"service: {got(line.service)} has a line already, line {where} of {FILE}")
            value = None if line.change == REMOVE else line.value()
            return changed_entry(text, SERVICES, name, _braces(value or {}), value)
    if line.change != ADD:
        raise UsageError(f"service: {got(line.service)} has no line in {FILE} itself; {BY_HAND}")
    return with_entry(text, SERVICES, line.service, [line.text()], line.value())


def _braces(value: Mapping[str, str | bool]) -> str:
    written = (f"{key}: {'true' if one is True else plain_or_quoted(str(one))}" for key, one in value.items())
    return f"{{{', '.join(written)}}}"
