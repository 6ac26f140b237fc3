"""The review of a week: page, interface and command tell the same, and one click decides a line."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from gitdailies_cli.commands.see.report import report
from gitdailies_connection.config.sections.settings import DoraSettings, TeamSettings
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.derived.read import review as derived_review
from gitdailies_dora.events.records import change_log
from gitdailies_dora.sql.database import transaction

from tests.component.dora.test_corrections import delete, put
from tests.support.databases import PAGE_KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.shapes import shaped
from tests.support.dora.visitor import Visitor
from tests.support.figures.asking import REPO, deploy, ended, started

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

# The week of 30 March 2026. In each of the four weeks before, everything goes its usual way.
WEEK, PAGE = "2026-W14", "/review?week=2026-W14"


def commit(sha: str, time: str) -> dict[str, Any]:
    return {"sha": sha * 40, "time": f"2026-03-{time}Z"}


@pytest.fixture
def key(receiver: Receiver) -> str:
    """A month, and a week with something for each section."""
    step = {"reporter": "step/ci"}
    usual = [
        deploy(f"{repo}-{day}", f"{day}T09:00:00", **step, repo=f"larkspur/{repo}")
        for repo in ("shop", "quiet")
        for day in ("03", "10", "17", "24")
    ]
    week = [
        deploy("slow", "30T09:00:00", "a" * 40, **step, commits=[commit("a", "02T09:00:00")]),
        started("bad", "30T09:30:00", "INC-1", title="Checkout *fails*"),
        ended("good", "30T10:00:00", "INC-1"),
        deploy("back", "30T09:45:00", **step, type="rollback"),
        deploy("other", "30T11:00:00", reporter="relay/argocd"),
        deploy("same", "30T11:02:00", **step),
        deploy("preview", "30T12:00:00", **step, environment="preview-7"),
        started("alone", "30T15:00:00", "INC-2", environment="production", repo="larkspur/none"),
    ]
    # It lists commits, so that those of the next one are known.
    usual[3]["commits"] = [commit("e", "24T08:00:00")]
    rare = [
        started("rare", "03T08:00:00", "INC-0", source="pagerduty"),
        ended("rare-end", "03T09:00:00", "INC-0", source="pagerduty"),
    ]
    key = receiver.key("lead", "send", "read")
    assert receiver.post(key, [*rare, *usual, *week]).status_code == 202
    return key


def review(receiver: Receiver, key: str) -> dict[str, Any]:
    return shaped("Review", receiver.get(key, "/api/review", week=WEEK).json())


def keys(found: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [line["key"] for line in lines] for name, lines in found["sections"].items()}


def test_the_week_has_what_needs_a_decision(receiver: Receiver, key: str) -> None:
    """Failed deploys, incidents without a deploy, new names, doubles, slow changes and silence are listed."""
    found = review(receiver, key)
    assert keys(found) == {
        "failed": ["failed:slow"],
        "unlinked": ["unlinked:alone"],
        "uncounted": [
            f"uncounted:{WEEK}:reporter:{REPO}:relay/argocd",
            f"uncounted:{WEEK}:environment:{REPO}:preview-7",
        ],
        "twice": [f"twice:{WEEK}:{REPO}:relay/argocd:step/ci"],
        "doubtful": [],
        "slowest": ["slowest:slow"],
        "silent": [f"silent:{WEEK}:repository:larkspur/quiet:", f"silent:{WEEK}:source::pagerduty"],
    }
    assert (found["open"], found["done"]) == (8, 0)
    last_sign = found["sections"]["silent"][1]
    assert (last_sign["last"]["id"], last_sign["quietSeconds"]) == ("rare-end", 33 * 86_400 + 15 * 3600)
    failed = found["sections"]["failed"][0]
    assert [ref["id"] for ref in failed["incidents"]] == ["bad"]
    assert [ref["id"] for ref in failed["remediedBy"]] == ["back"]
    assert failed["recoverySeconds"] == 1800


def test_a_reporter_whose_deploys_count_as_repeats_is_not_silent(receiver: Receiver, key: str) -> None:
    """It still reports; that another one reports the same deploys earlier is no silence."""
    sender, sha = {"reporter": "relay/github"}, "9" * 40
    usual = [deploy(f"hook-{day}", f"{day}T15:00:00", **sender) for day in ("03", "10", "17", "24")]
    assert receiver.post(key, usual).status_code == 202
    silent = f"silent:{WEEK}:reporter:{REPO}:relay/github"
    assert silent in keys(review(receiver, key))["silent"]
    ours = deploy("ours", "31T09:00:00", sha, reporter="step/ci")
    twins = [ours, deploy("twin", "31T09:05:00", sha, **sender)]
    assert receiver.post(key, twins).status_code == 202
    assert receiver.get(key, "/api/deploys/twin").json()["state"] == "repeat"
    assert silent not in keys(review(receiver, key))["silent"]


def test_two_workflows_of_one_target_are_asked_about(receiver: Receiver, key: str) -> None:
    """Two runs of a push that deployed one commit to one target are of two workflows; a run again is not."""

    def run(id_: str, minute: int, number: int, sha: str, trigger: str = "push", **more: str) -> Any:
        of_run = {"run": f"github-actions:{number}", "trigger": trigger, "reporter": "relay/github"}
        return deploy(id_, f"31T10:{minute:02d}:00", sha * 40, **{**of_run, **more})

    deploys = [
        run("api-1", 0, 1, "1"),
        run("api-2", 5, 3, "2"),
        run("web-1", 6, 2, "1"),
        run("web-2", 11, 4, "2"),
    ]
    assert receiver.post(key, deploys).status_code == 202
    others = [
        run("again-1", 12, 4, "2", "rerun", attempt="2"),
        run("again-2", 13, 5, "2", "manual"),
        run("wave", 14, 6, "2", environment="prod"),
        run("named", 15, 7, "2", service="worker"),
        run("till", 2, 10, "3", service="till"),
        run("argo", 16, 8, "2", run="argocd:1"),
        run("staging", 17, 9, "2", environment="staging"),
    ]
    assert receiver.post(key, others).status_code == 202
    (line,) = review(receiver, key)["sections"]["doubtful"]
    assert line["key"] == f"doubtful:{WEEK}:workflows:{REPO}:"
    assert (line["what"], line["number"]) == ("workflows", 2)
    assert [ref["id"] for ref in line["deploys"]] == ["api-2", "web-2"]
    printed = receiver.get(key, "/api/review", week=WEEK, format="md").text
    assert f"Two workflows deployed one commit to [{REPO}]" in printed


def test_a_service_of_incidents_that_no_deploy_names_is_asked_about(receiver: Receiver, key: str) -> None:
    """Where deploys name several, review and `why` have the line that says whose the incidents are."""
    mono = {"repo": "larkspur/mono"}
    events = [
        deploy("w1", "03T09:00:00", **mono, service="worker"),
        deploy("w2", "31T09:00:00", "b" * 40, **mono, service="web"),
        started("one", "31T09:30:00", "INC-7", **mono, service="Platform Worker", environment="prod"),
        started("two", "31T10:30:00", "INC-8", **mono, service="Platform Worker", environment="prod"),
        started("named", "31T10:40:00", "INC-9", **mono, service="Web"),
    ]
    assert receiver.post(key, events).status_code == 202
    (line,) = review(receiver, key)["sections"]["doubtful"]
    own = {"repo": "larkspur/mono", "environment": "prod", "service": "worker"}
    written = f'`services: {{"Platform Worker": {json.dumps(own)}}}`'
    slip = "(if a line with its name or id gave it this service, correct that line)"
    assert (line["number"], [ref["id"] for ref in line["deploys"]], line["line"]) == (2, ["two"], written)
    shown = receiver.get(key, "/api/review", week=WEEK, format="md").text
    assert '"service": "worker"}}\\` would tell of later incidents (if a line with its name or id' in shown
    assert "; for an earlier one, choose the deploy on its page. The last is " in shown
    verdict = receiver.get(key, "/api/metrics/why", id="one").json()["events"][0]["verdicts"][0]
    since = f"since no deploy there names its own: {written} would tell of later incidents {slip}"
    assert since in verdict["reason"]
    others = receiver.get(key, "/api/metrics/why", id="named").json()["events"][0]["verdicts"][0]["reason"]
    assert "no deploy there names" not in others


def test_a_deploy_is_named_with_its_service_and_as_what_it_counts(
    receiver: Receiver, key: str, owner: Visitor
) -> None:
    """Of one commit in two services, a choice says which. A deploy of an older commit is a rollback."""
    mono = {"repo": "larkspur/mono"}
    a, b = "a" * 40, "b" * 40
    deploys = [
        deploy("w1", "30T09:00:00", a, **mono, service="web"),
        deploy("a1", "30T09:00:00", a, **mono, service="api"),
        deploy("w2", "30T10:00:00", b, **mono, service="web"),
        deploy("w3", "30T11:00:00", a, **mono, service="web"),
        started("early", "30T08:00:00", "INC-7", **mono),
        started("far", "31T11:30:00", "INC-8", **mono),
        deploy("w4", "31T12:00:00", b, **mono, service="web"),
    ]
    assert receiver.post(key, deploys).status_code == 202
    page = owner.get("/incidents/far").text
    assert re.findall(r"UTC: ([^<]*) <span class=\"muted\">[^<]* earlier", page) == [
        f"rollback {a[:12]} (web)",
        f"deploy {b[:12]} (web)",
        f"deploy {a[:12]} (web)",
        f"deploy {a[:12]} (api)",
    ], "those before it, the latest first"
    assert "such as an outage of a provider, choose" in page
    assert 'value="deploy ' not in owner.get("/incidents/early").text
    seen = owner.get(PAGE).text.replace("\xa0", " ")
    assert f">Mon 30 Mar 11:00: rollback {a[:12]} (web)</button>" in seen
    assert "12:00: deploy" not in re.sub("<p>.*?</p>", "", seen), "no deploy after it"
    assert re.search(f"repaired by <a [^>]*>rollback {a[:12]} \\(web\\)</a>", seen)
    assert "<h1>Rollback " in owner.get("/deploys/w3").text
    listed = owner.get("/events?kind=deployed&repo=larkspur/mono").text
    assert listed.count("</a> (web)</td>") == 4


@pytest.mark.parametrize(("number", "asked"), [(50, False), (51, True)])
def test_a_list_of_commits_older_than_its_target_is_asked_about(
    receiver: Receiver, key: str, number: int, asked: bool
) -> None:
    """More than 50 commits from before the first event of a target are a first list, or of another one."""
    listed = [{"sha": f"{one:040x}", "time": "2026-03-02T08:59:00Z"} for one in range(1, number + 1)]
    newer = [{"sha": f"{one:040x}", "time": "2026-03-02T09:01:00Z"} for one in range(100, 160)]
    deploys = [
        started("early", "02T09:00:00", "INC-9", repo="larkspur/till"),
        deploy("till-0", "03T09:00:00", "e" * 40, repo="larkspur/till", commits=[{"sha": "e" * 40}]),
        deploy("till-1", "31T09:00:00", f"{100:040x}", repo="larkspur/till", commits=[*newer, *listed]),
    ]
    assert receiver.post(key, deploys).status_code == 202
    lines = review(receiver, key)["sections"]["doubtful"]
    keys_of = [f"doubtful:{WEEK}:old-commits:larkspur/till:"] if asked else []
    assert [line["key"] for line in lines] == keys_of
    assert [line["number"] for line in lines] == [number] * asked


def test_page_interface_and_command_tell_the_same(
    receiver: Receiver, key: str, monkeypatch: pytest.MonkeyPatch, owner: Visitor
) -> None:
    """Every line of the answer is on the page and in the Markdown, with the same state."""
    correct(owner, "alone", "no-deploy")
    found = review(receiver, key)
    page = owner.get(PAGE).text
    states = re.findall(r'<span class="badge[^>]*>(to decide|to look at|done)</span>', page)
    assert Counter(states) == {"to decide": 6, "to look at": 1, "done": found["done"]}
    assert "<b>6 need a decision, 1 is worth a look, 1 done.</b>" in page
    assert states.index("to look at") > max(at for at, state in enumerate(states) if state == "to decide")
    covered = f'All repositories, production, up to Sunday, 5 April 2026 (<span class="whole">{WEEK}</span>).'
    assert covered in page.replace("\xa0", " ")
    monkeypatch.setenv("GITDAILIES_READ_KEY", key)
    printed = CliRunner().invoke(report, ["--url", receiver.url, "--week", WEEK]).output
    assert printed == receiver.get(key, "/api/review", week=WEEK, format="md").text
    assert (printed.count("- [ ] "), printed.count("- [x] ")) == (found["open"], found["done"])
    assert f"[deploy aaaaaaaaaaaa]({receiver.url}/deploys/slow)" in printed
    assert "by Kim" in printed
    lines_of_page = re.findall(r"<li[^>]*>\s*<p>(.*?)</p>", page, re.DOTALL)
    assert len(lines_of_page) == found["open"] + found["done"] + len(found["happened"])
    as_json = CliRunner().invoke(report, ["--url", receiver.url, "--week", WEEK, "--format", "json"]).output
    assert WEEK in as_json


def correct(visitor: Visitor, event: str, what: str) -> None:
    sent = {"event": event, "what": what, "reason": "decided in the review", "back": PAGE}
    answer = visitor.post("/corrections", form=PAGE, **sent)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)


def test_a_line_is_decided_and_opened_again(receiver: Receiver, key: str, member: Visitor) -> None:
    """A line is done by a correction or by a click, says who decided it, and can be opened again."""
    line = "failed:slow"
    assert member.post("/review/acknowledge", form=PAGE, line=line, back=PAGE).status_code == 303
    done = review(receiver, key)["sections"]["failed"][0]["done"]
    assert (done["how"], done["by"]) == ("acknowledged", "Vic")
    assert member.post("/review/reopen", form=PAGE, line=line, back=PAGE).status_code == 303
    assert review(receiver, key)["sections"]["failed"][0]["done"] is None
    correct(member, "alone", "not-an-incident")
    found = review(receiver, key)["sections"]["unlinked"][0]
    assert (found["state"], found["done"]["how"]) == ("dismissed", "corrected")
    correct(member, "slow", "not-failed")
    found = review(receiver, key)["sections"]["failed"][0]
    assert (found["state"], found["done"]["reason"]) == ("succeeded", "decided in the review")
    with transaction(receiver.store) as session:
        actions = [line.action for line in read_audit(session)[:4]]
    assert actions == ["correction.made", "correction.made", "review.reopened", "review.decided"]


def test_who_names_the_deploy_of_an_incident_decides_its_line(
    receiver: Receiver, key: str, member: Visitor
) -> None:
    """The incident is on no other line, and its correction can be undone on that of the deploy."""
    assert receiver.post(key, [started("late", "31T15:00:00", "INC-9")]).status_code == 202
    assert "unlinked:late" in keys(review(receiver, key))["unlinked"]
    correct(member, "late", "deploy slow")
    found = review(receiver, key)["sections"]
    done = {line["key"]: line["done"] and line["done"]["event"] for line in found["failed"]}
    assert done == {"failed:slow": "late"}
    assert [line["key"] for line in found["unlinked"]] == ["unlinked:alone"]
    undo = 'action="/corrections/undo">.*?name="event" value="late"'
    assert re.search(undo, member.get(PAGE).text, re.DOTALL)


def test_a_key_that_corrects_decides_lines(receiver: Receiver, key: str) -> None:
    """The interface marks any line as done and opens it again, as the page does. The audit trail says who."""
    lead = receiver.key("weekly", "correct")
    new = f"uncounted:{WEEK}:environment:{REPO}:preview-7"
    for line, sent, reason in (("failed:slow", {}, ""), (new, {"reason": " a preview "}, "a preview")):
        path = f"/api/review/{quote(line, safe='')}/acknowledgement"
        assert put(receiver, lead, path, **sent).json() == {"status": "acknowledged", "line": line}
        (done,) = (one["done"] for one in lines(review(receiver, key)) if one["key"] == line)
        assert (done["how"], done["by"], done["reason"]) == ("acknowledged", "weekly", reason)
        assert delete(receiver, lead, path).json() == {"status": "reopened", "line": line}
        assert delete(receiver, lead, path).status_code == 404
        with transaction(receiver.store) as session:
            reopened, decided = read_audit(session)[:2]
        assert (reopened.action, decided.action) == ("review.reopened", "review.decided")
        assert (reopened.actor, decided.actor, decided.subject) == ("weekly", "weekly", line)
    assert review(receiver, key)["done"] == 0


def lines(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for of_section in found["sections"].values() for line in of_section]


NO_LINE = "line: expected the key of a line of the review"
WRONG: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    ("failed:nothing", {}, 404, "line: no event has the id 'nothing'"),
    ("failed:", {}, 404, NO_LINE),
    ("slow", {}, 404, NO_LINE),
    ("silent:W14:repository:larkspur/quiet:", {}, 404, NO_LINE),
    ("failed:slow", {"reason": "two\nlines"}, 400, "reason: expected 1 to 500 characters"),
    ("failed:slow", {"done": True}, 400, "body: object contains unknown field `done`"),
)


def test_what_is_no_line_is_not_decided(receiver: Receiver, key: str) -> None:
    """What names no line is refused, and so is a webhook key without the right to correct."""
    lead = receiver.key("weekly", "correct")
    for line, sent, status, fault in WRONG:
        path = f"/api/review/{quote(line, safe='')}/acknowledgement"
        answer = put(receiver, lead, path, **sent)
        assert (answer.status_code, answer.json()["detail"][: len(fault)]) == (status, fault)
        assert put(receiver, key, path).status_code == 403
    assert review(receiver, key)["done"] == 0


def test_a_team_reviews_what_is_its_own(receiver: Receiver, key: str, owner: Visitor) -> None:
    """With a repository or a team, the lines of the others are left out, and the address keeps the filter."""
    receiver.reload(DoraSettings(teams=(TeamSettings("quiet", "The quiet ones", ("larkspur/quiet",)),)))
    found = receiver.get(key, "/api/review", week=WEEK, team="QUIET").json()
    assert [name for name, lines in found["sections"].items() if lines] == ["silent"]
    assert found["filter"] == {"repo": None, "team": "quiet"}
    of_repo = receiver.get(key, "/api/review", week=WEEK, repo="LARKSPUR/none").json()
    assert [name for name, lines in of_repo["sections"].items() if lines] == ["unlinked"]
    assert "/review?week=2026-W13&amp;team=quiet" in owner.get(f"{PAGE}&team=quiet").text
    assert receiver.get(key, "/api/review", team="loud").status_code == 400


def test_open_lines_come_first(
    receiver: Receiver, key: str, monkeypatch: pytest.MonkeyPatch, owner: Visitor
) -> None:
    """However many lines there are, the open ones are shown, and all of them are counted."""
    monkeypatch.setattr(derived_review.review, "MOST_LINES", 1)
    assert review(receiver, key)["left"]["uncounted"] == 1
    for left in (7, 6):
        line = review(receiver, key)["sections"]["uncounted"][0]
        assert line["done"] is None
        assert owner.post("/review/acknowledge", form=PAGE, line=line["key"], back=PAGE).status_code == 303
        assert review(receiver, key)["open"] == left


def test_a_review_that_is_not_complete_says_so(
    receiver: Receiver, key: str, monkeypatch: pytest.MonkeyPatch, owner: Visitor
) -> None:
    """While events are still counted, the page and its interface say until when the review is complete."""
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    monkeypatch.setattr(change_log, "behind_since", lambda *_: int(since.timestamp() * 1e6))
    page = owner.get("/review?week=2026-W02").text
    for_chat = receiver.get(key, "/api/review", week="2026-W02", format="md").text
    for text in (page, for_chat):
        assert "Still counting: this review does not yet include everything" in text
        assert "Nothing to decide so far." in text
        assert "Nothing to decide." not in text
    found = receiver.get(key, "/api/review", week="2026-W02").json()
    assert datetime.fromisoformat(found["asOf"]) == since


def test_a_deleted_event_may_stay_in_the_figures_for_a_while(
    receiver: Receiver, key: str, owner: Visitor
) -> None:
    """A review is shown, too, while events are deleted that the figures still include."""
    for id_ in ("same", "back", "slow"):
        with transaction(receiver.store) as session:
            session.execute("DELETE FROM events WHERE id = ?", (id_,))
        assert review(receiver, key)["sections"]["failed"] == [] or id_ != "slow"
        assert owner.get(PAGE).status_code == 200


def test_an_empty_week_says_so(receiver: Receiver, key: str, owner: Visitor) -> None:
    """A week without a line says that there is nothing to decide; a wrong week says what was expected."""
    assert "Nothing to decide." in owner.get("/review?week=2026-W02").text
    assert "Nothing to decide." in receiver.get(key, "/api/review", week="2026-W02", format="md").text
    for query in ({"week": "2026-13"}, {"week": "2999-W01"}, {"format": "html"}, {"weak": "2026-W02"}):
        assert receiver.get(key, "/api/review", **query).status_code == 400
    assert owner.get("/review?week=next").status_code == 400
    assert owner.post("/review/acknowledge", form=PAGE, line="").status_code == 404
