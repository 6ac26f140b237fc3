"""`gitdailies connect`: all or nothing, once, tested at the relay, and no secret anywhere but in its file."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from gitdailies_cli.commands.connect.command import RelayWatch
from gitdailies_cli.main import gitdailies
from gitdailies_connection.config.load import load
from gitdailies_connection.config.template import first_file
from gitdailies_core.errors import DeliveryError, GitDailiesError, Refused, UsageError
from gitdailies_core.sources.signatures import hmac_sha256
from gitdailies_core.values.secret import Secret
from gitdailies_history.fetch import http_api
from gitdailies_history.fetch.http_api import HttpApi

from tests.support.connect.vendors import (
    CUT_AFTER,
    CUT_BEFORE,
    GIVEN,
    TOKEN,
    Datadog,
    GitHub,
    GitLab,
    PagerDuty,
    Squadcast,
    Vendor,
    listening,
)
from tests.support.relay.running import in_thread
from tests.support.servers import free_port

INCIDENT_TOOLS = ("pagerduty", "datadog", "squadcast")
RELAY = "https://relay.example.com"
HOOK = f"{RELAY}/hooks"
VENDORS: dict[str, tuple[type[Vendor], list[str]]] = {
    "pagerduty": (PagerDuty, []),
    "datadog": (Datadog, ["--with", "monitors=env:production, team:pay"]),
    "squadcast": (Squadcast, []),
    "github": (GitHub, ["--with", "repo=larkspur/checkout-api"]),
    "gitlab": (GitLab, ["--with", "project=larkspur/shop"]),
}
FILE = (Path(__file__).parent / "data/connect.yml").read_text("utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a gitdailies.yml, tokens of every vendor, and no time spent waiting for a vendor."""
    monkeypatch.chdir(tmp_path)
    names = ("PAGERDUTY_API_TOKEN", "DD_API_KEY", "DD_APP_KEY", "SQUADCAST_REFRESH_TOKEN", "GITHUB_TOKEN")
    for name in (*names, "GITLAB_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    for name in ("webhook-key", "other-secret"):
        (tmp_path / name).write_text("some-text-of-a-person\n")
        (tmp_path / name).chmod(0o600)
    ports = {"listen": free_port(), "status": free_port()}
    (tmp_path / "gitdailies.yml").write_text(FILE % ports)
    monkeypatch.setattr(http_api, "HttpApi", partial(HttpApi, sleep=lambda _seconds: None))
    return tmp_path


def vendor(name: str) -> AbstractContextManager[Vendor]:
    return listening(VENDORS[name][0]())


def run(name: str, api: Vendor, *more: str, wait: str = "0", url: str = RELAY) -> Result:
    """Run the command; whatever happens, no secret is in what it prints or raises."""
    arguments = ["--public-relay-url", url, "--api-url", api.url, "--wait", wait, "--retries", "2"]
    done = CliRunner().invoke(gitdailies, ["connect", name, *arguments, *VENDORS[name][1], *more])
    shown = done.stdout + done.stderr + repr(done.exception) + repr(getattr(done.exception, "__cause__", ""))
    for secret in (TOKEN, GIVEN, Squadcast.access, *secrets(Path())):
        assert secret not in shown
    for body in api.bodies:
        text = json.dumps(body)
        generated = [part for part in text.split('"') if len(part) == 64 and part.isalnum()]
        assert not any(part in shown for part in generated)
    return done


def secrets(folder: Path) -> list[str]:
    return [path.read_text().strip() for path in folder.glob("*-secret") if path.name != "other-secret"]


def failed(done: Result) -> GitDailiesError:
    assert isinstance(done.exception, GitDailiesError), repr(done.exception)
    return done.exception


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", VENDORS)
def test_one_command_makes_the_webhook_the_secret_and_the_source(folder: Path, name: str) -> None:
    """The source has the vendor's secret, in a file that only this user may read; comments stay."""
    with vendor(name) as api:
        done = run(name, api)

    assert (done.exit_code, done.stderr) == (0, "")
    source = load(folder / "gitdailies.yml").sources[name]
    (secret,) = source.secrets
    text = secret.read({}).reveal()
    assert (folder / f"{name}-secret").stat().st_mode & 0o777 == 0o600
    assert text in json.dumps(api.bodies) if name != "pagerduty" else text == GIVEN
    assert f"{HOOK}/{name}" in json.dumps(list(api.hooks.values()))
    written = (folder / "gitdailies.yml").read_text()
    assert "# a tool that sends nothing" in written
    assert text not in written
    kept = [line for line in written.splitlines() if not line.startswith((f"  {name}:", "    "))]
    had = [line for line in (FILE.splitlines()) if not line.startswith("    ") and "%(" not in line]
    assert [line for line in kept if line in had] == had


@pytest.mark.parametrize("name", VENDORS)
def test_undo_removes_all_that_was_made(folder: Path, name: str) -> None:
    """The vendor, the folder and gitdailies.yml are byte for byte as before; a second undo finds nothing."""
    before = state(folder)
    with vendor(name) as api:
        run(name, api)
        assert api.hooks
        undone = run(name, api, "--undo")
        again = run(name, api, "--undo")

    assert (undone.exit_code, api.hooks) == (0, {})
    assert state(folder) == before
    assert again.stdout == "nothing to undo\n"


@pytest.mark.parametrize("name", VENDORS)
def test_a_second_run_makes_no_second_webhook(folder: Path, name: str) -> None:
    """It says that it is connected, and changes nothing, at the vendor or here."""
    with vendor(name) as api:
        run(name, api)
        made, before = dict(api.hooks), state(folder)
        done = run(name, api)

    assert done.exit_code == 0
    assert done.stdout.startswith(f"{name} is connected already: ")
    assert (api.hooks, state(folder)) == (made, before)


@pytest.mark.parametrize("name", ["pagerduty", "github", "gitlab", "squadcast"])
def test_a_webhook_on_a_later_page_is_found(folder: Path, name: str) -> None:
    """Many webhooks of others come first; ours is found behind them, and theirs are never touched."""
    with vendor(name) as api:
        for number in range(130):
            key = str(100 + number)
            api.hooks[key] = other(name, number, key)
        run(name, api)
        assert len(api.hooks) == 131
        assert run(name, api).stdout.startswith(f"{name} is connected already")
        run(name, api, "--undo")

    assert len(api.hooks) == 130


def other(name: str, number: int, key: str) -> dict[str, Any]:
    url = f"https://chat.example.com/in/{number}"
    if name == "pagerduty":
        return {"id": key, "delivery_method": {"type": "http_delivery_method", "url": url}}
    if name == "squadcast":
        called = "GitDailies: squadcast" if number == 3 else f"chat {number}"
        return {"id": key, "name": called, "urls": [{"url": url}]}
    return {"id": int(key), "url": url, "config": {"url": url}}


CREATES = {
    "pagerduty": "/webhook_subscriptions",
    "datadog": f"{Datadog.base}/webhooks",
    "squadcast": Squadcast.root,
    "github": GitHub.root,
    "gitlab": GitLab.root,
}


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (422, Refused),
        (500, DeliveryError),
        (CUT_BEFORE, DeliveryError),
        # The vendor made it: it is found by its address, and deleted again.
        (CUT_AFTER, DeliveryError),
    ],
)
def test_a_refusal_leaves_nothing(
    folder: Path, name: str, trouble: int | str, error: type[Exception]
) -> None:
    """A wrong token, a missing right, a missing place, a fault and a cut connection leave no trace."""
    before = state(folder)
    with vendor(name) as api:
        # A vendor that gives access tokens is asked once more, with a new one.
        api.troubles = {("POST", CREATES[name]): [trouble] if trouble == CUT_AFTER else [trouble, trouble]}
        found = failed(run(name, api))

    assert isinstance(found, error)
    assert trouble != CUT_AFTER or any(asked.startswith("DELETE") for asked in api.asked)
    assert (api.hooks, state(folder)) == ({}, before)


