"""The documentation as pages of the server, so that a person with a browser needs no checkout."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup
from starlette.responses import FileResponse, PlainTextResponse, Response

from gitdailies_dora.pages.frame import documentation
from gitdailies_dora.pages.frame.documentation import HELP, ROOT
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import EVERYONE, Page, PageGroup, found_or_404
from gitdailies_dora.pages.settings import page_list

if TYPE_CHECKING:
    from markdown_it.token import Token

_COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_NOTE = re.compile(r"^> \[!(\w+)\]$", re.MULTILINE)


class Document(NamedTuple):
    """A page of the documentation: its title as text, and its HTML."""

    title: str
    html: Markup


# What may be wider than a phone scrolls there, by the keyboard too.
_SCROLLED = {
    "<pre>": '<pre tabindex="0">',
    "<table>": '<div class="scroll" tabindex="0"><table>',
    "</table>": "</table></div>",
}


class HelpPages(PageGroup):
    """The documentation, and its pictures. It is open to everyone."""

    def pages(self) -> list[Page]:
        return [
            Page(HELP, self.show, needs=EVERYONE),
            Page(f"{HELP}/{{path:path}}", self.show, needs=EVERYONE),
            Page("/llms.txt", self.listed, needs=EVERYONE),
        ]

    async def listed(self, _: Visit) -> Response:
        """List the pages for programs, as the site of the documentation does."""
        return PlainTextResponse(page_list.llms(ROOT, documentation.address))

    async def show(self, visit: Visit) -> Response:
        """Show the page of an address, or a picture of it."""
        file = found_or_404(documentation.files().get(visit.path.removeprefix(HELP).strip("/")))
        if not file.endswith(".md"):
            return FileResponse(ROOT / file)
        return self._site.render(visit, "help.html", document=document(file))


@cache
def document(file: str) -> Document:
    """Return a file of the documentation, which is Markdown, with links to the other pages."""
    # Imported when a page is first asked for. Without HTML: what a file says is text.
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("js-default")
    text = _NOTE.sub(lambda found: f"> **{found[1].capitalize()}**\n>", (ROOT / file).read_text("utf-8"))
    tokens = markdown.parse(_COMMENT.sub("", text))
    title = next((after.content for token, after in _pairs(tokens) if token.type == "heading_open"), file)
    for token, after in _pairs(tokens):
        if token.type == "heading_open":
            token.attrSet("id", part_of(after.content))
        for inline in token.children or ():
            _lead(inline, file)
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    for tag, around in _SCROLLED.items():
        html = html.replace(tag, around)
    return Document(title.replace("`", ""), Markup(html))  # noqa: S704  the renderer escapes it


def part_of(heading: str) -> str:
    """Return by which name a link leads to a heading, as GitHub names it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _pairs(tokens: "list[Token]") -> "Iterator[tuple[Token, Token]]":
    return zip(tokens, [*tokens[1:], tokens[-1]], strict=True)


def _lead(token: "Token", file: str) -> None:
    """Let a link or picture lead to the address that it has here."""
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is None:
        return
    aim = str(token.attrs[name])
    if not re.match(r"[a-z]+:|/", aim):
        token.attrs[name] = documentation.address(aim, file)
    if name == "href" and not token.attrs[name]:
        # Before a release, other files of the project have no address.
        token.attrs = {"class": "muted"}
