"""The secrets of one source. Files of them are read again when they change, so no rotation needs SIGHUP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

# Anyone can send a delivery or a wrong proof. It must not decide how often files are looked at or read.
READ_SECONDS = 1.0


class SourceSecrets:
    """`current` are the secrets to prove a delivery with, in the order of the configuration.

    Raises ConfigurationError if one is missing or malformed. Later such a fault changes nothing: the
    secret that was read before stays, because a file may be written just now.
    """

    def __init__(self, sources: Sequence[SecretSource], environ: Mapping[str, str]) -> None:
        self._sources = sources
        self._environ = environ
        # Before the files are read: one that is written meanwhile differs from this.
        self._versions = [source.version() for source in sources]
        self.current: list[Secret] = [source.read(environ) for source in sources]
        self._read_at = time.monotonic()
        # The moment of the monotonic clock from which on `read_changed` looks at the files.
        self.look_at = self._read_at + READ_SECONDS
        # Why a file could not be read the last time, or "".
        self.fault = ""

    def __repr__(self) -> str:
        return f"SourceSecrets({', '.join(secret.origin for secret in self.current)})"

    def read_changed(self) -> bool:
        """Read the files if one seems changed; return whether a secret is new.

        It looks at most once a second. So a secret that was replaced is accepted for a second more.
        """
        now = time.monotonic()
        if now < self.look_at:
            return False
        self.look_at = now + READ_SECONDS
        versions = [source.version() for source in self._sources]
        return versions != self._versions and self._read_all(versions)

    def read_again(self) -> bool:
        """Read the files if one seems changed or a second has passed; return whether a secret is new."""
        versions = [source.version() for source in self._sources]
        if versions == self._versions and time.monotonic() < self._read_at + READ_SECONDS:
            return False
        return self._read_all(versions)

    def _read_all(self, versions: list[tuple[int, ...] | None]) -> bool:
        self._versions, self._read_at, self.fault = versions, time.monotonic(), ""
        before = self.current
        self.current = [
            self._read(source, secret) for source, secret in zip(self._sources, before, strict=True)
        ]
        return self.current != before

    def _read(self, source: SecretSource, before: Secret) -> Secret:
        if source.file is None:
            return before
        try:
            return source.read(self._environ)
        except ConfigurationError as error:
            self.fault = str(error)
            return before
