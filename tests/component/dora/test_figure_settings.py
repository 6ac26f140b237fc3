"""The settings that make the figures: shown with their places, audited as they change, marked in charts."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gitdailies_connection.config.load import load_dora
from gitdailies_connection.config.sections.settings import DoraSettings, TeamSettings
from gitdailies_dora.accounts.audit import setting_changes
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.database import ReadPool

from tests.support.dora import running
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.dora.visitor import Visitor, cells_of
from tests.support.figures.asking import deploy
from tests.support.processes import eventually

PAGE = "/settings/figures"
WINDOW = "dora.window_hours: how long after a deploy an incident may be attributed to it"


def rows(page: str, caption: str) -> list[tuple[str, ...]]:
    """Return the words of each cell of the table that is labeled by *caption*, by row."""
    return list(map(tuple, cells_of(page.partition(f'aria-labelledby="{caption}"')[2], "")))


def test_each_setting_is_shown_with_its_line(receiver: Receiver, owner: Visitor) -> None:
    """Each setting that makes the figures is there with its value, and the file and line, or the default."""
    file = Path(running.__file__).with_name("figure_settings.yml")
    receiver.reload(load_dora(file))
    found = [row[:3] for row in rows(owner.get(PAGE).text, "in-force")]
    assert found == [
        (f"The window {WINDOW}", "48 h", f"{file}:2"),
        ("The time zone dora.timezone", "UTC", "nowhere: the default"),
        ("The names of production dora.production", "live, prod-*", f"{file}:3"),
        ("The branches of hotfixes dora.deploys.hotfix", "hotfix/*", f"{file}:5"),
        ("Whether a second deploy of a commit counts dora.count_same_commit", "no", "nowhere: the default"),
        ("What counts as a failed deploy dora.failures", "all", "nowhere: the default"),
        ("Former names of larkspur/shop repositories['larkspur/shop'].was", "larkspur/store", f"{file}:12"),
        (
            "Paths of services in larkspur/shop repositories['larkspur/shop'].services.api.paths",
            "api/**",
            f"{file}:15",
        ),
    ]
    assert rows(owner.get(PAGE).text, "teams") == [("Payments", "larkspur/pay-*", "none", f"{file}:7")]
    assert "/settings/figures#teams" in owner.get("/settings").text
    assert (PAGE in owner.get("/settings").text, "Macro" in owner.get(PAGE).text) == (True, False)


def test_a_change_is_audited_with_both_values_and_marked(receiver: Receiver, owner: Visitor) -> None:
    """A reload with another window is a line of the trail, and is named and marked beside the figures."""
    now = datetime.now(UTC)
    events = [
        deploy(f"d{hours}", now - timedelta(hours=hours), repo=f"larkspur/{repo}")
        for repo, hours in (("shop", 30), ("shop", 60), ("ledger", 40))
    ]
    assert receiver.post(receiver.key("ci"), events).status_code == 202
    pages = "/dora?days=7", "/dora?days=7&repo=larkspur/shop"
    for page in pages:
        assert "Settings were changed in gitdailies.yml" not in owner.get(page).text
    receiver.reload(replace(DoraSettings(), window_hours=72, teams=(TeamSettings("pay", "Pay", ("a/b",)),)))

    def changes() -> list[tuple[str, ...]]:
        """What the page says; a reload writes it down a moment after it takes the settings."""
        page = owner.get(PAGE).text
        return [row[1:] for row in rows(page, "changes")] if "No changes yet." not in page else []

    by = "gitdailies.yml"
    window = (f"The window {WINDOW}", "24 h", "72 h", by)
    added = ("Teams teams.pay", "–", "Pay, a/b", by)
    eventually(lambda: changes() == [added, window])
    trail = owner.get("/settings/audit").text
    assert re.search(
        r"gitdailies\.yml</td>\s*<td[^>]*>changed the setting <strong>dora\.window_hours<", trail
    )
    for page in pages:
        assert "Settings were changed in gitdailies.yml" in owner.get(page).text
    one = owner.get(pages[1]).text
    assert one.count('class="mark"') == one.count("Dashed: a setting changed.") > 1
    assert "(the window changed)" in one
    for page in pages:
        assert re.search("</span> the window [(]24 h → 72 h[)][.] <a", owner.get(page).text), "and no team"
    team = owner.get("/dora?days=7&team=pay").text
    assert re.search("</span> (teams, the window [(]24|the window [(]24 h → 72 h[)], teams)", team)
    receiver.reload(replace(DoraSettings(), window_hours=72, corrections="owners"))
    eventually(lambda: changes() == [("Teams teams.pay", "Pay, a/b", "–", by), added, window])


def test_a_page_of_a_repository_leaves_out_settings_of_others(receiver: Receiver, owner: Visitor) -> None:
    """A mirror that was added is named on the page of its repository, and on the overview."""
    deploys = [deploy(name, datetime.now(UTC), repo=f"larkspur/{name}") for name in ("shop", "ledger")]
    assert receiver.post(receiver.key("ci"), deploys).status_code == 202
    mirrors = {repo: Path("mirror.git") for repo in ("Larkspur/Shop", "larkspur/ledger")}
    receiver.reload(replace(DoraSettings(), mirrors=mirrors))
    names = {"the mirror of Larkspur/Shop", "the mirror of larkspur/ledger"}

    def named(page: str) -> set[str]:
        seen = html.unescape(owner.get(page).text)
        return {name for name in names if name in seen}

    eventually(lambda: named("/dora?days=7") == names)
    assert named("/dora?days=7&repo=larkspur/shop") == {"the mirror of Larkspur/Shop"}


def test_a_start_with_other_settings_is_a_change(tmp_path: Path) -> None:
    """A server with other settings than the last one writes that down; one with the same does not."""
    zones = "UTC", "UTC", "Europe/Berlin", "Europe/Berlin"
    for zone in zones:
        with in_thread(tmp_path / "w.db", settings=FigureSettings(timezone=zone)):
            pass
    reader = ReadPool(at(f"sqlite:{tmp_path}/w.db"))
    trail = [(line.subject, line.detail) for line in reader.read(setting_changes)]
    reader.close()
    assert trail == [("dora.timezone", {"before": "UTC", "after": "Europe/Berlin"})]