@pytest.mark.parametrize("name", VENDORS)
def test_a_rate_limit_is_waited_for(folder: Path, name: str) -> None:
    """A 429 is waited for as long as it says, at each request, and one webhook is made."""
    with vendor(name) as api:
        api.troubles = {("GET", "/"): [429], ("POST", CREATES[name]): [429]}
        done = run(name, api)

    assert done.exit_code == 0
    assert done.stderr.count("waits ") == done.stderr.count("(attempt 1 of 3)") == 2
    assert sum(f"{HOOK}/{name}" in json.dumps(one) for one in api.hooks.values()) == 1


@pytest.mark.parametrize("name", VENDORS)
def test_an_address_without_a_server_ends_at_once(folder: Path, name: str) -> None:
    """Where nothing listens, the first attempt is the last one, and nothing is written."""
    before = state(folder)
    with vendor(name) as api:
        pass
    done = run(name, api)

    assert "connection refused" in str(failed(done))
    assert (done.stderr, state(folder)) == ("", before)


@pytest.mark.parametrize("name", VENDORS)
def test_what_cannot_be_deleted_again_is_named(folder: Path, name: str) -> None:
    """Where the vendor deletes nothing, the error names the webhook that is left, and how to delete it."""
    before = state(folder)
    with vendor(name) as api:
        api.troubles = {("DELETE", "/"): [403] * 9}
        (folder / "gitdailies.yml").write_text(before["gitdailies.yml"].decode())
        error = failed(run(name, api, "--config", spoiled(folder, api)))

    for one in api.hooks.values():
        assert str(one.get("id") or one["name"]) in str(error)
    assert f"DELETE {api.url}/" in str(error)
    assert not (folder / f"{name}-secret").exists()


