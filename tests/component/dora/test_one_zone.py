"""What people read is in one time zone, that of the settings. UTC is in tooltips and in the API."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.pages.frame.site import EVERYONE, Site
from gitdailies_dora.pages.routes import pages
from gitdailies_dora.pages.settings.webhook_keys import MANAGE

from tests.support.dora.bare import bare_installation
from tests.support.dora.running import in_thread
from tests.support.dora.visitor import Visitor, owner_of

ADDRESSES = [
    one.path
    for one in pages(Site(bare_installation()), {})
    if one.method == "GET" and one.needs != EVERYONE and "{" not in one.path
]
PLACE = {"repo": "larkspur/shop", "environment": "production"}
# 20:45 on the day before in New York, when it is UTC's Thursday already.
NIGHT = (datetime.now(UTC) - timedelta(days=4)).replace(hour=1, minute=45, second=7, microsecond=0)
LAST = datetime.now(UTC) + timedelta(days=9)
INCIDENT = {"incidentId": "INC-1", "source": "pagerduty", **PLACE}
SENT = [
    {
        "kind": "deployed",
        "commitSHA": "a1" * 20,
        "time": (NIGHT - timedelta(minutes=30)).isoformat(),
        **PLACE,
    },
    {"kind": "incidentStarted", "time": NIGHT.isoformat(), **INCIDENT},
    {"kind": "incidentResolved", "time": (NIGHT + timedelta(hours=1)).isoformat(), **INCIDENT},
]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Visitor]:
    with in_thread(tmp_path / "w.db", settings=FigureSettings(timezone="America/New_York")) as receiver:
        assert receiver.post(receiver.key("all", "send", "read"), SENT).status_code == 202
        visitor = owner_of(receiver)
        visitor.post("/settings/screens", name="hall", expires=f"{LAST:%Y-%m-%d}")
        yield visitor


def read(visitor: Visitor, path: str) -> str:
    """Return what a person reads of a page: no attributes, script and examples."""
    text = visitor.get(path).text
    return " ".join(re.sub(r"<(?:pre|code|option)\b.*?</|<[^>]*>", " ", text, flags=re.DOTALL).split())


def test_no_page_has_another_zone(owner: Visitor) -> None:
    """Each page that needs no more of an address, and those of events, a repository and a key."""
    events = sorted(set(re.findall(r'<th scope="row">.*?href="(/[^"]+)"', owner.get("/events").text)))
    assert len(events) == 3
    others = ["/dora?repo=larkspur/shop", f"{MANAGE}/keys/1", *events]
    found = {path: re.findall(r".{40}\bUTC\b.{10}", read(owner, path)) for path in (*ADDRESSES, *others)}

    assert {path: texts for path, texts in found.items() if texts} == {}
    assert len(found) > 20


def test_the_list_and_its_filters_have_the_same_days(owner: Visitor) -> None:
    """An event of 01:45 in UTC is of the evening before, also for filters; UTC is its tooltip."""
    local = NIGHT - timedelta(hours=12)
    day = f"{local:%Y-%m-%d}"
    page = owner.get(f"/events?from={day}&through={day}&kind=incidentStarted").text
    text = read(owner, f"/events?from={day}&through={day}&kind=incidentStarted")

    assert re.search(rf"{day} (20|21):45 E[SD]T\b", text)
    assert f'title="{NIGHT:%Y-%m-%d %H:%M:%S} UTC"' in page


def test_what_expires_ends_with_the_day_of_the_zone(owner: Visitor) -> None:
    """The last day of a link is a whole one there."""
    assert re.search(rf"{LAST + timedelta(days=1):%Y-%m-%d} 00:00 E[SD]T", read(owner, "/settings/screens"))
