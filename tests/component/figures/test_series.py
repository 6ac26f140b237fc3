"""Figures over HTTP, on both databases: every form has the same numbers, and wrong questions are refused."""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import yaml
from click.testing import CliRunner
from gitdailies_cli.commands.see.metrics import metrics
from gitdailies_cli.receiver.read_server import READ_KEY
from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_dora.api.gauges import OF_GROUPS, OF_SELECTION, gauge_name
from gitdailies_dora.figures.answers.numbers import Figures, each_number
from gitdailies_dora.figures.answers.report import FiguresAnswer, SeriesAnswer
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words import rates
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.overview.cards import LAYOUTS, CardContext
from gitdailies_dora.pages.overview.formats import spans
from gitdailies_server.storage.database import Database
from hypothesis import HealthCheck, example, given, settings
from prometheus_client.parser import text_string_to_metric_families

from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.shapes import shaped
from tests.support.dora.visitor import Visitor
from tests.support.figures.asking import alike, compute, worked
from tests.support.figures.histories import HISTORIES
from tests.support.figures.histories import QUESTIONS as RANDOM_QUESTIONS
from tests.support.figures.worked.expected import QUESTIONS, WHY, expected
from tests.support.forms import examples

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

BERLIN = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=72))
TEAMS = (
    TeamSettings("pay", "Payments", ("larkspur/led*",)),
    TeamSettings("shop", "Shop", ("larkspur/shop",)),
)
SHOP = QUESTIONS["shop"]
PERIOD = {"from": "2026-03-16", "to": "2026-04-06", "now": SHOP["now"]}


@pytest.fixture
def receiver(database: Callable[[], Database]) -> Iterator[Receiver]:
    with in_thread(database(), settings=BERLIN, teams=TEAMS) as running:
        yield running


@pytest.fixture
def key(receiver: Receiver) -> str:
    assert receiver.post(receiver.key("ci"), worked()).status_code == 202
    return receiver.key("reader", "read")


def ask(receiver: Receiver, key: str, **query: Any) -> dict[str, Any]:
    answer = receiver.get(key, "/api/metrics/series", **query)
    assert answer.status_code == 200, answer.text
    return shaped("SeriesAnswer", answer.json())


def metrics_of(receiver: Receiver, key: str, **query: str) -> dict[str, Any]:
    answer = receiver.get(key, "/api/metrics", **query)
    assert answer.status_code == 200, answer.text
    return shaped("FiguresAnswer", answer.json())


def test_every_form_has_the_same_numbers(receiver: Receiver, key: str) -> None:
    """CSV has each number of JSON in a row of its own, and Markdown a row for each group."""
    question = {
        "now": SHOP["now"],
        "days": "30",
        "by": "team,repo",
        "interval": "week",
        "compare": "before",
        "rolling": "2w",
    }
    found = ask(receiver, key, **question)
    assert [group["by"]["team"] for group in found["groups"]] == ["pay", "shop"]
    typed = msgspec.convert(found, SeriesAnswer)
    in_json = {
        (group.by["repo"], span.what, span.began, figure, field): value
        for group in typed.groups
        for span in spans(typed, group)
        for figure, field, value, _ in each_number(span.figures)
    }
    text = receiver.get(key, "/api/metrics/series", **question, format="csv")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(text.text)))
    numbers = [row for row in rows if row["field"] != "change"]
    assert len(numbers) == len(in_json)
    for row in numbers:
        value = in_json[row["repo"], row["span"], row["from"], row["figure"], row["field"]]
        assert row["value"] == ("" if value is None else value if isinstance(value, str) else repr(value))
    assert len(rows) - len(numbers) == 5 * len(found["groups"])
    assert any(row["span"] == "rolling" and row["value"] for row in numbers)
    markdown = receiver.get(key, "/api/metrics/series", **question, format="md")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "larkspur/shop, over 2 weeks, by week:" in markdown.text
    first = re.findall(r"^\| (pay|shop) \| [^|]+ \| (\d+) \|", markdown.text, re.MULTILINE)
    assert [(team, int(deploys)) for team, deploys in first] == [
        (group["by"]["team"], group["total"]["deploymentFrequency"]["deploys"]) for group in found["groups"]
    ]


