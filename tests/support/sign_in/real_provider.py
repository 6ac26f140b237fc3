"""oidc-provider, an OpenID Connect provider of Node.js, and a browser without a screen that signs in."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.sign_in import OpenIdSettings

from tests.support.programs import program
from tests.support.shell_scripts import TOOLS

PACKAGE = TOOLS / "node_modules" / "oidc-provider"
SECRET = "a secret: of + the provider"


def settings(port: int, folder: Path, **more: Any) -> OpenIdSettings:
    """Return the settings for the provider on a port, with its secret in a file."""
    file = folder / "openid-secret"
    file.write_text(SECRET)
    return OpenIdSettings(
        issuer=f"http://localhost:{port}",
        client_id="gitdailies",
        client_secret=SecretSource.make(file=file),
        **more,
    )


@contextmanager
def provider(port: int, redirect: str, accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Run the provider on a port; without it the test is skipped."""
    node = program("node")
    if not PACKAGE.exists():
        pytest.skip("oidc-provider: expected it in .tools, got none; `make setup` installs it")
    process = subprocess.Popen(
        [node, str(Path(__file__).with_name("provider.mjs")), str(port), redirect, json.dumps(accounts)],
        env={**os.environ, "OIDC_PROVIDER": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def to_the_answer(session: requests.Session, address: str, account: str, back: str) -> str:
    """Sign in at the provider, from the address that our server gives, and return the one back to it."""
    answer = session.get(address, timeout=20, allow_redirects=False)
    for _ in range(12):
        if answer.is_redirect:
            target = urljoin(answer.url, answer.headers["location"])
            if target.startswith(back):
                return target
            answer = session.get(target, timeout=20, allow_redirects=False)
        else:
            action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert action is not None, answer.text
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            form = {"prompt": prompt[1] if prompt else "", "login": account, "password": "any"}
            answer = session.post(
                urljoin(answer.url, unescape(action[1])), data=form, timeout=20, allow_redirects=False
            )
    raise AssertionError(f"the provider did not come back: {answer.url}")
