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
        # Why a file could not be read the last time, or "".
        self.fault = ""

    def __repr__(self) -> str:
        return f"SourceSecrets({', '.join(secret.origin for secret in self.current)})"

    @property
    def is_old(self) -> bool:
        """Whether they were read more than a second ago, so that one may have been replaced since."""
        return time.monotonic() >= self._read_at + READ_SECONDS

    def read_again(self) -> bool:
        """Read the files if one seems changed or a second has passed; return whether a secret is new."""
        versions = [source.version() for source in self._sources]
        if versions == self._versions and not self.is_old:
            return False
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
