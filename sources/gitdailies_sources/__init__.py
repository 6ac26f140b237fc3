"""Source packs: a tool's deliveries, described in one YAML file, with no code.

`packs/NAME/source.yaml` says how a delivery proves where it comes from, and what it means. The same
language serves `mapping` in gitdailies.yml.

    language ─▶ proofs, messages ─▶ source_pack ─▶ reading ─▶ shipped
"""
