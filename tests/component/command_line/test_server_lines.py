"""What the servers print: lines for people on a terminal, JSON elsewhere, one sentence for a taken port."""

import re

import pytest

from tests.support.empty_stores import DORA, RELAY
from tests.support.machine import Process, on_terminal
from tests.support.servers import free_port

CONFIG = """\
gitdailies: {{url: "http://127.0.0.1:9/webhooks", key: {{env: KEY}}}}
relay: {{listen: "127.0.0.1:{listen}", status: "127.0.0.1:{status}", store: "sqlite:relay.db"}}
"""
ENV = {"KEY": "key", "GITDAILIES_DATA": "."}


def arguments(server, folder, port):
    if server == "dora":
        DORA.put(folder / "dora.db")
        return ("dora", "--listen", f"127.0.0.1:{port}", "--store", "sqlite:dora.db")
    RELAY.put(folder / "relay.db")
    (folder / "gitdailies.yml").write_text(CONFIG.format(listen=port, status=free_port()))
    return ("relay",)


@pytest.mark.parametrize("server", ["dora", "relay"])
def test_a_terminal_gets_lines_for_people(tmp_path, server):
    """On a terminal no line of the log is JSON, and in a pipe each one is."""
    given = arguments(server, tmp_path, free_port())
    screen = on_terminal(tmp_path, *given, until=lambda text: "listens on" in text, env=ENV)
    piped = Process(tmp_path, *given, env=ENV, name="piped")
    piped.wait_for("on http://")
    piped.stop()
    texts = Process(tmp_path, *given, "--log-format", "text", env=ENV, name="texts")
    texts.wait_for("on http://")
    texts.stop()

    assert re.search(r"^\d\d:\d\d:\d\d  \w", screen, re.MULTILINE)
    assert not [line for line in screen.splitlines() if line.startswith("{")]
    assert [line for line in piped.err.read_text().splitlines() if not line.startswith("{")] == []
    assert texts.err.read_text()
    assert not [line for line in texts.err.read_text().splitlines() if line.startswith("{")]
