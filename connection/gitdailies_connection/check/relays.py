"""Whether a relay of `webhooks.relay` answers the pages: its address, its key, its version."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from gitdailies_core.errors import PayloadError, RelayFault
from gitdailies_core.sources.fields import Fields

from gitdailies_connection.check.reachability import FAULT, OK, UNPROVEN, Finding
from gitdailies_connection.config.settings import RelayAddress
from gitdailies_connection.published import PACKAGE
from gitdailies_connection.relay.answers import page_of, state_of
from gitdailies_connection.relay.client import RelayClient


def check_relay(relay: RelayAddress, environ: Mapping[str, str]) -> Finding:
    """Ask a relay as the pages do. Another version is a warning: it may know less than the pages ask."""
    where, client = f"webhooks.relay {relay.name} at {relay.url}", RelayClient(relay, environ)
    try:
        page_of(client.get("/deliveries", limit="1"))
        status = client.get("/status")
        state_of(status)
        theirs = Fields(status).object("server").text("version")
    except RelayFault as fault:
        return Finding(FAULT, f"{where}: {fault}", fault.remedy)
    except PayloadError as error:
        remedy = "compare webhooks.relay.url with relay.status of that relay"
        return Finding(FAULT, f"{where}: its answer is not that of a relay: {error}", remedy)
    if theirs != version(PACKAGE):
        remedy = "run both servers with the same version"
        return Finding(UNPROVEN, f"{where}: it runs {theirs}, and this is {version(PACKAGE)}", remedy)
    return Finding(OK, f"{where}: answers with its key, version {theirs}")
