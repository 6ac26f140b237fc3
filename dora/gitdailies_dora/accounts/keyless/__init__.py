"""CI jobs that report without a key: what their ID tokens prove, and the keys of who issues them."""
