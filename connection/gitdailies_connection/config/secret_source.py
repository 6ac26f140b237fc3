"""Where a secret is read from: an environment variable or a file, never the configuration itself."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

# A key is a hundred characters; this only keeps an endless file from being read.
_LARGEST = 16 * 1024


@dataclass(frozen=True)
class SecretSource:
    """The name of a variable, or a file; build it with `make`. It holds no secret, so it may be shown."""

    env: str | None
    file: Path | None

    @classmethod
    def make(cls, *, env: str | None = None, file: Path | None = None) -> SecretSource:
        if (env is None) == (file is None):
            raise ValueError("secret: expected one of env and file, got both or none")
        return cls(env, file)

    def describe(self) -> str:
        """Name it as messages do: `env GITDAILIES_WEBHOOK_KEY` or `file /run/secrets/key`."""
        return f"env {self.env}" if self.env is not None else f"file {self.file}"

    def read(self, environ: Mapping[str, str]) -> Secret:
        """Read the secret anew; line ends after it do not count.

        Raises ConfigurationError of one line where it is not set, empty, or not printable ASCII.
        """
        if self.env is not None:
            if self.env not in environ:
                raise ConfigurationError(
                    f"{self.describe()}: expected a secret, got a variable that is not set"
                )
            text = environ[self.env]
        else:
            text = self._text_of_file()
        text = text.rstrip("\r\n")
        if not text:
            raise ConfigurationError(f"{self.describe()}: expected a secret, got nothing")
        # It is sent in a header, which holds no other characters; most often a copied quote or line end.
        if not all(" " <= character <= "~" for character in text) or text != text.strip():
            raise ConfigurationError(
                f"{self.describe()}: expected one line of printable ASCII without spaces around it, "
                "got other characters"
            )
        return Secret(text, self.describe())

    def warning(self) -> str:
        """Say that other users of this machine can read the file, or ""."""
        if self.file is None:
            return ""
        try:
            mode = stat.S_IMODE(self.file.stat().st_mode)
        except (OSError, ValueError):
            return ""
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{self.describe()}: expected mode 600, got {mode:o}: others on this machine may read it"
        return ""

    def _text_of_file(self) -> str:
        assert self.file is not None
        try:
            with self.file.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no name of a file"
            raise ConfigurationError(f"{self.describe()}: expected a secret, got: {reason}") from None
        if len(raw) > _LARGEST:
            raise ConfigurationError(f"{self.describe()}: expected at most {_LARGEST} bytes, got more")
        # Bytes that are no ASCII are refused by `read`, whatever character they become.
        return raw.decode("latin-1")
