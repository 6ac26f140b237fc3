"""One folder a pack: source.yaml, examples, and a page. A folder here is all that a new pack needs."""
