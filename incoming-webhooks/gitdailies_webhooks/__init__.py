"""The receiving system: webhook keys, the event API, and the store that its figures are made from."""
