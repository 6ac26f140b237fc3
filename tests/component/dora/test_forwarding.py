"""Behind a proxy: limits hold for the proxy's client, and no client can forge its address."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests
from gitdailies_connection.addresses import Network, parse_network
from gitdailies_dora.accounts.people_store import invite_owner

from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import PASSWORD, Visitor

GUESSES = 80
PROXY = (parse_network("127.0.0.1"),)
ELSEWHERE = (parse_network("10.0.0.0/8"),)


def guess(receiver: Receiver, forwarded: str) -> int:
    return receiver.post("wrong", body("deploy"), x_forwarded_for=forwarded).status_code


def test_a_guesser_slows_nobody_else_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """Of two clients of one proxy only the guesser is slowed, whatever addresses it put into the header."""
    with in_thread(tmp_path / "w.db", trusted_proxies=PROXY) as receiver:
        assert [guess(receiver, f"192.0.2.{n}, 198.51.100.7") for n in range(GUESSES)][-1] == 429
        # On a slow machine one guess is allowed again meanwhile.
        assert 429 in [guess(receiver, "192.0.2.200, 198.51.100.7") for _ in range(3)]
        assert guess(receiver, "198.51.100.8") == 401
        assert guess(receiver, "") == 401


def test_wrong_passwords_count_for_their_visitor(tmp_path: Path) -> None:
    """Ten wrong passwords of one visitor leave another one behind the same proxy free to sign in."""
    with in_thread(tmp_path / "w.db", trusted_proxies=PROXY) as receiver:
        one, other = Visitor(receiver), Visitor(receiver)
        one.session.headers["x-forwarded-for"] = "198.51.100.7"
        other.session.headers["x-forwarded-for"] = "198.51.100.8"
        Visitor(receiver).join(invite_owner(receiver.store), "Kim")
        statuses = [one.sign_in("Kim", f"wrong password {n}").status_code for n in range(11)]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert other.sign_in("Kim", "wrong password").status_code == 401


def through_tls(
    folder: Path, trusted: Sequence[Network], public: str = "", **changes: str
) -> requests.Response:
    """Send the form of the first owner as a browser does through a proxy with TLS."""
    headers = {
        "host": "dora.example.com",
        "origin": "https://dora.example.com",
        "sec-fetch-site": "same-origin",
        "x-forwarded-proto": "https",
        "accept": "text/html",
        **changes,
    }
    with in_thread(folder / "w.db", trusted_proxies=trusted, public=public) as receiver:
        link = receiver.url + invite_owner(receiver.store)
        shown = {name: text for name, text in headers.items() if name != "origin"}
        page = requests.get(link, headers=shown, timeout=10)
        form = {"name": "Kim", "password": PASSWORD, "again": PASSWORD}
        form["form_token"] = re.search(r'name="form_token" value="(\w+)"', page.text)[1]
        headers["cookie"] = page.headers["set-cookie"].partition(";")[0]
        return requests.post(link, data=form, headers=headers, timeout=10, allow_redirects=False)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "dora.example.com:443"},
        {"host": "127.0.0.1", "x-forwarded-host": "dora.example.com"},
        {
            "host": "127.0.0.1:8700",
            "x-forwarded-host": "Dora.example.com, b",
            "x-forwarded-proto": "https, http",
        },
    ],
)
def test_signing_in_through_a_trusted_proxy_with_tls(tmp_path: Path, changes: dict[str, str]) -> None:
    """What a trusted proxy says about scheme and host is believed: the cookie and HSTS are for TLS."""
    answer = through_tls(tmp_path, PROXY, **changes)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-gitdailies=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


def test_an_unknown_proxy_with_tls_is_named_with_the_remedy(tmp_path: Path) -> None:
    """Where the server cannot know its address, the page names settings, and does not advise to reload."""
    for trusted, changes in (((), {}), (ELSEWHERE, {}), (PROXY, {"x-forwarded-proto": ""})):
        answer = through_tls(tmp_path, trusted, **changes)
        assert answer.status_code == 403
        assert "The form was not accepted</h1>" in answer.text
        assert "--public-url https://dora.example.com" in answer.text
        assert "dora.trusted_proxies" in answer.text
        assert "reload" not in answer.text


def test_another_address_than_the_public_one(tmp_path: Path) -> None:
    """With --public-url, a page that was opened elsewhere says where to open it."""
    answer = through_tls(tmp_path, (), public="https://figures.example.com", host="127.0.0.1")
    assert answer.status_code == 403
    assert "open the pages at https://figures.example.com" in answer.text


def test_a_form_of_another_site_gets_no_advice(tmp_path: Path) -> None:
    """A form that the browser itself calls foreign is refused without a word about addresses."""
    answer = through_tls(tmp_path, PROXY, origin="https://evil.example", **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "It was sent from a page of another site" in answer.text
    assert "--public-url" not in answer.text
