"""Decide what to do, from what exists at the vendor and in the folder of gitdailies.yml. Pure.

| at the vendor | in gitdailies.yml, with its secret | connect      | undo                |
| ------------- | ---------------------------------- | ------------ | ------------------- |
| nothing       | nothing                            | make it      | nothing to undo     |
| the webhook   | the source                         | only test it | remove both         |
| the webhook   | nothing                            | refuse: undo | remove the webhook  |
| nothing       | the source                         | make it (1)  | remove the source   |
| either        | another source of that name        | refuse: name | refuse              |

(1) A vendor that takes a secret gets that of the source. One that gives a secret would replace it, which a
person must allow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_connection.config.template import plain_or_quoted
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.connecting import Made, Vendor

from gitdailies_cli.commands.start.first_sources import secret_file


class Entry(NamedTuple):
    """A source for gitdailies.yml: its name, its settings, and the name of the file of its secret."""

    name: str
    value: Mapping[str, Any]
    secret_file: str

    @classmethod
    def of(cls, name: str, adapter: str, settings: Mapping[str, str]) -> "Entry":
        file = secret_file(name)
        return cls(name, {"adapter": adapter, "secrets": [{"file": file}], **settings}, file)

    @property
    def has_own_secret_file(self) -> bool:
        """Whether the file of the secret has the name that this command gives it."""
        return self.secret_file == secret_file(self.name)

    def adopting(self, source: Any) -> "Entry":
        """Return the entry with the secret's file of *source*, if nothing else differs."""
        secrets = source.get("secrets") if isinstance(source, dict) else None
        match secrets:
            case [{"file": str(file), **rest}] if not rest and source == {**self.value, "secrets": secrets}:
                return Entry(self.name, source, file)
        return self

    @property
    def lines(self) -> list[str]:
        """The lines, without the indentation of `sources`."""
        settings = (
            f"  {name}: {plain_or_quoted(text)}" for name, text in self.value.items() if isinstance(text, str)
        )
        adapter, *others = settings
        secrets = f"  secrets: [{{file: {plain_or_quoted(self.secret_file)}}}]"
        return [f"{self.name}:", adapter, secrets, *others]


class Here(NamedTuple):
    """What is on this machine: the source in gitdailies.yml or None, and whether the secret's file exists."""

    source: Any
    has_secret: bool


def decide(
    found: Sequence[Made], here: Here, entry: Entry, vendor: Vendor, url: str, *, replace_secret: bool = False
) -> bool:
    """Return whether to make it, or only to test it; raises UsageError with the remedy."""
    if here.source is not None and here.source != entry.value:
        raise UsageError(
            f"sources.{entry.name}: gitdailies.yml has another source of this name; "
            f"name the new one with --source, as in --source {entry.name}-2"
        )
    is_here = here.source is not None and here.has_secret
    if found and is_here:
        return False
    if found:
        made = ", ".join(f"{one.what} {one.id}" for one in found)
        raise UsageError(
            f"{vendor.name}: it has a webhook to {url} already ({made}), and its secret is not here;"
            " run the same command with --undo, which removes it, then connect again"
        )
    if here.has_secret and here.source is None:
        raise UsageError(
            f"{entry.secret_file}: this file exists already; remove it, or name another source with --source"
        )
    if is_here and vendor.gives_secret and not replace_secret:
        raise UsageError(
            f"{entry.secret_file}: {vendor.name} gives a secret, which would replace the one of"
            f" sources.{entry.name}; if nothing sends with that one, add --replace-secret,"
            " else name another source with --source"
        )
    return True


def check_undo(here: Here, entry: Entry) -> None:
    """Raise UsageError if the source is one that a person wrote."""
    if here.source is not None and here.source != entry.value:
        raise UsageError(
            f"sources.{entry.name}: it was changed later, or written by hand; nothing was removed; "
            "remove it and its webhook at the vendor by hand"
        )
