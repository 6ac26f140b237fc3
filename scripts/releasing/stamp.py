"""What a release changes in the exported tree: name, owner and addresses of the package, and links."""

import posixpath
import re

from scripts.releasing.published import Published

# A link in Markdown to a file of the repository: no address, and no part of the same page.
_LINK = re.compile(r"(?<=\]\()(?![a-z][a-z+.-]*:|#)([^)\s#]+)")
# The package's name in a clone, and no repository or file that is called so.
_PACKAGE = re.compile(r"(?<![\w/-])gitdailies-integrations(?![\w/-])")
# The text has each of them once.
_OWNER_GOES_BEFORE = "\ndescription = "
_ADDRESSES_GO_BEFORE = "\n[project.optional-dependencies]\n"


def renamed(text: str, published: Published) -> str:
    """Return *text* with the package's name on the index in place of the one that it has in a clone."""
    return _PACKAGE.sub(published.project.registries.package, text)


def manifest(text: str, published: Published) -> str:
    """Return `pyproject.toml` with the owner, and the addresses for the package's page."""
    urls = {
        "Homepage": published.home,
        "Documentation": published.project.home.docs,
        "Changelog": published.page("CHANGELOG.md"),
        "Issues": f"{published.home}/issues",
        "Source": f"{published.home}/tree/v{published.version}",
        # `gitdailies init` reads it.
        "Schema": published.asset("gitdailies.schema.json"),
    }
    table = "".join(f'{name} = "{address}"\n' for name, address in urls.items())
    authors = f'authors = [{{name = "{published.project.home.owner}"}}]'
    for before, added in (
        (_OWNER_GOES_BEFORE, f"\n{authors}"),
        (_ADDRESSES_GO_BEFORE, f"\n[project.urls]\n{table}"),
    ):
        if text.count(before) != 1:
            raise ValueError(f"pyproject.toml: expected a line {before.strip()} once")
        text = text.replace(before, f"{added}{before}")
    return text


def absolute(text: str, page: str, published: Published) -> str:
    """Return the page *text* of the path *page*. Its links to files are addresses of the released files."""
    folder = posixpath.dirname(page)

    def address(found: re.Match[str]) -> str:
        file = published.page(posixpath.normpath(posixpath.join(folder, found[1])))
        # The page of a picture is no picture.
        return f"{file}?raw=true" if file.endswith((".png", ".svg")) else file

    return _LINK.sub(address, text)
