"""A real browser and a real receiver; screenshots of the pages are saved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from gitdailies_dora.accounts.people_store import invite_owner
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import PASSWORD
from tests.support.empty_stores import DORA
from tests.support.forms import short_and_long
from tests.support.programs import program

WIDTHS = (390, 768, 1024, 1440, 1920)
# As wide as an A4 sheet without its margins.
PAPER = 718
Look = tuple[Literal["light", "dark", "paper"], int]
# axe checks these, since it takes most of the time. The first two have both schemes and both forms of tables.
_AXED: tuple[Look, ...] = (("light", 1440), ("dark", 390), ("light", 768), ("dark", 1024))
_OTHERS: tuple[Look, ...] = tuple((scheme, width) for scheme in ("light", "dark") for width in WIDTHS)
LOOKS = (*_AXED, ("paper", PAPER), *(look for look in _OTHERS if look not in _AXED))
every_look = short_and_long("looks", short=2, long=len(LOOKS))
_ARGUMENTS = ["--no-sandbox", "--no-first-run", "--disable-background-networking"]
_ARGUMENTS += [f"--disable-{what}" for what in ("gpu", "quic", "component-update", "sync")]


def script(name: str) -> str:
    """Read a function for the browser from the folder `scripts`."""
    return Path(__file__).with_name("scripts").joinpath(f"{name}.js").read_text("utf-8")


def axe_faults(page: Page, *, every: bool) -> list[dict[str, Any]]:
    """Return what axe finds, of contrast in *every* text or in some of each kind.

    A tab gets axe's half a megabyte of script once, with the first page, and the browser adds it to the next.
    """
    if page.evaluate("typeof axe") == "undefined":
        page.add_init_script(Axe().axe_script)
        page.evaluate(Axe().axe_script)
    return page.evaluate(script("axe_faults"), every)


# Not longer: while it is open, an event loop of its own runs in this thread, and asyncio.run refuses to.
@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    # The shell has the same engine, without windows. The long forms run in the whole browser.
    name = "chromium" if request.config.option.markexpr == "long" else "chromium-headless-shell"
    path = os.environ.get("GITDAILIES_TEST_CHROMIUM") or program(name)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield running
        running.close()


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Receiver]:
    """Run the DORA server with an empty store in *folder*."""
    DORA.put(folder / "dora.db")
    with in_thread(folder / "dora.db", **settings) as running:
        yield running


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def cookies(browser: Browser, receiver: Receiver) -> list[Any]:
    """The owner's, where one receiver serves a module."""
    return cookies_of_owner(browser, receiver)


@dataclass
class Tab:
    """A page of the browser, the faults it met, and where pictures of it go."""

    page: Page
    # A folder, or None: a picture takes as long as a check.
    pictures: Path | None
    faults: list[str]
    looks: tuple[Look, ...]
    pages: int = 0

    def look(self, name: str) -> None:
        """Check the page in each look, with axe too, and take a picture if pictures are asked for.

        Nothing may stick out of a narrow screen, no column may lie outside of a table's frame, and no dot
        outside of its drawing. No letters are under 12 px, and no line ends inside a word.
        """
        self.pages += 1
        shape = ", ".join(f"{part}: ({script(part)})()" for part in ("outside", "sizes", "broken_words"))
        # From the last to the first, so that tests go on in the light, at 1440 px.
        for number, (scheme, width) in reversed(list(enumerate(self.looks))):
            look = f"{scheme}-{width}"
            # Browsers print in light colors.
            self.page.emulate_media(
                media="print" if scheme == "paper" else "screen",
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            self.page.set_viewport_size({"width": width, "height": 900})
            if self.pictures is not None:
                self.page.screenshot(path=self.pictures / f"{name}-{look}.png", full_page=True)
            # In the short form, axe checks each page in one of the looks.
            every = len(self.looks) == len(LOOKS)
            if (scheme, width) in _AXED and (every or (self.pages + number) % len(self.looks) == 0):
                self.faults += [
                    f"{name}, {look}: {fault['id']}: {[node['html'] for node in fault['nodes']]}"
                    for fault in axe_faults(self.page, every=every)
                    if fault["impact"] in ("serious", "critical", "moderate")
                ]
            found = self.page.evaluate(f"() => ({{wide: document.documentElement.scrollWidth, {shape}}})")
            if found["wide"] > width:
                self.faults.append(f"{name}, {look}: expected a page {width} wide, got {found['wide']}")
            self.faults += [f"{name}, {look}: outside of its frame: {part}" for part in found["outside"]]
            small = [one for sizes in found["sizes"].values() for one in sizes if one[0] < 11.95]
            self.faults += [f"{name}, {look}: broken inside: {word}" for word in found["broken_words"]]
            self.faults += [f"{name}, {look}: expected letters of 12 px, got {one}" for one in small]

    def outside(self) -> list[str]:
        """Return the cells and dots that lie outside of their frame."""
        return self.page.evaluate(script("outside"))


@pytest.fixture
def looks() -> int:
    """How many looks a page is checked in; `every_look` asks for more."""
    return 2


@pytest.fixture
def tab(browser: Browser, tmp_path: Path, looks: int) -> Iterator[Tab]:
    """A fresh browser profile. An error that the page logs fails the test."""
    pictures = Path(os.environ["GITDAILIES_PICTURES"]) if os.environ.get("GITDAILIES_PICTURES") else None
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    context = browser.new_context()
    context.set_default_timeout(20_000)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))

    def logged(line: ConsoleMessage) -> None:
        if line.type == "error" and "status of 4" not in line.text:
            faults.append(f"console: {line.text}")

    page.on("console", logged)
    yield Tab(page, pictures, faults, LOOKS[:looks])
    context.close()
    assert faults == [], "\n".join(faults)


@pytest.fixture
def owner(receiver: Receiver, tab: Tab) -> Tab:
    """A tab on the page Connect, with the first owner signed in.

    The receiver comes first, so that the page, which asks it every two seconds, closes before it stops.
    """
    become_owner(tab.page, receiver)
    return tab


def become_owner(page: Page, receiver: Receiver) -> None:
    page.goto(receiver.url + invite_owner(receiver.store))
    join(page, "Kim Larkspur")
    page.wait_for_url(lambda url: "/join/" not in url)


def cookies_of_owner(browser: Browser, receiver: Receiver) -> list[Any]:
    """Make an owner of *receiver* and return the cookies with which tabs are signed in."""
    with browser.new_context() as context:
        become_owner(context.new_page(), receiver)
        return context.cookies()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def join(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
