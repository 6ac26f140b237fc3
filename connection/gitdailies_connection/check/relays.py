"""Whether a relay of `dora.relay` answers the pages: its address, its key, its version."""

from collections.abc import Mapping
from importlib.metadata import version

from gitdailies_core.errors import RelayFault

from gitdailies_connection.check.reachability import FAULT, OK, WARNING, Finding
from gitdailies_connection.config.sections.settings import RelayAddress
from gitdailies_connection.published import PACKAGE
from gitdailies_connection.relay.answers import DeliveryPage, RelayStatus
from gitdailies_connection.relay.client import RelayClient


def check_relay(relay: RelayAddress, environ: Mapping[str, str]) -> Finding:
    """Ask a relay as the pages do. Another version is a warning: it may know less than the pages ask."""
    where, client = f"dora.relay {relay.name} at {relay.url}", RelayClient(relay, environ)
    try:
        client.get("/deliveries", DeliveryPage, limit="1")
        status = client.get("/status", RelayStatus)
    except RelayFault as fault:
        return Finding(FAULT, f"{where}: {fault}", fault.remedy)
    theirs = status.server.version if status and status.server else "another version"
    if theirs != version(PACKAGE):
        remedy = "run both servers with the same version"
        return Finding(WARNING, f"{where}: it runs {theirs}, and this is {version(PACKAGE)}", remedy)
    return Finding(OK, f"{where}: answers with its key, version {theirs}")