def test_prometheus_has_a_label_for_each_team_and_repository(receiver: Receiver, key: str) -> None:
    """The gauges have the totals of every group; more groups than the limit are refused."""
    question = {"now": SHOP["now"], "by": "team,repo"}
    found = ask(receiver, key, **question)
    text = receiver.get(key, "/api/metrics/series", **question, format="prometheus")
    assert text.headers["content-type"].startswith("text/plain; version=")
    samples = {
        (sample.name, sample.labels["repo"]): sample.value
        for family in text_string_to_metric_families(text.text)
        for sample in family.samples
        if "repo" in sample.labels
    }
    for group in found["groups"]:
        repo, total = group["by"]["repo"], group["total"]
        for figure, field, value, unit in each_number(msgspec.convert(total, Figures)):
            name = gauge_name(OF_GROUPS, figure, field, unit)
            assert samples.get((name, repo)) == (value if isinstance(value, int | float) else None)
    assert 'deploys{repo="larkspur/ledger",team="pay"}' in text.text
    few = receiver.get(key, "/api/metrics/series", **question, format="prometheus", limit="1")
    assert (few.status_code, few.json()["detail"][:6]) == (400, "limit:")


# A history that is not a day old.
FIRST_DEPLOY = {
    "kind": "deployed",
    "id": "first",
    "repo": "larkspur/ledger",
    "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
    "time": "2026-03-28T23:30:00Z",
}
# The first number of a card, and further ones. A card without a number has a dash, and why there is none.
_HEADLINE = re.compile(
    r'<p class="value">([^<]*?)(?: <span class="why">([^<]*)</span>)?</p>'
    r'|<p class="line">([^<]*)</p>'
)
# Each history has repositories of its own, so that one server holds all of them.
_HISTORIES_SENT = itertools.count()


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(HISTORIES, RANDOM_QUESTIONS)
@example(worked(), {"now": SHOP["now"], "repo": "shop"})
@example([FIRST_DEPLOY], {"now": "2026-03-29T18:00:00Z"})
def test_every_answer_has_the_figures_of_the_events(
    receiver: Receiver, owner: Visitor, events: list[dict[str, Any]], question: dict[str, str]
) -> None:
    """API, CSV, Prometheus, series, page and command give what the pure functions make of any history."""
    number = next(_HISTORIES_SENT)
    key = receiver.key(f"all-{number}", "send", "read")
    body = [
        {**event, "id": f"{number}-{event['id']}", "repo": event["repo"].replace("/", f"{number}/")}
        for event in events
    ]
    assert receiver.post(key, body).status_code == 202
    question = {name: text for name, text in question.items() if text}
    question["repo"] = f"larkspur{number}/{'shop' if 'repo' in question else 'ledger'}"
    computed = compute(body, question, BERLIN)
    found = computed.figures()

    answer = receiver.get(key, "/api/metrics", **question).json()
    alike(answer["figures"], found)
    numbers = list(each_number(msgspec.convert(answer, FiguresAnswer).figures))
    in_csv = receiver.get(key, "/api/metrics", **question, format="csv").text
    rows = csv.DictReader(io.StringIO(in_csv))
    shown = {(row["figure"], row["field"]): row["value"] for row in rows if row["field"] != "unknown"}
    assert shown == {
        (figure, field): "" if value is None else value if isinstance(value, str) else repr(value)
        for figure, field, value, _ in numbers
    }
    gauges = receiver.get(key, "/api/metrics/prometheus", **question).text
    assert _gauges(gauges) == {
        gauge_name(OF_SELECTION, figure, field, unit): value
        for figure, field, value, unit in numbers
        if isinstance(value, int | float)
    }

    (group,) = ask(receiver, key, **question)["groups"]
    alike(group["total"], found)
    markdown = receiver.get(key, "/api/metrics/series", **question, format="md").text
    frequency = found["deploymentFrequency"]
    (cells,) = re.findall(r"^\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|", markdown, re.MULTILINE)
    assert int(cells[0]) == frequency["deploys"]
    rate = rates.fail_rate(computed.answer().change_fail_rate)
    assert cells[1] == rate

    if frequency["deploys"]:
        page = owner.session.get(f"{receiver.url}/dora", params=question, timeout=60).text
        page = re.sub(r'<span class="rest">(.*?)</span>', r"\1", re.sub(r"</?a\b[^>]*>", "", page))
        # Where deploys were counted for a part of the period alone, the page says since when.
        figures = computed.answer()
        context = CardContext("72 h", phrases.observed(figures.deployment_frequency, BERLIN.zone))
        lines = [line for card in LAYOUTS for line in card.headlines(card.of(figures), context)]
        shown_lines = [f"{a} {b}".strip() or c for a, b, c in _HEADLINE.findall(page) if a != "–"]
        assert shown_lines == [f"{line.value} {line.of}".strip() for line in lines]

    options = [part for name, text in question.items() for part in (f"--{name}", text)]
    for place in (["--url", receiver.url], ["--store", address(receiver)]):
        alike(json.loads(_command(key, *place, *options, "--json"))["figures"], found)
    assert f" {rate} " in _command(key, "--url", receiver.url, *options)


