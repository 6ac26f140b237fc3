"""PagerDuty's past, read from a server that listens, against what its webhooks would have brought."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Window
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_pagerduty import past, reader
from gitdailies_pagerduty.api import rest

from tests.support.history_fetch import incidents
from tests.support.history_fetch.api import CUT, LIMITED, Api, listening
from tests.support.history_fetch.deploys import Direct
from tests.support.history_fetch.pagerduty import BEGIN, END, Incident, answers, year

TOKEN = "larkspur-token-000042"
NOWHERE = {"GITDAILIES_WEBHOOK_URL": "http://127.0.0.1:9/webhooks", "GITDAILIES_WEBHOOK_KEY": "gdk_none"}
SOURCE = incidents.Source(
    "pager",
    incidents.configured(
        "  pager: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}], only: {urgency: high}}\n",
        checkout="PCHECKOUT",
    ),
    {"PAGERDUTY_API_TOKEN": TOKEN},
)


def live(year: list[Incident]) -> list[dict[str, Any]]:
    return SOURCE.live(delivery for one in year for delivery in one.deliveries())


def test_a_year_is_what_its_webhooks_would_have_brought(tmp_path: Path) -> None:
    """Every event of a year, ids and all, is the live one, through a 429 and a connection cut in a page."""
    given = year()
    api = Api(answers(given), TOKEN, {2: LIMITED, 5: CUT, 40: CUT, 41: LIMITED})
    with listening(api):
        ran = SOURCE.fetch(tmp_path, api)

    assert ran.returncode == 0, ran.stderr
    expected = live(given)
    assert len(expected) > 300
    assert {one["kind"] for one in expected} == {"incidentStarted", "incidentResolved"}
    assert any(one.get("mergedInto") for one in expected)
    assert len([one for one in api.asked if one.startswith("/incidents?")]) >= 3
    assert incidents.written(tmp_path / "out.ndjson") == incidents.by_id(expected)
    assert "filtered: urgency is low" in ran.stderr
    assert "no line under services for 'unmapped'" in ran.stderr


def test_an_interrupted_fetch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A second run asks for no page that the first one has read, and comes to the same events."""
    given = year(60)
    whole = tmp_path / "whole"
    whole.mkdir()
    with listening(Api(answers(given), TOKEN)) as api:
        SOURCE.fetch(whole, api)
    api = Api(answers(given), TOKEN, dict.fromkeys(range(31, 33), CUT))
    with listening(api):
        first = SOURCE.fetch(tmp_path, api, "--output", "out.ndjson", "--retries", "1")
        before = list(api.asked)
        second = SOURCE.fetch(tmp_path, api)

    assert first.returncode == 1
    assert "run the same command again to continue" in first.stderr
    assert second.returncode == 0, second.stderr
    assert set(api.asked[len(before) :]) & set(before[:30]) == set()
    assert (tmp_path / "out.ndjson").read_text() == (whole / "out.ndjson").read_text()
    assert not list(tmp_path.glob("gitdailies-data/history/fetch.db*"))


def test_ctrl_c_while_it_reads_says_where_it_stopped_and_how_to_go_on(tmp_path: Path) -> None:
    """Interrupted while it waits for a page it ends with 130, and the same command reads on from there."""
    with listening(Api(answers(year(60)), TOKEN)) as api:
        code, out, err = SOURCE.interrupt(tmp_path, api, by=signal.SIGINT, after=30, **NOWHERE)
        before = list(api.asked)
        second = SOURCE.fetch(tmp_path, api)

    assert (code, out) == (130, "")
    assert err.splitlines()[0] == (
        "interrupted after 30 pages; nothing was sent; run the same command within a day to continue"
    )
    assert second.returncode == 0, second.stderr
    assert "continues with 30 pages that were read before" in second.stderr
    assert set(api.asked[len(before) :]) & set(before[:30]) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--since", "2025-01-01"], "SOURCE: expected a source to fetch from ("),
        (["pager", "--since", "yesterday"], "--since: expected a time like 2026-03-04T09:12:41Z"),
        (["pager", "--since", "2025-02-01", "--until", "2025-01-01"], "--until: expected a time after"),
        (["pager", "--since", "2025-01-01", "--with", "team=x"], "--with: expected none for pagerduty"),
        (
            ["pager", "--since", "2025-01-01", "--token-env", "NOT_SET"],
            "env NOT_SET: this variable is not set",
        ),
        (["pager", "--since", "2025-01-01", *(["--token-env", "A"] * 2)], "expected 1 for pagerduty, got 2"),
        (["pager", "--since", "2025-01-01", "--live-since", "2025-02-01"], "pager does not need it"),
    ],
)
def test_a_wrong_argument_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """Each wrong argument ends with an error that names it, before anything is asked for."""
    (tmp_path / "gitdailies.yml").write_text(SOURCE.configuration)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAGERDUTY_API_TOKEN", TOKEN)

    ran = CliRunner().invoke(gitdailies, ["history", "fetch", *arguments, "--dry-run"])

    assert isinstance(ran.exception, UsageError)
    assert message in str(ran.exception)