def spoiled(folder: Path, api: Vendor) -> str:
    """Name a gitdailies.yml that somebody changes while the vendor is asked, so that it is not written."""
    file = folder / "gitdailies.yml"

    def changed(method: str, path: str, answered: Any) -> Any:
        if method == "POST" and not path.endswith("access-token"):
            file.write_text("gitdailies: {url: 3}\n")
        return answered

    after_answers(api, changed)
    return str(file)


def after_answers(api: Vendor, change: Callable[[str, str, Any], Any]) -> None:
    """Let *change* see each request's method and path, and return in place of the answer what it returns."""
    real = api.answer

    def answer(method: str, path: str, query: Any, body: Any) -> Any:
        return change(method, path, real(method, path, query, body))

    api.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("name", VENDORS)
def test_a_file_that_changes_meanwhile_takes_the_webhook_back(folder: Path, name: str) -> None:
    """Where gitdailies.yml cannot get the source, the webhook is deleted again, and no secret stays."""
    with vendor(name) as api:
        failed(run(name, api, "--config", spoiled(folder, api)))

    assert api.hooks == {}
    assert secrets(folder) == []
    assert (folder / "gitdailies.yml").read_text() == "gitdailies: {url: 3}\n"


def test_an_unsure_end_says_so(folder: Path) -> None:
    """The answer was cut and the vendor is away: it may have been made, and --undo removes it."""
    with vendor("github") as api:
        api.troubles = {("POST", GitHub.root): [CUT_AFTER], ("GET", GitHub.root): []}

        def away_after(method: str, _path: str, answered: Any) -> Any:
            if method == "POST":
                api.troubles["GET", GitHub.root] = [500] * 9
            return answered

        after_answers(api, away_after)
        error = failed(run("github", api))
        api.troubles = {}
        assert "it may exist nevertheless; run the same command with --undo" in str(error)
        assert len(api.hooks) == 1
        assert run("github", api, "--undo").stdout.startswith("removed: webhook ")

    assert api.hooks == {}


@pytest.mark.parametrize("name", VENDORS)
def test_print_shows_the_requests_without_a_secret_and_contacts_nobody(folder: Path, name: str) -> None:
    """The requests are those that are sent, `***` in place of the secret; no token is needed."""
    before = state(folder)
    with vendor(name) as api:
        shown = run(name, api, "--print").stdout
        assert api.asked == []
        run(name, api)

    for asked, body in zip(api.asked, api.bodies, strict=True):
        if asked.startswith("POST") and not asked.endswith("access-token"):
            assert f"POST {api.url}" in shown
            hidden = json.dumps(body, indent=2)
            for secret in secrets(folder):
                hidden = hidden.replace(secret, "***")
            assert hidden in shown
    assert before["gitdailies.yml"] != (folder / "gitdailies.yml").read_bytes()
    added = shown.partition("sources:\n")[2].rstrip("\n")
    assert added in (folder / "gitdailies.yml").read_text()


def test_a_source_of_a_person_is_left_alone(folder: Path) -> None:
    """A source of that name stays as it is, and the error says how to name another one."""
    file = folder / "gitdailies.yml"
    file.write_text(
        file.read_text() + "  github:\n    adapter: github\n    secrets: [{env: GITHUB_SECRET}]\n"
    )
    before = state(folder)
    with vendor("github") as api:
        for more in ([], ["--undo"]):
            error = failed(run("github", api, *more))
            assert isinstance(error, UsageError)
            assert str(error).startswith("sources.github: ")
        assert (api.hooks, state(folder)) == ({}, before)
        assert run("github", api, "--source", "github-2").exit_code == 0
        assert f"{HOOK}/github-2" in json.dumps(list(api.hooks.values()))

    assert set(load(file).sources) == {"other", "github", "github-2"}


