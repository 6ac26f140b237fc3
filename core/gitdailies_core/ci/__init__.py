"""Which deploys a CI job made, and the step that reports them. Each platform has a table; all share the rest.

    job ─▶ reporting ─┬─▶ deploys ─┬─▶ step        an arrow from the part that is imported
                      ├─▶ sending ─┘
                      └─▶ platforms

`job`, `platforms` and the decision in `deploys` are pure. The joiner makes the published steps of `step` and
the platforms.
"""
