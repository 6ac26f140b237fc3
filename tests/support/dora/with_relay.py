"""Pages and a relay whose deliveries they show, in threads of the test, as `gitdailies up` connects them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import RelayAddress
from gitdailies_dora.accounts.keys.key_store import create_key

from tests.support.dora.running import Receiver, at, in_thread
from tests.support.empty_stores import DORA
from tests.support.relay.running import NOBODY, Relay, configure
from tests.support.relay.running import in_thread as relay_in_thread
from tests.support.servers import free_port

STATUS_KEY = "status-key-0c9b8a7d6e5f4a3b"
KEY_FILE = "status-key"


def with_status_key(folder: Path, **settings: str) -> Path:
    """Write a gitdailies.yml whose relay has a key for programs, and that key."""
    file = configure(folder, **settings)
    (folder / KEY_FILE).write_text(STATUS_KEY + "\n")
    (folder / KEY_FILE).chmod(0o600)
    file.write_text(file.read_text().replace("relay:\n", f"relay:\n  status_key: {{file: {KEY_FILE}}}\n", 1))
    return file


def address_of(url: str, folder: Path, name: str = "relay") -> RelayAddress:
    """Return the relay at a status address, with the key of `with_status_key`."""
    return RelayAddress(name, url, SecretSource.make(file=folder / KEY_FILE))


@contextmanager
def pages_and_relay(folder: Path) -> Iterator[tuple[Relay, Receiver]]:
    """Run a relay that sends to a receiver, whose pages ask it and may write its gitdailies.yml."""
    with ExitStack() as stack:
        DORA.put(folder / "dora.db")
        store = at(f"sqlite:{folder / 'dora.db'}")
        sending, _ = create_key(store, "relay")
        port = free_port()
        url = NOBODY.replace(":1/", f":{port}/")
        file = with_status_key(folder, url=url, key=sending.reveal())
        relay = stack.enter_context(relay_in_thread(file, writes_services=True))
        relays = [address_of(relay.status_url, folder)]
        yield relay, stack.enter_context(in_thread(store, relays=relays, port=port))