def test_a_webhook_without_its_secret_is_refused_with_the_remedy(folder: Path) -> None:
    """PagerDuty tells a secret once. --undo removes a webhook without a secret here."""
    with vendor("pagerduty") as api:
        run("pagerduty", api)
        hooks = dict(api.hooks)
        run("pagerduty", api, "--undo")
        api.hooks.update(hooks)
        before = state(folder)
        assert "its secret is not here; run the same command with --undo" in str(
            failed(run("pagerduty", api))
        )
        assert (api.hooks, state(folder)) == (hooks, before)
        run("pagerduty", api, "--undo")

    assert api.hooks == {}


@pytest.mark.parametrize("name", VENDORS)
def test_a_source_without_its_webhook_gets_one(folder: Path, name: str) -> None:
    """The webhook takes the source's secret. One of the vendor replaces it only if allowed."""
    with vendor(name) as api:
        run(name, api)
        file, text = folder / f"{name}-secret", (folder / "gitdailies.yml").read_text()
        file.write_text("the-secret-of-before\n")
        api.hooks.clear()
        api.bodies.clear()
        if name == "pagerduty":
            assert "add --replace-secret" in str(failed(run(name, api)))
            assert (api.hooks, file.read_text()) == ({}, "the-secret-of-before\n")
        assert run(name, api, "--replace-secret").exit_code == 0

    assert api.hooks
    assert (folder / "gitdailies.yml").read_text() == text
    if name == "pagerduty":
        assert file.read_text() == f"{GIVEN}\n"
        assert file.stat().st_mode & 0o777 == 0o600
    else:
        assert file.read_text() == "the-secret-of-before\n"
        assert "the-secret-of-before" in json.dumps(api.bodies)


def test_the_sources_of_a_first_file_are_connected_and_stay(folder: Path) -> None:
    """What `gitdailies up` writes is used, with its secrets; --undo removes the webhooks alone."""
    files = {name: f"{name}-{'secret' if name == 'pagerduty' else 'token'}" for name in INCIDENT_TOOLS}
    text = first_file(
        url="http://127.0.0.1:8700/webhooks",
        key={"file": "webhook-key"},
        secrets={name: {"file": file} for name, file in files.items()},
    )
    (folder / "gitdailies.yml").write_text(text)
    for name, file in files.items():
        (folder / file).write_text(f"first-secret-of-{name}\n")
        with vendor(name) as api:
            assert run(name, api, "--replace-secret").exit_code == 0
            assert api.hooks
            assert "kept: the source in gitdailies.yml" in run(name, api, "--undo").stdout
            assert api.hooks == {}
        assert (folder / file).exists()

    assert (folder / "gitdailies.yml").read_text() == text


def test_a_secret_file_of_somebody_is_never_overwritten(folder: Path) -> None:
    """A file with the name of the secret stops the command before anything is made."""
    (folder / "github-secret").write_text("mine\n")
    with vendor("github") as api:
        assert "github-secret: this file exists already" in str(failed(run("github", api)))

    assert api.hooks == {}
    assert (folder / "github-secret").read_text() == "mine\n"


def test_a_webhook_of_another_with_our_name_is_left_alone(folder: Path) -> None:
    """Datadog's webhooks are known by name: one with another address is neither used nor deleted."""
    theirs = {
        f"{Datadog.base}/webhooks/gitdailies": {"name": "gitdailies", "url": "https://chat.example.com/in"}
    }
    with vendor("datadog") as api:
        api.hooks.update(theirs)
        for more in ([], ["--undo"]):
            assert "another webhook is called gitdailies" in str(failed(run("datadog", api, *more)))

    assert api.hooks == theirs


def test_a_webhook_that_would_send_nothing_is_taken_back(folder: Path) -> None:
    """Squadcast's triggers are not documented: an answer without them is refused, and the webhook deleted."""
    before = state(folder)
    with vendor("squadcast") as api:

        def without(method: str, path: str, answered: Any) -> Any:
            status, answer = answered
            made = (method, path) == ("POST", Squadcast.root)
            return status, {**answer, "triggers": []} if made else answer

        after_answers(api, without)
        assert "triggers: expected triggered, resolved" in str(failed(run("squadcast", api)))

    assert (api.hooks, state(folder)) == ({}, before)


