"""The browser of the tests of pages, for those of the site."""

from tests.browser.conftest import browser

__all__ = ["browser"]
