"""Generated parts of the adapters' pages: words, options and templates; and the list of these pages."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import RESOLVED, STARTED, UPDATED, Adapter

from scripts.generators import replace, table

_LISTING = "docs/relay.md"
MEANINGS = {
    STARTED: "**starts** an incident",
    RESOLVED: "**ends** an incident",
    UPDATED: "nothing by itself",
}


def texts(root: Path) -> Mapping[str, str]:
    """Return every `*-adapter/README.md`, and the page that lists them."""
    pages = sorted(root.glob("*-adapter/README.md"))
    listing = (root / _LISTING).read_text("utf-8")
    found = {_LISTING: replace(listing, "vendors", "\n".join(map(_link, pages)))}
    for page in pages:
        adapter = registry.adapter(page.parent.name.removesuffix("-adapter"))
        text = page.read_text("utf-8")
        for name, body in _parts(adapter):
            text = replace(text, name, body)
        found[str(page.relative_to(root))] = text
    return found


def _link(page: Path) -> str:
    title = page.read_text("utf-8").partition("\n")[0].removeprefix("# ")
    return f"* [{title}](../{page.parent.name}/README.md)"


def _parts(adapter: Adapter) -> Iterator[tuple[str, str]]:
    words = (
        (f"`{word}`", MEANINGS.get(meaning, f"ignored: {meaning}")) for word, meaning in adapter.table.items()
    )
    yield "words", table(("word", "what it means here"), words)
    if adapter.options:
        options = (
            (f"`{name}`", ", ".join(f"`{_yaml(value)}`" for value in option.values), option.about)
            for name, option in adapter.options.items()
        )
        yield "options", table(("option", "values, the first by default", "what it does"), options)
    templates = files(adapter.examples).joinpath("templates")
    if templates.is_dir():
        for template in sorted(templates.iterdir(), key=lambda item: item.name):
            # `text`, because a template with variables outside of quotes is not JSON.
            yield f"templates/{template.name}", f"```text\n{template.read_text('utf-8').strip()}\n```"


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
