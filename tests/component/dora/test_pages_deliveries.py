"""The pages of deliveries over a real relay: what they show to whom, and actions with their audit lines."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gitdailies_relay.operations import deliveries
from gitdailies_server.storage.database import transaction

from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor, joined, owner_of
from tests.support.dora.with_relay import STATUS_KEY, pages_and_relay
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty, signed
from tests.support.relay.running import Relay

MARKUP = "<script>alert(1)</script>"
SECRET = "pd-secret-4f1c0b7a9e"


@dataclass
class Both:
    """A relay, the pages that ask it, and an owner's visit to them."""

    relay: Relay
    receiver: Receiver
    owner: Visitor

    @property
    def file(self) -> Path:
        return self.relay.store.parent / "gitdailies.yml"

    def member(self) -> Visitor:
        return joined(self.receiver, self.owner)

    def begin(self, *incidents: str, service: str = "attic") -> None:
        """Have incidents of a service begin at PagerDuty."""
        for incident in incidents:
            pagerduty("incident.triggered", incident, service=service).post(self.relay.url)

    def shows(self, path: str, text: str, times: int = 1) -> str:
        """Open a page until it has a text at least the given number of times."""
        return eventually(lambda: page if (page := self.owner.get(path).text).count(text) >= times else "")

    def save(self, **line: str) -> str:
        """Save a line of services, and return the page that follows."""
        return self.owner.submit("/settings/services", **line)

    def ids(self, query: str = "") -> list[str]:
        return re.findall(r'href="/deliveries/relay/(d\w+)">', self.owner.get(f"/deliveries{query}").text)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with pages_and_relay(tmp_path) as (relay, receiver):
        yield Both(relay, receiver, owner_of(receiver))


def hostile() -> bytes:
    """Return a delivery with markup in its texts and the source's secret in its title."""
    sent = json.loads(pagerduty("incident.triggered", "Q<i>2</i>", service=MARKUP).body)
    sent["event"]["data"]["title"] = f"{MARKUP} {SECRET}"
    return json.dumps(sent).encode()


def test_a_delivery_leads_to_its_event(both: Both) -> None:
    """One that counted is listed as passed on, and a link leads to the event that it became."""
    pagerduty("incident.triggered", "Q1").post(both.relay.url)
    page = both.shows("/deliveries", "the receiver took 1 event")
    (event,) = set(re.findall(r'href="(/events/\d+)"', page))
    shown = both.owner.get(event).text
    assert "Checkout returns 502" in shown
    (back,) = re.findall(r'href="([^"]*)">find its delivery<', shown)
    assert re.findall(r'href="/deliveries/relay/(d\w+)">', both.owner.get(html.unescape(back)).text)


def test_deliveries_show_titles_outcomes_over_time_and_how_soon_they_counted(both: Both) -> None:
    """A line has the title of its event, a drawing counts outcomes, and a delivery how soon it counted."""
    for number in (1, 2):
        assert pagerduty("incident.triggered", f"Q{number}").post(both.relay.url).status_code == 202
    page = both.shows("/deliveries", "Passed on</span>", times=2)
    title = both.receiver.events(both.receiver.key("reading", "read"))[0]["title"]
    assert page.count(f'<span class="under">{html.escape(title)}</span>') == 2
    assert 'aria-label="2 deliveries by time: 2 passed on"' in page
    delivery = both.owner.get(re.search(r'<th scope="row"><a href="([^"]+)"', page)[1]).text
    assert html.escape(title) in delivery
    assert re.search(r"<dt>Counted here</dt><dd>[^<]+ after it arrived</dd>", delivery)


