"""Behind a proxy: limits hold for the proxy's client, and no client can forge its address."""

from __future__ import annotations

from pathlib import Path

from gitdailies_connection.addresses import parse_network
from gitdailies_webhooks.accounts.first_owner import invite_owner

from tests.component.webhooks.test_pages_security import Visitor
from tests.support.webhooks.payloads import body
from tests.support.webhooks.running import Receiver, in_thread

GUESSES = 80


def guess(receiver: Receiver, forwarded: str) -> int:
    return receiver.post("wrong", body("deploy"), x_forwarded_for=forwarded).status_code


def test_a_guesser_slows_nobody_else_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """Of two clients of one proxy only the guesser is slowed, whatever addresses it put into the header."""
    with in_thread(tmp_path / "w.db", trusted_proxies=(parse_network("127.0.0.1"),)) as receiver:
        assert [guess(receiver, f"192.0.2.{n}, 198.51.100.7") for n in range(GUESSES)][-1] == 429
        assert guess(receiver, "192.0.2.200, 198.51.100.7") == 429
        assert guess(receiver, "198.51.100.8") == 401
        assert guess(receiver, "") == 401


def test_without_trust_the_header_is_not_read(tmp_path: Path) -> None:
    """A guesser without a trusted proxy cannot choose an address."""
    with in_thread(tmp_path / "w.db", trusted_proxies=(parse_network("10.0.0.0/8"),)) as receiver:
        assert [guess(receiver, f"198.51.100.{n}") for n in range(GUESSES)][-1] == 429


def test_wrong_passwords_count_for_their_visitor(tmp_path: Path) -> None:
    """Ten wrong passwords of one visitor leave another one behind the same proxy free to sign in."""
    with in_thread(tmp_path / "w.db", trusted_proxies=(parse_network("127.0.0.1"),)) as receiver:
        one, other = Visitor(receiver), Visitor(receiver)
        one.session.headers["x-forwarded-for"] = "198.51.100.7"
        other.session.headers["x-forwarded-for"] = "198.51.100.8"
        Visitor(receiver).join(invite_owner(receiver.store), "Kim")
        statuses = [one.sign_in("Kim", f"wrong password {n}").status_code for n in range(11)]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert other.sign_in("Kim", "wrong password").status_code == 401
