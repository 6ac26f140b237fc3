"""Past deploys from CircleCI's API, as the orb would have reported them."""
