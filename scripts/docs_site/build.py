"""Build the documentation as a site into `build/site`, without a network. Every link is checked.

    make docs

`build/docs` has the pages as the site's generator, Zensical, reads them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitdailies_dora.pages.frame.documentation import place
from gitdailies_dora.pages.settings import page_list
from gitdailies_dora.pages.settings.page_list import Tree

from scripts.docs_site import pages
from scripts.releasing import published

ROOT = Path(__file__).resolve().parents[2]
_LOOK = Path(__file__).with_name("look.css")


def main(arguments: Sequence[str]) -> int:
    """Build into the folder that is named, by default `build`; return the exit code."""
    folder = Path(arguments[0]) if arguments else ROOT / "build"
    try:
        stage(ROOT, folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", "mkdocs.yml"],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    if done.returncode:
        return done.returncode
    # Programs read the Markdown of a page, at its address with .md.
    shutil.copytree(
        folder / "docs",
        folder / "site",
        dirs_exist_ok=True,
        ignore=lambda at, names: [
            name for name in names if (Path(at) / name).is_file() and not name.endswith(".md")
        ],
    )
    print(f"{folder / 'site' / 'index.html'}")
    return 0


def stage(root: Path, folder: Path) -> None:
    """Write pages, pictures and settings of the site below *folder*. Raises ValueError for a missing page."""
    shutil.rmtree(folder / "docs", ignore_errors=True)
    shutil.rmtree(folder / "site", ignore_errors=True)
    ordered = page_list.read(root)
    texts = {page: (root / page).read_text("utf-8") for page in ordered.pages()}
    known = frozenset(texts)
    full = []
    for path, text in texts.items():
        page = pages.page_of(path, text, known, lambda aim: (root / aim).is_file())
        _write(folder / "docs" / page.path, page.text.encode())
        full.append(page.text)
        for file in page.files:
            _write(folder / "docs" / pages.FILES / file, (root / file).read_bytes())
    _write(folder / "docs" / _LOOK.name, _LOOK.read_bytes())
    _write(folder / "docs" / "llms.txt", page_list.llms(root, place).encode())
    _write(folder / "docs" / "llms-full.txt", "\n\n".join(full).encode())
    settings = settings_of(ordered, texts, published.of(root).project.home.docs)
    # JSON is YAML.
    _write(folder / "mkdocs.yml", json.dumps(settings, indent=2, ensure_ascii=False).encode())


def settings_of(ordered: Tree, texts: Mapping[str, str], address: str) -> Mapping[str, Any]:
    """Return the generator's settings. Fonts and scripts come with the site, never from elsewhere."""
    navigation: list[Any] = []
    for part in ordered.parts:
        entries: list[Any] = []
        for group in part.groups:
            listed = [{page_list.title(texts[page]): place(page)} for page in group.pages]
            entries += [{group.title: listed}] if group.title else listed
        navigation.append({part.title: entries})
    found: dict[str, Any] = {
        "site_name": ordered.name,
        "docs_dir": "docs",
        "site_dir": "site",
        "use_directory_urls": False,
        "nav": navigation,
        "theme": {
            "name": "material",
            "font": False,
            "features": [
                "navigation.tabs",
                "navigation.top",
                "navigation.footer",
                "content.code.copy",
                "search.highlight",
            ],
            "palette": [
                {
                    "media": f"(prefers-color-scheme: {mode})",
                    "scheme": scheme,
                    "toggle": {"icon": "lucide/sun-moon", "name": f"Switch to {other}"},
                }
                for mode, scheme, other in (("light", "default", "dark"), ("dark", "slate", "light"))
            ],
        },
        "extra_css": [_LOOK.name],
        "markdown_extensions": [
            "attr_list",
            "tables",
            {"toc": {"permalink": True}},
            "pymdownx.superfences",
            "pymdownx.highlight",
            # Notes of GitHub.
            {"pymdownx.quotes": {"callouts": True}},
        ],
    }
    return {**found, "site_url": f"{address}/"} if address else found


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