def _gauges(text: str) -> dict[str, float]:
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return {one.name: one.value for one in samples if "repo" in one.labels}


def _command(key: str, *options: str) -> str:
    """Run `gitdailies metrics` in this process."""
    ran = CliRunner().invoke(metrics, options, env={READ_KEY: key}, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return str(ran.output)


def address(receiver: Receiver) -> str:
    """Return the `--store` of a receiver."""
    store: Any = receiver.store
    return f"sqlite:{store.path}" if hasattr(store, "path") else str(store.url.reveal())


def test_pages_hold_every_group_once(receiver: Receiver, key: str) -> None:
    """Pages of one group each are the groups of a single page."""
    question = {"now": SHOP["now"], "by": "repo,environment"}
    found = ask(receiver, key, **question)["groups"]
    paged, after = [], {}
    while True:
        page = ask(receiver, key, **question, limit="1", **after)
        paged += page["groups"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert paged == found
    assert len(found) > 2


def test_a_name_that_fits_no_event_is_said_in_every_form(receiver: Receiver, key: str) -> None:
    """Beside filters that fit, each that fits none has the nearest name: in JSON, CSV and Markdown."""
    wrong = {"repo": "larkspur/ledgr", "environment": "stagin", "service": "Apii"}
    right = {"repo": "larkspur/shop", "environment": "staging", "service": "API"}
    period: dict[str, Any] = {name: SHOP[name] for name in ("from", "now")}
    asked: dict[str, Any] = {**period, **{name: [wrong[name], right[name]] for name in wrong}}
    texts = [
        "repo: no event has 'larkspur/ledgr'; did you mean larkspur/ledger",
        "environment: no event has 'stagin'; did you mean staging",
        "service: no event has 'apii'; did you mean api",
    ]
    assert receiver.get(key, "/api/metrics/series", **asked).json()["unknown"] == texts
    assert "unknown" not in receiver.get(key, "/api/metrics/series", **period, **right).json()
    for path, names in (
        ("/api/metrics/series", {**asked, "by": "repo"}),
        ("/api/metrics", {**period, **wrong}),
    ):
        rows = list(csv.DictReader(io.StringIO(receiver.get(key, path, format="csv", **names).text)))
        assert [row["value"] for row in rows if row["field"] == "unknown"] == texts
    written = receiver.get(key, "/api/metrics/series", format="md", **asked).text
    assert "repo: no event has 'larkspur/ledgr'; did you mean larkspur/ledger.\n" in written


def test_a_client_that_has_the_answer_gets_none(receiver: Receiver, key: str) -> None:
    """The tag of an answer gives 304 until a number changes, also for a period that is not over."""
    url, headers = f"{receiver.url}/api/metrics/series?by=repo&days=3000", {"webhook-key": key}
    tags = set()
    for _ in range(2):  # a minute may end between two requests
        first = requests.get(url, headers=headers, timeout=30)
        again = requests.get(url, headers={**headers, "if-none-match": first.headers["etag"]}, timeout=30)
        tags.add(again.status_code)
    assert 304 in tags
    sent = {**worked()[0], "id": "one-more", "commitSHA": "f" * 40, "kind": "deployed"}
    assert receiver.post(receiver.key("ci2"), sent).status_code == 202
    later = requests.get(url, headers={**headers, "if-none-match": first.headers["etag"]}, timeout=30)
    assert (later.status_code, later.headers["etag"] == first.headers["etag"]) == (200, False)


def test_figures_are_those_worked_by_hand(receiver: Receiver, key: str) -> None:
    """The server answers each question with the numbers of the derivation, as the OpenAPI document says."""
    for name, question in QUESTIONS.items():
        answer = metrics_of(receiver, key, **question)
        alike(answer["figures"], expected(name))
        assert answer["definitions"] == "2026-2"


def test_each_event_says_why(receiver: Receiver, key: str) -> None:
    """Pages of reasons hold every event of the period once, with the words of the table."""
    question = {"repo": "Larkspur/Shop", **PERIOD}
    found: dict[str, str] = {}
    after: dict[str, str] = {}
    while after.get("after", "") is not None:
        page = receiver.get(key, "/api/metrics/why", **question, limit="7", **after)
        answer = shaped("JudgedEvents", page.json())
        for event in answer["events"]:
            assert event["id"] not in found
            found[event["id"]] = " ".join(verdict["word"] for verdict in event["verdicts"])
        after = {"after": answer["next"]}
    elsewhere = {"l1", "l2", "i25", "i26", "i38"}
    before_or_later = {"d01", "d02", "d15", "i36", "i40"}
    assert found == {id_: words for id_, words in WHY.items() if id_ not in elsewhere | before_or_later}
    for id_ in before_or_later | elsewhere:
        one = receiver.get(key, "/api/metrics/why", **question, id=id_).json()["events"]
        assert [" ".join(v["word"] for v in event["verdicts"]) for event in one] == [WHY[id_]]


def test_reasons_without_a_repository_are_those_of_all(receiver: Receiver, key: str) -> None:
    """A question that names no repository finds the events of each."""
    found = [
        {one["id"] for one in receiver.get(key, "/api/metrics/why", **PERIOD, **asked).json()["events"]}
        for asked in ({"limit": "1000"}, {"repo": "larkspur/shop"}, {"repo": "larkspur/ledger"})
    ]
    assert all(found)
    assert found[0] == found[1] | found[2]


def test_a_header_asks_for_csv(receiver: Receiver, key: str) -> None:
    """`Accept: text/csv` gives CSV, as `format=csv` does."""
    url, question = f"{receiver.url}/api/metrics", QUESTIONS["ledger"]
    headers = {"webhook-key": key, "accept": "text/csv"}
    by_header = requests.get(url, headers=headers, params=question, timeout=10)
    assert by_header.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_header.text == receiver.get(key, "/api/metrics", **question, format="csv").text


def test_figures_are_for_keys_that_may_read(receiver: Receiver, key: str) -> None:
    """A request without a key is answered 401, one with a key that may only send 403."""
    sender = receiver.key("sender")
    for path in ("/api/metrics", "/api/metrics/why", "/api/metrics/series", "/api/metrics/prometheus"):
        assert requests.get(receiver.url + path, timeout=10).status_code == 401
        assert receiver.get(sender, path).status_code == 403
        assert receiver.get(key, path).status_code == 200


def test_a_sent_event_is_in_the_next_answer(receiver: Receiver, key: str) -> None:
    """Answers after the 202 of an event include it, whatever was derived before."""
    send = receiver.key("more")
    for count in range(1, 6):
        event = {"kind": "deployed", "repo": "larkspur/new", "commitSHA": f"{count:040x}"}
        assert receiver.post(send, event).status_code == 202
        answer = metrics_of(receiver, key, repo="LARKSPUR/new")
        assert answer["figures"]["deploymentFrequency"]["deploys"] == count
        assert answer["asOf"] == answer["period"]["now"]
        assert answer["filter"]["repo"] == "larkspur/new"


def test_every_event_has_its_detail(receiver: Receiver, key: str) -> None:
    """Each event, deploy and incident is answered as the OpenAPI document says."""
    names = {"deployed": ("deploys", "DeployDetail"), "incidentStarted": ("incidents", "IncidentDetail")}
    for body in worked()[:40]:
        found = shaped("EventDetail", receiver.get(key, f"/api/events/{body['id']}").json())
        assert found["event"]["id"] == body["id"]
        if body["kind"] in names:
            path, schema = names[body["kind"]]
            detail = shaped(schema, receiver.get(key, f"/api/{path}/{body['id']}").json())
            assert (detail["event"], detail["related"]) == (found["event"], found["related"])
    for path in ("events/none", "deploys/none", f"deploys/{body['id']}x", "incidents/none"):
        assert receiver.get(key, f"/api/{path}").status_code == 404
    future = receiver.get(key, f"/api/events/{body['id']}", now="2999-01-01")
    assert (future.status_code, "now: expected a time up to" in future.text) == (400, True)
    unread = receiver.get(receiver.key("sender"), f"/api/events/{body['id']}")
    assert unread.status_code == 403


WRONG = yaml.safe_load(Path(__file__).with_name("wrong_questions.yaml").read_text("utf-8"))


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_question_is_refused(receiver: Receiver, key: str, path: str) -> None:
    """A question that cannot be answered is refused with what to ask instead."""
    for query, detail in WRONG[path].items():
        answer = receiver.get(key, f"{path}?{query}")
        found = (query, answer.status_code, answer.json()["detail"][: len(detail)])
        assert found == (query, 400, detail)
