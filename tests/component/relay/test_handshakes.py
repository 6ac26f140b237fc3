"""Handshakes over real sockets: certificates of Amazon SNS, its subscriptions, and permissions to send."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import requests
from gitdailies_connection.config.load import load
from gitdailies_core.errors import ConfigurationError, DeliveryError
from gitdailies_relay.intake import certificates
from gitdailies_relay.operations.reading import actions_on
from gitdailies_relay.store.store import reading

from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

EXAMPLES = files("gitdailies_sources").joinpath("packs", "aws-sns", "examples")
PEM = EXAMPLES.joinpath("signing-certificate.pem").read_bytes()
HOST = "sns.eu-central-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-central-1:123456700347:larkspur-alarms"
# Long enough for the tests; what the alarm is named in the examples is routed to the example's repository.
SOURCE = f"  alarms: {{adapter: aws-sns, allowed: ['{TOPIC}'], count: all}}\n"


@dataclass
class Amazon:
    """What is fetched, in place of a host of Amazon."""

    fetched: list[str] = field(default_factory=list)
    answer: bytes | Exception = PEM
    let: threading.Event = field(default_factory=threading.Event)

    def fetch(self, address: str) -> bytes:
        self.fetched.append(address)
        self.let.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Amazon:
    amazon = Amazon()
    amazon.let.set()
    monkeypatch.setattr(certificates, "fetch", amazon.fetch)
    return amazon


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver) -> Path:
    file = configure(tmp_path, url=receiver.url)
    text = file.read_text().replace("sources:\n", f"sources:\n{SOURCE}", 1)
    file.write_text(text.replace("services:\n", 'services:\n  "*": {repo: larkspur/checkout-api}\n', 1))
    return file


@pytest.fixture
def listening(file: Path, amazon: Amazon) -> Iterator[Relay]:
    with in_thread(file) as running:
        yield running


def message(name: str, **changed: str) -> Delivery:
    body = json.loads(EXAMPLES.joinpath(f"{name}.payload.json").read_bytes())
    return Delivery(
        "alarms",
        json.dumps({**body, **changed}).encode(),
        {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": body["Type"]},
    )


def posted_once_fetched(relay: Relay, delivery: Delivery) -> requests.Response:
    delivery.post(relay.url)
    eventually(lambda: relay.logged("certificate fetched"))
    return delivery.post(relay.url)


def test_the_first_delivery_is_503_until_its_certificate_is_there(
    listening: Relay, amazon: Amazon, receiver: Receiver
) -> None:
    """No secret is needed. SNS repeats what was answered 503, and it then counts."""
    amazon.let.clear()
    alarm = message("Notification.ALARM")
    waiting = [alarm.post(listening.url) for _ in range(3)]
    assert [(one.status_code, one.headers["retry-after"]) for one in waiting] == [(503, "5")] * 3
    assert "certificate" in waiting[0].json()["reason"]
    amazon.let.set()
    eventually(lambda: listening.logged("certificate fetched"))

    assert alarm.post(listening.url).json()["status"] == "stored"
    assert message("Notification.OK").post(listening.url).json()["status"] == "stored"
    eventually(lambda: len(receiver.arrivals) == 2)
    assert amazon.fetched == [json.loads(alarm.body)["SigningCertURL"]]
    assert {one["proof"] for one in listening.logged("delivery")} == {"a certificate of the vendor"}


@pytest.mark.parametrize(
    "changed",
    [
        {"TopicArn": f"{TOPIC}-of-another"},
        {"SigningCertURL": f"https://{HOST}.evil.example/SimpleNotificationService-1.pem"},
        {"SigningCertURL": f"http://{HOST}/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": f"https://{HOST}/SimpleNotificationService-1.pem?a=b"},
        {"SigningCertURL": f"https://{HOST}/other.pem"},
        {"SigningCertURL": f"https://{HOST}@127.0.0.1/SimpleNotificationService-1.pem"},
        {"SignatureVersion": "3"},
    ],
)
def test_nothing_is_fetched_for_others(listening: Relay, amazon: Amazon, changed: dict[str, str]) -> None:
    """An address that is not Amazon's, and a topic that is not allowed, is 401, and nothing is fetched."""
    assert message("Notification.ALARM", **changed).post(listening.url).status_code == 401
    assert amazon.fetched == []


