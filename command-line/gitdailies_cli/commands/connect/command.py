"""`gitdailies connect`: one command from a token to tested webhooks."""

import re
import secrets as random_secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import click
from gitdailies_connection.addresses import check_receiver, is_loopback
from gitdailies_connection.config.load import load
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import RelaySettings
from gitdailies_connection.relay.answers import RelayStatus
from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError, DeliveryError, GitDailiesError, UsageError
from gitdailies_core.sources import registry
from gitdailies_core.sources.connecting import GROUP, Made, Target, Vendor
from gitdailies_core.values.secret import Secret

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.connect import runner
from gitdailies_cli.commands.connect.plan import Entry, check_undo, decide
from gitdailies_cli.commands.connect.runner import Place, VendorApi
from gitdailies_cli.commands.vendor_options import opened, parameters_of, token_options, tokens_of
from gitdailies_cli.common_options import CONFIG, naming
from gitdailies_cli.output import NOT_DELIVERED
from gitdailies_cli.relay import status_text

_STEP_SECONDS = 0.5
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RELOAD = "run `gitdailies reload`; a relay on another machine or on PostgreSQL needs SIGHUP"


@dataclass(frozen=True)
class _Asked:
    """What to connect, and where it is written down."""

    vendor: Vendor
    target: Target
    place: Place
    api_url: str


@dataclass(frozen=True)
class RelayWatch:
    """Asks the status address of a relay about one source."""

    relay: RelaySettings
    source: str

    def answers(self) -> bool:
        """Whether a relay runs here."""
        try:
            return status_text.answer(self.relay, status_text.Served) is not None
        except status_text.Silent:
            return True

    def knows_source(self) -> bool:
        """Whether the relay has the source, which it reads from gitdailies.yml at its start and on SIGHUP."""
        status = self._status()
        return status is not None and self.source in status.sources

    def last_delivery(self) -> datetime | None:
        """Return when a delivery of the source came last."""
        status = self._status()
        health = status.sources.get(self.source) if status is not None else None
        return health.last_delivery if health is not None else None

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Ask until *condition* holds, for at most *seconds*; return whether it did."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end:
                return False
            time.sleep(_STEP_SECONDS)
        return True

    def _status(self) -> RelayStatus | None:
        with suppress(status_text.Silent):  # it is asked again
            return status_text.answer(self.relay, RelayStatus)
        return None


@click.command(short_help="create a webhook at a vendor, store its secret, add the source, test it")
@click.argument("vendor", type=click.Choice(["pagerduty", "datadog", "squadcast", "github", "gitlab"]))
@click.option(
    "--public-relay-url",
    required=True,
    help="the relay's address for the vendor, such as https://relay.example.com",
)
@click.option("--source", help="the source's name in gitdailies.yml; default: the vendor's")
@click.option(
    "--with", "with_", multiple=True, metavar="NAME=VALUE", help="a parameter of the vendor; repeatable"
)
@click.option("--print", "print_", is_flag=True, help="show requests and lines; send nothing")
@click.option("--undo", is_flag=True, help="remove the webhook, the source and its secret")
@click.option(
    "--replace-secret",
    is_flag=True,
    help="replace the source's secret, which nothing else may use, with the vendor's",
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    help="seconds to wait for relay and test; 0: no test",
)
@token_options
@click.option("--api-url", help="the API's URL, such as another region's")
@click.option(
    "--retries", type=click.IntRange(0), default=8, show_default=True, help="retries of each request"
)
@CONFIG
def connect(
    vendor: str,
    public_relay_url: str,
    source: str | None,
    with_: tuple[str, ...],
    print_: bool,
    undo: bool,
    replace_secret: bool,
    wait: float,
    tokens: Sequence[SecretSource],
    api_url: str | None,
    retries: int,
    config: Path | None,
) -> None:
    """Create a webhook from VENDOR to this relay, store its secret, add the source, and wait for a test.

    Run it where gitdailies.yml is. If a step fails, everything is undone, at the vendor and here. A second
    run tests the same webhook again. --with takes service= or team= for pagerduty, monitors= for datadog,
    team= for squadcast, repo= or org= for github, project= or group= for gitlab.

    \b
    gitdailies connect pagerduty --public-relay-url https://relay.example.com --print
    gitdailies connect pagerduty --public-relay-url https://relay.example.com
    gitdailies connect github --with org=larkspur --public-relay-url https://relay.example.com
    gitdailies connect pagerduty --public-relay-url https://relay.example.com --undo
    """
    asked = _asked(vendor, public_relay_url, source, with_, api_url, config)
    if print_:
        _print(asked)
        return
    read = tokens_of(asked.vendor, tokens)
    secret = None
    if not asked.vendor.gives_secret:
        secret = asked.place.stored_secret() or Secret(random_secrets.token_hex(32), "the new secret")
    hidden = [secret] if secret is not None else []
    # Not patient: a person waits for it, and nothing has been made yet.
    more = {"retries": retries, "waits": output.say_wait, "hidden": hidden, "patient": False}
    with opened(asked.vendor, asked.api_url, read, **more) as signed:
        api = VendorApi(signed)
        if undo:
            _undo(asked, api)
        else:
            _connect(asked, api, secret, wait, replace_secret=replace_secret)


