"""Every page of docs/ says at once what it is for, is easy to look through, and is on the site."""

import re
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load
from gitdailies_dora.pages.frame.documentation import place
from gitdailies_dora.pages.settings import page_list
from gitdailies_sources import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TASKS = [page for page in PAGES if page.parent.name in ("do", "start")]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Two screens of text.
MOST_WORDS = 500
# A heading, an item of a list, a row of a table, a picture, a quotation, or the mark of a generated part.
_BREAK = re.compile(r"#|\* |- |\d+\. |\||!\[|>|<!--")
ENOUGH = 'gitdailies: {url: "https://gitdailies.example/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}\n'


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_begins_with_its_promise(page: Path) -> None:
    """Right below the title is one paragraph: for whom the page is, and what they have at the end."""
    text = page.read_text("utf-8")
    promise = page_list.promise(text)
    assert promise is not None, "expected `**For:** … **At the end:** …` below the title"
    assert text.split("\n\n")[1].startswith("**For:** ")
    assert len(" ".join(promise).split()) <= 60


def prose(text: str) -> list[int]:
    """Return how many words there are between two things that the eye can hold on to."""
    found, words = [], 0
    for line in re.sub(r"^ *```.*?^ *```$", "# code", text, flags=re.MULTILINE | re.DOTALL).splitlines():
        if _BREAK.match(line.strip()):
            found.append(words)
            words = 0
        else:
            words += len(line.split())
    return [*found, words]


def test_prose_is_counted_between_what_interrupts_it() -> None:
    """Words of paragraphs add up until a heading, a list, a table, a picture or code."""
    assert prose("# A\n\none two\n\nthree\n\n* item\n\nfour\n```sh\nx y z\n```\nfive six\n") == [0, 3, 1, 2]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_is_a_wall_of_text(page: Path) -> None:
    """Nowhere are there two screens of prose without a heading, a list, a table, code or a picture."""
    assert max(prose(page.read_text("utf-8"))) <= MOST_WORDS


def test_the_site_has_every_page_once() -> None:
    """The site's tree has each page of docs/ once, each at an address of its own."""
    listed = list(page_list.read(ROOT).pages())
    assert {named(page) for page in PAGES} <= set(listed)
    assert len(listed) == len(set(listed))
    assert len({place(page) for page in listed}) == len(listed)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_can_be_reached_from_the_first(page: Path) -> None:
    """The first page of the documentation, or a page that it links to, links to this one."""
    first = ROOT / "docs" / "README.md"
    near = {first, *linked(first)}
    assert page in near | {target for one in near for target in linked(one)}


def linked(page: Path) -> set[Path]:
    return {
        (page.parent / found[2]).resolve()
        for found in page_list.LINK.finditer(page.read_text("utf-8"))
        if found[2].endswith(".md")
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(match[2], id=f"{named(page)}-{number}")
        for page in TASKS
        for number, match in enumerate(BLOCK.finditer(page.read_text("utf-8")))
        if match[1] == "yaml" and named(page) != "docs/do/kubernetes.md"
    ],
)
def test_configuration_of_a_task_loads(text: str, tmp_path: Path) -> None:
    """A part of gitdailies.yml that a task shows is accepted, with what every file has."""
    lines = text.splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    text = "\n".join(line[indent:] for line in lines) + "\n"
    # A copy of a shipped pack, as the page makes it, and two in the place of a user's own.
    (tmp_path / "packs").mkdir()
    for name, copied in (("opsgenie", "opsgenie"), ("lantern", "rootly"), ("shipit", "jenkins")):
        (tmp_path / f"packs/{name}.yaml").write_text(shipped.text(copied))
    (tmp_path / "gitdailies.yml").write_text(text if text.startswith("gitdailies:") else ENOUGH + text)
    assert load(tmp_path / "gitdailies.yml").gitdailies.url