def test_a_forged_message_is_401_once_the_certificate_is_there(listening: Relay) -> None:
    """With the certificate at hand, a changed message is refused like any wrong proof."""
    assert posted_once_fetched(listening, message("Notification.ALARM")).status_code == 202
    forged = message("Notification.ALARM", Message='{"AlarmName": "forged", "NewStateValue": "ALARM"}')
    assert forged.post(listening.url).status_code == 401


def test_a_certificate_that_cannot_be_fetched_is_our_fault(listening: Relay, amazon: Amazon) -> None:
    """It stays 503, and the log says why."""
    amazon.answer = DeliveryError("proxy: connection refused")
    for _ in range(3):
        assert message("Notification.ALARM").post(listening.url).status_code == 503
    eventually(lambda: listening.logged("certificate not fetched"))
    (logged,) = listening.logged("certificate not fetched")
    assert "proxy: connection refused" in logged["reason"]
    assert len(amazon.fetched) == 1


def test_a_subscription_is_confirmed(listening: Relay, amazon: Amazon) -> None:
    """The command shows the address, opens it, and notes who did so."""
    subscription = message("SubscriptionConfirmation")
    accepted = posted_once_fetched(listening, subscription).json()
    assert accepted["status"] == "ignored"
    address = json.loads(subscription.body)["SubscribeURL"]

    assert address in listening.command("confirm", "alarms", "--show")
    assert amazon.fetched[1:] == []
    assert listening.command("confirm", "alarms").splitlines()[-1] == "  confirmed"
    assert amazon.fetched[1:] == [address]
    as_json = json.loads(listening.command("confirm", "alarms", "--json"))
    assert as_json["handshakes"][0]["topic"] == TOPIC
    with reading(listening.database) as session:
        found = actions_on(session, [accepted["delivery"]])
    assert {one.action for one in found} == {"confirmed"}


def test_only_amazon_s_address_is_opened(listening: Relay, amazon: Amazon, file: Path) -> None:
    """Of a stored request, address and topic are checked again: the list may have changed since."""
    posted_once_fetched(listening, message("SubscriptionConfirmation"))
    file.write_text(file.read_text().replace(TOPIC, f"{TOPIC}-2"))
    said = listening.command("confirm", "alarms", expected=2)
    assert "expected one of the topics under allowed" in said
    assert len(amazon.fetched) == 1


def test_what_cannot_be_confirmed_says_why(listening: Relay, amazon: Amazon) -> None:
    """Nothing stored, an unknown source, a source without handshakes, and an address that is over."""
    for source, text in (
        ("alarms", "alarms: nothing to confirm is stored; add the subscription at the vendor"),
        ("alarm", "SOURCE: expected one of alarms"),
        ("pagerduty", "pagerduty: nothing to confirm is stored"),
    ):
        assert listening.command("confirm", source, expected=2).startswith(f"gitdailies: {text}")
    posted_once_fetched(listening, message("SubscriptionConfirmation"))
    amazon.answer = DeliveryError("expected an answer with status 200, got 403")
    said = listening.command("confirm", "alarms", expected=1)
    assert ("three days" in said, "Token" in said) == (True, False)


def test_a_source_of_sns_names_its_topics(file: Path) -> None:
    """Without `allowed`, and without secrets where a header has the token, the configuration is refused."""
    text = file.read_text()
    file.write_text(text.replace(f", allowed: ['{TOPIC}']", ""))
    with pytest.raises(ConfigurationError, match=r"alarms\.allowed: expected the ARNs of the topics"):
        load(file)
    file.write_text(text.replace("adapter: aws-sns", "adapter: aws-sns, header: X-Relay-Token"))
    with pytest.raises(ConfigurationError, match=r"alarms\.secrets: expected a list of .* got nothing"):
        load(file)


def test_a_sender_of_cloud_events_is_permitted_to_send(relay: Relay) -> None:
    """OPTIONS with an origin is answered with it, at a known source alone, and proves nothing."""
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answers = [
        requests.options(f"{relay.url}/hooks/{name}", headers=headers, timeout=10)
        for name, headers in (("pagerduty", asked), ("unknown", asked), ("pagerduty", {}))
    ]
    assert [one.status_code for one in answers] == [200, 404, 405]
    first = answers[0]
    assert (first.headers["webhook-allowed-origin"], first.headers["webhook-allowed-rate"]) == (
        "eventgrid.azure.net",
        "*",
    )
    assert (first.headers["allow"], first.content) == ("POST, PUT, PATCH, OPTIONS", b"")
    assert requests.post(f"{relay.url}/hooks/pagerduty", b"{}", headers=asked, timeout=10).status_code == 401
