"""The documentation as a site: `tree` orders the pages, `pages` makes each fit the site, `build` writes."""