def test_pages_show_the_pack_and_a_field_that_is_missing(both: Both) -> None:
    """The page of a delivery says what read it, and the list which field its source sends no more."""
    pagerduty("incident.triggered", "Q1").post(both.relay.url)
    (id_,) = both.ids()
    assert "Read by" not in both.owner.get(f"/deliveries/relay/{id_}").text
    with transaction(both.relay.database) as session:
        session.execute("UPDATE deliveries SET pack = 'opsgenie 1 (8d3f1c2a)'")
        session.execute("DELETE FROM source_fields")
        row = ("pagerduty", "severity", "", "1" * 100 + "0" * 20)
        session.execute("INSERT INTO source_fields (source, field, reader, seen) VALUES (?,?,?,?)", row)
    assert "<dt>Read by</dt><dd>opsgenie 1 (8d3f1c2a)</dd>" in both.owner.get(f"/deliveries/relay/{id_}").text
    listed = both.owner.get("/deliveries").text
    assert '<span class="badge bad">no severity any more</span>' in listed
    assert "pagerduty sends no severity any more." in listed


def test_an_event_without_a_delivery_leads_to_none(both: Both) -> None:
    """An event that came straight here has no link to a delivery, in whatever form it came."""
    key = both.receiver.key("ci")
    imported = {"id": f"incident-{'0' * 32}", "incidentId": "Q7"}
    for event in (body("deploy"), body("incident-started", **imported)):
        assert both.receiver.post(key, event).status_code == 202
        page = both.owner.get(f"/events/id?id={event['id']}").text
        assert "What it counts for" in page
        assert "find its delivery" not in page


def test_an_empty_list_says_what_to_do(both: Both) -> None:
    """Before the first delivery, the page leads to Connect and names the address of a source that exists."""
    page = both.owner.get("/deliveries").text
    assert '<a href="/connect">Connect a tool</a>' in page
    assert "/hooks/pagerduty</code>" in page
    assert "<td>nothing sent yet</td>" in page, "what is zero is not counted"
    assert "/connect" not in both.member().get("/deliveries").text


def test_texts_of_a_tool_are_shown_as_texts_and_no_secret_at_all(both: Both) -> None:
    """Markup in words, services, reasons and bodies is escaped, and the source's secret is nowhere."""
    signed(hostile()).post(both.relay.url)
    (id_,) = both.ids()
    for path in ("/deliveries", f"/deliveries/relay/{id_}", "/deliveries?q=alert"):
        page = both.owner.get(path)
        assert page.status_code == 200, path
        assert MARKUP not in page.text
        assert "<i>2</i>" not in page.text
        assert SECRET not in page.text
        assert STATUS_KEY not in page.text
    assert "&lt;script&gt;" in both.owner.get(f"/deliveries/relay/{id_}").text


def test_a_member_sees_outcomes_and_no_body_no_address_no_button(both: Both) -> None:
    """A member reads what became of a delivery; bodies, headers, names of secrets and forms are not there."""
    signed(hostile()).post(both.relay.url)
    signed(b"{}", text="wrong").post(both.relay.url)
    (id_,) = both.ids()
    eventually(lambda: "127.0.0.1" in both.owner.get("/deliveries/refused").text)
    member = both.member()
    page = member.get(f"/deliveries/relay/{id_}").text
    assert "Unmapped" in page
    for hidden in ("escalation_policy", "user-agent", "pagerduty-secret", f"/deliveries/relay/{id_}/"):
        assert hidden not in page, hidden
        assert hidden not in member.get("/deliveries").text
    assert 'href="/deliveries/relay/d' not in member.get("/deliveries?q=escalation_policy").text
    assert both.ids("?q=escalation_policy") == [id_]
    refused = member.get("/deliveries/refused").text
    assert "expected a signature" in refused
    assert "127.0.0.1" not in refused


def test_a_member_may_not_act(both: Both) -> None:
    """Each action of an owner is refused to a member, also with a right form token, and changes nothing."""
    both.begin("Q1")
    (id_,) = both.ids()
    member = both.member()
    for step in ("replay", "requeue", "discard", "close"):
        answer = member.post(f"/deliveries/relay/{id_}/{step}", form="/events", reason="x")
        assert answer.status_code == 403
        assert member.get(f"/deliveries/relay/{id_}/{step}").status_code == 403
    for path in ("/deliveries/actions", "/deliveries/pauses"):
        assert member.post(path, form="/events", action="discard", reason="x").status_code == 403
    assert "Unmapped" in both.owner.get(f"/deliveries/relay/{id_}").text


