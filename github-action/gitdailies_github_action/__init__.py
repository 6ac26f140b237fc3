"""Past deploys from GitHub's API, as the Action would have reported them."""
