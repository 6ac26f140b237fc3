"""The secrets of one source. Files of them are read again when they change, so no rotation needs SIGHUP."""

import time
from collections.abc import Callable, Mapping, Sequence

from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

# A secret that was replaced in its file is refused after a second.
READ_SECONDS = 1.0
# Anyone can send a wrong proof. It must not decide how often files are read.
AFTER_WRONG_PROOF_SECONDS = 0.01


class SourceSecrets:
    """`current` are the secrets to prove a delivery with, in the order of the configuration.

    Raises ConfigurationError if one is missing or malformed, or if *refuse_unfit* raises it. Later such a
    fault changes nothing: the secret that was read before stays, because a file may be written just now.
    """

    def __init__(
        self,
        sources: Sequence[SecretSource],
        environ: Mapping[str, str],
        refuse_unfit: Callable[[Secret], None] = lambda _: None,
    ) -> None:
        self._sources = sources
        self._refuse_unfit = refuse_unfit
        self._environ = environ
        self.current: list[Secret] = [self._fit(source) for source in sources]
        self._read_at = time.monotonic()
        # Why a file could not be read the last time, or "".
        self.fault = ""

    def __repr__(self) -> str:
        return f"SourceSecrets({', '.join(secret.origin for secret in self.current)})"

    def read_again(self, seconds: float) -> bool:
        """Read the files if the last reading is *seconds* ago; return whether a secret is new."""
        now = time.monotonic()
        if now < self._read_at + seconds:
            return False
        self._read_at, self.fault, before = now, "", self.current
        self.current = [
            self._read(source, secret) for source, secret in zip(self._sources, before, strict=True)
        ]
        return self.current != before

    def _read(self, source: SecretSource, before: Secret) -> Secret:
        if source.file is None:
            return before
        try:
            return self._fit(source)
        except ConfigurationError as error:
            self.fault = str(error)
            return before

    def _fit(self, source: SecretSource) -> Secret:
        secret = source.read(self._environ)
        self._refuse_unfit(secret)
        return secret
