"""The documentation as a site: built without a network, without dead links, and asking no other host."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal
from urllib.parse import unquote, urldefrag

import pytest
from gitdailies_dora.pages.frame.documentation import place
from gitdailies_dora.pages.settings import page_list
from playwright.sync_api import Browser

from tests.browser.conftest import axe_faults
from tests.support.forms import short_and_long
from tests.support.once import made_once

ROOT = Path(__file__).resolve().parents[2]


class Links(HTMLParser):
    """What a page of HTML links to and loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.followed.append(found["href"])
        elif tag == "link" and not {"canonical", "alternate", "next", "prev"} & set(
            found.get("rel", "").split()
        ):
            self.loaded.append(found.get("href", ""))
        elif "src" in found:
            self.loaded.append(found["src"])


@pytest.fixture(scope="module")
def site() -> Path:
    """The built site, the same for all processes of a run."""
    return made_once("docs site", build) / "site"


def build(folder: Path) -> None:
    # Where the network can be switched off, it is.
    offline = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    done = subprocess.run(
        [*(["unshare", "--net"] if offline else []), sys.executable, "-m", "scripts.docs_site.build", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, Links]:
    return {file: Links(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}


def test_every_page_is_built(site: Path) -> None:
    """Each page of the tree exists as HTML, and as Markdown for programs."""
    pages = [site / place(page) for page in page_list.read(ROOT).pages()]
    missing = [one for page in pages for one in (page, page.with_suffix(".html")) if not one.is_file()]
    assert missing == []
    assert len(list(site.rglob("*.html"))) > 60


def test_every_link_leads_to_a_page_and_a_place_in_it(site: Path, read: dict[Path, Links]) -> None:
    """No link within the site is dead, and none leads to a heading that is gone."""
    dead = []
    for file, links in read.items():
        if file.name == "404.html":  # its links begin at the address of the site
            continue
        for link in (*links.followed, *links.loaded):
            path, place = urldefrag(link)
            if re.match(r"[a-z][a-z+.-]*:", path):
                continue
            aim = (file.parent / unquote(path)).resolve() if path else file
            aim = aim / "index.html" if aim.is_dir() else aim
            if not aim.is_file() or (place and aim in read and unquote(place) not in read[aim].places):
                dead.append(f"{file.relative_to(site)}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site: Path, read: dict[Path, Links]) -> None:
    """No page loads a script, a style, a font or a picture of another host."""
    outside = {link for links in read.values() for link in links.loaded if re.match(r"(https?:)?//", link)}
    imported = re.compile(r"url\(['\"]?(https?:)?//|@import")
    styles = [file.name for file in site.rglob("*.css") if imported.search(file.read_text("utf-8"))]
    assert (outside, styles) == (set(), [])


def test_programs_find_every_page(site: Path) -> None:
    """Each link of llms.txt leads to the text of a page, and llms-full.txt has them all."""
    listed = re.findall(r"^- \[.+?\]\((.+?)\)", (site / "llms.txt").read_text("utf-8"), re.MULTILINE)
    full = (site / "llms-full.txt").read_text("utf-8")
    assert len(listed) == len(list(page_list.read(ROOT).pages()))
    for path in listed:
        assert (site / path).read_text("utf-8") in full


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


# Of the generator's own buttons that copy code: each is in a landmark without a name.
THEME = "landmark-unique"


@short_and_long("every", short=False, long=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_everybody(
    browser: Browser, served: str, scheme: Literal["light", "dark"], every: bool
) -> None:
    """axe finds no fault of contrast, names or structure, in light and in dark."""
    found = []
    with browser.new_page(color_scheme=scheme) as page:
        for path in ("index.html", "do/not-counted.html", "start/pagerduty-and-circleci.html"):
            page.goto(f"{served}/{path}")
            faults = axe_faults(page, every=every)
            found += [(path, fault["id"]) for fault in faults if fault["id"] != THEME]
    assert found == []


def test_a_reader_searches_and_asks_no_other_host(browser: Browser, served: str) -> None:
    """In a browser, a search for a task finds its page, and every request goes to the site itself."""
    asked: list[str] = []
    with browser.new_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served}/index.html")
        page.get_by_role("button", name="Search").first.click()
        # It is in a tree of its own, which a selector sees through.
        page.locator("input:focus").wait_for()
        page.keyboard.type("rotate secret")
        page.locator("a[href*='rotate-a-secret.html?h=']").first.click()
        page.wait_for_url("**/do/rotate-a-secret.html*")
        heading = page.get_by_role("heading", level=1).inner_text()
    assert heading.startswith("Rotate a secret")
    assert {url for url in asked if not url.startswith((served, "data:", "blob:"))} == set()
