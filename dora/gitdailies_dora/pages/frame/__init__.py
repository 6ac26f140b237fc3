"""What every page shares: the site, its visitors, forms, formats and links."""
