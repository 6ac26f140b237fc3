"""The lines of the Travis examples, lifted from their YAML and run in a shell with Travis' variables."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.servers import answer, free_port, serving
from tests.support.steps import (
    KEY,
    ROOT,
    SHELLS,
    VERSION,
    Ended,
    case,
    fits_schema,
    published,
    shell,
    tool,
)

ROOM = ROOT / "ci-steps" / "travis"
SCRIPT = published("travis") / "report_deploy.sh"
EXAMPLES = sorted(ROOM.glob("example*.travis.yml"))
ONE, SEVERAL = (
    yaml.safe_load((ROOM / name).read_text("utf-8"))
    for name in ("example.travis.yml", "example.several-providers.travis.yml")
)
[LINE] = ONE["after_deploy"]
TAKEN = answer("202 Accepted", b'{"status": "created"}')

each_shell = pytest.mark.parametrize("name", SHELLS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout as the README makes it, with a deploy that does nothing."""
    (tmp_path / ".travis").mkdir()
    (tmp_path / ".travis" / "report_deploy.sh").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "deploy.sh").write_text("#!/bin/sh\nexit ${DEPLOY:-0}\n")
    (tmp_path / "deploy.sh").chmod(0o755)
    return tmp_path


def build(name: str, **more: str) -> dict[str, str]:
    return {**case("travis", name)["environ"], "GITDAILIES_WEBHOOK_KEY": KEY, **more}


def run(name: str, line: str, folder: Path, environ: dict[str, str], path: str | None = None) -> Ended:
    return shell(name, f"{line}\n", folder=folder, environ=environ, path=path)


@each_shell
@pytest.mark.parametrize("situation", ["branch", "tag"])
def test_after_deploy(name: str, situation: str, folder: Path) -> None:
    """After a deploy of a branch and of a tag, the event is that of core's tables, in production."""
    [event] = case("travis", situation)["expected"]["events"]
    with serving(TAKEN) as server:
        ended = run(name, LINE, folder, build(situation, GITDAILIES_WEBHOOK_URL=server.url))

    [request] = server.requests
    sent = json.loads(request.body)
    # The environment is a part of the id.
    assert sent.pop("id") != event.pop("id")
    assert sent == {**event, "environment": "production"}
    assert request.headers["user-agent"] == f"gitdailies-travis/{VERSION}"
    assert (ended.code, "reported: deploy of larkspur/checkout-api" in ended.log) == (0, True)


@each_shell
def test_pull_requests_are_left_out(name: str, folder: Path) -> None:
    """The build of a pull request reports nothing, and ends well."""
    with serving(TAKEN) as server:
        environ = build("pull_request", GITDAILIES_WEBHOOK_URL=server.url, TRAVIS_PULL_REQUEST="7")
        ended = run(name, LINE, folder, environ)

    assert (ended, server.requests) == (Ended(0, ""), [])


@pytest.mark.parametrize(("deployed", "strict", "code"), [("0", "", 0), ("0", "true", 1), ("5", "", 5)])
def test_the_provider_that_counts(deployed: str, strict: str, code: int, folder: Path) -> None:
    """In a provider's own script a failed deploy is not reported. A failed report fails a strict script."""
    [line] = [one["script"] for one in SEVERAL["deploy"] if "report_deploy" in one["script"]]
    environ = build(
        "branch",
        GITDAILIES_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/webhooks",
        GITDAILIES_RETRIES="0",
        GITDAILIES_FAIL_ON_ERROR=strict,
        DEPLOY=deployed,
    )
    ended = run("bash", line, folder, environ)

    assert ended.code == code
    assert ("not reported" in ended.log) == (deployed == "0")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_schema(file: Path) -> None:
    """Each example is valid by Travis' schema and is in the README unchanged."""
    fits_schema("vendor.travis", file)
    assert file.read_text("utf-8").strip() in (ROOM / "README.md").read_text("utf-8")


def test_shellcheck(tmp_path: Path) -> None:
    """shellcheck finds nothing in the lines and in the script."""
    lines = [LINE, *(one["script"] for one in SEVERAL["deploy"])]
    (tmp_path / "lines.sh").write_text("\n".join(["#!/bin/sh", *lines, ""]))
    tool("shellcheck", str(tmp_path / "lines.sh"), str(SCRIPT))