def test_a_discarded_delivery_has_its_reason_and_an_audit_line(both: Both) -> None:
    """Discarding asks why, is shown with name and reason, and the audit trail names person and delivery."""
    both.begin("Q1")
    (id_,) = both.ids()
    path = f"/deliveries/relay/{id_}/discard"
    asked = both.owner.get(path).text
    assert re.findall(r"<h1>(.*?)</h1>", asked) == ["Discard this delivery?"]
    for fact in ("pagerduty", "incident.triggered", "Q1", "Unmapped", id_):
        assert f"<dd>{fact}</dd>" in asked
    refused = both.owner.post(path, reason=" ")
    assert (refused.status_code, 'aria-describedby="reason-hint reason-error"' in refused.text) == (422, True)
    page = both.owner.submit(path, reason=f"a drill {MARKUP}")
    assert "Discarded by Kim" in page
    assert MARKUP not in page
    trail = both.owner.get("/settings/audit").text
    assert f"discarded the delivery <strong>{id_}</strong>" in trail


def test_all_that_fit_are_acted_on_after_their_number_was_shown(both: Both) -> None:
    """The page shows the number; what fits otherwise meanwhile is counted again; then all are discarded."""
    both.begin("Q1", "Q2", "Q3")
    path = "/deliveries/actions?action=discard&outcome=unmapped&relay=relay"
    form = both.owner.get(path).text
    assert "Discard 3 deliveries?" in form
    assert "They are never sent or replayed" in form
    assert "Map services first" in both.owner.get(path.replace("discard", "replay")).text
    listed = both.owner.get("/deliveries?outcome=unmapped").text
    assert re.findall(r'<a class="button main"[^>]*>(.*?)</a>', listed) == ["Map services"]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    both.owner.post(f"/deliveries/relay/{both.ids()[0]}/discard", reason="by itself")
    again = both.owner.post("/deliveries/actions", form=path, **{**fields, "reason": "a drill"})
    assert again.status_code == 409
    assert "Discard 2 deliveries?" in again.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', again.text))
    done = both.owner.submit("/deliveries/actions", form=path, **{**fields, "reason": "a drill"})
    assert "Discarded 2 deliveries." in done
    assert both.ids("?outcome=unmapped") == []


