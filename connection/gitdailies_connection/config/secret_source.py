"""The source of a secret: an environment variable or a file, never the configuration itself."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitdailies_core.errors import ConfigurationError, VariableNotSet
from gitdailies_core.values.secret import Secret

# A key has about a hundred characters; the limit protects against an endless file.
_LARGEST = 16 * 1024


@dataclass(frozen=True)
class SecretSource:
    """The name of a variable, or a file; build it with `make`. It holds no secret, so it may be shown."""

    env: str | None
    file: Path | None

    @classmethod
    def make(cls, *, env: str | None = None, file: Path | None = None) -> "SecretSource":
        if (env is None) == (file is None):
            raise ValueError("secret: expected one of env and file, got both or none")
        return cls(env, file)

    @classmethod
    def of(cls, value: Mapping[str, str], folder: Path) -> "SecretSource":
        """Build it from `{env: NAME}` or `{file: PATH}`; a path is relative to *folder*."""
        return cls.make(env=value.get("env"), file=folder / value["file"] if "file" in value else None)

    def describe(self) -> str:
        """Return its name for messages: `env GITDAILIES_WEBHOOK_KEY` or `file /run/secrets/key`."""
        return f"env {self.env}" if self.env is not None else f"file {self.file}"

    def read(self, environ: Mapping[str, str]) -> Secret:
        """Read the current secret, without line ends after it.

        Raises ConfigurationError if it is missing, empty, or not printable ASCII.
        """
        if self.env is not None:
            if self.env not in environ:
                raise VariableNotSet(f"{self.describe()}: this variable is not set")
            text = environ[self.env]
        else:
            text = self._text_of_file()
        text = text.rstrip("\r\n")
        if not text:
            raise ConfigurationError(f"{self.describe()}: the secret is empty")
        # A header cannot hold other characters. Most often they are a copied quote or line end.
        if not all(" " <= character <= "~" for character in text) or text != text.strip():
            raise ConfigurationError(
                f"{self.describe()}: expected one line of printable ASCII without spaces around it, "
                "got other characters"
            )
        return Secret(text, self.describe())

    def warning(self) -> str:
        """Return a warning if other users of this machine can read the file, or ""."""
        if self.file is None:
            return ""
        try:
            mode = stat.S_IMODE(self.file.stat().st_mode)
        except (OSError, ValueError):
            return ""
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{self.describe()}: expected mode 600, got {mode:o}: other users can read it"
        return ""

    def _text_of_file(self) -> str:
        assert self.file is not None
        try:
            with self.file.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not the name of a file"
            raise ConfigurationError(f"{self.describe()}: cannot read it: {reason}") from None
        if len(raw) > _LARGEST:
            raise ConfigurationError(f"{self.describe()}: expected at most {_LARGEST} bytes, got more")
        # `read` refuses all characters outside ASCII, so the encoding does not matter.
        return raw.decode("latin-1")


# For a value that names no source.
NO_SOURCE = SecretSource(None, None)