def test_a_page_of_another_server_is_reported_with_its_address(tmp_path: Path) -> None:
    """JSON that is no listing of the vendor ends the fetch, and the error names the address."""
    with listening(Api(lambda path, query: [], TOKEN)) as api:
        ran = SOURCE.fetch(tmp_path, api, "--dry-run")

    assert ran.returncode == 1
    assert f"gitdailies: {api.url}: body: expected an object, got a list of 0\n" in ran.stderr


def test_a_window_with_too_many_rows_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are halved until each listing shows its end, and no incident comes twice or is lost."""
    given = year(250)
    monkeypatch.setattr(reader, "MOST_ROWS", 30)
    monkeypatch.setattr(rest, "PAGE", 10)

    found = list(reader.reader.read(Direct(answers(given, most=30), ""), Window(BEGIN, END), {}))

    starts = [one.incident for one in found if isinstance(one, Change) and one.word == "incident.triggered"]
    assert sorted(starts) == [one.id for one in given]


def test_a_record_that_cannot_be_read_stops_no_other() -> None:
    """An incident whose service has no id gives a reason with the place. The next one gives its changes."""
    first, second = year(2)
    broken = {**first.listed(), "service": {"summary": "checkout"}}
    whole = answers([first, second])

    def answer(path: str, query: dict[str, str]) -> Any:
        page = whole(path, query)
        if path == "/incidents" and page["incidents"] and page["incidents"][0]["id"] == first.id:
            page["incidents"][0] = broken
        return page

    found = list(reader.reader.read(Direct(answer, ""), Window(BEGIN, END), {}))

    assert isinstance(found[0], Ignored)
    assert "incidents[0].service.id: expected text, got nothing" in found[0].reason
    assert [one.incident for one in found[1:] if isinstance(one, Change)] == [second.id, second.id]


def entry(kind: str, minutes: float) -> Fields:
    return Fields(
        {"type": f"{kind}_log_entry", "created_at": f"{(BEGIN + timedelta(minutes=minutes)).isoformat()}"}
    )


@pytest.mark.parametrize(
    ("reopened", "entries", "words"),
    [
        (None, [("trigger", 0), ("resolve", 0)], ["triggered", "resolved"]),
        (None, [("resolve", 9), ("trigger", 0)], ["triggered", "resolved"]),
        (None, [("trigger", 0), ("trigger", 3), ("resolve", 9)], ["triggered", "resolved"]),
        (None, [("trigger", 0), ("resolve", 9), ("resolve", 20)], ["triggered", "resolved", "ignored"]),
        (
            12,
            [("trigger", 0), ("resolve", 9), ("resolve", 20)],
            ["triggered", "resolved", "reopened", "resolved"],
        ),
        (12, [("trigger", 0), ("resolve", 9), ("trigger", 12)], ["triggered", "resolved", "reopened"]),
        (None, [], ["triggered"]),
        (None, [("notify", 1), ("annotate", 2)], ["triggered"]),
    ],
)
def test_the_log_tells_starts_and_ends(
    reopened: float | None, entries: list[tuple[str, float]], words: list[str]
) -> None:
    """Entries in any order give alternating starts and ends. An end without a start is ignored."""
    listed = {"id": "Q1", "created_at": BEGIN.isoformat()}
    if reopened:
        listed["reopened_at"] = (BEGIN + timedelta(minutes=reopened)).isoformat()

    found = list(past.translate(Fields(listed), [entry(*one) for one in entries]))

    assert [
        one.word.removeprefix("incident.") if isinstance(one, Change) else "ignored" for one in found
    ] == words
    if reopened:
        assert found[2].occurrence == "2025-01-01T00:12:00Z"  # type: ignore[union-attr]
