"""The overview, the page of a repository, the series and the review of a week."""
