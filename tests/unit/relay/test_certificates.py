"""Certificates: what is fetched, how often, and what the cache keeps."""

import asyncio
import threading
from importlib.resources import files

import pytest
from gitdailies_core.errors import DeliveryError
from gitdailies_relay.intake import certificates
from gitdailies_relay.intake.certificates import MOST, Certificates, fetch

from tests.support.servers import answer, serving

PEM = (
    files("gitdailies_sources")
    .joinpath("packs", "aws-sns", "examples", "signing-certificate.pem")
    .read_bytes()
)
ADDRESS = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"


async def settled(cache: Certificates) -> None:
    async with asyncio.timeout(20):
        while cache._fetching:  # noqa: ASYNC110  the cache tells nobody when it is done
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("got", [b"<html>", b"", PEM[:200], PEM + b"x" * 20_000, b"\xff" * 10])
async def test_what_is_no_certificate_is_not_cached(monkeypatch: pytest.MonkeyPatch, got: bytes) -> None:
    """A page of a proxy, half a certificate and a body that is too long are refused."""
    monkeypatch.setattr(certificates, "fetch", lambda _address: got)
    cache = Certificates()
    cache.want(ADDRESS)
    await settled(cache)
    assert cache.found == {}


async def test_a_failure_is_not_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure there is a pause for all senders; after it, the next delivery tries again."""
    asked = []

    def get(address: str) -> bytes:
        asked.append(address)
        raise DeliveryError("connection refused")

    monkeypatch.setattr(certificates, "fetch", get)
    cache = Certificates()
    for _ in range(3):
        cache.want(ADDRESS)
        await settled(cache)
    assert len(asked) == 1
    monkeypatch.setattr(certificates, "RETRY_SECONDS", 0.0)
    again = Certificates()
    for _ in range(2):
        again.want(ADDRESS)
        await settled(again)
    assert len(asked) == 3


async def test_few_are_fetched_at_a_time_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders that name many addresses neither occupy the relay nor its memory."""
    most, now, lock = [0], [0], threading.Lock()
    release = threading.Event()

    def get(_address: str) -> bytes:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        release.wait(10)
        with lock:
            now[0] -= 1
        return PEM

    monkeypatch.setattr(certificates, "fetch", get)
    cache = Certificates()
    for number in range(20):
        cache.want(f"{ADDRESS}{number}")
    release.set()
    await settled(cache)
    assert (most[0] <= certificates.MOST_AT_ONCE, len(cache.found)) == (True, certificates.MOST_AT_ONCE)
    for number in range(100, 100 + 2 * MOST):
        cache.want(f"{ADDRESS}{number}")
        await settled(cache)
    assert (len(cache.found), len(cache._tried_at)) == (MOST, MOST)


def test_fetch_follows_no_redirect_and_reads_a_bounded_body() -> None:
    """A redirect and an error are no certificate, and of a long body only the beginning is read."""
    answers = [
        answer("200 OK", PEM),
        answer("200 OK", b"x" * 1_000_000),
        answer("302 Found", Location="/other"),
    ]
    with serving(lambda _connection, _request: answers.pop(0)) as server:
        assert fetch(server.url) == PEM
        assert len(fetch(server.url)) == 64 * 1024
        with pytest.raises(DeliveryError, match="expected an answer with status 200, got 302"):
            fetch(server.url)
    assert answers == []
