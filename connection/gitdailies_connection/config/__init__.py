"""`gitdailies.yml`: read it, check it, and hold its settings.

`yaml_document` parses YAML and keeps line numbers, `schema_errors` checks the document against the
JSON Schema, and `load` and `sources` convert it to `settings`. `errors` formats every fault with its
line. `template` writes a first file.
"""