def test_an_action_reads_a_bounded_number_of_bodies(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search reads a limited number of bodies, and the page says that more may match."""
    both.begin("Q1", "Q2", "Q3", "Q4")
    path = "/deliveries/actions?action=discard&outcome=unmapped&q="
    assert "Discard 4 deliveries?" in (whole := both.owner.get(f"{path}attic").text)
    assert "may match" not in whole
    monkeypatch.setattr(deliveries, "MOST_BODIES_FOR_ACTION", 3)
    assert "Discard 3 deliveries?" in (some := both.owner.get(f"{path}attic").text)
    assert "More deliveries may match. These are the oldest 3. Repeat this" in some
    some = both.owner.get(f"{path}cellar").text
    assert "No delivery matches among the oldest; choose a later start" in some
    # A body that is not read for another reason does not count.
    assert "No delivery matches. <a" in both.owner.get(f"{path}attic&service=cellar").text
    monkeypatch.setattr(deliveries, "MOST_BODIES_FOR_ACTION", 5)
    assert "No delivery matches. <a" in both.owner.get(f"{path}cellar").text


def test_a_wrong_filter_is_named_beside_its_field(both: Both) -> None:
    """A filter that the relay does not take is a mistake in the form, not a fault of the relay."""
    wrong = {"outcome=lost": "one of passed_on, ", "source=none": "", "from=yesterday": ""}
    for query, said in wrong.items():
        name = query.partition("=")[0]
        page = both.owner.get(f"/deliveries?{query}")
        assert page.status_code == 400, query
        assert f'<p class="error" id="{name}-error" role="alert">Expected {said}' in page.text, query
        assert "The request to the relay" not in page.text
        assert "No deliver" not in page.text
    act = both.owner.get("/deliveries/actions?action=replay&outcome=lost")
    assert (act.status_code, "expected one of passed_on, " in act.text) == (400, True)


def test_wrong_requests_are_listed_with_what_to_do(both: Both) -> None:
    """A wrong proof at the relay, a wrong event and an unknown key here each have a line with the reason."""
    signed(b"{}", text="wrong").post(both.relay.url)
    key = both.receiver.key("ci")
    assert both.receiver.post(key, {**body("deploy"), "repo": "zzz"}).status_code == 422
    assert both.receiver.post("gdk_unknown", body("deploy")).status_code == 401
    page = both.shows("/deliveries/refused", "expected a signature")
    assert "Compare the secret at the tool" in page
    assert re.search(r'keys/\d+">ci</a>', page)
    assert "repo: expected" in page
    assert "text that is not a key" in page
    columns = re.findall(r"<thead><tr>(.*?)</tr></thead>", page)
    assert (len(columns), len(set(columns))) == (3, 1), "the tables have the same columns"
    assert re.findall(r'<span class="badge bad">(\d+)</span>', page) == ["401", "422", "401"]
    assert "gdk_unknown" not in page


def test_a_service_is_mapped_by_form(both: Both) -> None:
    """An owner saves a line; what waited counts and is shown, and the audit trail has a line."""
    both.begin("Q1", "Q2", service=MARKUP)
    page = both.owner.get("/settings/services").text
    assert "Not mapped yet: 1 service" in page
    assert "never</td>" in page, "no event was ever seen"
    assert MARKUP not in page
    wrong = both.owner.post("/settings/services", service=MARKUP, repo="attic")
    assert wrong.status_code == 422
    assert "services" in wrong.text
    assert MARKUP not in wrong.text
    shown = both.save(service=MARKUP, repo="larkspur/attic")
    assert "counts for larkspur/attic. Replayed 2 deliveries. It gave 2 events." in shown
    assert ">Undo<" not in shown, "what was counted stays"
    (edit,) = re.findall(r'It cannot be undone[^<]*<a href="([^"]*)">edit it<', shown)
    assert 'open id="edited"' in both.owner.get(html.unescape(edit)).text
    (listed,) = re.findall(r'<a href="([^"]*)">Its deliveries', shown)
    listed = both.owner.get(html.unescape(listed)).text
    assert listed.count('<span class="muted">larkspur/attic') == 2
    assert "wrote a line for the service" in both.owner.get("/settings/audit").text


def press(owner: Visitor, page: str, button: str, **more: str) -> str:
    """Press the one button of a form of the notice of a change; return the page that follows."""
    address, fields = form_of(page, button)
    return owner.submit(address, **fields, **more)


def form_of(page: str, button: str) -> tuple[str, dict[str, str]]:
    """Return the address of that form, and its fields without the token."""
    notice = page.partition('<div class="notice done" role="status">')[2].partition("<section")[0]
    forms = re.findall(r'<form method="post" action="([^"]*)"(.*?)</form>', notice, re.DOTALL)
    ((address, form),) = [one for one in forms if re.findall(r"<button[^>]*>([^<]+)", one[1]) == [button]]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    del fields["form_token"]
    return address, {name: html.unescape(text) for name, text in fields.items()}


@pytest.mark.parametrize("service", ["worker", '""'])
def test_an_undo_is_followed_by_a_redo_and_nothing_else(both: Both, service: str) -> None:
    """However often the button is pressed, the line is one that a person chose, service included."""
    wanted = f"{{repo: larkspur/platform, environment: production, service: {service}}}"
    line = {"service": "search", "change": "edit", "repo": "larkspur/platform", "counts_as": service}
    both.save(**line, environment="production")
    assert f"search: {wanted}" in both.file.read_text()
    page = both.save(**line, environment="prod")
    changed = wanted.replace("production", "prod")
    told = "without a service" if service == '""' else "as worker"
    for button, now in (("Undo", wanted), ("Redo", changed)) * 2:
        page = press(both.owner, page, button)
        assert re.findall(r"  search: (.*)", both.file.read_text()) == [now]
        environment = "production" if now == wanted else "prod"
        assert f"<p>search counts for larkspur/platform in {environment} {told}." in page


def test_an_edited_line_leads_to_its_incidents_and_they_to_the_line(both: Both) -> None:
    """What a wrong line counted is named after the edit, beside Undo; the page of the move names the line."""
    both.begin("Q1", service="search")
    eventually(lambda: "/incidents/" in both.owner.get("/events?repo=larkspur/platform").text)
    page = both.owner.get("/events/move?repo=larkspur/platform").text
    (edit,) = re.findall(r'search still count for larkspur/platform: .*?href="([^"]*)">Edit the line', page)
    shown = both.owner.get(html.unescape(edit)).text
    assert re.findall(r'open id="edited"><summary>Edit<span class="aside"> the line of (\w+)', shown) == [
        "search"
    ]
    page = both.save(service="search", repo="larkspur/search", change="edit")
    assert "search counts for larkspur/search." in page
    assert ">Undo<" in page
    (move,) = re.findall(r'<a href="([^"]*)">1 incident</a> still counts for larkspur/platform', page)
    moving = both.owner.get(html.unescape(move)).text
    assert re.findall(r'id="(?:to|reason)"[^>]* value="([^"]*)"', moving) == [
        "larkspur/search",
        "the line of search named another repository",
    ]
    assert "still count for" not in moving
    assert "still count for" not in press(both.owner, page, "Undo")


def test_a_wrong_line_is_named_until_it_is_put_right(both: Both) -> None:
    """After the move, its page and the overview still name the line; after the edit, neither does."""
    shipped = [
        {**body("deploy"), "id": f"e{at}", "repo": repo, "commitSHA": f"{at}" * 40}
        for at, repo in enumerate(("larkspur/platforms", "larkspur/other"), 1)
    ]
    assert both.receiver.post(both.receiver.key("sends", "send"), shipped).status_code == 202
    both.begin("Q1", service="search")
    alone = "larkspur/platform has incidents and no deploys"
    eventually(lambda: alone in both.owner.get("/dora").text)
    line = "New incidents of search count for larkspur/platform: "
    assert line in both.owner.get("/dora").text
    assert line in both.member().get("/dora").text
    given = {"repo": "larkspur/platform", "to": "larkspur/platforms", "reason": "a typo"}
    moved = both.owner.submit("/events/move", form="/events/move?repo=larkspur/platform", **given)
    assert re.findall(r"search still count for larkspur/platform: .*?>Edit the line<", moved)
    overview = both.owner.get("/dora").text
    assert alone not in overview
    assert re.findall(rf"{line}[^<]*<a href=\"/settings/services\?[^>]*>Edit the line<", overview)
    both.save(service="search", repo="larkspur/platforms", change="edit")
    assert line not in both.owner.get("/dora").text


def test_only_the_incidents_of_the_line_are_offered_and_moved(both: Both) -> None:
    """A line by an id leads to the incidents of its service alone; each move is undone by itself."""
    events = both.receiver.key("reading", "read")
    both.begin("Q1", "Q2")
    both.begin("Q3", service="web")
    for service in ("attic", "web"):
        both.save(service=f"P-{service}", name=service, repo="larkspur/web", new="yes")
    eventually(lambda: len(both.receiver.events(events, repo="larkspur/web")) == 3)
    given = {"service": "P-attic", "repo": "larkspur/attic", "new": "yes", "change": "edit"}
    address = both.owner.post("/settings/services", **given).headers["location"]
    page = both.owner.get(address).text
    (move,) = re.findall(r'<a href="([^"]*)">2 incidents</a> still count for larkspur/web', page)
    assert "P-web still count" not in both.owner.get(html.unescape(move)).text, "its line is right"
    press(both.owner, page, "Move them to larkspur/attic", new="yes")
    assert "still count" not in both.owner.get(address).text, "the incident of web is where it belongs"
    web = {"repo": "larkspur/web", "service": "web", "to": "larkspur/other", "new": "yes", "reason": "a try"}
    press(both.owner, both.owner.submit("/events/move", form="/events", **web), "Undo the move")
    places = {one["incidentId"]: one["repo"] for one in both.receiver.events(events)}
    assert places == {"Q1": "larkspur/attic", "Q2": "larkspur/attic", "Q3": "larkspur/web"}


def test_a_line_with_an_id_is_listed_with_the_name_and_keeps_it_as_a_comment(both: Both) -> None:
    """The table shows what the tool calls the service; a removed line comes back with its comment."""
    both.begin("Q1")
    both.save(service="P-attic", name="attic", repo="larkspur/attic", new="yes")
    written = '"P-attic": {repo: larkspur/attic}  # attic'
    assert written in both.file.read_text()
    page = both.owner.get("/settings/services").text
    assert '>P-attic</a> <span class="muted">attic</span>' in page
    form = page.partition('<input type="hidden" name="service" value="P-attic">')[2].partition("</form>")[0]
    (name,) = re.findall(r'name="name" value="([^"]*)"', form)
    removed = both.save(service="P-attic", name=name, change="remove")
    assert "P-attic" not in both.file.read_text()
    press(both.owner, removed, "Undo")
    assert written in both.file.read_text()


def test_the_overview_and_the_review_say_what_waits_for_a_line(both: Both) -> None:
    """Incidents of services without a line are named with their number, and how many are open."""
    both.receiver.post(both.receiver.key("ci"), body("deploy"))
    pages = ("/dora", "/review")
    assert not any("These figures leave out" in both.owner.get(page).text for page in pages)
    both.begin("Q1", "Q2")
    both.begin("Q3", service="web")
    pagerduty("incident.resolved", "Q1", service="attic", at=ENDED_AT).post(both.relay.url)
    told = "These figures leave out 3 incidents from any time (2 open): 2 services have no line yet."
    for page in pages:
        assert f'{told} <a href="/settings/services"' in both.owner.get(page).text
    key = both.receiver.key("reads", "read")
    assert told in both.receiver.get(key, "/api/review", format="md").text
    for service in ("attic", "web"):
        both.save(service=f"P-{service}", ignore="yes")
    assert not any("These figures leave out" in both.owner.get(page).text for page in pages)


def test_what_waited_tells_the_truth_after_its_line_is_saved(both: Both) -> None:
    """An end that counts with its start is no second end; an update does not lack a line that is there."""
    for number, word in enumerate(("triggered", "acknowledged", "resolved")):
        at = ENDED_AT if number == 2 else "2026-03-04T10:01:00Z"
        pagerduty(f"incident.{word}", "Q1", service="attic", at=at).post(both.relay.url)
    both.save(service="P-attic", name="attic", repo="larkspur/attic", new="yes")
    page = both.shows("/deliveries", "Passed on</span>", times=2)
    assert page.count("Passed on</span>") == 2
    for wrong in ("second end", "no line under services"):
        assert wrong not in page
    assert "its end was sent with its start" in page
    assert "incident.acknowledged neither starts nor ends an incident" in page


def test_a_changed_line_is_undone_by_one_button(both: Both) -> None:
    """An edit, an end of counting and a removal each leave the file as it was after their Undo."""
    before = both.file.read_text()
    for given in ({"repo": "larkspur/search"}, {"ignore": "yes"}, {"change": "remove"}):
        page = both.save(**{"service": "search", "change": "edit", **given})
        assert "larkspur/platform" not in "".join(re.findall(r"  search:.*", both.file.read_text()))
        press(both.owner, page, "Undo")
        again = both.owner.post("/settings/services", **form_of(page, "Undo")[1])
        assert (again.status_code, "There is nothing to undo." in again.text) == (409, True)
        (line,) = re.findall(r'^  "?search"?: (.*)', both.file.read_text(), re.MULTILINE)
        assert line == "{repo: larkspur/platform}"
    assert sorted(both.file.read_text().replace('"search"', "search").split()) == sorted(before.split())


def test_only_an_owner_maps_a_service(both: Both) -> None:
    """A member sees services and no form; a form that is sent anyway, or from elsewhere, writes nothing."""
    both.begin("Q1")
    before, member = both.file.read_bytes(), both.member()
    page = member.get("/settings/services").text
    assert ("Last arrival" in page, "Last incident" in page) == (True, False)
    assert "attic" in page
    assert 'action="/settings/services"' not in page
    given = {"form": "/events", "service": "attic", "repo": "larkspur/attic"}
    assert member.post("/settings/services", **given).status_code == 403
    assert both.owner.post("/settings/services", **given, form_token="0" * 64).status_code == 403
    assert both.file.read_bytes() == before


def test_an_example_shows_the_whole_path(both: Both) -> None:
    """An owner sends an example of a source and is led to its delivery; a member has no button."""
    sent = both.owner.post("/deliveries/relay/sources/pagerduty/example", form="/deliveries")
    assert sent.status_code == 303
    page = both.shows(sent.headers["location"], "Sent: answer 202")
    assert "An example was sent." in page
    assert "gitdailies erase --repo gitdailies/example takes it back." in page
    assert "The secret matched" in page
    assert "an example, for which no line of gitdailies.yml is asked" in page
    assert ("line *" in page, "Mapped now" in page) == (False, False)
    assert "sent an example of" in both.owner.get("/settings/audit").text
    assert both.owner.post("/deliveries/relay/sources/nothing/example", form="/deliveries").status_code == 502
    member = both.member()
    assert member.post("/deliveries/relay/sources/pagerduty/example", form="/events").status_code == 403
    assert "Send an example" not in member.get("/deliveries").text


def test_a_source_is_paused_with_a_reason_and_resumed(both: Both) -> None:
    """The list says that it is paused and why; resuming sends what waited; the audit trail has both."""
    form = "/deliveries/pauses?action=pause&source=pagerduty&relay=relay"
    given = {"relay": "relay", "source": "pagerduty"}
    assert "Pause sending for pagerduty?" in both.owner.get(form).text
    of_all = both.owner.get("/deliveries/pauses?action=pause").text
    assert "Pause sending for every source?" in of_all
    assert '<button class="main">Pause all</button>' in of_all
    refused = both.owner.post("/deliveries/pauses", form=form, action="pause", **given)
    assert (refused.status_code, "Enter a reason." in refused.text) == (422, True)
    page = both.owner.submit("/deliveries/pauses", form=form, action="pause", reason=MARKUP, **given)
    assert "Delivery from pagerduty is paused: &lt;script&gt;" in page
    pagerduty("incident.triggered", "Q1").post(both.relay.url)
    assert both.ids("?outcome=waiting") == both.ids()
    viewed = both.member().get("/deliveries").text
    assert ("is paused" in viewed, "/deliveries/pauses" in viewed) == (True, False)
    page = both.owner.submit("/deliveries/pauses", form=form, action="resume", **given)
    assert ("Resumed." in page, "is paused" in page) == (True, False)
    eventually(lambda: both.ids("?outcome=passed_on"))
    trail = both.owner.get("/settings/audit").text
    for did in ("paused", "resumed"):
        assert f"{did} the delivery of <strong>pagerduty</strong>" in trail
    wrong = both.owner.post("/deliveries/pauses", form=form, relay="relay", source="x", action="resume")
    assert wrong.status_code == 502