def _asked(
    name: str,
    relay_url: str,
    source: str | None,
    with_: Sequence[str],
    api_url: str | None,
    config: Path | None,
) -> _Asked:
    vendor = cast(Vendor, registry.load(name, GROUP))
    chosen = source or name
    if not _NAME.fullmatch(chosen):
        raise UsageError("--source: expected small letters, digits and hyphens, got something else")
    address = _address(relay_url)
    path = find_config.find(config)
    if path is None:
        raise ConfigurationError(f"{find_config.FILE}: no such file; `gitdailies init` writes a first one")
    target = Target(f"{address}/hooks/{chosen}", chosen, parameters_of(vendor, with_))
    entry = Entry.of(chosen, vendor.name, vendor.settings)
    place = Place(path, entry.adopting(Place(path, entry).here().source))
    return _Asked(vendor, target, place, (api_url or vendor.url).rstrip("/"))


def _address(relay_url: str) -> str:
    """Check the address that the vendor gets; http is only for this machine."""
    with naming("--public-relay-url"):
        address = check_receiver(relay_url, allow_http=True).rstrip("/")
    parts = urlsplit(address)
    if "/hooks" in parts.path:
        raise UsageError(
            f"--public-relay-url: expected the relay's address alone, got {got(parts.path)} after it: "
            "/hooks/SOURCE is added here"
        )
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise UsageError("--public-relay-url: expected https, got http: deliveries would not be encrypted")
    return address


def _print(asked: _Asked) -> None:
    # The requests as they are sent, with a made-up secret.
    for step in asked.vendor.steps(asked.target, None if asked.vendor.gives_secret else Secret("shown")):
        click.echo(f"# {step.call.does}\n{runner.shown(step.call, asked.api_url)}\n")
    click.echo(
        f"# {asked.place.entry.secret_file}, next to {asked.place.path.name}, with mode 600: the secret\n"
    )
    click.echo(f"# lines for {asked.place.path.name}\nsources:")
    for line in asked.place.entry.lines:
        click.echo(f"  {line}")


def _connect(
    asked: _Asked, api: VendorApi, secret: Secret | None, wait: float, *, replace_secret: bool
) -> None:
    # It must load: the lines are added to it only then, and the relay could not read it.
    configuration = load(asked.place.path)
    found = list(asked.vendor.find(api, asked.target))
    here, entry = asked.place.here(), asked.place.entry
    if decide(found, here, entry, asked.vendor, asked.target.url, replace_secret=replace_secret):
        asked.place.check_writable()
        steps = asked.vendor.steps(asked.target, secret)
        found = runner.make(asked.vendor, api, asked.target, steps, asked.place, secret)
        for one in found:
            _say(f"made: {one.what} {one.id}")
        also = "" if here.source is not None else f", the source in {asked.place.path.name}"
        _say(f"written: the secret in {asked.place.secret_file.name}{also}")
    else:
        _say(
            f"{asked.vendor.name} is connected already: {', '.join(f'{one.what} {one.id}' for one in found)}"
        )
    watch = RelayWatch(configuration.relay, asked.target.source)
    if wait and not _test(asked, api, found, watch, wait):
        raise click.exceptions.Exit(NOT_DELIVERED)


def _test(asked: _Asked, api: VendorApi, made: Sequence[Made], watch: RelayWatch, wait: float) -> bool:
    """Have the vendor send a test, and wait until it is at the relay; return whether it came."""
    if not watch.answers():
        _say(
            f"not tested: no relay answers at {watch.relay.status} (relay.status);"
            " start it, then run this again"
        )
        return False
    if not watch.knows_source():
        _say(f"next: {_RELOAD}; waiting for the relay to read the source")
        if not watch.wait_for(watch.knows_source, wait):
            _say(
                f"not tested: the relay has not read the source in {wait:g} s; {_RELOAD}, then run this again"
            )
            return False
    call = asked.vendor.test(made, asked.target)
    if call is None:
        _say(f"not tested: {asked.vendor.name} has no test by API; {asked.vendor.test_by_hand}")
        return True
    before = watch.last_delivery()
    try:
        api.send(call)
    except GitDailiesError as error:
        _say(f"not tested: {error}")
        return False
    if watch.wait_for(lambda: watch.last_delivery() not in (None, before), wait):
        _say(f"tested: {asked.vendor.name}'s delivery came, and its proof was right")
        return True
    _say(
        f"not tested: no proven delivery came to {asked.target.url} in {wait:g} s;"
        " `gitdailies relay status` and the vendor's list of deliveries say why;"
        " the webhook stays, --undo removes it"
    )
    return False


def _undo(asked: _Asked, api: VendorApi) -> None:
    here, place = asked.place.here(), asked.place
    check_undo(here, place.entry)
    found = list(asked.vendor.find(api, asked.target))
    if not found and here.source is None:
        _say("nothing to undo")
        return
    removable = place.is_removable()
    left = runner.take_back(api, found)
    if left:
        raise DeliveryError(f"{left}; {place.path.name} is unchanged; run this again")
    for one in reversed(found):
        _say(f"removed: {one.what} {one.id}")
    if removable:
        place.remove()
        _say(f"removed: the source from {place.path.name}, and {place.secret_file.name}")
        _say(f"next: {_RELOAD}")
    elif here.source is not None:
        _say(f"kept: the source in {place.path.name}, because it differs from what this command wrote")


def _say(text: str) -> None:
    click.echo(output.printable(text))
