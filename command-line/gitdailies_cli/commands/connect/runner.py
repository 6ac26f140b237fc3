"""Make a webhook, its secret and its source, all or nothing; take them back.

Whatever fails, what was made is deleted again. If that fails, too, the error names it, and how to delete it.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitdailies_connection.config.config_file import ConfigFile
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.schema_errors import is_secret
from gitdailies_connection.config.document.yaml_lines import with_entry, without_entry
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import DeliveryError, GitDailiesError, PayloadError, UsageError
from gitdailies_core.sources.connecting import Call, Made, Step, Target, Template, Vendor
from gitdailies_core.sources.fields import Fields
from gitdailies_core.values.secret import Secret

from gitdailies_cli.commands import private_files
from gitdailies_cli.commands.connect.plan import Entry, Here

if TYPE_CHECKING:
    from gitdailies_history.fetch.http_api import HttpApi

SOURCES = "sources"


@dataclass(frozen=True)
class VendorApi:
    """The vendor's API: looks something up, and sends calls."""

    api: "HttpApi"

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        from gitdailies_core.sources.history import NotThere

        try:
            return self.api.get(path, query)
        except NotThere:
            return None

    def send(self, call: Call) -> Any:
        """Send a call and return the decoded answer; raises DeliveryError, with what the call does."""
        body = None if call.body is None else json.dumps(_filled(call.body, show=False)).encode()
        try:
            return self.api.ask(call.path, (), call.method, body, call.accepted).content
        except DeliveryError as error:
            raise type(error)(f"{call.does}: {error}") from None


@dataclass(frozen=True)
class Place:
    """gitdailies.yml, and its folder, which has the secrets too."""

    path: Path
    entry: Entry

    @property
    def secret_file(self) -> Path:
        return self.path.resolve().parent / self.entry.secret_file

    def here(self) -> Here:
        """Return what exists now."""
        text = yaml_document.read_text(self.path, remedy="; `gitdailies init` writes a first one")
        document = yaml_document.parse(text, str(self.path), hidden=is_secret)
        return Here(document.value_at((SOURCES, self.entry.name)), self.secret_file.exists())

    def write(self, secret: Secret) -> None:
        """Write the secret, and the source if there is none; raises UsageError, and then nothing is new."""
        is_there = self.here().source is not None
        self._write_secret(secret)
        if is_there:
            return
        try:
            ConfigFile(self.path).change(self._with_source)
        except BaseException:
            self.secret_file.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Remove the source, and then its secret; raises UsageError, and then both stay."""
        if self.here().source is not None:
            ConfigFile(self.path).change(self._without_source)
        self.secret_file.unlink(missing_ok=True)

    def _with_source(self, text: str) -> str:
        return with_entry(text, SOURCES, self.entry.name, self.entry.lines, dict(self.entry.value))

    def _without_source(self, text: str) -> str:
        return without_entry(text, SOURCES, self.entry.name, self.entry.lines)

    def check_writable(self) -> None:
        """Raise UsageError if the source cannot be added, before anything is made at the vendor."""
        if self.here().source is None:
            self._with_source(yaml_document.read_text(self.path))
        if not os.access(self.secret_file.parent, os.W_OK):
            raise UsageError(f"{self.path}: expected a folder that this user may write to, got another")

    def stored_secret(self) -> Secret | None:
        """Return the secret of the source, None if there is no source; raises ConfigurationError."""
        if self.here().source is None or not self.secret_file.exists():
            return None
        return SecretSource.make(file=self.secret_file).read({})

    def is_removable(self) -> bool:
        """Whether gitdailies.yml has the source exactly as this command writes it."""
        if not self.entry.has_own_secret_file:
            return False
        try:
            self._without_source(yaml_document.read_text(self.path))
        except UsageError:
            return False
        return True

    def _write_secret(self, secret: Secret) -> None:
        """Write it as a whole or not at all, for this user alone."""
        try:
            private_files.write(self.secret_file, f"{secret.reveal()}\n")
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise UsageError(f"{self.secret_file}: cannot write it: {reason}") from None


def shown(call: Call, url: str) -> str:
    """Return a request for people, with `***` for each secret, and no header."""
    head = f"{call.method} {url}{call.path}"
    if call.body is None:
        return head
    return f"{head}\n{json.dumps(_filled(call.body, show=True), indent=2, ensure_ascii=False)}"


def _filled(value: Any, *, show: bool) -> Any:
    # Both are tuples or objects that JSON could not tell from others.
    if isinstance(value, Secret):
        return "***" if show else value.reveal()
    if isinstance(value, Template):
        return (files(value.package) / value.path).read_text(encoding="utf-8")
    if isinstance(value, dict):
        return {name: _filled(one, show=show) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, show=show) for one in value]
    return value


def make(
    vendor: Vendor, api: VendorApi, target: Target, steps: Sequence[Step], place: Place, secret: Secret | None
) -> list[Made]:
    """Do the *steps* and write what belongs here; return what was made. On any failure, nothing stays."""
    done: list[Made] = []
    try:
        for step in steps:
            answer = Fields(api.send(step.call), "answer")
            done.append(step.made(answer))
            if step.secret is not None:
                secret = step.secret(answer)
        if secret is None or not secret.reveal().isascii() or not secret.reveal().isprintable():
            raise PayloadError("answer: expected a secret of printable ASCII, got none")
        place.write(secret)
    except BaseException as error:
        left = _undone(vendor, api, target, done)
        if left and isinstance(error, GitDailiesError):
            raise type(error)(f"{error}; {left}") from None
        if left:
            raise UsageError(left) from error
        raise
    return done


def _undone(vendor: Vendor, api: VendorApi, target: Target, done: Sequence[Made]) -> str:
    """Delete what was made, also by a request without an answer. Return what could not be deleted, or ""."""
    unsure = ""
    found: list[Made] = []
    try:
        found = list(vendor.find(api, target))
    except GitDailiesError as error:
        unsure = f"it may exist nevertheless; run the same command with --undo ({error})"
    known = {(one.what, one.id) for one in found}
    left = take_back(api, [*(one for one in done if (one.what, one.id) not in known), *found])
    return "; ".join(one for one in (left, unsure) if one)


def take_back(api: VendorApi, made: Sequence[Made]) -> str:
    """Delete what was made, the last first; return what could not be deleted, and how to delete it, or ""."""
    left = []
    for one in reversed(made):
        try:
            api.send(one.delete)
        except GitDailiesError as error:
            how = f"{one.delete.method} {api.api.url}{one.delete.path}"
            left.append(
                f"{one.what} {one.id} could not be deleted again: delete it yourself, {how} ({error})"
            )
    return "; ".join(left)