@pytest.mark.parametrize(
    ("name", "url", "more", "message"),
    [
        ("github", RELAY, [], "expected repo=OWNER/NAME or org=NAME"),
        ("github", RELAY, ["--with", "repo=x"], "expected repo=OWNER/NAME"),
        ("gitlab", RELAY, [], "expected project=GROUP/PROJECT or group=NAME"),
        ("pagerduty", "http://r.example.com", [], "--public-relay-url: expected https, got http: deliveries"),
        ("pagerduty", "https://u:p4nted@r.example.com", [], "without user and password"),
        ("pagerduty", f"{RELAY}/hooks/x", [], "expected the relay's address alone, got '/hooks/x' after it"),
        ("pagerduty", RELAY, ["--source", "A b"], "--source: expected small"),
        ("pagerduty", RELAY, ["--with", "repo=x"], "one of service, team"),
    ],
)
def test_a_wrong_argument_is_named(name: str, url: str, more: list[str], message: str) -> None:
    """The message says what was expected, and the vendor is not asked."""
    arguments = ["connect", name, "--public-relay-url", url, *more, "--print"]
    error = failed(CliRunner().invoke(gitdailies, arguments))

    assert message in str(error)
    assert "p4nted" not in str(error)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the command waits for the relay, and so has asked for SIGHUP."""
    found, wait_for = threading.Event(), RelayWatch.wait_for

    def waits(watch: RelayWatch, condition: Callable[[], bool], seconds: float) -> bool:
        found.set()
        return wait_for(watch, condition, seconds)

    monkeypatch.setattr(RelayWatch, "wait_for", waits)
    return found


@contextmanager
def reloading(file: Path, asked: threading.Event) -> Iterator[str]:
    """A relay that reads the file again as soon as the command has *asked* its operator for it."""
    with in_thread(file) as relay:
        stop = threading.Event()

        def operate() -> None:
            while not stop.wait(0.05):
                if asked.is_set():
                    relay.reload()
                    return

        thread = threading.Thread(target=operate)
        thread.start()
        try:
            yield relay.url
        finally:
            stop.set()
            thread.join()


def ping(hook: dict[str, Any]) -> None:
    """Deliver a ping as PagerDuty does, signed with the secret that it gave."""
    event = {"id": "01PING", "event_type": "pagey.ping", "occurred_at": "2026-03-04T09:00:00Z", "data": {}}
    body = json.dumps({"event": event}).encode()
    signed = {"X-PagerDuty-Signature": hmac_sha256(body, Secret(GIVEN))}
    headers = {"Content-Type": "application/json", **signed}
    url = hook["delivery_method"]["url"]
    requests.post(url, data=body, headers=headers, timeout=20).raise_for_status()


def test_a_test_of_the_vendor_is_waited_for_at_the_relay(folder: Path, asked: threading.Event) -> None:
    """The relay reads the source, PagerDuty sends a ping, and the command ends when its proof was right."""
    with reloading(folder / "gitdailies.yml", asked) as url, vendor("pagerduty") as api:
        api.on_test = ping
        done = run("pagerduty", api, wait="30", url=url)
        again = run("pagerduty", api, wait="30", url=url)

    assert done.exit_code == 0, done.stdout
    assert "run `gitdailies reload`" in done.stdout
    assert done.stdout.endswith("tested: pagerduty's delivery came, and its proof was right\n")
    assert again.stdout.startswith("pagerduty is connected already")
    assert again.stdout.endswith("tested: pagerduty's delivery came, and its proof was right\n")


def test_a_test_that_does_not_come_leaves_the_webhook(folder: Path, asked: threading.Event) -> None:
    """The exit code is 1, the message says where to look, and a later run tests again."""
    with reloading(folder / "gitdailies.yml", asked) as url, vendor("pagerduty") as api:
        done = run("pagerduty", api, wait="3", url=url)

    assert done.exit_code == 1
    assert "no proven delivery came" in done.stdout
    assert len(api.hooks) == 1


def test_without_a_relay_nothing_is_tested(folder: Path) -> None:
    """The set-up is whole, and the message says that no relay answers."""
    with vendor("pagerduty") as api:
        done = run("pagerduty", api, wait="1")

    assert done.exit_code == 1
    assert "not tested: no relay answers at 127.0.0.1:" in done.stdout
    assert not [asked for asked in api.asked if asked.endswith("/ping")]


def test_a_vendor_without_a_test_says_how_a_person_sends_one(folder: Path, asked: threading.Event) -> None:
    """Datadog's API has no test of a webhook; that is no failure."""
    with reloading(folder / "gitdailies.yml", asked) as url, vendor("datadog") as api:
        done = run("datadog", api, wait="30", url=url)

    assert done.exit_code == 0
    assert "press Test Notifications in a monitor" in done.stdout
