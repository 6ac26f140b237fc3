"""The tokens and parameters of a vendor's API: from the variables that it names, or from options."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import PayloadError, UsageError
from gitdailies_core.sources.connecting import Vendor
from gitdailies_core.sources.history import Reader, SecondKey, TokenApi
from gitdailies_core.values.secret import Secret

from gitdailies_cli.common_options import added

if TYPE_CHECKING:
    from gitdailies_history.fetch.http_api import HttpApi

_OPTIONS = added(
    click.option("--token-env", multiple=True, help="variable with the token; repeatable"),
    click.option(
        "--token-file",
        multiple=True,
        type=click.Path(path_type=Path),
        help="file with the token; repeatable",
    ),
)


def token_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--token-env` and `--token-file`. *function* receives where the tokens are as `tokens`."""

    @functools.wraps(function)
    def collected(token_env: Sequence[str], token_file: Sequence[Path], **given: Any) -> Any:
        if token_env and token_file:
            raise UsageError("--token-env: expected it or --token-file, got both")
        named = (SecretSource.make(env=name) for name in token_env)
        return function(tokens=[*named, *(SecretSource.make(file=path) for path in token_file)], **given)

    with_options: Callable[..., Any] = _OPTIONS(collected)
    return with_options


def tokens_of(api: TokenApi, given: Sequence[SecretSource]) -> list[Secret]:
    """Read the secrets of *api*: the *given* ones, and the rest from the API's own variables."""
    names = [api.token_env, *([api.second_env] if isinstance(api, SecondKey) else [])]
    if len(given) > len(names):
        raise UsageError(
            f"--token-env or --token-file: expected {len(names)} for {api.name}, got {len(given)}"
        )
    own = [SecretSource.make(env=name) for name in names[len(given) :]]
    return [secret.read(os.environ) for secret in (*given, *own)]


@contextmanager
def opened(api: TokenApi, url: str, tokens: Sequence[Secret], **more: Any) -> "Iterator[HttpApi]":
    """Open the API at *url*, with *more* as HttpApi has it. A PayloadError gets the address."""
    from gitdailies_history.fetch import http_api

    with closing(http_api.HttpApi(api, url, tokens, **more)) as http:
        try:
            yield http
        except PayloadError as error:
            raise PayloadError(f"{http.url}: {error}") from None


def parameters_of(api: Reader | Vendor, given: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE of each. Raises UsageError for an unknown or a missing parameter."""
    names = {name.removesuffix("?"): name.endswith("?") for name in api.parameters}
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        if name not in names or not value:
            expected = f"NAME=VALUE with one of {', '.join(names)}" if names else "none"
            raise UsageError(f"--with: expected {expected} for {api.name}, got {name!a}")
        found[name] = value
    for name, optional in names.items():
        if name not in found and not optional:
            about = api.parameters[name]
            raise UsageError(f"--with: expected {name}=VALUE for {api.name} ({about}), got none")
    return found
